//! Sends one request, or many, with nothing of the SDK in between: whatever `wasi:http` lets a guest say.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    http_error_code,
};
use wasip2::io::streams::StreamError;

/// The answer is what became of the last request: `{"status", "headers", "body"}`, `{"error"}` for an error of
/// `wasi:http`, or `{"refused"}` for a call that did not take what it was given.
pub(crate) fn run(asked: &Asked) -> Result<Value, Failure> {
    let times = asked.number("times").max(1);
    let mut last = json!(null);
    // Kept, so that a host which holds something for each has to hold it.
    let mut waiting = Vec::new();
    for _ in 0..times {
        last = match send(asked) {
            Err(refused) => json!({ "refused": refused }),
            Ok(Err(code)) => json!({ "error": name(&code) }),
            Ok(Ok(future)) if asked.number("without-waiting") != 0 => {
                waiting.push(future);
                json!({ "sent": waiting.len() })
            }
            Ok(Ok(future)) if asked.number("dropping") != 0 => {
                drop(future);
                json!("dropped")
            }
            Ok(Ok(future)) if asked.number("without-reading") != 0 => {
                future.subscribe().block();
                waiting.push(future);
                json!({ "answered": waiting.len() })
            }
            Ok(Ok(future)) => answer(asked, &future),
        };
    }
    if asked.number("needs-answer") != 0 && last.get("status").is_none() {
        return Err(Failure::failed(format!("it cannot do without an answer: {last}")));
    }
    Ok(last)
}

type Sent = Result<FutureIncomingResponse, ErrorCode>;

fn send(asked: &Asked) -> Result<Sent, String> {
    let fields = Fields::new();
    let mut headers = asked.pairs("headers");
    let many = asked.number("headers-many");
    headers.extend((0..many).map(|n| (format!("x-{n}"), String::from("v"))));
    for (name, value) in headers {
        fields.append(&name, value.as_bytes()).map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match asked.text("method") {
        "" | "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    let scheme = match asked.text("scheme") {
        "" | "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request.set_authority(Some(asked.text("authority"))).map_err(|()| "authority")?;
    let path = format!("{}{}", asked.text("path"), "x".repeat(asked.count("path-bytes")));
    request.set_path_with_query(Some(&path)).map_err(|()| "path")?;
    let body = request.body().map_err(|()| "body")?;
    let sent = handle(request, options(asked)?);
    if asked.number("never-finish") != 0 {
        mainworker::log::info!("ready");
        // It stays open for as long as the guest does: what is never finished is never sent.
        let _open = std::mem::ManuallyDrop::new(body);
        return Ok(sent);
    }
    write(asked, body)?;
    Ok(sent)
}

fn options(asked: &Asked) -> Result<Option<RequestOptions>, String> {
    let Some(timeout_ns) = asked.given("timeout-ns") else { return Ok(None) };
    let options = RequestOptions::new();
    let set = options
        .set_connect_timeout(Some(timeout_ns))
        .and_then(|()| options.set_first_byte_timeout(Some(timeout_ns)))
        .and_then(|()| options.set_between_bytes_timeout(Some(timeout_ns)));
    set.map_err(|()| "timeout")?;
    Ok(Some(options))
}

fn write(asked: &Asked, body: OutgoingBody) -> Result<(), String> {
    let bytes = asked.count("body-bytes");
    let text = if bytes > 0 { "b".repeat(bytes) } else { asked.text("body").to_owned() };
    if !text.is_empty() {
        let stream = body.write().map_err(|()| "write")?;
        for piece in text.as_bytes().chunks(4096) {
            // A request that was denied has nobody to read its body.
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }
    let trailers = asked.pairs("trailers");
    let fields = if trailers.is_empty() {
        None
    } else {
        let fields = Fields::new();
        for (name, value) in trailers {
            fields.append(&name, value.as_bytes()).map_err(|error| format!("trailer: {error:?}"))?;
        }
        Some(fields)
    };
    match OutgoingBody::finish(body, fields) {
        Ok(()) => Ok(()),
        Err(code) => Err(format!("finish: {}", name(&code))),
    }
}

fn answer(asked: &Asked, future: &FutureIncomingResponse) -> Value {
    if asked.number("announce") != 0 {
        mainworker::log::info!("ready");
    }
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return json!({ "error": name(&code) }),
        _ => return json!({ "refused": "get" }),
    };
    let headers: Vec<Value> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| json!([name, String::from_utf8_lossy(&value)]))
        .collect();
    let status = response.status();
    let mut bytes = Vec::new();
    let Ok(body) = response.consume() else { return json!({ "refused": "consume" }) };
    let Ok(stream) = body.stream() else { return json!({ "refused": "stream" }) };
    if asked.number("announce-body") != 0 {
        mainworker::log::info!("ready");
    }
    let mut total = 0;
    let broken = loop {
        match stream.blocking_read(64 << 10) {
            Ok(read) => {
                total += read.len();
                // The beginning is enough to be looked at; an endless one is not to be an end of memory.
                if bytes.len() < 64 << 10 {
                    bytes.extend_from_slice(&read);
                }
            }
            Err(StreamError::Closed) => break None,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error).map(|code| name(&code));
                break Some(json!({ "code": code, "text": error.to_debug_string() }));
            }
        }
    };
    json!({
        "status": status,
        "headers": headers,
        "body": String::from_utf8_lossy(&bytes),
        "bytes": total,
        "broken": broken,
    })
}

/// The code without its particulars.
fn name(code: &ErrorCode) -> String {
    let text = format!("{code:?}");
    text.split(['(', ' ']).next().unwrap_or(&text).trim_start_matches("ErrorCode::").to_owned()
}
