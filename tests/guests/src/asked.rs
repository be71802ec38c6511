//! What a probe is asked for: the parameters beside its name.

use mainworker::{Failure, Task};
use serde_json::{Map, Value};

pub(crate) struct Asked {
    parameters: Map<String, Value>,
    pub(crate) attempt: u32,
}

impl Asked {
    pub(crate) fn read(task: &Task, payload: &str) -> Result<Self, Failure> {
        Ok(Self { parameters: serde_json::from_str(payload)?, attempt: task.attempt })
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.parameters.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.parameters.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Pairs of texts, such as headers.
    pub(crate) fn pairs(&self, key: &str) -> Vec<(String, String)> {
        let list = self.parameters.get(key).and_then(Value::as_array);
        let text = |value: &Value, index: usize| value[index].as_str().unwrap_or_default().to_owned();
        list.into_iter().flatten().map(|pair| (text(pair, 0), text(pair, 1))).collect()
    }

    /// All of it, as it came.
    pub(crate) fn payload(&self) -> Value {
        Value::Object(self.parameters.clone())
    }

    pub(crate) fn value(&self, key: &str) -> Value {
        self.parameters.get(key).cloned().unwrap_or_default()
    }

    /// A number, if it was given: zero is one.
    pub(crate) fn given(&self, key: &str) -> Option<u64> {
        self.parameters.get(key).and_then(Value::as_u64)
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.parameters.get(key).and_then(Value::as_u64).unwrap_or_default()
    }

    pub(crate) fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }
}
