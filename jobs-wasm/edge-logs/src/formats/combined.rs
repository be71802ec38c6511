//! The "combined" format of Apache and nginx:
//! `ADDRESS IDENT USER [DD/Mon/YYYY:HH:MM:SS ±HHMM] "METHOD URI PROTOCOL" STATUS BYTES "REFERRER" "USER AGENT"`.
//!
//! Read up to the bytes and no further: clients choose the referrer and the user agent, and damage there is no reason not
//! to bill. A client chooses the request too. Servers write a quote in it as `\"` (or `\x22`), so that only a quote that is
//! not escaped, and that a status and a number follow, ends it.
//!
//! Most logs are in this format, so it is the one whose speed counts. Short texts are matched by patterns: a comparison
//! of slices is a call in WebAssembly.

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::{Billed, Line, NO_STREAM, month, number};

const DATE_LENGTH: usize = 26;

/// What `line` is; every whole line is billed.
#[inline]
pub fn parse(line: &[u8]) -> Line<'_> {
    match read(line) {
        Some(billed) => Line::Billed(billed),
        None => Line::Broken,
    }
}

#[inline]
fn read(line: &[u8]) -> Option<Billed<'_>> {
    let after_bracket = after_user(line)?;
    let (date, rest) = after_bracket.split_first_chunk::<DATE_LENGTH>()?;
    let month = month::of_combined(date)?;
    let [b']', b' ', b'"', rest @ ..] = rest else { return None };
    let (request, bytes) = split_request(rest)?;
    Some(Billed { stream: stream_of_request(request), bytes, milliseconds: None, month: Some(month) })
}

/// What follows `ADDRESS IDENT USER [`. User names may hold spaces.
#[inline]
fn after_user(line: &[u8]) -> Option<&[u8]> {
    let end = memchr(b' ', line)?;
    let rest = &line[end..];
    if end == 0 {
        return None;
    }
    // Nearly always nobody has logged in.
    if let [b' ', b'-', b' ', b'-', b' ', b'[', rest @ ..] = rest {
        return Some(rest);
    }
    let bracket = memchr::memmem::find(rest, b" [")?;
    let names = rest[..bracket].strip_prefix(b" ")?;
    let ident = memchr(b' ', names)?;
    (ident > 0 && ident + 1 < names.len()).then(|| &rest[bracket + 2..])
}

/// The request, and the bytes of `" STATUS BYTES` behind it.
#[inline]
fn split_request(rest: &[u8]) -> Option<(&[u8], u64)> {
    for quote in memchr_iter(b'"', rest) {
        if is_escaped(&rest[..quote]) {
            continue;
        }
        if let Some(bytes) = bytes_after_status(&rest[quote + 1..]) {
            return Some((&rest[..quote], bytes));
        }
    }
    None
}

