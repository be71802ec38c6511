//! What is in a file of a sample's mount, written to be given and compared when it is expected.

use super::SampleError;
use super::difference::Difference;
use super::folder::open_regular;
use super::json::Json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cap_std::fs::Dir;
use mainworker_domain::table::{Table, TableError, TableProblem, type_name};
use serde_json::Value;
use std::io::Read;

/// Bytes of a file that is looked at afterwards.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of all files that a sample gives, or expects. They are held in memory, and one file can be named many times.
pub const FILES_BYTES_MAX: u64 = 64 << 20;

/// The content of one file.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// As bytes: a text, base64, or another file.
    Bytes(Vec<u8>),
    /// As JSON: compared by value.
    Json(Json),
}

impl FileContent {
    /// Reads the value of `key` in `table`: a text, or an object with one of `base64`, `copy` and `json`. `exact` is the same
    /// value with its numbers as written; what is copied comes from `folder` and has at most `left` bytes.
    pub(super) fn read(
        table: &Table<'_>,
        key: &str,
        value: &Value,
        exact: Option<&Json>,
        folder: &Dir,
        left: u64,
    ) -> Result<Self, SampleError> {
        if let Value::String(text) = value {
            return Ok(Self::Bytes(text.clone().into_bytes()));
        }
        if !value.is_object() {
            let problem =
                TableProblem::WrongType { expected: "a string or an object", found: type_name(value) };
            return Err(table.error(key, problem).into());
        }
        let path = table.path_of(key);
        let content = Table::open(value, &path, &["base64", "copy", "json"])?;
        match (content.string("base64")?, content.string("copy")?, content.value("json")) {
            (Some(text), None, None) => Ok(Self::Bytes(from_base64(&content, text)?)),
            (None, Some(file), None) => copy(&content, file, folder, left).map(Self::Bytes),
            (None, None, Some(_)) => {
                let json = exact.and_then(|exact| exact.at("/json"));
                Ok(Self::Json(json.cloned().unwrap_or_else(|| Json::Word("null".to_owned()))))
            }
            _ => {
                let given: Vec<&str> = content.entries().map(|(key, _)| key.as_str()).collect();
                let expected = "expected one of `base64`, `copy` and `json`";
                Err(table.invalid(key, &given.join(", "), expected).into())
            }
        }
    }

    /// How much it holds.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            // As large as the sample that it was read from, which is small.
            Self::Json(_) => 0,
        }
    }

    /// The bytes of a file with this content.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Json(json) => json.to_string().into_bytes(),
        }
    }

    /// Adds where a file with these bytes differs.
    pub fn compare(&self, found: &[u8], pointer: &str, differences: &mut Vec<Difference>) {
        match self {
            Self::Bytes(expected) if expected == found => {}
            Self::Bytes(expected) => differences.push(difference(expected, found, pointer)),
            Self::Json(expected) => match Json::from_bytes(found) {
                Some(found) => expected.compare(&found, pointer, differences),
                None => differences.push(Difference::new(pointer, expected, described(found))),
            },
        }
    }
}

/// Texts by their first line that differs, other files by their first byte.
fn difference(expected: &[u8], found: &[u8], pointer: &str) -> Difference {
    let (Ok(expected_text), Ok(found_text)) = (std::str::from_utf8(expected), std::str::from_utf8(found))
    else {
        let at = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
        return Difference::new(
            pointer,
            format!("{} bytes", expected.len()),
            format!("{} bytes, other ones from byte {at} on", found.len()),
        );
    };
    let (mut expected_lines, mut found_lines) =
        (expected_text.split_inclusive('\n'), found_text.split_inclusive('\n'));
    let shown = |line: Option<&str>| {
        line.map_or_else(|| "the end of the file".to_owned(), |text| Value::from(text).to_string())
    };
    for number in 1_u64.. {
        let lines = (expected_lines.next(), found_lines.next());
        if lines.0 != lines.1 {
            return Difference::new(pointer, format!("in line {number} {}", shown(lines.0)), shown(lines.1));
        }
        if lines.0.is_none() {
            break;
        }
    }
    Difference::new(pointer, described(expected), described(found))
}

/// A file in words: a short text, or its size.
pub(super) fn described(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= 200 => Value::from(text).to_string(),
        _ => format!("a file of {} bytes", bytes.len()),
    }
}

fn from_base64(table: &Table<'_>, text: &str) -> Result<Vec<u8>, TableError> {
    let compact: String = text.split_whitespace().collect();
    STANDARD.decode(compact).map_err(|error| {
        table.invalid("base64", text, format!("expected base64 (RFC 4648 §4, with padding): {error}"))
    })
}

/// Reads a file below the samples folder; cap-std lets no path and no link leave it.
fn copy(table: &Table<'_>, path: &str, folder: &Dir, left: u64) -> Result<Vec<u8>, SampleError> {
    let unusable = |problem: String| {
        table.invalid("copy", path, format!("expected a file of the samples folder: {problem}"))
    };
    let file = open_regular(folder, path).map_err(|error| unusable(error.to_string()))?;
    let size = file.metadata().map_err(|error| unusable(error.to_string()))?.len();
    if size > left {
        let problem = format!("with it the sample has more than {FILES_BYTES_MAX} bytes of files");
        return Err(unusable(problem).into());
    }
    let mut bytes = Vec::new();
    file.take(left).read_to_end(&mut bytes).map_err(|error| unusable(error.to_string()))?;
    Ok(bytes)
}
