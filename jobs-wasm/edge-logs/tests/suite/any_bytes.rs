//! Logs come from outside: no bytes make a parser panic, and what one answers holds together.

use edge_logs::formats::{Line, LineParser};
use edge_logs::reader::{LONGEST_LINE, LineBuffer, RawLine, each_line};
use mainworker_models::LogFormat;
use proptest::collection::vec;
use proptest::prelude::*;

const FORMATS: [LogFormat; 5] = [
    LogFormat::Auto,
    LogFormat::Combined,
    LogFormat::Cloudfront,
    LogFormat::EdgecastFms,
    LogFormat::EdgecastWpc,
];

/// Pieces that parsers look for, so that random lines come near real ones.
const PIECES: [&str; 40] = [
    "#Fields:",
    "Fields:",
    "#Version: 1.0",
    "#",
    "\t",
    " ",
    "\r",
    "\"",
    "\\\"",
    "\\",
    "-",
    "/",
    "//",
    "?",
    ".",
    ":",
    "[17/May/2015:10:05:03 +0000]",
    "[31/Dec/9999:23:59:60 -2359]",
    "1.2.3.4 - - [",
    "] \"",
    "\" 200 ",
    "GET ",
    "http://",
    "/hls/a-1.ts",
    "/cines/k/a.20141124T013843.mp4",
    "sc-bytes",
    "cs-uri-stem",
    "date",
    "timestamp",
    "x-event",
    "x-sname",
    "x-duration",
    "c-user-agent",
    "stop",
    "2014-11-24",
    "1416857182",
    "18446744073709551615",
    "99999999999999999999",
    "é",
    "\0",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn holds_together(line: &[u8], parsed: Line<'_>) -> bool {
    match parsed {
        Line::Billed(billed) => {
            billed.stream == b"-"
                || line.windows(billed.stream.len().max(1)).any(|part| part.starts_with(billed.stream))
        }
        Line::Header | Line::Unbilled | Line::Broken => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(lines in vec(line(), 1..6)) {
        for format in FORMATS {
            let mut parser = LineParser::new(format);
            for line in &lines {
                prop_assert!(holds_together(line, parser.parse(line)));
            }
            prop_assert_ne!(parser.format(), LogFormat::Auto);
        }
    }

    #[test]
    fn any_short_bytes_are_a_line(line in vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            prop_assert!(holds_together(&line, LineParser::new(format).parse(&line)));
        }
    }

    #[test]
    fn lines_do_not_depend_on_how_bytes_arrive(lines in vec(vec(b'a'..=b'c', 0..40), 0..40), step in 1_usize..50) {
        let text = lines.join(&b'\n');
        let mut source = Dripping { rest: &text, step };
        let mut told = Vec::new();
        each_line(&mut source, &mut LineBuffer::default(), |line| match line {
            RawLine::Whole(line) => told.push(line.to_vec()),
            RawLine::TooLong => told.push(vec![0; LONGEST_LINE]),
        }).unwrap();
        let mut expected: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        if expected.last().is_some_and(Vec::is_empty) {
            expected.pop();
        }
        prop_assert_eq!(told, expected);
    }
}

/// Brings at most `step` bytes a read.
struct Dripping<'a> {
    rest: &'a [u8],
    step: usize,
}

impl std::io::Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let now = self.step.min(buffer.len()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(now);
        buffer[..now].copy_from_slice(bytes);
        self.rest = rest;
        Ok(now)
    }
}
