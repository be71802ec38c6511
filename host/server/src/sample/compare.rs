//! What came of a sample beside what it expects.

use super::difference::{Difference, pointer};
use super::expect::{ExpectedEnd, ExpectedTask};
use super::file_content::described;
use super::given::ExpectedRequest;
use super::json::Json;
use super::trial::End;
use mainworker_domain::outcome::{AttemptEnd, Outcome};
use mainworker_sandbox::capabilities::http::SentRequest;
use mainworker_sandbox::capabilities::schedule::AskedTask;
use serde_json::Value;

impl End {
    /// In words, for somebody who expected something else.
    fn described(&self) -> String {
        match self {
            Self::Rejected(rejection) => format!("rejected at the door: {}: {rejection}", rejection.code()),
            Self::Refused(refusal) => format!("refused: {}: {refusal}", refusal.code()),
            Self::Attempt(AttemptEnd::Completed { result }) => format!("completed: {result}"),
            Self::Attempt(end) => {
                // Of a trap the first line: its backtrace and the log come behind it.
                let message = end.message();
                let first = message.lines().next().unwrap_or_default();
                format!("{}: {}: {first}", end.outcome(), end.code().unwrap_or_default())
            }
        }
    }
}

/// Adds where a run ended otherwise than it should.
pub(super) fn end(expected: &ExpectedEnd, end: &End, differences: &mut Vec<Difference>) {
    match (expected, end) {
        (ExpectedEnd::Rejection { code, pointer }, End::Rejected(rejection)) => {
            if code != rejection.code() {
                let found = format!("{}: {rejection}", rejection.code());
                differences.push(Difference::new("/expect/rejection/code", code, found));
            } else if let Some(pointer) = pointer {
                let found = rejection.pointer().unwrap_or_default();
                compare_text("/expect/rejection/pointer", pointer, &found, differences);
            }
        }
        (ExpectedEnd::Rejection { code, .. }, end) => {
            differences.push(Difference::new("/expect/rejection", code, end.described()));
        }
        (ExpectedEnd::Outcome { outcome, .. }, end) if !is(*outcome, end) => {
            differences.push(Difference::new("/expect/outcome", outcome, end.described()));
        }
        (ExpectedEnd::Outcome { code, result, message, retry_after_ms, .. }, end) => {
            if let (Some(code), Some(found)) = (code, end_code(end)) {
                compare_text("/expect/code", code, found, differences);
            }
            let End::Attempt(end) = end else { return };
            if let (Some(expected), AttemptEnd::Completed { result }) = (result, end) {
                // The attempt checked that it is JSON.
                if let Ok(found) = Json::parse(result) {
                    expected.compare(&found, "/expect/result", differences);
                }
            }
            if let (Some(expected), Some(found)) = (message, message_of(end)) {
                compare_text("/expect/message", expected, found, differences);
            }
            if let (Some(expected), AttemptEnd::RetryAsked { after_ms, .. }) = (retry_after_ms, end)
                && expected != after_ms
            {
                differences.push(Difference::new("/expect/retryAfterMs", expected, after_ms));
            }
        }
    }
}

fn is(outcome: Outcome, end: &End) -> bool {
    match end {
        End::Rejected(_) => false,
        End::Refused(_) => outcome == Outcome::Refused,
        End::Attempt(end) => outcome == end.outcome(),
    }
}

fn end_code(end: &End) -> Option<&'static str> {
    match end {
        End::Rejected(rejection) => Some(rejection.code()),
        End::Refused(refusal) => Some(refusal.code()),
        End::Attempt(end) => end.code(),
    }
}

/// The job's own words.
fn message_of(end: &AttemptEnd) -> Option<&str> {
    match end {
        AttemptEnd::Rejected { message }
        | AttemptEnd::Failed { message }
        | AttemptEnd::RetryAsked { message, .. } => Some(message),
        _ => None,
    }
}

fn compare_text(pointer: &str, expected: &str, found: &str, differences: &mut Vec<Difference>) {
    if expected != found {
        let quoted = |text: &str| Value::from(text);
        differences.push(Difference::new(pointer, quoted(expected), quoted(found)));
    }
}

/// Adds where the requests sent are not those recorded: each of them, in their order, and no others.
pub(super) fn requests(
    expected: &[ExpectedRequest],
    sent: &[SentRequest],
    differences: &mut Vec<Difference>,
) {
    for (index, expected) in expected.iter().enumerate() {
        let at = pointer(&["given", "http", &index.to_string(), "request"]);
        match sent.iter().find(|sent| sent.exchange == Some(index)) {
            Some(sent) => compare_request(expected, sent, &at, differences),
            None => {
                let request = format!("{} {}", expected.exchange.method, expected.exchange.url);
                differences.push(Difference::missing(at, request));
            }
        }
    }
    for sent in sent.iter().filter(|sent| sent.exchange.is_none()) {
        let request = format!("{} {}", sent.method, sent.url);
        differences.push(Difference::unexpected("/given/http", request));
    }
}

fn compare_request(
    expected: &ExpectedRequest,
    sent: &SentRequest,
    at: &str,
    differences: &mut Vec<Difference>,
) {
    for (name, value) in &expected.headers {
        let at = format!("{at}{}", pointer(&["headers", name]));
        let values: Vec<&str> =
            sent.headers.iter().filter(|(sent, _)| sent == name).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() {
            differences.push(Difference::missing(at, Value::from(value.as_str())));
        } else {
            compare_text(&at, value, &values.join(", "), differences);
        }
    }
    let at = format!("{at}/body");
    match &expected.body {
        None => {}
        Some(Json::Text(text)) if text.as_bytes() == &*sent.body => {}
        Some(Json::Text(text)) => {
            differences.push(Difference::new(at, Value::from(text.as_str()), described(&sent.body)));
        }
        Some(json) => compare_json(json, &sent.body, &at, differences),
    }
}

fn compare_json(expected: &Json, found: &[u8], at: &str, differences: &mut Vec<Difference>) {
    match Json::from_bytes(found) {
        Some(found) => expected.compare(&found, at, differences),
        None => differences.push(Difference::new(at, expected, described(found))),
    }
}

/// Adds where the tasks that the job asked for are not those expected.
pub(super) fn tasks(expected: &[ExpectedTask], asked: &[AskedTask], differences: &mut Vec<Difference>) {
    for (index, expected) in expected.iter().enumerate() {
        let at = pointer(&["expect", "scheduled", &index.to_string()]);
        let Some(asked) = asked.get(index) else {
            let payload = expected.payload.as_ref().map(|payload| format!(" {payload}")).unwrap_or_default();
            differences.push(Difference::missing(at, format!("{}{payload}", expected.job)));
            continue;
        };
        compare_text(&format!("{at}/job"), &expected.job, &asked.job, differences);
        if let Some(payload) = &expected.payload {
            compare_json(payload, asked.payload.as_bytes(), &format!("{at}/payload"), differences);
        }
        if let Some(options) = &expected.options {
            let asked = asked.options.to_json().to_string();
            compare_json(options, asked.as_bytes(), &format!("{at}/options"), differences);
        }
    }
    for (index, asked) in asked.iter().enumerate().skip(expected.len()) {
        let at = pointer(&["expect", "scheduled", &index.to_string()]);
        differences.push(Difference::unexpected(at, format!("{} {}", asked.job, asked.payload)));
    }
}
