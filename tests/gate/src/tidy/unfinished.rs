//! Nothing unfinished is kept in the sources: what is left to do is an issue, where somebody sees it.

use super::source_text::{Split, words};
use crate::finding::Finding;

const IN_CODE: [(&str, &str); 4] = [
    ("#[ignore", "an ignored test protects nothing: mend it or delete it"),
    ("todo!", "write it, or leave the function out until it is written"),
    ("unimplemented!", "return an error that says what is missing"),
    ("dbg!", "it was for one debugging session"),
];
const IN_COMMENTS: [&str; 2] = ["TODO", "FIXME"];
const EXCEPTIONS: [&str; 2] = ["#[allow(", "#![allow("];

/// Strings are not looked at, so that this rule and its tests can be written down.
pub fn check(path: &str, split: &Split) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, (code, comment)) in split.code.lines().zip(split.comments.lines()).enumerate() {
        let place = || format!("{path}:{}", number + 1);
        for (pattern, hint) in IN_CODE {
            if contains_whole(code, pattern) {
                findings.push(Finding::new("unfinished", place(), format!("`{pattern}`"), hint));
            }
        }
        for word in words(comment).filter(|word| IN_COMMENTS.contains(word)) {
            let hint = "open an issue and name it here if the reader needs to know";
            findings.push(Finding::new("unfinished", place(), format!("`{word}`"), hint));
        }
    }
    for pattern in EXCEPTIONS {
        for (start, _) in split.code.match_indices(pattern) {
            if !words(attribute(&split.code[start..])).any(|word| word == "reason") {
                let line = split.code[..start].matches('\n').count() + 1;
                let hint = "`#[expect(…, reason = \"…\")]` says why, and goes away when its cause does";
                let problem = format!("`{pattern}…` without a reason");
                findings.push(Finding::new("unfinished", format!("{path}:{line}"), problem, hint));
            }
        }
    }
    findings
}

/// `dbg!` in `dbg!(x)` but not in `my_dbg!(x)`.
fn contains_whole(code: &str, pattern: &str) -> bool {
    code.match_indices(pattern).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// From `#[` to its `]`.
fn attribute(code: &str) -> &str {
    let mut depth = 0_usize;
    for (index, c) in code.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return &code[..index],
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source_text::split;

    fn problems(text: &str) -> Vec<(String, String)> {
        let found = check("a.rs", &split(text));
        found.into_iter().map(|finding| (finding.place, finding.problem)).collect()
    }

    #[test]
    fn each_mark_of_unfinished_work_is_found() {
        for text in ["#[ignore]", "#[ignore = \"slow\"]", "todo!()", "unimplemented!()", "dbg!(1)"] {
            assert_eq!(problems(&format!("\n{text}\n")).len(), 1, "{text}");
            assert_eq!(problems(&format!("\n{text}\n"))[0].0, "a.rs:2", "{text}");
        }
        for text in ["// TODO: x", "/// FIXME", "/* (TODO) */", "x(); // TODO"] {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn words_in_strings_and_longer_words_pass() {
        for text in
            ["let x = \"todo!() TODO\";", "my_dbg!(x)", "// todo lists", "let ignore = 1;", "// TODOS"]
        {
            assert!(problems(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn allow_needs_a_reason() {
        assert_eq!(problems("\n#[allow(dead_code)]\nfn f() {}").len(), 1);
        assert_eq!(problems("#![allow(\n    dead_code,\n)]\nconst REASON: &str = \"\";").len(), 1);
        assert!(problems("#[allow(dead_code, reason = \"shown in the book\")]").is_empty());
        assert!(problems("#[expect(dead_code, reason = \"kept\")]").is_empty());
    }
}
