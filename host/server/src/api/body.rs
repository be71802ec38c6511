//! Reading the body of a request: within its size and time, and only as the JSON that was meant.

use super::fields::{missing, wrong_type};
use super::limits::{
    BODY_READ, DISCARD, DISCARDED_BYTES_MAX, SCHEDULES_BODY_BYTES_MAX, SMALL_BODY_BYTES_MAX,
};
use super::problem::ApiError;
use super::{Api, shortened};
use crate::intake::Asked;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt;
use mainworker_domain::json;
use mainworker_domain::limits::{BATCH_BYTES_MAX, BATCH_TASKS_MAX, ENVELOPE_BYTES_MAX, OPTIONS_BYTES_MAX};
use mainworker_domain::nearest::nearest;
use mainworker_domain::rejection::Rejection;
use mainworker_domain::task_options::{OptionError, TaskOptions};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::fmt;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

/// Bytes of the room for bodies are counted in pieces of so many.
pub(super) const ROOM_PIECE_BYTES: u64 = 1 << 10;

/// The fields of a request for one task.
const TASK_FIELDS: &[&str] = &["envelope", "options"];

/// What a body is to be, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One task.
    Task,
    /// Many of them.
    Batch,
    /// Definitions of schedules.
    Schedules,
    /// Anything else.
    Small,
}

impl Kind {
    fn bytes_max(self) -> u64 {
        match self {
            Self::Task => ENVELOPE_BYTES_MAX + OPTIONS_BYTES_MAX,
            Self::Batch => BATCH_BYTES_MAX,
            Self::Schedules => SCHEDULES_BODY_BYTES_MAX,
            Self::Small => SMALL_BODY_BYTES_MAX,
        }
    }

    fn too_large(self, observed: u64, observed_is_least: bool) -> ApiError {
        let allowed = self.bytes_max();
        let what = match self {
            Self::Task | Self::Schedules => "the request",
            Self::Batch => {
                let unit = "bytes";
                return Rejection::BatchTooLarge { unit, observed, observed_is_least, allowed }.into();
            }
            Self::Small => "the body",
        };
        ApiError::TooLarge { what, observed, observed_is_least, allowed }
    }
}

/// A body, and the room that it takes.
pub(super) struct Held<'a> {
    pub(super) bytes: Bytes,
    /// Given back when the body is not needed any more. The number of connections is what bounds small ones.
    _room: Option<SemaphorePermit<'a>>,
}

/// Reads the body of a request.
pub(super) async fn read(api: &Api, request: Request, kind: Kind) -> Result<Held<'_>, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes_max = kind.bytes_max();
    let size = body.size_hint();
    let refused = if size.exact() == Some(0) {
        None
    } else if let Err(error) = check_media_type(&parts.headers) {
        Some(error)
    } else if size.lower() > bytes_max {
        Some(kind.too_large(size.lower(), false))
    } else {
        None
    };
    if let Some(error) = refused {
        discard(&parts.headers, body).await;
        return Err(error);
    }
    // Who does not say how much there is takes the room of the largest.
    let bytes = size.exact().unwrap_or(bytes_max);
    let room = if bytes > SMALL_BODY_BYTES_MAX { Some(room(api, bytes).await?) } else { None };
    Ok(Held { bytes: collect(body, kind, BODY_READ).await?, _room: room })
}

/// Waits for room for so many bytes.
async fn room(api: &Api, bytes: u64) -> Result<SemaphorePermit<'_>, ApiError> {
    let pieces = u32::try_from(bytes.div_ceil(ROOM_PIECE_BYTES)).unwrap_or(u32::MAX);
    api.bodies.acquire_many(pieces).await.map_err(|_| ApiError::Stopping)
}

/// All of a body, if it comes in time.
async fn collect(mut body: Body, kind: Kind, time: Duration) -> Result<Bytes, ApiError> {
    match timeout(time, collect_pieces(&mut body, kind)).await {
        Ok(Err(error)) if error.code() == "too_large" => {
            discard(&HeaderMap::new(), body).await;
            Err(error)
        }
        Ok(collected) => collected,
        Err(_) => Err(ApiError::Timeout { seconds: time.as_secs() }),
    }
}

/// The usual body comes in one piece, which is not copied.
async fn collect_pieces(body: &mut Body, kind: Kind) -> Result<Bytes, ApiError> {
    let bytes_max = kind.bytes_max();
    let mut first: Option<Bytes> = None;
    let mut whole: Vec<u8> = Vec::new();
    let mut observed = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| ApiError::BrokenOff)?.into_data() else { continue };
        observed += piece.len() as u64;
        if observed > bytes_max {
            return Err(kind.too_large(bytes_max, true));
        }
        match first.take() {
            None if whole.is_empty() => first = Some(piece),
            None => whole.extend_from_slice(&piece),
            Some(before) => {
                whole.reserve(before.len() + piece.len());
                whole.extend_from_slice(&before);
                whole.extend_from_slice(&piece);
            }
        }
    }
    Ok(first.unwrap_or_else(|| Bytes::from(whole)))
}

