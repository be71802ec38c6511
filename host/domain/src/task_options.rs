//! What goes with a task beside its envelope.
//!
//! Checked once, whether a client or a job asks; the order of the checks is the order of the fields.

use crate::lifecycle::Timestamp;
use crate::limits::{
    ATTEMPTS_MAX, DELAY_MS_MAX, HORIZON_MS_MAX, KEY_CHARS_MAX, LABEL_CHARS_MAX, PRIORITY_MAX, TAG_CHARS_MAX,
    TAGS_MAX,
};
use crate::nearest::nearest;
use crate::quantity::format_ms;
use crate::table::type_name;
use serde_json::{Value, json};

/// The options by their names in JSON.
pub const OPTIONS: [&str; 11] = [
    "delayMs",
    "runAt",
    "priority",
    "timeoutMs",
    "expiresAt",
    "label",
    "tags",
    "idempotencyKey",
    "uniqueKey",
    "uniquePolicy",
    "maxAttempts",
];

/// What happens to a new task whose unique key is held by one that is queued or running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UniquePolicy {
    /// It is rejected.
    #[default]
    Reject,
    /// It takes the place of the other, which is cancelled; but not of one that runs or that another source asked for.
    Replace,
    /// It is the other.
    Existing,
}

impl UniquePolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Reject, Self::Replace, Self::Existing];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Replace => "replace",
            Self::Existing => "existing",
        }
    }

    /// The policy that [`UniquePolicy::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// When, how urgently and under which names a task is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOptions {
    /// Not to be run before so many milliseconds have passed.
    pub delay_ms: Option<u64>,
    /// Not to be run before. Instead of a delay.
    pub run_at: Option<Timestamp>,
    /// 0 (last) to 9 (first).
    pub priority: Option<u8>,
    /// Milliseconds of each attempt at most; only lowers what the job asks for.
    pub timeout_ms: Option<u64>,
    /// Not to begin at or after.
    pub expires_at: Option<Timestamp>,
    /// A text for people and filters.
    pub label: Option<String>,
    /// For filters.
    pub tags: Vec<String>,
    /// A second task with this key from the same source is the first one.
    pub idempotency_key: Option<String>,
    /// At most one task of its job with this key is queued or running at a time.
    pub unique_key: Option<String>,
    /// What happens if there is one.
    pub unique_policy: UniquePolicy,
    /// Attempts at most, instead of what the job's manifest says.
    pub max_attempts: Option<u32>,
}

/// Options that are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// One that cannot be meant.
    #[error("the option `{option}` is {found}, expected {expected}")]
    Invalid {
        /// Its name in JSON.
        option: &'static str,
        /// What was found, shortened.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// One of another type; without a name it is about all of them.
    #[error("{} {found}, expected {expected}", if option.is_empty() { "the options are".to_owned() } else { format!("the option `{option}` is") })]
    WrongType {
        /// Its name in JSON.
        option: &'static str,
        /// The type that was found.
        found: &'static str,
        /// The type that was expected.
        expected: &'static str,
    },
    /// One that there is not.
    #[error("there is no option `{option}`, expected some of `{}`", OPTIONS.join("`, `"))]
    Unknown {
        /// Its name, shortened.
        option: String,
        /// The option most like it.
        nearest: Option<&'static str>,
    },
}

impl OptionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "options_invalid",
            Self::WrongType { .. } => "wrong_type",
            Self::Unknown { .. } => "unknown_field",
        }
    }

    /// Which option; empty if it is about all of them.
    pub fn option(&self) -> &str {
        match self {
            Self::Invalid { option, .. } | Self::WrongType { option, .. } => option,
            Self::Unknown { option, .. } => option,
        }
    }
}

