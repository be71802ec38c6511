//! Answers that were recorded, in place of the network: nothing leaves the machine, and every run gets the same.
//!
//! Requests are matched to exchanges by method and URL, in the order recorded. One that comes out of order leaves those
//! before its exchange unsent; one that fits none is refused a connection. All of them are kept as they would have left, with
//! secrets in them, for whoever compares.

use super::transport::{Outgoing, SendError, Transport, TransportFuture};
use super::{HttpError, WasiBody};
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A request that is expected, as far as it is matched, and what comes back.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// Origin, path and query, as [`SentRequest::url`] has them.
    pub url: String,
    /// What comes back.
    pub answer: RecordedAnswer,
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum RecordedAnswer {
    /// A whole response.
    Response {
        /// The status.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// No response.
    Error(RecordedError),
}

/// What can go wrong instead of a response: one word for each way in which the network fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedError {
    /// The server ended the connection before its response was whole.
    ConnectionLost,
    /// Nobody listens there.
    ConnectionRefused,
    /// The name has no address.
    NameNotFound,
    /// The server does not speak HTTP.
    Protocol,
    /// No response in time.
    Timeout,
    /// The server's certificate is not taken.
    Tls,
}

impl RecordedError {
    /// Every error.
    pub const ALL: [Self; 6] = [
        Self::ConnectionLost,
        Self::ConnectionRefused,
        Self::NameNotFound,
        Self::Protocol,
        Self::Timeout,
        Self::Tls,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection-lost",
            Self::ConnectionRefused => "connection-refused",
            Self::NameNotFound => "name-not-found",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
        }
    }

    /// What the real network gives a guest.
    fn for_guest(self) -> HttpError {
        match self {
            Self::ConnectionLost => HttpError::HttpResponseIncomplete,
            Self::ConnectionRefused => HttpError::ConnectionRefused,
            Self::NameNotFound => HttpError::DnsError { rcode: None, info_code: None },
            Self::Protocol => HttpError::HttpProtocolError,
            Self::Timeout => HttpError::ConnectionReadTimeout,
            Self::Tls => HttpError::TlsCertificateError,
        }
    }
}

/// A request as it would have left. Not to be shown beyond the author of the answers: secrets are in it.
#[derive(Clone)]
pub struct SentRequest {
    /// The method.
    pub method: String,
    /// Origin, path and query. The origin is in its one spelling: lower case, no usual port.
    pub url: String,
    /// Names in lower case; a header of many values has an entry for each.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Which exchange answered it, if any.
    pub exchange: Option<usize>,
}

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentRequest").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// Recorded answers.
#[derive(Debug)]
pub struct Recorded {
    exchanges: Vec<Exchange>,
    sent: Mutex<Vec<SentRequest>>,
}

impl Recorded {
    /// These exchanges, each good for one request.
    pub fn new(exchanges: Vec<Exchange>) -> Self {
        Self { exchanges, sent: Mutex::default() }
    }

    /// The requests so far, in their order.
    pub fn sent(&self) -> Vec<SentRequest> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SentRequest>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and finds its answer: the first that fits behind the last one given.
    fn answer(&self, outgoing: &Outgoing) -> Option<&RecordedAnswer> {
        let request = &outgoing.request;
        let method = request.method().to_string();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", outgoing.origin);
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = request.headers().iter().map(header).collect();
        let mut sent = self.lock();
        let next = sent.iter().filter_map(|sent| sent.exchange).max().map_or(0, |last| last + 1);
        let fits = |exchange: &Exchange| exchange.method == method && exchange.url == url;
        let found = self.exchanges.iter().skip(next).position(fits).map(|index| next + index);
        sent.push(SentRequest { method, url, headers, body: request.body().clone(), exchange: found });
        Some(&self.exchanges.get(found?)?.answer)
    }
}

