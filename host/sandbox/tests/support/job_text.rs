//! Components written by hand, in their text form.

/// The types of the contract, imported, so that a function can name them.
const TYPES: &str = r#"
    (import "mainworker:job/types@0.1.0" (instance $types
        (type $task0 (record (field "id" string) (field "job" string) (field "source" string)
            (field "attempt" u32) (field "max-attempts" u32) (field "tags" (list string))))
        (export "task" (type (eq $task0)))
        (type $failure0 (variant (case "rejected" string) (case "failed" string)
            (case "retry-after" (tuple u64 string))))
        (export "failure" (type (eq $failure0)))))
    (alias export $types "task" (type $task))
    (alias export $types "failure" (type $failure))
"#;

/// A job whose core module has `items`, and whose `run` executes `body` and then returns the text `{}`.
pub(crate) fn job(items: &str, body: &str) -> String {
    whole("", items, body, "{}", "mainworker:job/handler@0.1.0")
}

/// A job that returns `result`, a text without quotes.
pub(crate) fn job_returning(result: &str) -> String {
    whole("", "", "", result, "mainworker:job/handler@0.1.0")
}

/// A job with further `imports` or definitions at the component's top level.
pub(crate) fn job_with(imports: &str) -> String {
    whole(imports, "", "", "{}", "mainworker:job/handler@0.1.0")
}

/// A job that exports its handler under another name.
pub(crate) fn job_exporting(handler: &str) -> String {
    whole("", "", "", "{}", handler)
}

fn whole(imports: &str, items: &str, body: &str, result: &str, handler: &str) -> String {
    let memory = if items.contains("(memory") { "" } else { r#"(memory (export "memory") 2)"# };
    let bytes = result.len();
    format!(
        r#"(component
    {TYPES}
    {imports}
    (core module $code
        {memory}
        {items}
        (global $free (mut i32) (i32.const 4096))
        (data (i32.const 64) "{result}")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
            (global.set $free (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            {body}
            (i32.store8 (i32.const 16) (i32.const 0))
            (i32.store (i32.const 24) (i32.const 64))
            (i32.store (i32.const 28) (i32.const {bytes}))
            (i32.const 16)))
    (core instance $core (instantiate $code))
    (func $run (param "task" $task) (param "payload" string) (result (result string (error $failure)))
        (canon lift (core func $core "run") (memory (core memory $core "memory")) (realloc (core func $core "realloc"))))
    (instance $handler (export "run" (func $run)))
    (export "{handler}" (instance $handler)))"#
    )
}
