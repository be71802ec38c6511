//! Recorded answers, and what was sent for them.

use std::time::Duration;

use serde::Serialize;

use super::{Host, SERVING};
use crate::http::url::Url;
use crate::http::{ErrorKind, Incoming, Outgoing, Problem};

/// The answer to one request of `method` to `url`, query included: status 200 and an empty body until said otherwise.
///
/// ```
/// use mainworker::{http, testing};
///
/// let host = testing::Host::new()
///     .http(testing::answer("POST", "https://mail.example/v1/send").status(429).header("retry-after", "30"))
///     .http(testing::answer("POST", "https://mail.example/v1/send").fails(http::ErrorKind::Timeout));
/// host.run(|| {
///     let send = || http::post("https://mail.example/v1/send").json(&serde_json::json!({ "to": "a@b.example" })).send();
///     assert_eq!(send()?.status(), 429);
///     assert_eq!(send().unwrap_err().kind(), http::ErrorKind::Timeout);
///     Ok::<(), http::Error>(())
/// })?;
/// assert_eq!(host.requests()[0].json()?, serde_json::json!({ "to": "a@b.example" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn answer(method: &str, url: &str) -> RecordedAnswer {
    // In the form in which a request has it. What is no URL stays as it is, and is in the list that an unanswered request
    // gives.
    let url = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.to_string());
    RecordedAnswer {
        method: method.to_owned(),
        url,
        outcome: Ok(Incoming { status: 200, ..Incoming::default() }),
    }
}

/// An answer for [`Host::http`]. Made by [`answer`].
#[derive(Clone, Debug)]
#[must_use = "it is given by `Host::http`"]
pub struct RecordedAnswer {
    method: String,
    url: String,
    outcome: Result<Incoming, ErrorKind>,
}

impl RecordedAnswer {
    /// Answers with this status.
    pub fn status(self, status: u16) -> Self {
        self.with(|answer| answer.status = status)
    }

    /// Adds a header to the answer.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|answer| answer.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Answers with `status` and `body` as JSON. A body that cannot be written as JSON leaves the answer's body empty.
    pub fn json<T: Serialize + ?Sized>(self, status: u16, body: &T) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.status(status).header("content-type", "application/json").body(body)
    }

    /// Answers with `body` as plain text.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(body.into())
    }

    /// Answers with these bytes. Their type is said by [`header`](Self::header).
    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(|answer| answer.body = bytes.into())
    }

    /// Gives no answer: the request fails in this way.
    pub fn fails(mut self, kind: ErrorKind) -> Self {
        self.outcome = Err(kind);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Incoming)) -> Self {
        let mut answer = self.outcome.unwrap_or_default();
        change(&mut answer);
        self.outcome = Ok(answer);
        self
    }
}

/// A request that the job sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// For example `GET`.
    pub method: String,
    /// The whole URL, query included.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Empty where none was sent.
    pub body: Vec<u8>,
    /// How long the job would wait at each step, where it said so.
    pub timeout: Option<Duration>,
}

impl SentRequest {
    /// The value of the header `name`, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The body read from JSON.
    ///
    /// # Errors
    /// The body is not JSON.
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

impl Host {
    /// Records an answer. Each is given once, to a request of its method and URL; among equal ones in the order recorded.
    /// Other requests fail as [`ErrorKind::Unreachable`].
    #[must_use]
    pub fn http(self, answer: RecordedAnswer) -> Self {
        self.seen.borrow_mut().answers.push(answer);
        self
    }

    /// The requests sent so far, in order, those without a recorded answer included.
    #[must_use]
    pub fn requests(&self) -> Vec<SentRequest> {
        self.seen.borrow().requests.clone()
    }

    /// The recorded answers that nothing has asked for, as `METHOD URL`.
    #[must_use]
    pub fn unused_answers(&self) -> Vec<String> {
        self.seen.borrow().answers.iter().map(|answer| format!("{} {}", answer.method, answer.url)).collect()
    }

    fn exchange(&self, request: SentRequest) -> Result<Incoming, Problem> {
        let mut seen = self.seen.borrow_mut();
        let recorded = seen
            .answers
            .iter()
            .position(|answer| answer.method == request.method && answer.url == request.url);
        let outcome = match recorded {
            Some(index) => seen.answers.remove(index).outcome.map_err(|kind| {
                Problem::new(kind, format!("the answer recorded for it is to fail as {kind:?}"))
            }),
            None => Err(no_answer(&request)),
        };
        seen.requests.push(request);
        outcome
    }
}

pub(crate) fn exchange(request: Outgoing) -> Result<Incoming, Problem> {
    let Outgoing { method, url, headers, body, timeout } = request;
    let (url, body) = (url.to_string(), body.unwrap_or_default());
    let request = SentRequest { method, url, headers, body, timeout };
    SERVING.with_borrow(|host| match host {
        Some(host) => host.exchange(request),
        None => Err(no_answer(&request)),
    })
}

fn no_answer(request: &SentRequest) -> Problem {
    let SentRequest { method, url, .. } = request;
    let what = format!(
        "no answer is recorded for it in this test\n\
         hint: testing::Host::new().http(testing::answer({method:?}, {url:?}).json(200, &…))"
    );
    Problem::new(ErrorKind::Unreachable, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    const URL: &str = "https://accounts.example/streams";

    #[test]
    fn an_answer_is_given_once_to_its_method_and_url_in_the_order_recorded() {
        let host = Host::new()
            .http(answer("GET", URL).text("first"))
            .http(answer("GET", "https://ACCOUNTS.example").text("root"))
            .http(answer("POST", URL).status(204))
            .http(answer("GET", URL).text("second"));
        host.run(|| {
            let text = |url: &str| http::get(url).send().unwrap().text().unwrap().to_owned();
            assert_eq!(text(URL), "first");
            assert_eq!(text("https://accounts.example/"), "root");
            assert_eq!(text(URL), "second");
            assert_eq!(http::get(URL).send().unwrap_err().kind(), ErrorKind::Unreachable);
        });
        assert_eq!(host.unused_answers(), ["POST https://accounts.example/streams"]);
        assert_eq!(host.requests().len(), 4);
    }

    #[test]
    fn a_request_without_an_answer_tells_how_to_record_one() {
        let host = Host::new().http(answer("GET", URL));
        let error = host.run(|| http::get(URL).query("month", "5").send()).unwrap_err();
        let expected = "GET https://accounts.example/streams: no answer is recorded for it in this test\n\
             hint: testing::Host::new().http(testing::answer(\"GET\", \
             \"https://accounts.example/streams?month=5\").json(200, &…))";
        assert_eq!(error.to_string(), expected);
        assert_eq!(http::get(URL).send().unwrap_err().kind(), ErrorKind::Unreachable, "without a host");
    }

    #[test]
    fn an_answer_can_be_to_fail() {
        let host = Host::new().http(answer("GET", URL).fails(ErrorKind::Timeout));
        let error = host.run(|| http::get(URL).send()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(
            error.to_string(),
            "GET https://accounts.example/streams: the answer recorded for it is to fail as Timeout"
        );
    }
}
