//! What goes with a task beside its envelope.
//!
//! Checked once, whether a client or a job asks; the order of the checks is the order of the fields.

use crate::limits::{DELAY_MS_MAX, KEY_CHARS_MAX, LABEL_CHARS_MAX, PRIORITY_MAX, TAG_CHARS_MAX, TAGS_MAX};
use crate::quantity::format_ms;
use serde_json::{Value, json};

/// When, how urgently and under which names a task is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOptions {
    /// Not to be run before so many milliseconds have passed.
    pub delay_ms: Option<u64>,
    /// 0 (last) to 9 (first).
    pub priority: Option<u8>,
    /// A text for people and filters.
    pub label: Option<String>,
    /// For filters.
    pub tags: Vec<String>,
    /// A second task with this key from the same source is the first one.
    pub idempotency_key: Option<String>,
    /// At most one task with this key is queued or running at a time.
    pub unique_key: Option<String>,
}

/// An option that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the option `{option}` is {found}, expected {expected}")]
pub struct OptionError {
    /// Its name in JSON.
    pub option: &'static str,
    /// What was found, shortened.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl TaskOptions {
    /// Checks each option.
    ///
    /// # Errors
    /// The first that cannot be meant.
    pub fn check(&self) -> Result<(), OptionError> {
        let error = |option, found: String, expected: String| Err(OptionError { option, found, expected });
        if let Some(delay_ms) = self.delay_ms
            && delay_ms > DELAY_MS_MAX
        {
            return error("delayMs", format_ms(delay_ms), format!("at most {}", format_ms(DELAY_MS_MAX)));
        }
        if let Some(priority) = self.priority
            && priority > PRIORITY_MAX
        {
            return error("priority", priority.to_string(), format!("0 (last) to {PRIORITY_MAX} (first)"));
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
        Ok(())
    }

    /// The options that are set, as the HTTP API takes them.
    pub fn to_json(&self) -> Value {
        let mut options = json!({});
        if let Some(delay_ms) = self.delay_ms {
            options["delayMs"] = json!(delay_ms);
        }
        if let Some(priority) = self.priority {
            options["priority"] = json!(priority);
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
    Err(OptionError { option, found, expected: format!("a line of 1 to {chars_max} characters") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_has_its_bounds() {
        let some = |text: &str| Some(text.to_owned());
        let fine = TaskOptions {
            delay_ms: Some(DELAY_MS_MAX),
            priority: Some(PRIORITY_MAX),
            label: some("June"),
            tags: vec!["a".to_owned(), "b".to_owned()],
            idempotency_key: some("acme:2015-05:90"),
            unique_key: None,
        };
        assert_eq!(fine.check(), Ok(()));
        let tag = |n: usize| n.to_string();
        for (bad, expected) in [
            (TaskOptions { delay_ms: Some(u64::MAX), ..TaskOptions::default() }, "`delayMs`"),
            (
                TaskOptions { priority: Some(10), ..TaskOptions::default() },
                "is 10, expected 0 (last) to 9 (first)",
            ),
            (TaskOptions { label: some(""), ..TaskOptions::default() }, "`label` is empty"),
            (TaskOptions { tags: (0..17).map(tag).collect(), ..TaskOptions::default() }, "is 17 tags"),
            (TaskOptions { tags: vec![tag(1), tag(1)], ..TaskOptions::default() }, "is `1` twice"),
            (TaskOptions { unique_key: some("a\nb"), ..TaskOptions::default() }, "control character"),
            (TaskOptions { label: some("a\u{202e}b"), ..TaskOptions::default() }, "control character"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
