//! Keeping granted secrets out of everything that is shown: log lines, progress, messages, results.
//!
//! What is masked is each value as it is, as JSON, a URL or a debug output would write it, line by line, and by the texts in
//! it where it is JSON. A job that encodes a secret
//! otherwise (reversed, in base64, letter by letter) gets it past this: the mask protects against accidents, the
//! placeholder of `only-to` against jobs.

use aho_corasick::{AhoCorasick, MatchKind};
use mainworker_domain::configuration::Granted;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::borrow::Cow;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// A line of a secret with several lines, or a text in a secret that is JSON, is masked by itself only from this length:
/// the `}` of a key file is no secret, and masking it would make every log unreadable.
const PART_CHARS_MIN: usize = 6;

/// A secret shorter than this is masked only where it stands alone, between characters that are no letters and no digits:
/// the secret `e` should not make every word unreadable.
const ANYWHERE_BYTES_MIN: usize = 6;

/// Masks the secrets of one attempt.
#[derive(Debug, Default)]
pub struct Masker {
    needles: Option<AhoCorasick>,
    longest_bytes: usize,
}

impl Masker {
    /// A masker for the secret values of `granted`, those behind placeholders included.
    pub fn new(granted: &Granted) -> Self {
        let mut needles: Vec<String> = Vec::new();
        for value in granted.values().filter(|value| value.secret) {
            let text = value.value.expose_secret();
            add_forms(&mut needles, text);
            for part in text.lines().map(str::trim).chain(leaves(text).iter().map(String::as_str)) {
                if part.chars().count() >= PART_CHARS_MIN {
                    add_forms(&mut needles, part);
                }
            }
        }
        needles.retain(|needle| !needle.trim().is_empty());
        needles.sort_unstable();
        needles.dedup();
        if needles.is_empty() {
            return Self::default();
        }
        let longest_bytes = needles.iter().map(String::len).max().unwrap_or(0);
        // Leftmost-longest, so that a secret which contains another is masked whole; in either case, since host names are shown
        // in lower case.
        let mut builder = AhoCorasick::builder();
        let built =
            builder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true).build(&needles);
        // It can fail only beyond 2^31 states; configuration is at most 64 KiB.
        Self { needles: built.ok(), longest_bytes }
    }

    /// The longest text that is masked as one, in bytes.
    pub fn longest_bytes(&self) -> usize {
        self.longest_bytes
    }

    /// `text` with every secret replaced.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.needles {
            Some(needles) if needles.is_match(text) => {
                let mut masked = String::with_capacity(text.len());
                needles.replace_all_with(text, &mut masked, |found, secret, masked| {
                    let is_part = secret.len() < ANYWHERE_BYTES_MIN
                        && (text[..found.start()].ends_with(char::is_alphanumeric)
                            || text[found.end()..].starts_with(char::is_alphanumeric));
                    masked.push_str(if is_part { secret } else { MASK });
                    true
                });
                Cow::Owned(masked)
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// A JSON text with every secret replaced inside its strings, keys and numbers, so that it stays JSON.
    pub fn mask_json(&self, json: String) -> String {
        let Some(needles) = &self.needles else { return json };
        // Escapes such as `\u0061` can hide a secret from a search of the raw text.
        if !json.contains('\\') && !needles.is_match(&json) {
            return json;
        }
        let json = self.mask_numbers(json);
        let Ok(value) = serde_json::from_str::<Value>(&json) else { return self.mask(&json).into_owned() };
        let masked = self.mask_value(value.clone());
        if masked == value { json } else { masked.to_string() }
    }

    /// Numbers by their digits as written: a reader makes other ones of `1.50`, and of more than it can hold.
    fn mask_numbers(&self, json: String) -> String {
        let mut masked = String::with_capacity(json.len());
        let mut rest = json.as_str();
        while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
            masked.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = if rest.starts_with('"') { string_end(rest) } else { number_end(rest) };
            let (token, after) = rest.split_at(end);
            let is_secret_number = !token.starts_with('"') && self.mask(token) != token;
            if is_secret_number {
                masked.push_str(&Value::from(MASK).to_string());
            } else {
                masked.push_str(token);
            }
            rest = after;
        }
        masked.push_str(rest);
        masked
    }

    fn mask_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.mask_value(item)).collect(),
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(key, value)| (self.mask(&key).into_owned(), self.mask_value(value)))
                    .collect(),
            ),
            other => other,
        }
    }
}

