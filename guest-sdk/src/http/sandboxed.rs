//! One exchange over `wasi:http`.
//!
//! The host ends an attempt that goes over its limits, so nothing is counted here. Resources are dropped children first:
//! a parent that goes before its child is a trap.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

use super::{ErrorKind, Incoming, Outgoing, Problem};

/// What `blocking-write-and-flush` takes at most, in bytes.
const WRITE_MAX: usize = 4096;
/// What is asked for in one read, in bytes. The host gives what it has.
const READ_MAX: u64 = 64 * 1024;
/// What is shown of a host's own text for an error.
const CHARACTERS_MAX: usize = 200;

pub(crate) fn exchange(outgoing: Outgoing) -> Result<Incoming, Problem> {
    let options = options(&outgoing)?;
    let request = request(&outgoing)?;
    let body = request.body().map_err(|()| unexpected("the request has no body"))?;
    let future = outgoing_handler::handle(request, options)?;
    let written = write(body, outgoing.body.as_deref().unwrap_or_default());
    // A server may answer before it has read all of the body, and then its answer counts.
    match (answer(&future), written) {
        (Ok(response), _) => read(response),
        (Err(_), Err(problem)) | (Err(problem), Ok(())) => Err(problem),
    }
}

fn request(outgoing: &Outgoing) -> Result<OutgoingRequest, Problem> {
    let Outgoing { method, url, headers, body, .. } = outgoing;
    let mut fields: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    // Without it the body goes in chunks, which not every server takes. Methods that go with a body say that there is none.
    let length = body.as_ref().map(Vec::len);
    if let Some(length) = length.or(matches!(method.as_str(), "POST" | "PUT" | "PATCH").then_some(0)) {
        fields.push((String::from("content-length"), length.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&fields).map_err(|error| {
        let what = match error {
            HeaderError::Forbidden => "the host does not let jobs send one of its headers",
            HeaderError::InvalidSyntax | HeaderError::Immutable => {
                "the host takes one of its headers for none"
            }
        };
        Problem::new(ErrorKind::Invalid, what)
    })?;
    let request = OutgoingRequest::new(fields);
    let refused = |what: &'static str| {
        move |()| Problem::new(ErrorKind::Invalid, format!("the host takes its {what} for none"))
    };
    let scheme = if url.secure { Scheme::Https } else { Scheme::Http };
    request.set_method(&wasi_method(method)).map_err(refused("method"))?;
    request.set_scheme(Some(&scheme)).map_err(refused("scheme"))?;
    request.set_authority(Some(&url.authority)).map_err(refused("host"))?;
    request.set_path_with_query(Some(&url.path_with_query)).map_err(refused("path"))?;
    Ok(request)
}

fn wasi_method(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(outgoing: &Outgoing) -> Result<Option<RequestOptions>, Problem> {
    let Some(timeout) = outgoing.timeout else { return Ok(None) };
    let timeout_ns = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    let set = options.set_connect_timeout(timeout_ns);
    set.and_then(|()| options.set_first_byte_timeout(timeout_ns))
        .and_then(|()| options.set_between_bytes_timeout(timeout_ns))
        .map_err(|()| Problem::new(ErrorKind::Invalid, "the host does not let jobs set a timeout"))?;
    Ok(Some(options))
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Problem> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| unexpected("the request's body cannot be written"))?;
        for piece in bytes.chunks(WRITE_MAX) {
            match stream.blocking_write_and_flush(piece) {
                Ok(()) => {}
                // Nobody reads on. Why is said with the answer.
                Err(StreamError::Closed) => return Ok(()),
                Err(error) => return Err(stream_problem(error)),
            }
        }
    }
    OutgoingBody::finish(body, None).map_err(Problem::from)
}

fn answer(future: &FutureIncomingResponse) -> Result<IncomingResponse, Problem> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(answer)) => answer.map_err(Problem::from),
        Some(Err(())) | None => Err(unexpected("its answer is not there when it should be")),
    }
}

fn read(response: IncomingResponse) -> Result<Incoming, Problem> {
    let status = response.status();
    let entries = response.headers().entries();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let headers = entries.into_iter().map(|(name, value)| (name, text(value))).collect();
    let body = response.consume().map_err(|()| unexpected("the answer has no body"))?;
    Ok(Incoming { status, headers, body: read_body(&body)? })
}

fn read_body(body: &IncomingBody) -> Result<Vec<u8>, Problem> {
    let stream = body.stream().map_err(|()| unexpected("the answer's body cannot be read"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_MAX) {
            Ok(read) => bytes.extend_from_slice(&read),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(stream_problem(error)),
        }
    }
}

fn stream_problem(error: StreamError) -> Problem {
    let error = match error {
        StreamError::Closed => return ErrorCode::ConnectionTerminated.into(),
        StreamError::LastOperationFailed(error) => error,
    };
    if let Some(code) = http_error_code(&error) {
        return code.into();
    }
    // A host without a code for it has a text for its own developers, of which the first line says what happened.
    let text = error.to_debug_string();
    let first_line: String = text.lines().next().unwrap_or_default().chars().take(CHARACTERS_MAX).collect();
    Problem::new(ErrorKind::Protocol, format!("the connection broke off: {first_line}"))
}

/// For what a host that keeps to `wasi:http` does not do.
fn unexpected(what: &str) -> Problem {
    Problem::new(ErrorKind::Protocol, format!("the host does not keep to wasi:http: {what}"))
}