impl TaskOptions {
    /// Reads the options as the HTTP API takes them. `null` is as good as nothing.
    ///
    /// # Errors
    /// The first option that is unknown or of another type; whether their values can be meant is for [`TaskOptions::check`].
    pub fn from_json(value: &Value) -> Result<Self, OptionError> {
        let wrong = |option, found: &Value, expected| OptionError::WrongType {
            option,
            found: type_name(found),
            expected,
        };
        let Value::Object(object) = value else {
            return Err(wrong("", value, "an object"));
        };
        if let Some(unknown) = object.keys().find(|key| !OPTIONS.contains(&key.as_str())) {
            let known =
                nearest(unknown, OPTIONS).and_then(|name| OPTIONS.into_iter().find(|known| *known == name));
            return Err(OptionError::Unknown { option: unknown.chars().take(80).collect(), nearest: known });
        }
        let given = |option: &'static str| object.get(option).filter(|value| !value.is_null());
        let number = |option| match given(option) {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| wrong(option, value, "a whole number from 0"))
            }
        };
        let text = |option| match given(option) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value) => Err(wrong(option, value, "a string")),
        };
        let moment = |option| match text(option)? {
            None => Ok(None),
            Some(text) => Timestamp::parse(&text).map(Some).ok_or_else(|| OptionError::Invalid {
                option,
                found: format!("`{}`", text.chars().take(80).collect::<String>()),
                expected: "a time such as `2015-05-17T08:05:32Z`".to_owned(),
            }),
        };
        // Beyond the type's range is beyond the allowed one.
        let small = |option| {
            number(option).map(|number| number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
        };
        let tags = match given("tags") {
            None => Vec::new(),
            Some(Value::Array(tags)) => {
                let texts = tags
                    .iter()
                    .map(|tag| tag.as_str().map(str::to_owned).ok_or_else(|| wrong("tags", tag, "strings")));
                texts.collect::<Result<_, _>>()?
            }
            Some(value) => return Err(wrong("tags", value, "an array of strings")),
        };
        let unique_policy = match text("uniquePolicy")? {
            None => UniquePolicy::default(),
            Some(word) => UniquePolicy::parse(&word).ok_or_else(|| OptionError::Invalid {
                option: "uniquePolicy",
                found: format!("`{}`", word.chars().take(80).collect::<String>()),
                expected: "`reject`, `replace` or `existing`".to_owned(),
            })?,
        };
        Ok(Self {
            delay_ms: number("delayMs")?,
            run_at: moment("runAt")?,
            priority: small("priority")?.map(|priority| u8::try_from(priority).unwrap_or(u8::MAX)),
            timeout_ms: number("timeoutMs")?,
            expires_at: moment("expiresAt")?,
            label: text("label")?,
            tags,
            idempotency_key: text("idempotencyKey")?,
            unique_key: text("uniqueKey")?,
            unique_policy,
            max_attempts: small("maxAttempts")?,
        })
    }

    /// Checks each option.
    ///
    /// # Errors
    /// The first that cannot be meant.
    pub fn check(&self, now: Timestamp) -> Result<(), OptionError> {
        let error =
            |option, found: String, expected: String| Err(OptionError::Invalid { option, found, expected });
        if let Some(delay_ms) = self.delay_ms
            && delay_ms > DELAY_MS_MAX
        {
            return error("delayMs", format_ms(delay_ms), format!("at most {}", format_ms(DELAY_MS_MAX)));
        }
        let horizon = now.after_ms(HORIZON_MS_MAX);
        if let Some(run_at) = self.run_at {
            if self.delay_ms.is_some() {
                return error("runAt", "given beside `delayMs`".to_owned(), "one of the two".to_owned());
            }
            if run_at > horizon {
                return error("runAt", run_at.to_string(), format!("a time up to {horizon}"));
            }
        }
        if let Some(priority) = self.priority
            && priority > PRIORITY_MAX
        {
            return error("priority", priority.to_string(), format!("0 (last) to {PRIORITY_MAX} (first)"));
        }
        if self.timeout_ms == Some(0) {
            return error("timeoutMs", "0".to_owned(), "at least 1".to_owned());
        }
        if let Some(expires_at) = self.expires_at {
            let begins_at = self.begins_at(now);
            if expires_at <= begins_at {
                let expected = format!("a time after it may begin, {begins_at}");
                return error("expiresAt", expires_at.to_string(), expected);
            }
            if expires_at > horizon.after_ms(DELAY_MS_MAX) {
                return error("expiresAt", expires_at.to_string(), format!("a time up to {horizon}"));
            }
        }
        if let Some(label) = &self.label {
            check_line("label", label, LABEL_CHARS_MAX)?;
        }
        if self.tags.len() > TAGS_MAX {
            return error("tags", format!("{} tags", self.tags.len()), format!("at most {TAGS_MAX}"));
        }
        for (index, tag) in self.tags.iter().enumerate() {
            check_line("tags", tag, TAG_CHARS_MAX)?;
            if self.tags[..index].contains(tag) {
                return error("tags", format!("`{tag}` twice"), "each tag once".to_owned());
            }
        }
        for (option, key) in [("idempotencyKey", &self.idempotency_key), ("uniqueKey", &self.unique_key)] {
            if let Some(key) = key {
                check_line(option, key, KEY_CHARS_MAX)?;
            }
        }
        if self.unique_policy != UniquePolicy::default() && self.unique_key.is_none() {
            let expected = "`uniqueKey` beside it".to_owned();
            return error("uniquePolicy", format!("`{}`", self.unique_policy.as_str()), expected);
        }
        if let Some(attempts) = self.max_attempts
            && !(1..=ATTEMPTS_MAX).contains(&attempts)
        {
            return error("maxAttempts", attempts.to_string(), format!("1 to {ATTEMPTS_MAX}"));
        }
        Ok(())
    }

    /// When the task may begin at the earliest.
    pub fn begins_at(&self, now: Timestamp) -> Timestamp {
        match (self.delay_ms, self.run_at) {
            (Some(delay_ms), _) => now.after_ms(delay_ms),
            (None, Some(run_at)) => run_at.max(now),
            (None, None) => now,
        }
    }

    /// The options that are set, as the HTTP API takes them.
    pub fn to_json(&self) -> Value {
        let mut options = json!({});
        if let Some(delay_ms) = self.delay_ms {
            options["delayMs"] = json!(delay_ms);
        }
        if let Some(run_at) = self.run_at {
            options["runAt"] = json!(run_at.to_string());
        }
        if let Some(priority) = self.priority {
            options["priority"] = json!(priority);
        }
        if let Some(timeout_ms) = self.timeout_ms {
            options["timeoutMs"] = json!(timeout_ms);
        }
        if let Some(expires_at) = self.expires_at {
            options["expiresAt"] = json!(expires_at.to_string());
        }
        if let Some(label) = &self.label {
            options["label"] = json!(label);
        }
        if !self.tags.is_empty() {
            options["tags"] = json!(self.tags);
        }
        if let Some(key) = &self.idempotency_key {
            options["idempotencyKey"] = json!(key);
        }
        if let Some(key) = &self.unique_key {
            options["uniqueKey"] = json!(key);
        }
        if self.unique_policy != UniquePolicy::default() {
            options["uniquePolicy"] = json!(self.unique_policy.as_str());
        }
        if let Some(max_attempts) = self.max_attempts {
            options["maxAttempts"] = json!(max_attempts);
        }
        options
    }
}