#[inline]
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// Reads ` STATUS BYTES`, at the end of the line or before a space.
#[inline]
fn bytes_after_status(rest: &[u8]) -> Option<u64> {
    let (status, rest) = rest.split_first_chunk::<5>()?;
    if !matches!(status, [b' ', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ']) {
        return None;
    }
    number::leading_byte_count(rest)
}

/// The first segment of the request's path, without its query. `-` if the request has no path, as where a client hung up
/// before it sent one, or asked for `*`.
#[inline]
fn stream_of_request(request: &[u8]) -> &[u8] {
    let Some(path) = uri_of_request(request).and_then(path_of_uri) else { return NO_STREAM };
    &path[..memchr3(b'/', b'?', b' ', path).unwrap_or(path.len())]
}

/// The word after the method, with all that follows; the first word if the method is missing.
#[inline]
fn uri_of_request(request: &[u8]) -> Option<&[u8]> {
    match request {
        [b'G', b'E', b'T', b' ', uri @ ..] => Some(uri),
        [b'/', ..] => Some(request),
        _ => Some(&request[memchr(b' ', request)? + 1..]),
    }
}

/// What follows the first `/` of the path, in `/a/b` as in `http://host/a/b`.
#[inline]
fn path_of_uri(uri: &[u8]) -> Option<&[u8]> {
    uri.strip_prefix(b"/").or_else(|| path_of_url(uri))
}

#[cold]
fn path_of_url(uri: &[u8]) -> Option<&[u8]> {
    let uri = &uri[..memchr(b' ', uri).unwrap_or(uri.len())];
    let colon = memchr3(b':', b'/', b'?', uri)?;
    let authority = uri[colon..].strip_prefix(b"://")?;
    match memchr2(b'/', b'?', authority) {
        Some(end) if authority[end] == b'/' => Some(&authority[end + 1..]),
        // A URL without a path asks for the root.
        _ => Some(b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &str) -> String {
        format!("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"{request}\" 200 512 \"-\" \"Mozilla/5.0 (X11)\"")
    }

    fn billed(line: &str) -> Option<(String, u64)> {
        match parse(line.as_bytes()) {
            Line::Billed(billed) => Some((String::from_utf8_lossy(billed.stream).into_owned(), billed.bytes)),
            _ => None,
        }
    }

    #[test]
    fn stream_is_the_first_path_segment() {
        let rows = [
            ("GET /files/x?y HTTP/1.1", "files"),
            ("GET /files?x=/y HTTP/1.1", "files"),
            ("GET /files HTTP/1.1", "files"),
            ("GET / HTTP/1.1", ""),
            ("GET /?flav=atom HTTP/1.1", ""),
            ("GET //files/x HTTP/1.1", ""),
            ("GET /files/x", "files"),
            ("/files/x HTTP/1.0", "files"),
            ("GET http://edge.example/files/x HTTP/1.1", "files"),
            ("GET http://edge.example HTTP/1.1", ""),
            ("GET http://edge.example?x=/y HTTP/1.1", ""),
            ("CONNECT edge.example:443 HTTP/1.1", "-"),
            ("OPTIONS * HTTP/1.1", "-"),
            ("GET ?x=http://a/b HTTP/1.1", "-"),
            ("-", "-"),
            ("", "-"),
            ("\\x16\\x03\\x01", "-"),
            ("GET /a\\\"b/c HTTP/1.1", "a\\\"b"),
            ("GET /a\"b/c HTTP/1.1", "a\"b"),
            ("GET /a b/c HTTP/1.1", "a"),
        ];
        for (request, stream) in rows {
            assert_eq!(billed(&line(request)), Some((stream.to_owned(), 512)), "{request}");
        }
    }

    #[test]
    fn client_cannot_forge_its_bytes() {
        assert_eq!(billed(&line("GET /a\\\" 200 1 HTTP/1.1")), Some(("a\\\"".to_owned(), 512)));
        assert_eq!(billed(&line("GET /a\\\\")), Some(("a\\\\".to_owned(), 512)));
    }

    #[test]
    fn damage_behind_the_bytes_is_no_reason_not_to_bill() {
        let start = "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 206 ";
        for (end, bytes) in [("7", 7), ("-", 0), ("- \"", 0), ("7 ", 7), ("7 \"http://\x01\" \"", 7)] {
            assert_eq!(billed(&format!("{start}{end}")), Some(("a".to_owned(), bytes)), "{end}");
        }
    }

    #[test]
    fn user_names_are_read_over() {
        for user in ["- -", "- frank", "ident frank", "- frank of the \\\"lab\\\"", "- [x"] {
            let line = line("GET /a HTTP/1.1").replacen("- -", user, 1);
            assert_eq!(billed(&line).is_some(), user != "- [x", "{line}");
        }
    }

    #[test]
    fn line_is_broken_if_a_part_up_to_the_bytes_is() {
        let rows = [
            "",
            " ",
            "1.2.3.4",
            "1.2.3.4 - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 7",
            " - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 7",
            "1.2.3.4 - - 17/May/2015:10:05:03 +0000 \"GET /a HTTP/1.1\" 200 7",
            "1.2.3.4 - - [17/Mai/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 7",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] GET /a HTTP/1.1 200 7",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1 200 7",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 ",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 2000 7",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 7x",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 -7",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 18446744073709551616",
        ];
        for row in rows {
            assert_eq!(parse(row.as_bytes()), Line::Broken, "{row}");
        }
    }
}
