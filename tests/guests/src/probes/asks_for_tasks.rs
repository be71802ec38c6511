//! Asks for tasks of other jobs, and says what became of each.

use crate::asked::Asked;
use mainworker::{Failure, schedule};
use serde_json::{Value, json};

pub(crate) fn run(asked: &Asked) -> Result<Value, Failure> {
    let mut answers = Vec::new();
    for _ in 0..asked.number("times").max(1) {
        let mut task = schedule::task(asked.text("job"), &asked.value("payload"));
        if let Some(key) = asked.value("idempotency-key").as_str() {
            task = task.idempotency_key(key);
        }
        if let Some(priority) = asked.given("priority") {
            task = task.priority(u8::try_from(priority).unwrap_or(u8::MAX));
        }
        answers.push(match task.enqueue() {
            Ok(id) => json!({ "id": id }),
            Err(refused) => json!({ "refused": format!("{refused:?}") }),
        });
    }
    if asked.number("fail") != 0 {
        return Err(Failure::failed("asked for tasks and then failed"));
    }
    Ok(json!({ "answers": answers }))
}
