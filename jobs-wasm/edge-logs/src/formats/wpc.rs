//! EdgeCast's HTTP delivery (WPC): space-separated below a header that begins with `Fields:`.
//!
//! User agents are written with their spaces, so fields before them are read from the line's start and fields after them
//! from its end. A player asks for its playlist again and again; these answers are small, and what is not larger than a
//! playlist is not billed.

use memchr::{memchr, memchr2, memmem, memrchr};

use super::columns::{Columns, Wanted, field_names, is_directive, needed, optional};
use super::{Billed, Line, NO_STREAM, month, number};

/// The most bytes that an answer with a playlist has.
const PLAYLIST_BYTES: u64 = 1_000;

const WANTED: [Wanted; 3] = [needed(b"sc-bytes"), needed(b"cs-uri-stem"), optional(b"timestamp")];
const SPACED: [&[u8]; 2] = [b"c-user-agent", b"cs(User-Agent)"];

/// Reads lines below the last header seen.
#[derive(Debug, Default)]
pub struct Parser {
    columns: Option<Columns<3>>,
}

impl Parser {
    /// What `line` is. Without a header that names bytes and URL, every line is broken.
    #[inline]
    pub fn parse<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        // A line begins with its time stamp, so an `F` can only begin a header.
        if is_directive(line) || line.first() == Some(&b'F') {
            if field_names(line).is_some() {
                self.columns = Columns::of_header(line, b' ', WANTED, &SPACED);
                return Line::Header;
            }
            return if is_directive(line) { Line::Header } else { Line::Broken };
        }
        self.read(line).unwrap_or(Line::Broken)
    }

    #[inline]
    fn read<'a>(&self, line: &'a [u8]) -> Option<Line<'a>> {
        let [bytes, url, timestamp] = self.columns.as_ref()?.pick(line)?;
        let bytes = number::byte_count(bytes?)?;
        let month = match timestamp {
            Some(timestamp) => Some(month::of_timestamp(timestamp)?),
            None => None,
        };
        if bytes <= PLAYLIST_BYTES {
            return Some(Line::Unbilled);
        }
        let stream = stream_of_url(url?).unwrap_or(NO_STREAM);
        Some(Line::Billed(Billed { stream, bytes, milliseconds: None, month }))
    }
}

/// The last but one segment of the path: `STREAM` in `http://HOST/INSTANCE/STREAM/FILE?QUERY`.
#[inline]
fn stream_of_url(url: &[u8]) -> Option<&[u8]> {
    let url = &url[..memchr2(b'?', b'#', url).unwrap_or(url.len())];
    let path = match memmem::find(url, b"://") {
        Some(scheme) => {
            let authority = &url[scheme + 3..];
            &authority[memchr(b'/', authority)?..]
        }
        None => url,
    };
    let file = memrchr(b'/', path)?;
    let before = memrchr(b'/', &path[..file])?;
    Some(&path[before + 1..file])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_models::Month;

    const HEADER: &[u8] = b"Fields: timestamp time-taken c-ip filesize s-ip s-port sc-status sc-bytes cs-method cs-uri-stem - rs-duration rs-bytes c-referrer c-user-agent customer-id x-ec_custom-1";

    fn row(bytes: &str, url: &str, agent: &str) -> String {
        format!(
            "1416857182 0 203.0.113.9 123456 93.184.216.34 80 TCP_HIT/200 {bytes} GET {url} - 0 486 \"-\" {agent} 26432 \"-\""
        )
    }

    fn parse(row: &str) -> Option<(String, u64, Option<Month>)> {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(HEADER), Line::Header);
        match parser.parse(row.as_bytes()) {
            Line::Billed(billed) => {
                Some((String::from_utf8_lossy(billed.stream).into_owned(), billed.bytes, billed.month))
            }
            _ => None,
        }
    }

    #[test]
    fn stream_is_the_last_but_one_segment() {
        let rows = [
            ("http://wpc.26432.example/0026432/live/shibuya/segment-1.ts", "shibuya"),
            ("http://wpc.26432.example/live/shibuya/a.ts?key=1/2/3", "shibuya"),
            ("https://wpc.26432.example/shibuya/a.ts", "shibuya"),
            ("http://wpc.26432.example/a.ts", "-"),
            ("http://wpc.26432.example", "-"),
            ("/live/shibuya/a.ts", "shibuya"),
            ("-", "-"),
        ];
        for (url, stream) in rows {
            let parsed = parse(&row("123998", url, "\"AppleCoreMedia/1.0 (iPhone; U; CPU OS 8_1)\""));
            assert_eq!(parsed, Some((stream.to_owned(), 123_998, Month::new(2014, 11))), "{url}");
        }
    }

    #[test]
    fn playlists_are_not_billed() {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(HEADER), Line::Header);
        let url = "http://wpc.26432.example/live/shibuya/a.m3u8";
        for (bytes, line) in [("0", true), ("-", true), ("999", true), ("1000", true), ("1001", false)] {
            let row = row(bytes, url, "\"A b\"");
            assert_eq!(parser.parse(row.as_bytes()) == Line::Unbilled, line, "{bytes}");
        }
    }

    #[test]
    fn fields_behind_the_user_agent_are_read_from_the_end() {
        let mut parser = Parser::default();
        let header = b"#Fields: timestamp c-user-agent sc-bytes cs-uri-stem x-custom";
        assert_eq!(parser.parse(header), Line::Header);
        let line = b"1416857182 \"Mozilla/5.0 (X11; Linux) x\" 5000 http://h/i/shibuya/f.ts -";
        let Line::Billed(billed) = parser.parse(line) else { unreachable!("billed") };
        assert_eq!((billed.stream, billed.bytes), (&b"shibuya"[..], 5_000));
    }

    #[test]
    fn damaged_lines_are_broken() {
        let url = "http://h/live/shibuya/a.ts";
        let row_of = |bytes| row(bytes, url, "A");
        assert_eq!(Parser::default().parse(row_of("5000").as_bytes()), Line::Broken);
        for row in [row_of("x"), row_of("5000").replacen("14168", "y", 1), "Fields".to_owned(), String::new()]
        {
            assert_eq!(parse(&row), None, "{row}");
        }
        let cut = row_of("5000");
        let cut = cut.split(" - 0").next().unwrap_or_default();
        assert_eq!(parse(cut), None, "{cut}");
    }
}
