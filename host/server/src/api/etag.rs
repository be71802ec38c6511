//! Answers with an entity tag, and `304` to whoever has them already (RFC 9110 §8.8.3, §13.1.2).

use super::problem::ApiError;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bytes of a hash that make a tag: enough that two answers never have the same.
const TAG_BYTES: usize = 16;

/// `body` as JSON with the tag of exactly these bytes, or nothing new if the request has it.
pub(super) fn json(request: &HeaderMap, body: &impl Serialize) -> Result<Response, ApiError> {
    let bytes = serde_json::to_vec(body).map_err(|_| ApiError::Host("an answer cannot be written"))?;
    let tag = tag(&bytes);
    let mut response = if has(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Hexadecimal digits in quotes.
    headers.extend(HeaderValue::from_str(&tag).map(|tag| (ETAG, tag)));
    Ok(response)
}

fn tag(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether a request names the tag. A proxy that compresses marks it as weak.
fn has(request: &HeaderMap, tag: &str) -> bool {
    let given = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(tags: &[&'static str]) -> HeaderMap {
        tags.iter().map(|tag| (IF_NONE_MATCH, HeaderValue::from_static(tag))).collect()
    }

    #[test]
    fn the_same_answer_has_the_same_tag_and_another_another() {
        let tag = |body| json(&HeaderMap::new(), &body).unwrap().headers()[ETAG].clone();
        assert_eq!(tag(json!({ "a": 1 })), tag(json!({ "a": 1 })));
        assert_ne!(tag(json!({ "a": 1 })), tag(json!({ "a": 2 })));
        assert_eq!(tag(json!({ "a": 1 })).to_str().unwrap(), "\"015abd7f5cc57a2dd94b7590f04ad808\"");
    }

    #[test]
    fn whoever_has_it_is_told_so_however_it_is_asked() {
        let body = json!({ "a": 1 });
        for (tags, status) in [
            (&[][..], 200),
            (&["\"015abd7f5cc57a2dd94b7590f04ad808\""], 304),
            (&["W/\"015abd7f5cc57a2dd94b7590f04ad808\""], 304),
            (&["\"x\" ,\t\"015abd7f5cc57a2dd94b7590f04ad808\""], 304),
            (&["\"x\"", "\"015abd7f5cc57a2dd94b7590f04ad808\""], 304),
            (&["*"], 304),
            (&["\"x\""], 200),
            (&["015abd7f5cc57a2dd94b7590f04ad808"], 200),
            (&[""], 200),
        ] {
            let response = json(&asked(tags), &body).unwrap();
            assert_eq!(response.status().as_u16(), status, "{tags:?}");
            assert_eq!(response.headers()[ETAG], "\"015abd7f5cc57a2dd94b7590f04ad808\"");
        }
    }
}