/// Reads on for a while without keeping anything. A connection that is closed on a client that still writes can take the
/// answer with it. One that waits to be told to go on is not told.
pub(super) async fn discard(headers: &HeaderMap, mut body: Body) {
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    let read = async {
        let mut left = DISCARDED_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = left.saturating_sub(bytes);
            if left == 0 {
                break;
            }
        }
    };
    // Late or not, nobody needs it.
    let _ = timeout(DISCARD, read).await;
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let unsupported = |found: &str| {
        let found = format!("`{}`", shortened(found));
        Err(ApiError::UnsupportedMediaType { found })
    };
    if let Some(encoding) = text(CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return unsupported(&encoding);
    }
    let Some(media_type) = text(CONTENT_TYPE) else { return Ok(()) };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // The second is what `curl -d` says of whatever it sends. A page of another origin gains nothing by it: it has no token.
    let taken = ["application/json", "application/x-www-form-urlencoded"];
    if taken.iter().any(|taken| essence.eq_ignore_ascii_case(taken)) {
        Ok(())
    } else {
        unsupported(&media_type)
    }
}

/// The request for one task: `{"envelope": {…}, "options": {…}}`. The envelope is left as it was sent, and is checked by
/// the intake.
pub(super) fn task(bytes: &[u8]) -> Result<Asked, ApiError> {
    let [envelope, options] = fields(bytes, TASK_FIELDS)?;
    let envelope = envelope.ok_or_else(|| missing("envelope"))?;
    let options = options.map(read_options).transpose()?.unwrap_or_default();
    Ok(Asked { envelope: envelope.get().to_owned(), options })
}

/// The request for many tasks: `{"tasks": [{"envelope": {…}, "options": {…}}, …]}`.
pub(super) fn batch(bytes: &[u8]) -> Result<Vec<Asked>, ApiError> {
    let [tasks] = fields(bytes, &["tasks"])?;
    let tasks = tasks.ok_or_else(|| missing("tasks"))?.get();
    let found = raw_type(tasks);
    let tasks: Vec<&RawValue> = serde_json::from_str(tasks).map_err(|_| ApiError::WrongType {
        pointer: "/tasks".to_owned(),
        found,
        expected: "an array",
    })?;
    if tasks.len() > BATCH_TASKS_MAX {
        let observed = tasks.len() as u64;
        let allowed = BATCH_TASKS_MAX as u64;
        let rejection =
            Rejection::BatchTooLarge { unit: "tasks", observed, observed_is_least: false, allowed };
        return Err(rejection.into());
    }
    let each = tasks.iter().enumerate();
    each.map(|(index, raw)| task(raw.get().as_bytes()).map_err(|error| error.of_batch(index))).collect()
}

/// The fields of the request that applies a set of schedules, as they were written: `set`, `schedules`, `preview`, `seen`.
pub(super) fn apply(bytes: &[u8]) -> Result<[Option<&RawValue>; 4], ApiError> {
    json::check(bytes).map_err(ApiError::MalformedJson)?;
    fields(bytes, &["set", "schedules", "preview", "seen"])
}

/// A body as it was written.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ApiError> {
    json::check(bytes).map_err(ApiError::MalformedJson)?;
    // JSON that was checked is UTF-8.
    std::str::from_utf8(bytes).map_err(|_| ApiError::BrokenOff)
}

fn read_options(raw: &RawValue) -> Result<TaskOptions, ApiError> {
    if raw.get() == "null" {
        return Ok(TaskOptions::default());
    }
    json::check(raw.get().as_bytes()).map_err(ApiError::MalformedJson)?;
    let value: Value = serde_json::from_str(raw.get()).map_err(|_| OptionError::WrongType {
        option: "",
        found: raw_type(raw.get()),
        expected: "an object",
    })?;
    Ok(TaskOptions::from_json(&value)?)
}

/// A small body as a JSON object with some of these fields; an empty body is an empty object.
pub(super) fn small(bytes: &[u8], known: &'static [&'static str]) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    json::check(bytes).map_err(ApiError::MalformedJson)?;
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    object(&value, "the request", "", known)?;
    Ok(value)
}

/// Looks at the fields of what should be an object.
pub(super) fn object<'a>(
    value: &'a Value,
    what: &'static str,
    pointer: &'static str,
    known: &'static [&'static str],
) -> Result<&'a serde_json::Map<String, Value>, ApiError> {
    let Value::Object(object) = value else {
        return Err(wrong_type(pointer, value, "an object"));
    };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(unknown_field(what, pointer, unknown, known)),
        None => Ok(object),
    }
}

