//! `given`: everything that a host gives to an attempt, brought by the sample itself. Each part may be left out.

use super::file_content::{FILES_BYTES_MAX, FileContent};
use super::json::Json;
use super::{MountFiles, SampleError, difference};
use cap_std::fs::Dir;
use mainworker_domain::origin::{BaseUrl, Origin};
use mainworker_domain::table::{Table, TableError, TableProblem, type_name};
use mainworker_sandbox::capabilities::http::{Exchange, RecordedAnswer, RecordedError};
use serde_json::{Map, Value};
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// The time where a sample gives none: 2000-01-01T00:00:00Z, in seconds since 1970.
const CLOCK_SECONDS: u64 = 946_684_800;

/// The task where a sample gives none.
const TASK_ID: &str = "01900000-0000-7000-8000-000000000000";

/// The keys of `given`.
pub(super) const KEYS: [&str; 7] = ["configuration", "files", "http", "clock", "random", "attempt", "taskId"];

/// What the host gives.
#[derive(Debug)]
pub struct Given {
    /// What the settings would give as values of configuration keys. An object; dots in keys reach into it.
    pub configuration: Value,
    /// The mounts and what is in them.
    pub files: MountFiles,
    /// The requests that are answered, in their order.
    pub http: Vec<ExpectedRequest>,
    /// The time, since 1970-01-01T00:00:00Z. It stands still.
    pub clock: Duration,
    /// What randomness begins with.
    pub random: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The task's id.
    pub task_id: String,
}

/// One request that is expected, and its answer.
#[derive(Clone, Debug)]
pub struct ExpectedRequest {
    /// Method, URL and answer.
    pub exchange: Exchange,
    /// The URL's origin.
    pub origin: Origin,
    /// The URL's path.
    pub path: String,
    /// Headers that must be there with these values; there may be more. Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, where it matters.
    pub body: Option<Json>,
}

impl Given {
    pub(super) fn read(value: Option<&Value>, exact: &Json, folder: &Dir) -> Result<Self, SampleError> {
        let empty = Value::Object(Map::new());
        let table = Table::open(value.unwrap_or(&empty), "given", &KEYS)?;
        let configuration = table.value("configuration").unwrap_or(&empty);
        Table::open_any(configuration, "given.configuration")?;
        Ok(Self {
            configuration: configuration.clone(),
            files: read_mounts(&table, "given", exact, folder)?,
            http: read_requests(&table, exact)?,
            clock: read_clock(&table)?,
            random: table.count("random")?.unwrap_or(0),
            attempt: read_attempt(&table)?,
            task_id: read_task_id(&table)?,
        })
    }
}

/// Reads `files` of `given` or `expect`: mount → path → content.
pub(super) fn read_mounts(
    table: &Table<'_>,
    part: &str,
    exact: &Json,
    folder: &Dir,
) -> Result<MountFiles, SampleError> {
    let mut mounts = MountFiles::new();
    let mut left = FILES_BYTES_MAX;
    let Some(value) = table.value("files") else { return Ok(mounts) };
    let listed = Table::open_any(value, &table.path_of("files"))?;
    for (mount, value) in listed.entries() {
        let files = Table::open_any(value, &listed.path_of(mount))?;
        let contents = mounts.entry(mount.clone()).or_default();
        for (path, value) in files.entries() {
            if !is_inside(path) {
                let expected = "expected a path inside the mount, such as `2015-05/a.log`";
                return Err(files.invalid(path, path, expected).into());
            }
            let exact = exact.at(&difference::pointer(&[part, "files", mount, path]));
            let content = FileContent::read(&files, path, value, exact, folder, left)?;
            left = left.saturating_sub(content.bytes());
            contents.insert(path.clone(), content);
        }
    }
    Ok(mounts)
}

/// Whether a path has one spelling and stays where it starts.
fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    let names: Option<Vec<&str>> = parts
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    names.is_some_and(|names| !names.is_empty() && names.join("/") == path && !path.contains('\0'))
}

fn read_clock(table: &Table<'_>) -> Result<Duration, TableError> {
    let Some(text) = table.string("clock")? else { return Ok(Duration::from_secs(CLOCK_SECONDS)) };
    let time = humantime::parse_rfc3339(text).ok();
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .ok_or_else(|| table.invalid("clock", text, "expected a time such as `2015-06-01T00:00:00Z`"))
}

fn read_attempt(table: &Table<'_>) -> Result<u32, TableError> {
    let attempt = table.count("attempt")?.unwrap_or(1);
    let in_range = u32::try_from(attempt).ok().filter(|&attempt| attempt >= 1);
    in_range.ok_or_else(|| table.invalid("attempt", &attempt.to_string(), "expected a number from 1"))
}

fn read_task_id(table: &Table<'_>) -> Result<String, TableError> {
    let text = table.string("taskId")?.unwrap_or(TASK_ID);
    // The contract promises jobs this form.
    if Uuid::parse_str(text).is_ok_and(|id| id.hyphenated().to_string() == text) {
        return Ok(text.to_owned());
    }
    Err(table.invalid("taskId", text, format!("expected a UUID such as `{TASK_ID}`")))
}

