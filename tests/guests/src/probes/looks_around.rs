//! Tries to read paths, as a file and as a folder, and reports for each what it got. Outside a mount nothing may exist.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let looked = asked.texts("paths").into_iter().map(|path| (path.to_owned(), Value::from(look(path))));
    Ok(Value::Object(looked.collect::<Map<_, _>>()))
}

/// `file: CONTENT`, `folder: NAMES`, `there`, or `error: …`.
fn look(path: &str) -> String {
    let content = fs::read_to_string(path);
    if let Ok(content) = content {
        return format!("file: {content}");
    }
    if let Ok(entries) = fs::read_dir(path) {
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        return format!("folder: {}", names.join(" "));
    }
    if Path::new(path).exists() {
        return "there".to_owned();
    }
    content.map_or_else(|error| format!("error: {error}"), |_| String::new())
}
