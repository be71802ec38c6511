//! The top of the repository stays as small as it was agreed: a newcomer reads it at a glance.

use crate::finding::Finding;
use std::collections::BTreeSet;

const FOLDERS: [&str; 5] = ["guest-sdk", "host", "jobs-wasm", "tests", "wit"];
const FILES: [&str; 6] =
    ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "rust-toolchain.toml"];

/// `files` are relative to the root. Hidden entries belong to tools and may be there.
pub fn check(files: &[String]) -> Vec<Finding> {
    let strangers: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| match file.split_once('/') {
            Some((folder, _)) => (!FOLDERS.contains(&folder)).then_some(folder),
            None => (!FILES.contains(&file.as_str())).then_some(file.as_str()),
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    let hint = format!("move it into one of {}, or hide it if a tool wants it at the top", FOLDERS.join(" "));
    strangers
        .into_iter()
        .map(|name| Finding::new("top-level", name, "does not belong at the top level", &hint))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    fn places(files: &[&str]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        check(&files).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn what_was_agreed_passes() {
        assert!(
            places(&["Cargo.toml", "host/domain/src/lib.rs", ".ci/run", ".gitignore", "LICENSE"]).is_empty()
        );
    }

    #[test]
    fn a_new_folder_and_a_new_file_are_found_once_each() {
        assert_eq!(places(&["docs/a.md", "docs/b.md", "notes.txt"]), ["docs", "notes.txt"]);
    }

    #[test]
    fn a_file_may_not_take_the_name_of_a_folder() {
        assert_eq!(places(&["host", "Cargo.toml/x"]), ["Cargo.toml", "host"]);
    }
}