/// A secret in the forms in which it is usually written: as it is, in JSON with and without other characters than ASCII, in
/// Rust's debug output, in a URL.
fn add_forms(needles: &mut Vec<String>, text: &str) {
    let json = Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    let mut units = [0; 2];
    let ascii_json: String = json
        .chars()
        .map(|c| match c {
            c if c.is_ascii() => c.to_string(),
            c => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        })
        .collect();
    let debug = text.escape_debug().to_string();
    needles.extend([text.to_owned(), json.to_owned(), ascii_json, debug, in_url(text)]);
}

/// A text as it stands in a URL's query or a form: all but the unreserved characters of RFC 3986 are percent-encoded.
pub(crate) fn in_url(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The texts in a secret that is JSON, as key files of cloud services are.
fn leaves(text: &str) -> Vec<String> {
    fn collect(value: Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| collect(item, texts)),
            Value::Object(map) => map.into_iter().for_each(|(_, value)| collect(value, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_str(text) {
        collect(value, &mut texts);
    }
    texts
}

/// Where the JSON string that `text` begins with ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the JSON number that `text` begins with ends.
fn number_end(text: &str) -> usize {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    text.find(|c| !part(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::configuration::GrantedValue;
    use secrecy::SecretString;

    fn masker(secrets: &[&str]) -> Masker {
        let granted = secrets.iter().enumerate().map(|(index, secret)| {
            let value = SecretString::from(*secret);
            (format!("k{index}"), GrantedValue { value, secret: true, placeholder: false, of_host: true })
        });
        Masker::new(&granted.collect())
    }

    #[test]
    fn secrets_are_masked_whole_escaped_and_line_by_line() {
        let masker = masker(&["hunter2", "hunter2-longer", "a\"b\nsecond line"]);
        assert_eq!(masker.mask("x hunter2-longer hunter2 y"), "x *** *** y");
        assert_eq!(masker.mask(r#"{"k":"a\"b\nsecond line"}"#), r#"{"k":"***"}"#);
        assert_eq!(masker.mask("only the second line here"), "only the *** here");
        assert_eq!(masker.mask("HUNTER2.example"), "***.example");
        assert_eq!(masker.mask("nothing"), "nothing");
    }

    #[test]
    fn a_secret_is_masked_in_its_usual_forms_and_by_its_parts() {
        let masker = masker(&["pä ss/word", r#"{"type":"account","private_key":"-----KEY-hunter2"}"#]);
        assert_eq!(masker.mask(r"a p\u00e4 ss/word"), "a ***");
        assert_eq!(masker.mask("?k=p%C3%A4%20ss%2Fword"), "?k=***");
        assert_eq!(masker.mask("key -----KEY-hunter2."), "key ***.");
    }

    #[test]
    fn a_short_secret_is_masked_where_it_stands_alone() {
        let masker = masker(&["e", "12"]);
        assert_eq!(masker.mask("trouble e, e=12 and 412"), "trouble ***, ***=*** and 412");
        assert_eq!(masker.mask_json(r#"{"text":"e","n":412}"#.to_owned()), r#"{"n":412,"text":"***"}"#);
    }

    #[test]
    fn a_masked_result_is_still_json() {
        let masker = masker(&["471150", "abcdef"]);
        let masked = masker.mask_json(r#"{"n":4711504,"\u0061bcdef":["xabcdefx",1.50]}"#.to_owned());
        assert_eq!(masked, r#"{"***":["x***x",1.5],"n":"***"}"#);
        let numbers = masker
            .mask_json(r#"[471150e5, 0.00471150, 98765432109876547115012, "\"471150", 3.50]"#.to_owned());
        assert_eq!(numbers, r#"["***","***","***","\"***",3.5]"#);
        let untouched = r#"{"n": 1.50}"#.to_owned();
        assert_eq!(masker.mask_json(untouched.clone()), untouched);
    }
}
