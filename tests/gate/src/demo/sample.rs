//! The sample log of the demo: the same lines each time, and the sums that a right answer has.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Streams and the accounts they belong to. The last belongs to nobody, so that the result shows such a case too.
pub const STREAMS: [(&str, Option<&str>); 6] = [
    ("sunrise", Some("acme-tv")),
    ("harbour-cam", Some("port-authority")),
    ("chess-night", Some("club-64")),
    ("late-show", Some("acme-tv")),
    ("lecture-hall", Some("university")),
    ("forgotten", None),
];

/// Two files and what is in them.
#[derive(Debug)]
pub struct Sample {
    /// For a plain file.
    pub plain: String,
    /// For a file that is compressed.
    pub gzipped: String,
    /// The sums.
    pub expected: Expected,
}

/// What the job has to find.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// All lines, the broken among them.
    pub lines: u64,
    /// Lines whose bytes cannot be read.
    pub broken: u64,
    /// Bytes and requests of each account.
    pub accounts: BTreeMap<String, Sum>,
    /// Bytes and requests of each stream without an account.
    pub unknown: BTreeMap<String, Sum>,
}

/// A sum over lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Bytes served.
    pub bytes: u64,
    /// Lines.
    pub requests: u64,
}

/// Makes `lines` lines in the "combined" format, half of them for each file.
pub fn generate(lines: u32) -> Sample {
    let mut random = Random(0x6d61_696e);
    let mut sample = Sample { plain: String::new(), gzipped: String::new(), expected: Expected::default() };
    for number in 0..lines {
        let text = line(number, &mut random, &mut sample.expected);
        let file = if number < lines / 2 { &mut sample.plain } else { &mut sample.gzipped };
        file.push_str(&text);
        file.push('\n');
    }
    sample
}

/// As an edge server leaves its finished logs.
pub fn gzip(text: &str) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

fn line(number: u32, random: &mut Random, expected: &mut Expected) -> String {
    let (stream, account) = random.one_of(&STREAMS);
    let address = format!("203.0.113.{}", 1 + random.below(254));
    let time =
        format!("17/May/2015:{:02}:{:02}:{:02} +0000", number / 3600 % 24, number / 60 % 60, number % 60);
    expected.lines += 1;
    // A server that was stopped while it wrote. Rare, as in life.
    if number % 2_500 == 1_700 {
        expected.broken += 1;
        return format!("{address} - - [{time}] \"GET /{stream}/segm");
    }
    // One in forty was answered from the client's own cache: no body, written as `-`.
    let cached = random.below(40) == 0;
    let bytes = if cached { 0 } else { 40_000 + random.below(900_000) };
    let sum = match account {
        Some(account) => expected.accounts.entry(account.to_owned()).or_default(),
        None => expected.unknown.entry(stream.to_owned()).or_default(),
    };
    sum.bytes += bytes;
    sum.requests += 1;
    let (status, size) = if cached { (304, "-".to_owned()) } else { (200, bytes.to_string()) };
    format!(
        "{address} - - [{time}] \"GET /{stream}/segment-{number:05}.ts?s={} HTTP/1.1\" {status} {size} \"-\" \"player/2.{}\"",
        random.below(100_000),
        random.below(10)
    )
}

/// xorshift64: good enough for a sample, and the same everywhere and always.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of<T: Copy>(&mut self, many: &[T]) -> T {
        // Below the length of a slice, so it fits.
        many[usize::try_from(self.below(many.len() as u64)).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn it_is_the_same_each_time() {
        let (one, two) = (generate(500), generate(500));
        assert_eq!(one.plain, two.plain);
        assert_eq!(one.expected, two.expected);
    }

    #[test]
    fn the_sums_are_those_of_the_lines() {
        let sample = generate(20_000);
        let mut bytes = 0;
        let mut broken = 0;
        for line in sample.plain.lines().chain(sample.gzipped.lines()) {
            match line.split('"').nth(2).and_then(|rest| rest.split_whitespace().nth(1)) {
                Some("-") => {}
                Some(size) => bytes += size.parse::<u64>().expect("a number"),
                None => broken += 1,
            }
        }
        let sums = sample.expected.accounts.values().chain(sample.expected.unknown.values());
        assert_eq!(sums.clone().map(|sum| sum.bytes).sum::<u64>(), bytes);
        assert_eq!(sums.map(|sum| sum.requests).sum::<u64>() + broken, 20_000);
        assert_eq!((sample.expected.broken, sample.expected.lines), (broken, 20_000));
        assert_eq!((sample.expected.accounts.len(), sample.expected.unknown.len()), (4, 1));
        assert!(broken > 0);
    }

    #[test]
    fn gzip_can_be_read_back() {
        let packed = gzip("text").expect("packed");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("unpacked");
        assert_eq!(text, "text");
    }
}
