//! Texts as URLs, forms and the Basic scheme want them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the characters that RFC 3986 calls unreserved, which no part of a URL and no form gives a meaning.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL of what `segments` name below `base`: one `/` before each, and in each everything but letters, digits and `-._~`
/// percent-encoded. A `/` at the end of `base` makes no difference.
///
/// ```
/// use mainworker::http;
/// let url = http::join("https://accounts.example/v1/", &["accounts", "acme/tv 1", "plan"]);
/// assert_eq!(url, "https://accounts.example/v1/accounts/acme%2Ftv%201/plan");
/// ```
#[must_use]
pub fn join(base: &str, segments: &[&str]) -> String {
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in segments {
        url.push('/');
        url.push_str(&percent_encoded(segment));
    }
    url
}

/// `name=value`, as it stands in queries and forms.
pub(super) fn pair(name: &str, value: &str) -> String {
    format!("{}={}", percent_encoded(name), percent_encoded(value))
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_nothing_that_ends_it() {
        let below = |segment: &str| join("https://a.example", &[segment]);
        assert_eq!(below("a/b?c#d%e\\f"), "https://a.example/a%2Fb%3Fc%23d%25e%5Cf");
        assert_eq!(below("grün\r\n"), "https://a.example/gr%C3%BCn%0D%0A");
        assert_eq!(below("a-b.c_d~e"), "https://a.example/a-b.c_d~e");
        assert_eq!(join("https://a.example", &[]), "https://a.example");
    }

    #[test]
    fn a_pair_has_nothing_that_ends_it() {
        assert_eq!(pair("a b", "c+d&e=f"), "a%20b=c%2Bd%26e%3Df");
        assert_eq!(pair("key", "mwsecret-0a1b-1"), "key=mwsecret-0a1b-1", "a placeholder stays as it is");
    }
}