fn unknown_field(
    what: &'static str,
    parent: &'static str,
    field: &str,
    known: &'static [&'static str],
) -> ApiError {
    let nearest = nearest(field, known.iter().copied());
    ApiError::UnknownField { what, parent, field: shortened(field), known, nearest }
}

/// The fields of the JSON object that a request is, each as it was written: what is inside of them is not looked at beyond
/// its syntax.
fn fields<'a, const N: usize>(
    bytes: &'a [u8],
    known: &'static [&'static str],
) -> Result<[Option<&'a RawValue>; N], ApiError> {
    let unknown = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer.deserialize_map(Fields { known, unknown: &unknown });
    let fields = read.and_then(|fields| deserializer.end().map(|()| fields)).map_err(|_| {
        // Whoever reads the whole knows what is wrong with it and where, a key that is there twice included.
        match json::check(bytes) {
            Err(malformed) => ApiError::MalformedJson(malformed),
            Ok(()) => {
                let found = std::str::from_utf8(bytes).map_or("no text", raw_type);
                ApiError::WrongType { pointer: String::new(), found, expected: "an object" }
            }
        }
    })?;
    match unknown.take() {
        Some(field) => Err(unknown_field("the request", "", &field, known)),
        None => Ok(fields),
    }
}

struct Fields<'k, const N: usize> {
    known: &'static [&'static str],
    /// The first field that is none of them.
    unknown: &'k RefCell<Option<String>>,
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = [None; N];
        while let Some(key) = entries.next_key::<String>()? {
            let value: &RawValue = entries.next_value()?;
            match self.known.iter().position(|known| *known == key).and_then(|index| fields.get_mut(index)) {
                Some(field) if field.is_none() => *field = Some(value),
                Some(_) => return Err(A::Error::custom("a key that is there twice")),
                None => {
                    self.unknown.borrow_mut().get_or_insert(key);
                }
            }
        }
        Ok(fields)
    }
}

