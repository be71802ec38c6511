//! Why no crate is made.

use crate::failure::Failure;
use crate::hints;
use mainworker_domain::job_name::JobName;
use std::io;
use std::path::{Path, PathBuf};

/// Why no crate is made. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum NewProblem {
    /// Not a job name.
    #[error("`{found}` is not a job name: expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter")]
    BadName {
        /// What was given, shortened.
        found: String,
        /// The job name most like it.
        nearest: Option<String>,
    },
    /// A name that Rust or the crate's own dependencies have already.
    #[error("a crate cannot be called `{name}`: Rust or one of its dependencies has that name")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// Something has that name in the workspace.
    #[error(
        "the workspace has the crate `{package}`, which is called `{name}` or whose job is, expected a name of its own"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The crate that has it.
        package: String,
    },
    /// Something is where the crate would go.
    #[error("making the crate in `{}`: something is there already", path.display())]
    FolderExists {
        /// Where.
        path: PathBuf,
    },
    /// No SDK to build against.
    #[error("there is no `guest-sdk` in `{}` or above it, nor above this program", from.display())]
    SdkMissing {
        /// Where the search began.
        from: PathBuf,
    },
    /// A folder that is not the SDK.
    #[error("`{}` is not the guest SDK: found {found}, expected a `Cargo.toml` of the package `mainworker-guest-sdk`", path.display())]
    NotTheSdk {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A workspace whose list of members cannot be added to.
    #[error("adding `{member}` to the members of the workspace: {problem}")]
    Members {
        /// The new member.
        member: String,
        /// What is wrong with the list.
        problem: String,
    },
    /// A file or folder that cannot be written.
    #[error("writing `{}`: {problem}", path.display())]
    Unwritable {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        problem: String,
    },
}

impl NewProblem {
    pub(super) fn bad_name(found: &str) -> Self {
        Self::BadName { found: found.to_owned(), nearest: nearest_name(found) }
    }

    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), problem: error.to_string() }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadName { .. } => "job_name_invalid",
            Self::ReservedName { .. } => "job_name_reserved",
            Self::NameTaken { .. } => "job_name_taken",
            Self::FolderExists { .. } => "folder_exists",
            Self::SdkMissing { .. } => "sdk_missing",
            Self::NotTheSdk { .. } => "sdk_invalid",
            Self::Members { .. } => "members_not_editable",
            Self::Unwritable { .. } => "out_unwritable",
        }
    }
}

impl From<NewProblem> for Failure {
    fn from(problem: NewProblem) -> Self {
        Self::usage(problem.code(), &problem, hints::of_new(&problem))
    }
}

/// The letters and digits of a text in lower case, joined with `-` where something else stood; none where that is no name.
fn nearest_name(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            'A'..='Z' => {
                if after_lower {
                    name.push('-');
                }
                name.push(c.to_ascii_lowercase());
            }
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
        after_lower = c.is_ascii_lowercase();
    }
    let name = name.trim_matches('-').trim_start_matches(|c: char| !c.is_ascii_lowercase());
    JobName::parse(name).ok().map(|name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::nearest_name;

    #[test]
    fn a_name_that_is_none_finds_one_like_it() {
        for (text, name) in [
            ("Send_Email", Some("send-email")),
            ("sendEmail", Some("send-email")),
            ("2nd job!", Some("nd-job")),
            ("../etc/passwd", Some("etc-passwd")),
            ("ünïcode", Some("n-code")),
            ("42", None),
            ("", None),
        ] {
            assert_eq!(nearest_name(text).as_deref(), name, "{text}");
        }
    }
}
