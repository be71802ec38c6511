//! An answer.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::{Error, ErrorKind, RequestLine};
use super::{Incoming, Problem};
use crate::clock;

/// A server's answer, with its whole body. Any status is an answer, also 404 and 503: see
/// [`error_for_status`](Self::error_for_status).
#[derive(Clone)]
pub struct Response {
    request: RequestLine,
    answer: Incoming,
}

impl Response {
    pub(super) fn new(request: RequestLine, answer: Incoming) -> Self {
        Self { request, answer }
    }

    /// The status, for example 200.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// Whether the status is from 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.answer.status)
    }

    /// The first header called `name`, in whatever case. Bytes of it that are not UTF-8 are replaced by `U+FFFD`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers, names and values, as they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How long the server asks to wait before the next request: `Retry-After` in either of its forms, a date counted from
    /// [`clock::now`] and zero if it has passed. None without the header, or if it is neither.
    ///
    /// ```
    /// # use mainworker::{Failure, http::Response};
    /// # use std::time::Duration;
    /// # fn sent(answer: &Response) -> Result<(), Failure> {
    /// if answer.status() == 429 {
    ///     let after = answer.retry_after().unwrap_or(Duration::from_secs(60));
    ///     return Err(Failure::retry_after(after, "the e-mail service asks for a pause"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            // All digits, so it can only be too large.
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let time = httpdate::parse_http_date(value).ok()?;
        Some(time.duration_since(clock::now()).unwrap_or_default())
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.answer.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.answer.body)
            .map_err(|error| self.unreadable(&format!("is not the text expected: {error}")))
    }

    /// The body read from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] if it is not JSON, or not that of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let not_json =
            |error: &dyn fmt::Display| self.unreadable(&format!("is not the JSON expected: {error}"));
        // From text, as payloads are read: reading from bytes would bring a second parser into the module.
        let text = std::str::from_utf8(&self.answer.body).map_err(|error| not_json(&error))?;
        serde_json::from_str(text).map_err(|error| not_json(&error))
    }

    /// This answer if its status is from 200 to 299.
    ///
    /// # Errors
    /// [`ErrorKind::Status`] for any other, redirects included; with the beginning of the body if that is plain text or JSON.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let status = self.answer.status;
        let mut what = format!("the server answered with status {status}");
        if let Some(excerpt) = self.excerpt() {
            what.push_str(": ");
            what.push_str(&excerpt);
        }
        Err(Error::new(self.request, Problem::new(ErrorKind::Status(status), what)))
    }

    fn unreadable(&self, is_not: &str) -> Error {
        let content_type = self.header("content-type").unwrap_or("of no content type");
        let size = self.answer.body.len();
        let what = format!("the answer ({content_type}, {size} bytes) {is_not}");
        Error::new(self.request.clone(), Problem::new(ErrorKind::Unreadable, what))
    }

    /// The beginning of a body that was written for people or programs to read, on one line.
    fn excerpt(&self) -> Option<String> {
        const BYTES_MAX: usize = 200;
        let content_type = self.header("content-type")?.to_ascii_lowercase();
        if !content_type.starts_with("text/plain") && !content_type.contains("json") {
            return None;
        }
        let body = &self.answer.body;
        let beginning = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]);
        let words = beginning.split(|character: char| character.is_whitespace() || character.is_control());
        let mut excerpt = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if body.len() > BYTES_MAX {
            excerpt.push('…');
        }
        (!excerpt.is_empty()).then_some(excerpt)
    }
}

/// Without headers and body: they may carry what is not to be shown.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("request", &self.request)
            .field("status", &self.answer.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::testing::{self, RecordedAnswer};

    const URL: &str = "https://accounts.example/streams";

    fn received(answer: RecordedAnswer) -> Response {
        let host = testing::Host::new().http(answer);
        host.run(|| crate::http::get(URL).query("key", "hunter2").send()).expect("it is recorded")
    }

    fn answer() -> RecordedAnswer {
        testing::answer("GET", "https://accounts.example/streams?key=hunter2")
    }

    #[test]
    fn an_answer_is_read_as_it_came() {
        let response = received(answer().status(201).header("X-Id", "7").header("x-id", "8").text("grün"));
        assert_eq!((response.status(), response.is_success()), (201, true));
        assert_eq!(response.header("x-ID"), Some("7"));
        assert_eq!(response.headers().filter(|(name, _)| name.eq_ignore_ascii_case("x-id")).count(), 2);
        assert_eq!((response.text(), response.bytes()), (Ok("grün"), "grün".as_bytes()));
        assert_eq!(response.header("retry-after"), None);
    }

    #[test]
    fn an_answer_that_cannot_be_read_says_what_it_is_instead() {
        let page = answer().header("content-type", "text/html").body("<html>");
        let error = received(page).json::<Vec<u32>>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        assert_eq!(
            error.to_string(),
            "GET https://accounts.example/streams: the answer (text/html, 6 bytes) is not the JSON expected: \
             expected value at line 1 column 1"
        );

        let error = received(answer().body([b'a', 0xff])).text().map(str::to_owned).unwrap_err();
        assert_eq!(
            error.to_string(),
            "GET https://accounts.example/streams: the answer (of no content type, 2 bytes) is not the text expected: \
             invalid utf-8 sequence of 1 bytes from index 1"
        );
    }

    #[test]
    fn a_status_that_is_no_success_is_an_error_on_demand() {
        for (answer, status, text) in [
            (answer().status(404), 404, "status 404"),
            (answer().status(302).header("location", "https://b.example"), 302, "status 302"),
            (answer().status(400).text("no such\r\n\tmonth\u{1b}[2J"), 400, "status 400: no such month [2J"),
            (
                answer().header("content-type", "application/problem+json").body("{}").status(422),
                422,
                "status 422: {}",
            ),
            (answer().header("content-type", "text/html").body("<html>").status(500), 500, "status 500"),
        ] {
            let error = received(answer).error_for_status().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Status(status));
            let expected = format!("GET https://accounts.example/streams: the server answered with {text}");
            assert_eq!(error.to_string(), expected);
        }
        assert!(received(answer().status(204)).error_for_status().is_ok());

        let long = received(answer().status(400).text("ü".repeat(5000))).error_for_status().unwrap_err();
        assert!(long.to_string().len() < 300, "{long}");
    }

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("120", Some(Duration::from_secs(120))),
            (" 0 ", Some(Duration::ZERO)),
            ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(Duration::from_secs(30))),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(Duration::ZERO)),
            ("Sun, 66 Nov 1994 08:50:07 GMT", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let response = received(answer().status(429).header("Retry-After", value));
            let waits = testing::Host::new().clock(now).run(|| response.retry_after());
            assert_eq!(waits, expected, "{value}");
        }
        assert_eq!(received(answer()).retry_after(), None);
    }

    #[test]
    fn what_an_answer_carries_is_not_printed() {
        let response = received(answer().header("set-cookie", "hunter2").text("hunter2"));
        assert!(!format!("{response:?}").contains("hunter2"));
    }
}