/// What a valid JSON text is, by its first character.
fn raw_type(raw: &str) -> &'static str {
    match raw.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use std::io;

    const ENVELOPE: &str =
        r#"{"configuration": {}, "jobName":"echo","source":"api","jobPayload":{"n":1.50}}"#;

    #[track_caller]
    fn problem(text: &str) -> (String, String) {
        let problem = task(text.as_bytes()).unwrap_err().problem();
        (problem.code, problem.detail)
    }

    #[test]
    fn the_envelope_is_handed_on_as_it_was_sent() {
        let asked = task(format!(r#" {{"envelope": {ENVELOPE} , "options":null}} "#).as_bytes()).unwrap();
        assert_eq!((asked.envelope.as_str(), asked.options), (ENVELOPE, TaskOptions::default()));
        let asked =
            task(format!(r#"{{"options":{{"priority":5}},"envelope":{ENVELOPE}}}"#).as_bytes()).unwrap();
        assert_eq!((asked.envelope.as_str(), asked.options.priority), (ENVELOPE, Some(5)));
    }

    #[test]
    fn what_stands_beside_the_envelope_is_read_strictly() {
        for (text, code, said) in [
            ("", "malformed_json", "line 1, column 0: EOF"),
            ("{\"envelope\": }", "malformed_json", "line 1, column 14: expected value"),
            (r#"{"envelope":{}} x"#, "malformed_json", "trailing characters"),
            (r#"{"envelope":{},"envelope":{}}"#, "malformed_json", "the key `envelope` appears twice"),
            (
                r#"{"envelope":{},"options":{"label":"a","label":"b"}}"#,
                "malformed_json",
                "the key `label` appears",
            ),
            ("[]", "wrong_type", "the request is an array, expected an object"),
            ("7", "wrong_type", "the request is a number, expected an object"),
            (r#"{"options":{}}"#, "missing_field", "the request has no field `envelope`"),
            (r#"{"envelope":{},"option":{}}"#, "unknown_field", "an unknown field `option`"),
            (r#"{"envelope":{},"options":[]}"#, "wrong_type", "the options are an array, expected an object"),
            (r#"{"envelope":{},"options":{"priorty":1}}"#, "unknown_field", "there is no option `priorty`"),
            (
                r#"{"envelope":{},"options":{"priority":"1"}}"#,
                "wrong_type",
                "the option `priority` is a string",
            ),
        ] {
            let (found, detail) = problem(text);
            assert_eq!(found, code, "{text}: {detail}");
            assert!(detail.contains(said), "{text}: {detail}");
        }
        assert!(task(b"{\"envelope\":\"\xff\"}").is_err());
    }

    #[test]
    fn an_unknown_field_is_reported_with_the_nearest_only_if_the_syntax_is_right() {
        let problem = task(br#"{"enveloppe":{}}"#).unwrap_err().problem();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("unknown_field", Some("/enveloppe"))
        );
        assert_eq!(problem.hint.as_deref(), Some("did you mean `envelope`?"));
        assert_eq!(task(br#"{"enveloppe":{}"#).unwrap_err().code(), "malformed_json");
    }

    #[test]
    fn a_batch_names_the_task_that_is_not_taken() {
        let good = format!(r#"{{"envelope":{ENVELOPE}}}"#);
        assert_eq!(batch(format!(r#"{{"tasks":[{good},{good}]}}"#).as_bytes()).unwrap().len(), 2);
        assert_eq!(batch(br#"{"tasks":[]}"#).unwrap().len(), 0);
        let bad = r#"{"envelope":{},"options":{"tags":7}}"#;
        let problem = batch(format!(r#"{{"tasks":[{good},{bad}]}}"#).as_bytes()).unwrap_err().problem();
        assert_eq!(
            (problem.code.as_str(), problem.index, problem.pointer.as_deref()),
            ("wrong_type", Some(1), Some("/options/tags"))
        );
        assert_eq!(batch(br#"{"tasks":{}}"#).unwrap_err().code(), "wrong_type");
        assert_eq!(batch(br#"{"tasks":[7]}"#).unwrap_err().problem().index, Some(0));
        let many = format!(r#"{{"tasks":[{}1]}}"#, "1,".repeat(BATCH_TASKS_MAX));
        let problem = batch(many.as_bytes()).unwrap_err().problem();
        assert_eq!((problem.code.as_str(), problem.index), ("too_large", None));
        assert_eq!(problem.detail, "the batch has 10001 tasks, expected at most 10000");
    }

    #[test]
    fn a_small_body_may_be_empty() {
        assert_eq!(small(b"", &[]).unwrap(), serde_json::json!({}));
        assert_eq!(small(br#"{"delayMs":5}"#, &["delayMs"]).unwrap()["delayMs"], 5);
        assert_eq!(small(b"{", &[]).unwrap_err().code(), "malformed_json");
        assert_eq!(small(br#"{"a":1,"a":1}"#, &["a"]).unwrap_err().code(), "malformed_json");
        assert_eq!(small(br#"{"delay":5}"#, &["delayMs"]).unwrap_err().code(), "unknown_field");
        assert_eq!(small(b"[]", &[]).unwrap_err().code(), "wrong_type");
    }

    async fn collected(pieces: Vec<Result<String, io::Error>>) -> Result<Bytes, ApiError> {
        let body = Body::from_stream(stream::iter(pieces));
        collect(body, Kind::Small, Duration::from_secs(60)).await
    }

    #[tokio::test]
    async fn pieces_become_one_body() {
        let text = |text: &str| Ok(text.to_owned());
        assert_eq!(collected(Vec::new()).await.unwrap(), "");
        assert_eq!(collected(vec![text("one")]).await.unwrap(), "one");
        assert_eq!(collected(vec![text("o"), text("n"), text("e")]).await.unwrap(), "one");
    }

    #[tokio::test]
    async fn a_body_that_ends_badly_is_none() {
        let broken = collected(vec![Ok("on".to_owned()), Err(io::ErrorKind::ConnectionReset.into())]).await;
        assert_eq!(broken.unwrap_err().problem().code, "malformed_json");
        let half = "x".repeat(40 << 10);
        let large = collected(vec![Ok(half.clone()), Ok(half)]).await.unwrap_err().problem();
        assert_eq!((large.code.as_str(), large.status), ("too_large", 413));
        assert_eq!(large.detail, "the body has more than 65536 bytes, expected at most 65536");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_long() {
        let begun = stream::iter([Ok::<_, io::Error>("{")]).chain(stream::pending());
        let late = collect(Body::from_stream(begun), Kind::Task, Duration::from_millis(20)).await;
        let late = late.unwrap_err().problem();
        assert_eq!((late.code.as_str(), late.status), ("timeout", 408));
    }

    #[test]
    fn json_by_any_spelling_is_taken_and_nothing_else() {
        let of = |name, value: &'static str| {
            check_media_type(&HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))]))
        };
        assert!(check_media_type(&HeaderMap::new()).is_ok());
        for good in
            ["application/json", "Application/JSON; charset=utf-8", "application/x-www-form-urlencoded"]
        {
            assert!(of(CONTENT_TYPE, good).is_ok(), "{good}");
        }
        for bad in ["text/plain", "multipart/form-data", "", "application/jsonp"] {
            assert_eq!(of(CONTENT_TYPE, bad).unwrap_err().code(), "unsupported_media_type", "{bad}");
        }
        assert!(of(CONTENT_ENCODING, "identity").is_ok() && of(CONTENT_ENCODING, "gzip").is_err());
    }
}
