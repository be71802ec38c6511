//! EdgeCast's Flash Media Server (RTMP): tab-separated, one line per event of a session.
//!
//! A stream's bytes and seconds grow from event to event, so only its last one, `stop`, is billed. Dates are in UTC.

use super::columns::{Columns, Wanted, field_names, is_directive, needed, optional};
use super::{Billed, Line, month, number};

const WANTED: [Wanted; 5] =
    [needed(b"x-event"), needed(b"sc-bytes"), needed(b"x-sname"), optional(b"x-duration"), optional(b"date")];

/// Reads lines below the last header seen.
#[derive(Debug, Default)]
pub struct Parser {
    columns: Option<Columns<5>>,
}

impl Parser {
    /// What `line` is. Without a header that names event, bytes and stream, every line is broken.
    #[inline]
    pub fn parse<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        if is_directive(line) {
            if field_names(line).is_some() {
                self.columns = Columns::of_header(line, b'\t', WANTED, &[]);
            }
            return Line::Header;
        }
        self.read(line).unwrap_or(Line::Broken)
    }

    #[inline]
    fn read<'a>(&self, line: &'a [u8]) -> Option<Line<'a>> {
        let [event, bytes, stream, duration, date] = self.columns.as_ref()?.pick(line)?;
        if event? != b"stop" {
            return Some(Line::Unbilled);
        }
        let month = match date {
            Some(date) => Some(month::of_date(date)?),
            None => None,
        };
        Some(Line::Billed(Billed {
            stream: stream?,
            bytes: number::byte_count(bytes?)?,
            milliseconds: number::seconds(duration.unwrap_or_default())?,
            month,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_models::Month;

    const HEADER: &[u8] = b"#Fields:\tx-event\tx-category\tdate\ttime\tc-ip\tcs-bytes\tsc-bytes\tx-duration\tx-sname\tcs-uri-stem\tc-user-agent";

    fn row(event: &str, bytes: &str, seconds: &str) -> String {
        format!(
            "{event}\tstream\t2014-11-30\t23:59:59\t93.184.216.34\t3457\t{bytes}\t{seconds}\tshibuya\trtmp://fms.example/20AB/live/shibuya\tWIN 15,0,0,223"
        )
    }

    fn parse(row: &str) -> Option<(Vec<u8>, u64, Option<u64>)> {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(HEADER), Line::Header);
        match parser.parse(row.as_bytes()) {
            Line::Billed(billed) => {
                assert_eq!(billed.month, Month::new(2014, 11));
                Some((billed.stream.to_vec(), billed.bytes, billed.milliseconds))
            }
            _ => None,
        }
    }

    #[test]
    fn stop_is_billed_with_its_seconds() {
        assert_eq!(
            parse(&row("stop", "8456321", "63")),
            Some((b"shibuya".to_vec(), 8_456_321, Some(63_000)))
        );
        assert_eq!(parse(&row("stop", "0", "0.25")), Some((b"shibuya".to_vec(), 0, Some(250))));
        assert_eq!(parse(&row("stop", "-", "-")), Some((b"shibuya".to_vec(), 0, None)));
    }

    #[test]
    fn other_events_are_whole_but_not_billed() {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(HEADER), Line::Header);
        for event in ["connect", "play", "pause", "disconnect", "-"] {
            assert_eq!(parser.parse(row(event, "100", "1").as_bytes()), Line::Unbilled, "{event}");
        }
    }

    #[test]
    fn stop_with_a_damaged_field_is_broken() {
        let mut parser = Parser::default();
        assert_eq!(parser.parse(row("stop", "1", "1").as_bytes()), Line::Broken);
        assert_eq!(parser.parse(HEADER), Line::Header);
        for row in
            [row("stop", "x", "1"), row("stop", "1", "x"), "stop\tstream".to_owned(), "stop".to_owned()]
        {
            assert_eq!(parser.parse(row.as_bytes()), Line::Broken, "{row}");
        }
    }
}
