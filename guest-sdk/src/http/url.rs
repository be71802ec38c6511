//! URLs, strictly: what is not plainly one is refused, so that nothing on the way reads it differently.

use std::fmt;

/// An absolute `http` or `https` URL without user information and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    /// Host and perhaps port, in lower case.
    pub(crate) authority: String,
    /// Begins with `/`.
    pub(crate) path_with_query: String,
}

impl Url {
    /// Reads a URL, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        check_characters(text)?;
        let scheme_and_rest = text.split_once("://");
        let (secure, rest) = match scheme_and_rest {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err(String::from("the URL begins with neither `https://` nor `http://`")),
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path_with_query) = rest.split_at(authority_end);
        check_authority(authority)?;
        check_path_with_query(path_with_query)?;
        let slash = if path_with_query.starts_with('/') { "" } else { "/" };
        Ok(Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            path_with_query: format!("{slash}{path_with_query}"),
        })
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    pub(super) fn without_query(&self) -> String {
        let path = self.path_with_query.split('?').next().unwrap_or_default();
        format!("{}://{}{path}", self.scheme(), self.authority)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme(), self.authority, self.path_with_query)
    }
}

/// What may be shown of a text that is no URL: nothing from before an `@`, no query, no control characters, not all of a
/// long one.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let query_start = text.find(['?', '#']).unwrap_or(text.len());
    // An `@` behind the first `?` may belong to a query or end a password: nothing can be told apart then.
    let visible = if text[query_start..].contains('@') {
        ""
    } else {
        text[..query_start].rsplit('@').next().unwrap_or_default()
    };
    let hidden = if visible.len() < query_start { "…" } else { "" };
    let more = if visible.chars().nth(CHARACTERS_MAX).is_some() { "…" } else { "" };
    let visible: String = visible.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    format!("`{hidden}{visible}{more}`")
}

fn check_characters(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(String::from("the URL is empty"));
    }
    for (index, character) in text.char_indices() {
        let wrong = match character {
            ' ' => "a space",
            '\\' => "a backslash",
            _ if character.is_control() => "a control character",
            _ if !character.is_ascii() => "a character outside ASCII",
            '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' => "a character that must be percent-encoded",
            _ => continue,
        };
        return Err(format!("the URL has {wrong} at byte {index}"));
    }
    Ok(())
}