/// Whether a character moves or hides others where it is shown: controls, line and paragraph separators, directions.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of one line: these are shown in tables and compared as they are.
fn check_line(option: &'static str, text: &str, chars_max: usize) -> Result<(), OptionError> {
    let chars = text.chars().count();
    let found = if chars == 0 {
        "empty".to_owned()
    } else if chars > chars_max {
        format!("{chars} characters long")
    } else if text.chars().any(is_invisible) {
        "a text with a control character".to_owned()
    } else {
        return Ok(());
    };
    Err(OptionError::Invalid { option, found, expected: format!("a line of 1 to {chars_max} characters") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_431_849_932_017);

    #[test]
    fn each_option_has_its_bounds() {
        let some = |text: &str| Some(text.to_owned());
        let none = TaskOptions::default;
        let fine = TaskOptions {
            delay_ms: Some(DELAY_MS_MAX),
            priority: Some(PRIORITY_MAX),
            label: some("June"),
            tags: vec!["a".to_owned(), "b".to_owned()],
            idempotency_key: some("acme:2015-05:90"),
            expires_at: Some(NOW.after_ms(DELAY_MS_MAX + 1)),
            max_attempts: Some(ATTEMPTS_MAX),
            ..none()
        };
        assert_eq!(fine.check(NOW), Ok(()));
        let tag = |n: usize| n.to_string();
        let far = Some(NOW.after_ms(HORIZON_MS_MAX + 1));
        for (bad, expected) in [
            (TaskOptions { delay_ms: Some(u64::MAX), ..none() }, "`delayMs`"),
            (TaskOptions { delay_ms: Some(1), run_at: Some(NOW), ..none() }, "given beside `delayMs`"),
            (TaskOptions { run_at: far, ..none() }, "`runAt`"),
            (TaskOptions { priority: Some(10), ..none() }, "is 10, expected 0 (last) to 9 (first)"),
            (TaskOptions { timeout_ms: Some(0), ..none() }, "`timeoutMs` is 0, expected at least 1"),
            (
                TaskOptions { expires_at: Some(NOW), ..none() },
                "expected a time after it may begin, 2015-05-17T08:05:32.017Z",
            ),
            (
                TaskOptions { expires_at: Some(NOW.after_ms(5)), delay_ms: Some(5), ..none() },
                "after it may begin",
            ),
            (TaskOptions { expires_at: Some(Timestamp::MAX), ..none() }, "expected a time up to"),
            (TaskOptions { label: some(""), ..none() }, "`label` is empty"),
            (TaskOptions { tags: (0..17).map(tag).collect(), ..none() }, "is 17 tags"),
            (TaskOptions { tags: vec![tag(1), tag(1)], ..none() }, "is `1` twice"),
            (TaskOptions { unique_key: some("a\nb"), ..none() }, "control character"),
            (
                TaskOptions { unique_policy: UniquePolicy::Replace, ..none() },
                "expected `uniqueKey` beside it",
            ),
            (TaskOptions { label: some("a\u{202e}b"), ..none() }, "control character"),
            (TaskOptions { max_attempts: Some(0), ..none() }, "`maxAttempts` is 0, expected 1 to 100"),
        ] {
            let error = bad.check(NOW).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn options_are_read_as_they_are_written() {
        let all = json!({
            "delayMs": 5, "priority": 9, "timeoutMs": 1000, "expiresAt": "2015-05-18T00:00:00.000Z", "label": "June",
            "tags": ["a"], "idempotencyKey": "i", "uniqueKey": "u", "uniquePolicy": "existing", "maxAttempts": 3,
        });
        let options = TaskOptions::from_json(&all).unwrap();
        assert_eq!((options.check(NOW), options.to_json()), (Ok(()), all));
        let later = json!({ "runAt": "2015-05-18T02:00:00+02:00", "label": null });
        let options = TaskOptions::from_json(&later).unwrap();
        assert_eq!(options.begins_at(NOW).to_string(), "2015-05-18T00:00:00.000Z");
        assert_eq!(TaskOptions::from_json(&json!({})), Ok(TaskOptions::default()));
    }

    #[test]
    fn what_is_no_option_is_refused_by_name() {
        for (bad, code, expected) in [
            (json!([]), "wrong_type", "the options are an array, expected an object"),
            (
                json!({ "prioritiy": 1 }),
                "unknown_field",
                "there is no option `prioritiy`, expected some of `delayMs`",
            ),
            (
                json!({ "delayMs": "5s" }),
                "wrong_type",
                "the option `delayMs` is a string, expected a whole number from 0",
            ),
            (json!({ "delayMs": -1 }), "wrong_type", "is a number, expected a whole number from 0"),
            (json!({ "tags": "a" }), "wrong_type", "expected an array of strings"),
            (json!({ "tags": [1] }), "wrong_type", "expected strings"),
            (json!({ "runAt": "tomorrow" }), "options_invalid", "is `tomorrow`, expected a time such as"),
            (
                json!({ "uniquePolicy": "ignore" }),
                "options_invalid",
                "expected `reject`, `replace` or `existing`",
            ),
        ] {
            let error = TaskOptions::from_json(&bad).unwrap_err();
            assert_eq!(error.code(), code, "{bad}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let Err(OptionError::Unknown { nearest, .. }) = TaskOptions::from_json(&json!({ "prioritiy": 1 }))
        else {
            panic!()
        };
        assert_eq!(nearest, Some("priority"));
        let huge = TaskOptions::from_json(&json!({ "priority": 1_000_000_000_000_u64 })).unwrap();
        assert!(huge.check(NOW).is_err(), "not lowered into the range");
    }
}