impl Transport for Recorded {
    fn send(&self, outgoing: Outgoing) -> TransportFuture {
        let answer = match self.answer(&outgoing) {
            None => {
                Err(SendError::failed(HttpError::ConnectionRefused, "no answer is recorded for this request"))
            }
            Some(RecordedAnswer::Error(error)) => {
                let detail = format!("the recorded answer is `{}`", error.as_str());
                Err(SendError::failed(error.for_guest(), detail))
            }
            Some(RecordedAnswer::Response { status, headers, body }) => {
                response(*status, headers, body.clone())
            }
        };
        Box::pin(async { answer })
    }
}

fn response(status: u16, headers: &[(String, String)], body: Bytes) -> Result<Response<WasiBody>, SendError> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let invalid = |error: http::Error| {
        SendError::failed(
            HttpError::HttpProtocolError,
            format!("the recorded answer is no response: {error}"),
        )
    };
    response.body(body).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::super::transport::Timeouts;
    use super::*;
    use http::Request;
    use mainworker_domain::origin::BaseUrl;
    use std::time::Duration;

    fn exchange(method: &str, url: &str, answer: RecordedAnswer) -> Exchange {
        Exchange { method: method.to_owned(), url: url.to_owned(), answer }
    }

    fn ok(body: &'static str) -> RecordedAnswer {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        RecordedAnswer::Response { status: 200, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    /// The body of the answer, or what the guest gets.
    async fn send(recorded: &Recorded, method: &str, url: &str) -> Result<String, String> {
        let origin = BaseUrl::parse(url.split_once('?').map_or(url, |(before, _)| before)).unwrap().origin;
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("X-Token", "secret")
            .body(Bytes::from_static(b"sent"))
            .unwrap();
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { connect: second, first_byte: second, between_bytes: second };
        match recorded
            .send(Outgoing { origin, request, timeouts, header_bytes_max: 32 << 10, in_flight: None })
            .await
        {
            Ok(response) => {
                let body = response.into_body().collect().await.unwrap().to_bytes();
                Ok(String::from_utf8(body.to_vec()).unwrap())
            }
            Err(SendError::Failed(failed)) => Err(failed.detail),
            Err(SendError::Denied(denial)) => panic!("{denial}"),
        }
    }

    #[tokio::test]
    async fn each_answer_is_given_once_and_in_order() {
        let url = "https://a.example/x?y=1";
        let recorded =
            Recorded::new(vec![exchange("GET", url, ok("first")), exchange("GET", url, ok("second"))]);
        assert_eq!(send(&recorded, "GET", "https://A.example:443/x?y=1").await.as_deref(), Ok("first"));
        assert_eq!(send(&recorded, "GET", url).await.as_deref(), Ok("second"));
        assert!(send(&recorded, "GET", url).await.unwrap_err().contains("no answer is recorded"));
        let sent = recorded.sent();
        let exchanges: Vec<_> = sent.iter().map(|sent| sent.exchange).collect();
        assert_eq!(exchanges, [Some(0), Some(1), None]);
        assert_eq!((sent[0].method.as_str(), sent[0].url.as_str()), ("GET", url));
        assert_eq!(sent[0].headers, [("x-token".to_owned(), "secret".to_owned())]);
        assert_eq!(&sent[0].body[..], b"sent");
        assert!(!format!("{recorded:?}").contains("secret"), "{recorded:?}");
    }

    #[tokio::test]
    async fn a_request_out_of_order_leaves_those_before_it_unsent() {
        let recorded = Recorded::new(vec![
            exchange("GET", "https://a.example/1", ok("1")),
            exchange("POST", "https://a.example/2", ok("2")),
        ]);
        assert!(send(&recorded, "PUT", "https://a.example/1").await.is_err());
        assert_eq!(send(&recorded, "POST", "https://a.example/2").await.as_deref(), Ok("2"));
        assert!(send(&recorded, "GET", "https://a.example/1").await.is_err());
    }

    #[tokio::test]
    async fn errors_are_those_of_the_network() {
        for error in RecordedError::ALL {
            let recorded =
                Recorded::new(vec![exchange("GET", "https://a.example/", RecordedAnswer::Error(error))]);
            let detail = send(&recorded, "GET", "https://a.example").await.unwrap_err();
            assert_eq!(detail, format!("the recorded answer is `{}`", error.as_str()));
        }
    }
}