fn read_requests(table: &Table<'_>, exact: &Json) -> Result<Vec<ExpectedRequest>, TableError> {
    let list = table.list("http")?.map(Vec::as_slice).unwrap_or_default();
    let read = |(index, value): (usize, &Value)| {
        let exact = exact.at(&format!("/given/http/{index}"));
        read_request(value, &format!("{}[{index}]", table.path_of("http")), exact)
    };
    list.iter().enumerate().map(read).collect()
}

fn read_request(value: &Value, path: &str, exact: Option<&Json>) -> Result<ExpectedRequest, TableError> {
    let table = Table::open(value, path, &["request", "response", "error"])?;
    let request = table.value("request").ok_or_else(|| table.error("request", TableProblem::MissingKey))?;
    let request = Table::open(request, &table.path_of("request"), &["method", "url", "headers", "body"])?;
    let method = request.required_string("method")?;
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(request.invalid("method", method, "expected a method such as `GET`"));
    }
    let (origin, path, query) = read_url(&request)?;
    let url = format!("{origin}{path}{query}");
    let body = request.value("body").and_then(|_| exact?.at("/request/body"));
    Ok(ExpectedRequest {
        exchange: Exchange { method: method.to_owned(), url, answer: read_answer(&table, exact)? },
        origin,
        path,
        headers: read_headers(&request)?,
        body: body.cloned(),
    })
}

/// Origin, path and query with its `?`.
fn read_url(request: &Table<'_>) -> Result<(Origin, String, String), TableError> {
    let url = request.required_string("url")?;
    let (before, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let invalid = |problem: &dyn std::fmt::Display| {
        request.invalid(
            "url",
            url,
            format!("expected a URL such as `https://api.example.com/v1?page=1`: {problem}"),
        )
    };
    let base = BaseUrl::parse(before).map_err(|problem| invalid(&problem))?;
    if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(invalid(&"its query has a `#`, or characters that have to be percent-encoded"));
    }
    // As written: a slash at the end makes another path.
    let authority = before.split_once("://").map_or(before, |(_, rest)| rest);
    let path = authority.find('/').map_or("/", |slash| &authority[slash..]);
    Ok((base.origin, path.to_owned(), query.to_owned()))
}

fn read_answer(table: &Table<'_>, exact: Option<&Json>) -> Result<RecordedAnswer, TableError> {
    match (table.value("response"), table.string("error")?) {
        (Some(response), None) => read_response(response, &table.path_of("response"), exact),
        (None, Some(word)) => {
            let known = RecordedError::ALL.into_iter().find(|error| error.as_str() == word);
            known.map(RecordedAnswer::Error).ok_or_else(|| {
                let words = RecordedError::ALL.map(RecordedError::as_str);
                table.invalid("error", word, format!("expected one of `{}`", words.join("`, `")))
            })
        }
        (None, None) => Err(table.error("response", TableProblem::MissingKey)),
        (Some(_), Some(word)) => {
            Err(table.invalid("error", word, "expected a `response` or an `error`, not both"))
        }
    }
}

fn read_response(value: &Value, path: &str, exact: Option<&Json>) -> Result<RecordedAnswer, TableError> {
    let table = Table::open(value, path, &["status", "headers", "body"])?;
    let status = table.count("status")?.ok_or_else(|| table.error("status", TableProblem::MissingKey))?;
    let final_status = u16::try_from(status).ok().filter(|status| (200..=599).contains(status));
    let status = final_status
        .ok_or_else(|| table.invalid("status", &status.to_string(), "expected a status from 200 to 599"))?;
    let mut headers = read_headers(&table)?;
    let body = match exact.and_then(|exact| exact.at("/response/body")) {
        None => Vec::new(),
        Some(Json::Text(text)) => text.clone().into_bytes(),
        Some(json) => {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            json.to_string().into_bytes()
        }
    };
    Ok(RecordedAnswer::Response { status, headers, body: body.into() })
}

fn read_headers(table: &Table<'_>) -> Result<Vec<(String, String)>, TableError> {
    let Some(value) = table.value("headers") else { return Ok(Vec::new()) };
    let headers = Table::open_any(value, &table.path_of("headers"))?;
    let mut read: Vec<(String, String)> = Vec::new();
    for (name, value) in headers.entries() {
        let Value::String(text) = value else {
            let problem = TableProblem::WrongType { expected: "a string", found: type_name(value) };
            return Err(headers.error(name, problem));
        };
        let is_token =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !is_token || text.chars().any(char::is_control) {
            return Err(headers.invalid(name, name, "expected a header's name and a value of one line"));
        }
        let name = name.to_ascii_lowercase();
        if read.iter().any(|(other, _)| *other == name) {
            return Err(headers.invalid(&name, &name, "expected each header once"));
        }
        read.push((name, text.clone()));
    }
    Ok(read)
}
