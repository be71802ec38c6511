//! A client of HTTP/1.1 for tests, without any help from the product: what is sent and what comes back can be as wrong as
//! a test wants it.

use crate::host::CANARY;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer of these tests takes, and the end of one that does not come.
const PATIENCE: Duration = Duration::from_secs(100);

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    address: SocketAddr,
    token: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentEvent {
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
}

/// One connection, for one request after the other.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// The events of a stream, until it ends.
pub(crate) struct Events {
    connection: Connection,
    /// What was read of the body and is no whole line yet.
    rest: String,
}

impl Http {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "")
    }

    #[track_caller]
    pub(crate) fn post(&self, target: &str, body: &Value) -> Answer {
        self.post_text(target, &body.to_string())
    }

    /// A body as it is written.
    #[track_caller]
    pub(crate) fn post_text(&self, target: &str, body: &str) -> Answer {
        self.ask("POST", target, &[("content-type", "application/json")], body)
    }

    #[track_caller]
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut connection = self.connect();
        connection.send(&self.head(method, target, headers, body.len()));
        connection.send(body.as_bytes());
        connection.answer()
    }

    /// The status of an answer, whatever its body is.
    #[track_caller]
    pub(crate) fn ask_status(&self, method: &str, target: &str) -> u16 {
        self.ask_status_with(method, target, &[])
    }

    /// The same with these headers in the request.
    #[track_caller]
    pub(crate) fn ask_status_with(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut connection = self.connect();
        connection.send(&self.head(method, target, headers, 0));
        connection.head().0
    }

    /// Follows a stream. The answer has to be one.
    #[track_caller]
    pub(crate) fn follow(&self, target: &str, headers: &[(&str, &str)]) -> Events {
        let mut connection = self.connect();
        connection.send(&self.head("GET", target, headers, 0));
        let (status, headers) = connection.head();
        assert_eq!(status, 200, "{target}");
        let media_type = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value);
        assert_eq!(media_type.map(String::as_str), Some("text/event-stream"), "{target}");
        Events { connection, rest: String::new() }
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).expect("the host listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Connection { stream: BufReader::new(stream) }
    }

    /// Line and headers of a request.
    pub(crate) fn head(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        length: usize,
    ) -> Vec<u8> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if length > 0 || method == "POST" {
            head += &format!("content-length: {length}\r\n");
        }
        (head + "\r\n").into_bytes()
    }
}

impl Connection {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A host that has its answer already may close its side; the answer is what counts.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Reads one answer, and searches it for the secret.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let (status, headers) = self.head();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok()).expect("the answer has a length");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the answer is whole");
        let body = String::from_utf8(body).expect("the answer is text");
        assert!(!body.contains(CANARY) && !format!("{headers:?}").contains(CANARY), "the secret: {body}");
        Answer { status, headers, body }
    }

    #[track_caller]
    fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let first = self.line().expect("the answer comes");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("the headers are whole");
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        (status.unwrap_or_else(|| panic!("no status in `{first}`")), headers)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.is_empty() {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(line.trim_end().to_owned())
        }
    }

    /// Waits for a word of the host at most so long; whether it closed the connection instead of saying one.
    pub(crate) fn closes_within(&mut self, time: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(time)).expect("a socket");
        let is_closed = self.is_closed();
        self.stream.get_ref().set_read_timeout(Some(PATIENCE)).expect("a socket");
        is_closed
    }

    /// Whether the host closed the connection without another word.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }

    /// The problem that the answer is, with this status and code and everything that a problem has.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let problem: Value = serde_json::from_str(&self.body).expect("the problem is JSON");
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()), "{problem}");
        assert_eq!(problem["type"], "about:blank");
        for field in ["title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {problem}");
        }
        if matches!(status, 429 | 503) {
            assert!(self.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
        }
        problem
    }
}

impl Events {
    /// The next event; none when the stream has ended. Comments are left out.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<SentEvent> {
        let mut event = SentEvent::default();
        loop {
            let line = self.body_line()?;
            if line.is_empty() {
                if event != SentEvent::default() {
                    assert!(!event.data.contains(CANARY), "the secret: {}", event.data);
                    return Some(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "event" => event.kind = value,
                "data" => event.data = value,
                "id" => event.id = Some(value),
                "" => {}
                other => panic!("a field `{other}`"),
            }
        }
    }

    /// The next event, which has to come and to be of this kind; with its data.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().expect("another event");
        assert_eq!(event.kind, kind, "{}", event.data);
        serde_json::from_str(&event.data).expect("the data is JSON")
    }

    /// All events to the end of the stream.
    pub(crate) fn rest(mut self) -> Vec<SentEvent> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn body_line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let line = line.to_owned();
                self.rest = rest.to_owned();
                return Some(line);
            }
            // A piece of a chunked body; the last one is empty.
            let size = self.connection.line().ok()?;
            let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
            let mut piece = vec![0; size + 2];
            self.connection.stream.read_exact(&mut piece).ok()?;
            piece.truncate(size);
            if size == 0 {
                return None;
            }
            self.rest.push_str(&String::from_utf8(piece).expect("the stream is text"));
        }
    }
}
