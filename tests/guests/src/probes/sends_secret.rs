//! Sends its secret, or what it holds instead of it, in one place of a request; `{}` is where.

use crate::asked::Asked;
use mainworker::{Failure, config, http};
use serde_json::{Value, json};

pub(crate) fn run(asked: &Asked) -> Result<Value, Failure> {
    let secret = config::require("secret")?;
    let filled = |key: &str| {
        let text = asked.text(key);
        (!text.is_empty()).then(|| text.replace("{}", &secret))
    };
    let path = filled("query").unwrap_or_else(|| String::from("/"));
    let mut request = http::post(format!("http://{}{path}", asked.text("authority")));
    if let Some(value) = filled("authorization") {
        request = request.header("authorization", value);
    }
    if let Some((user, password)) = filled("basic").as_deref().and_then(|text| text.split_once(':')) {
        request = request.basic(user, password);
    }
    for (key, content_type) in [
        ("json", "application/json; charset=utf-8"),
        ("form", "application/x-www-form-urlencoded"),
        ("text", "text/plain"),
    ] {
        if let Some(body) = filled(key) {
            request = request.body(content_type, body);
        }
    }
    if let Some(body) = filled("gzip") {
        // Not compressed at all, which the host does not look into.
        request = request.header("content-encoding", "gzip").body("text/plain", body);
    }
    match request.send() {
        Ok(response) if asked.number("needs-success") != 0 && !response.is_success() => {
            Err(Failure::failed(format!("the server answered with status {}", response.status())))
        }
        Ok(response) => Ok(json!({ "status": response.status(), "body": response.text()? })),
        Err(error) => Ok(json!({ "error": kind(&error.to_string()) })),
    }
}

/// Of the texts of the SDK's errors, the one that is tested for.
fn kind(text: &str) -> &str {
    if text.contains("cannot stand in a header") { "InternalError" } else { text }
}
