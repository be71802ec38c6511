//! Which task.

use std::fmt;
use uuid::Uuid;

/// The id of a task: a UUID, drawn by whoever takes the task. Printed in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Uuid);

impl TaskId {
    /// Takes an id that was drawn.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id that [`TaskId::as_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// As it is stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id that is printed so; none for any other text, other spellings of a UUID among them.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let text = "01978f3c-7d1a-7c2e-9f00-0123456789ab";
        let id = TaskId::parse(text).unwrap();
        assert_eq!((id.to_string().as_str(), TaskId::from_bytes(*id.as_bytes())), (text, id));
        for other in ["", "x", &text.to_uppercase(), &text.replace('-', ""), &format!("{{{text}}}")] {
            assert_eq!(TaskId::parse(other), None, "{other}");
        }
    }
}
