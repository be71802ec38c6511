//! Asks for configuration keys and reports each value. A key that was not granted has none.

use crate::asked::Asked;
use mainworker::{Failure, config};
use serde_json::{Map, Value};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let mut values = Map::new();
    for key in asked.texts("keys") {
        values.insert(key.to_owned(), config::get(key)?.map_or(Value::Null, Value::from));
    }
    Ok(Value::Object(values))
}
