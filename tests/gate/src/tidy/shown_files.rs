//! Files that README.md shows are shown as they are: a first example that does not compile costs a reader an hour.

use crate::finding::Finding;

/// The files that README.md shows whole.
pub const SHOWN: [&str; 3] =
    ["host/client/examples/first_task.rs", "jobs-wasm/echo/job.toml", "jobs-wasm/echo/src/lib.rs"];

/// The most lines that a first example may have, as README.md promises.
const FIRST_LINES_MAX: usize = 20;

/// Looks for the text of one shown file in README.md.
pub fn check(readme: &str, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !readme.contains(text.trim_end()) {
        let hint = "copy the file into the block of README.md that shows it";
        let found = format!("README.md does not show `{path}` as it is");
        findings.push(Finding::new("shown-files", "README.md".to_owned(), found, hint));
    }
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > FIRST_LINES_MAX {
        let found = format!("{lines} lines, README.md promises at most {FIRST_LINES_MAX}");
        findings.push(Finding::new("shown-files", path.to_owned(), found, "make it shorter"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_since_it_was_shown_is_found() {
        assert!(check("# x\n```rust\nfn a() {}\n```\n", "a.rs", "fn a() {}\n").is_empty());
        assert_eq!(check("fn a() {}", "a.rs", "fn b() {}\n").len(), 1);
    }

    #[test]
    fn a_first_job_that_grew_is_found() {
        let long = "x\n".repeat(21);
        assert_eq!(check(&long, "a.rs", &long).len(), 1);
    }
}
