//! Names that say nothing collect everything. A file is named after what it is about.

use super::source_text::{Split, words};
use crate::finding::Finding;

const EMPTY_NAMES: [&str; 7] = ["common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// Looks at the folders and the name of a Rust file, and at the modules declared in it.
pub fn check(path: &str, split: &Split) -> Vec<Finding> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut findings: Vec<_> = stem
        .split('/')
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| finding(path.to_owned(), part))
        .collect();
    for (number, line) in split.code.lines().enumerate() {
        let words: Vec<_> = words(line).collect();
        for pair in words.windows(2) {
            if let ["mod", name] = pair
                && EMPTY_NAMES.contains(name)
            {
                findings.push(finding(format!("{path}:{}", number + 1), name));
            }
        }
    }
    findings
}

fn finding(place: String, name: &str) -> Finding {
    let hint = "name it after what is in it; if that is several things, they are several modules";
    Finding::new("names", place, format!("`{name}` says nothing about what is inside"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source_text::split;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(path, &split(text)).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn empty_names_are_found_in_files_folders_and_modules() {
        assert_eq!(places("host/domain/src/utils.rs", ""), ["host/domain/src/utils.rs"]);
        assert_eq!(places("tests/common/mod.rs", ""), ["tests/common/mod.rs"]);
        assert_eq!(places("a.rs", "use x;\npub(crate) mod helpers {\n}\n"), ["a.rs:2"]);
    }

    #[test]
    fn a_name_that_only_contains_one_passes() {
        assert!(places("host/utility_bill.rs", "mod common_fields;\n// mod utils\n").is_empty());
    }
}
