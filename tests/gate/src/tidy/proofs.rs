//! The table "What a job cannot do" of ARCHITECTURE.md names a test in each row; a row whose test is gone proves nothing.

use crate::finding::Finding;

/// Where the table is.
pub const PAGE: &str = "host/ARCHITECTURE.md";
/// Where its tests are.
pub const TESTS: [&str; 2] = ["host/sandbox/tests/probes/", "tests/system/"];

const HEADING: &str = "## What a job cannot do";

/// Looks up each row's tests, written `file::test` in its last column. `source` gives the text of `file.rs` in a folder
/// of tests.
pub fn check(page: &str, source: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    let found = |problem: String| {
        let hint = "name the tests that show it, as `file::test`";
        vec![Finding::new("proofs", PAGE.to_owned(), problem, hint)]
    };
    let Some((_, section)) = page.split_once(HEADING) else {
        return found(format!("it has no section `{HEADING}`"));
    };
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    let mut findings = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let tests: Vec<&str> = last_column(row).split('`').filter(|text| text.contains("::")).collect();
        if tests.is_empty() {
            findings.extend(found(format!("a row names no test: {row}")));
        }
        for test in tests {
            let is_there = test
                .split_once("::")
                .and_then(|(file, name)| Some(source(file)?.contains(&format!("fn {name}("))));
            if is_there != Some(true) {
                findings.extend(found(format!("there is no test `{test}`")));
            }
        }
    }
    if count == 0 {
        findings.extend(found(format!("`{HEADING}` has no rows")));
    }
    findings
}

fn last_column(row: &str) -> &str {
    row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(rows: &str) -> usize {
        let page =
            format!("# x\n\n{HEADING}\n\n| a | b |\n| --- | --- |\n{rows}\n## y\n\n| z | `no::test` |\n");
        let source = |file: &str| (file == "files").then(|| "async fn nothing_else() {}".to_owned());
        check(&page, &source).len()
    }

    #[test]
    fn a_row_without_a_test_that_is_there_is_found() {
        assert_eq!(findings("| read | `files::nothing_else` |\n"), 0);
        assert_eq!(findings("| read | `files::something_else` |\n"), 1);
        assert_eq!(findings("| read | `other::nothing_else` |\n"), 1);
        assert_eq!(findings("| read | trust me |\n"), 1);
        assert_eq!(findings(""), 1);
    }
}
