//! Amazon CloudFront's W3C extended format: tab-separated fields in the order that `#Fields:` names.
//!
//! Every line is billed. Live segments look like `/hls/STREAM-1416857182993.ts`, recordings like
//! `/cines/PUBLICKEY/STREAM.20141124T013843.mp4`; any other file counts under `-`. Names stay as they are written, percent
//! signs included: they are compared with the names in the payload, byte for byte.

use memchr::{memchr, memrchr};

use super::columns::{Columns, Wanted, field_names, is_directive, needed, optional};
use super::{Billed, Line, NO_STREAM, month, number};

const WANTED: [Wanted; 3] = [needed(b"sc-bytes"), needed(b"cs-uri-stem"), optional(b"date")];

/// Reads lines below the last header seen.
#[derive(Debug, Default)]
pub struct Parser {
    columns: Option<Columns<3>>,
}

impl Parser {
    /// What `line` is. Without a header that names bytes and file, every line is broken.
    #[inline]
    pub fn parse<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        if is_directive(line) {
            if field_names(line).is_some() {
                self.columns = Columns::of_header(line, b'\t', WANTED, &[]);
            }
            return Line::Header;
        }
        match self.read(line) {
            Some(billed) => Line::Billed(billed),
            None => Line::Broken,
        }
    }

    #[inline]
    fn read<'a>(&self, line: &'a [u8]) -> Option<Billed<'a>> {
        let [bytes, uri, date] = self.columns.as_ref()?.pick(line)?;
        let month = match date {
            Some(date) => Some(month::of_date(date)?),
            None => None,
        };
        Some(Billed {
            stream: stream_of_file(uri?).unwrap_or(NO_STREAM),
            bytes: number::byte_count(bytes?)?,
            milliseconds: None,
            month,
        })
    }
}

#[inline]
fn stream_of_file(uri: &[u8]) -> Option<&[u8]> {
    let stream = if let Some(name) = uri.strip_prefix(b"/hls/") {
        stream_of_segment(name)?
    } else {
        stream_of_recording(uri.strip_prefix(b"/cines/")?)?
    };
    (!stream.is_empty() && memchr(b'/', stream).is_none()).then_some(stream)
}

fn stream_of_segment(name: &[u8]) -> Option<&[u8]> {
    let name = name.strip_suffix(b".ts")?;
    let dash = memrchr(b'-', name)?;
    let digits = &name[dash + 1..];
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| &name[..dash])
}

fn stream_of_recording(path: &[u8]) -> Option<&[u8]> {
    let slash = memchr(b'/', path)?;
    let name = path[slash + 1..].strip_suffix(b".mp4")?;
    let dot = memrchr(b'.', name)?;
    let (day, time) = name[dot + 1..].split_at_checked(8)?;
    let time = time.strip_prefix(b"T")?;
    let is_timestamp = time.len() == 6 && day.iter().chain(time).all(u8::is_ascii_digit);
    (slash > 0 && is_timestamp).then(|| &name[..dot])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_models::Month;

    const HEADER: &[u8] =
        b"#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)";

    fn row(bytes: &str, uri: &str) -> String {
        format!(
            "2014-11-24\t19:39:43\tSFO20\t{bytes}\t50.22.90.226\tGET\td1b8ij7kz1.cloudfront.example\t{uri}\t200\t-"
        )
    }

    fn parser() -> Parser {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(b"#Version: 1.0"), Line::Header);
        assert_eq!(parser.parse(HEADER), Line::Header);
        parser
    }

    #[test]
    fn stream_is_read_from_the_file_name() {
        let rows = [
            ("/hls/shibuya-live-1416857182993.ts", "shibuya-live"),
            ("/hls/a%20b-1.ts", "a%20b"),
            ("/hls/shibuya-.ts", "-"),
            ("/hls/-1.ts", "-"),
            ("/hls/shibuya-12x.ts", "-"),
            ("/hls/folder/shibuya-12.ts", "-"),
            ("/hls/shibuya.m3u8", "-"),
            ("/cines/a1b2c3/shibuya.v2.20141124T013843.mp4", "shibuya.v2"),
            ("/cines/a1b2c3/shibuya.20141124.mp4", "-"),
            ("/cines/a1b2c3/shibuya.20141124T0138.mp4", "-"),
            ("/cines/a1b2c3/more/shibuya.20141124T013843.mp4", "-"),
            ("/cines/shibuya.20141124T013843.mp4", "-"),
            ("/cines//shibuya.20141124T013843.mp4", "-"),
            ("/cines/a1b2c3/.20141124T013843.mp4", "-"),
            ("/crossdomain.xml", "-"),
            ("/", "-"),
        ];
        for (uri, stream) in rows {
            let row = row("1045619", uri);
            let Line::Billed(billed) = parser().parse(row.as_bytes()) else { unreachable!("{uri}") };
            assert_eq!((billed.stream, billed.bytes), (stream.as_bytes(), 1_045_619), "{uri}");
            assert_eq!(billed.month, Month::new(2014, 11));
        }
    }

    #[test]
    fn line_without_a_header_is_broken() {
        let row = row("7", "/hls/a-1.ts");
        assert_eq!(Parser::default().parse(row.as_bytes()), Line::Broken);
        let mut parser = parser();
        assert_eq!(parser.parse(b"#Fields: date time c-ip"), Line::Header);
        assert_eq!(parser.parse(row.as_bytes()), Line::Broken);
    }

    #[test]
    fn line_with_a_damaged_field_is_broken() {
        for row in [
            String::new(),
            "garbage".to_owned(),
            row("seven", "/hls/a-1.ts"),
            row("7", "/hls/a-1.ts").replace("2014-11-24", "2014-11-2"),
            row("7", "/hls/a-1.ts").replace('\t', " "),
            row("7", "/hls/a-1.ts").split("\t200").next().unwrap_or_default().to_owned(),
        ] {
            assert_eq!(parser().parse(row.as_bytes()), Line::Broken, "{row}");
        }
    }

    #[test]
    fn header_may_come_again_in_another_order() {
        let mut parser = parser();
        assert_eq!(parser.parse(b"#Fields: cs-uri-stem sc-bytes"), Line::Header);
        let Line::Billed(billed) = parser.parse(b"/hls/a-1.ts\t9") else { unreachable!("billed") };
        assert_eq!((billed.stream, billed.bytes, billed.month), (&b"a"[..], 9, None));
    }
}
