//! A source file that is read in one sitting.

use crate::finding::Finding;

/// Lines. Above this a file was, in every case looked at, about two things.
const LONGEST: usize = 600;

/// `text` is the content of the Rust file at `path`.
pub fn check(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > LONGEST).then(|| {
        Finding::new(
            "length",
            path,
            format!("{lines} lines; at most {LONGEST} are expected"),
            "split it where its concerns part, and name the parts after them",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, check};

    #[test]
    fn the_limit_itself_passes_and_one_more_line_does_not() {
        assert_eq!(check("a.rs", &"x\n".repeat(LONGEST)), None);
        let finding = check("a.rs", &"x\n".repeat(LONGEST + 1)).expect("too long");
        assert!(finding.problem.contains("601"), "{finding:?}");
    }
}