fn check_authority(authority: &str) -> Result<(), String> {
    if authority.contains('@') {
        return Err(String::from("the URL has user information before an `@`, which is not sent"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(address) => {
            let (address, port) = address
                .split_once(']')
                .ok_or_else(|| String::from("the IPv6 address in the URL has no closing bracket"))?;
            let allowed = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if !address.contains(':') || !address.bytes().all(allowed) {
                return Err(String::from("what the URL has in brackets is no IPv6 address"));
            }
            (address, port)
        }
        None => {
            let host = authority.split(':').next().unwrap_or_default();
            (host, &authority[host.len()..])
        }
    };
    if host.is_empty() {
        return Err(String::from("the URL names no host"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !authority.starts_with('[') && !host.bytes().all(allowed) {
        return Err(format!("the URL's host is `{host}`, expected letters, digits, `-`, `_` and `.`"));
    }
    if port.is_empty() {
        return Ok(());
    }
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse::<u16>().ok()) {
        Some(1..) => Ok(()),
        _ => Err(format!("the URL has `{port}` after its host, expected `:` and a port from 1 to 65535")),
    }
}

fn check_path_with_query(path_with_query: &str) -> Result<(), String> {
    if path_with_query.contains('#') {
        return Err(String::from("the URL has a fragment after a `#`, which is not sent"));
    }
    if path_with_query.contains(['[', ']']) {
        return Err(String::from("the URL has a bracket outside its host that must be percent-encoded"));
    }
    let complete =
        |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if !path_with_query.split('%').skip(1).all(complete) {
        return Err(String::from("the URL has a `%` without two hexadecimal digits after it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_into_what_wasi_wants() {
        for (text, secure, authority, path_with_query) in [
            ("https://accounts.example", true, "accounts.example", "/"),
            ("https://accounts.example/streams", true, "accounts.example", "/streams"),
            ("http://localhost:8080/a/b?c=d&e=%20", false, "localhost:8080", "/a/b?c=d&e=%20"),
            ("https://accounts.example?month=5", true, "accounts.example", "/?month=5"),
            ("HTTPS://Accounts.Example/Streams", true, "accounts.example", "/Streams"),
            ("http://[::1]:8080/", false, "[::1]:8080", "/"),
            ("http://[::ffff:127.0.0.1]", false, "[::ffff:127.0.0.1]", "/"),
            ("https://a.example/@b:c;d=e,f(g)*!'$", true, "a.example", "/@b:c;d=e,f(g)*!'$"),
            ("https://a.example/?u=https://b.example/?c", true, "a.example", "/?u=https://b.example/?c"),
        ] {
            let url = Url::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
            let expected =
                Url { secure, authority: authority.into(), path_with_query: path_with_query.into() };
            assert_eq!(url, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_plainly_a_url_is_refused_by_what_is_wrong() {
        for (text, wrong) in [
            ("", "the URL is empty"),
            ("accounts.example/streams", "neither `https://` nor `http://`"),
            ("//accounts.example", "neither `https://` nor `http://`"),
            ("https:accounts.example", "neither `https://` nor `http://`"),
            ("file:///etc/passwd", "neither `https://` nor `http://`"),
            ("ftp://accounts.example/", "neither `https://` nor `http://`"),
            (" https://accounts.example", "a space at byte 0"),
            ("https://accounts.example/a b", "a space at byte 26"),
            ("https://accounts.example\n", "a control character at byte 24"),
            ("https://accounts.example/\r\nhost: b", "a control character"),
            ("https://accounts.example/\0", "a control character"),
            ("https://accounts.example\\@evil.example", "a backslash"),
            ("https://bücher.example", "outside ASCII"),
            ("https://a.example/grün", "outside ASCII"),
            ("https://a.example/{id}", "percent-encoded"),
            ("https://a.example/[1]", "a bracket outside its host"),
            ("https://user@a.example/", "user information"),
            ("https://user:password@a.example/", "user information"),
            ("https://a.example:80@b.example/", "user information"),
            ("https://a.example/#top", "a fragment"),
            ("https://a.example#@b.example", "a fragment"),
            ("https://", "names no host"),
            ("https:///streams", "names no host"),
            ("https://:443/", "names no host"),
            ("https://a%2eexample/", "host is `a%2eexample`"),
            ("https://a,b/", "host is `a,b`"),
            ("https://*.example/", "host is `*.example`"),
            ("https://[::1/", "no closing bracket"),
            ("https://[fe80::1%25eth0]/", "no IPv6 address"),
            ("https://[]/", "no IPv6 address"),
            ("https://[a.example]/", "no IPv6 address"),
            ("https://[::1]x/", "has `x` after its host"),
            ("https://a.example:/", "has `:` after its host"),
            ("https://a.example:0/", "has `:0` after its host"),
            ("https://a.example:65536/", "has `:65536` after its host"),
            ("https://a.example:+80/", "has `:+80` after its host"),
            ("https://a.example:80:80/", "has `:80:80` after its host"),
            ("https://a.example/%", "a `%` without two hexadecimal digits"),
            ("https://a.example/%2", "a `%` without two hexadecimal digits"),
            ("https://a.example/%zz", "a `%` without two hexadecimal digits"),
            ("https://a.example/?a=%%20", "a `%` without two hexadecimal digits"),
        ] {
            let refused = Url::parse(text).expect_err(text);
            assert!(refused.contains(wrong), "{text}: {refused}");
        }
    }

    #[test]
    fn a_text_that_is_no_url_is_shown_without_what_may_be_secret() {
        for (text, expected) in [
            ("accounts.example/streams?key=hunter2", "`accounts.example/streams`"),
            ("user:hunter2@accounts.example/streams#top", "`…accounts.example/streams`"),
            ("https://a.example/?mail=a@b.example&key=hunter2#c", "`…`"),
            ("https://user:hun?ter2@a.example/", "`…`"),
            ("a\r\nb", "`a\\r\\nb`"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"a".repeat(1_000_000)), format!("`{}…`", "a".repeat(200)));
    }
}
