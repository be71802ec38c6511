//! What modules were built from, by whom, and when: what a statement says of it.

use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::statement::{GitCommit, Source};
use std::env;
use std::process::{Command, Stdio};

/// The variable that says who builds.
const BUILDER_VARIABLE: &str = "MAINWORKER_BUILDER";
/// The variable that says when, in seconds since 1970 (<https://reproducible-builds.org/specs/source-date-epoch/>).
const TIME_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Commit, builder and time.
#[derive(Clone, Debug)]
pub(super) struct BuiltFrom {
    /// The commit.
    pub(super) source: Source,
    /// Who builds.
    pub(super) builder: String,
    /// The time of the commit, so that the same commit makes the same content.
    pub(super) created: Timestamp,
}

impl BuiltFrom {
    /// What the flags, the environment and the repository here say.
    ///
    /// # Errors
    /// One of them that nobody says, or that cannot be meant.
    pub(super) fn find(commit: Option<&str>, builder: Option<&str>) -> Result<Self, Failure> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let builder = builder.map(str::to_owned).or_else(|| variable(BUILDER_VARIABLE)).ok_or_else(|| {
            let problem = "nobody says who builds, expected a URI that hosts can trust";
            Failure::usage("builder_unknown", problem, hints::of_unknown_builder())
        })?;
        if !is_uri(&builder) {
            let shown: String = builder.chars().take(80).collect();
            let problem = format!("the builder `{shown}` is no URI");
            return Err(Failure::usage("builder_invalid", problem, hints::of_unknown_builder()));
        }
        let text = match commit {
            Some(commit) => commit.to_owned(),
            None => {
                warn_of_changes();
                git(&["rev-parse", "HEAD"]).ok_or_else(|| {
                    let problem =
                        "nobody says from which commit the modules are, and there is no git repository here";
                    Failure::usage("commit_unknown", problem, hints::of_unknown_commit())
                })?
            }
        };
        let commit = GitCommit::parse(&text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            let problem = format!("`{shown}` is no commit, expected 40 or 64 lower-case hexadecimal digits");
            Failure::usage("commit_invalid", problem, hints::of_unknown_commit())
        })?;
        let created = match variable(TIME_VARIABLE) {
            Some(text) => Some((text, TIME_VARIABLE)),
            None => git(&["show", "--no-patch", "--format=%ct", commit.as_str()]).map(|text| (text, "git")),
        };
        let (text, from) = created.ok_or_else(|| {
            let problem = format!("when {} was made is not known here", commit.as_str());
            Failure::usage("commit_time_unknown", problem, hints::of_unknown_commit_time())
        })?;
        let created =
            text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000)).ok_or_else(|| {
                let problem = format!("`{text}` from {from} is no time, expected seconds since 1970");
                Failure::usage("commit_time_invalid", problem, hints::of_unknown_commit_time())
            })?;
        Ok(Self { source: Source { uri: None, commit }, builder, created: Timestamp::from_ms(created) })
    }
}

/// Whether a text is a scheme, a colon and something behind it, without spaces: what hosts compare has one form.
fn is_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    text.split_once(':').is_some_and(|(scheme, rest)| {
        is_scheme(scheme) && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

/// What was changed since is in no commit, and may be in the modules.
fn warn_of_changes() {
    if git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changed| !changed.is_empty()) {
        terminal::note(
            "warning: the repository has changes that its commit has not; the statement will name the commit",
        );
    }
}

/// What git answers; none where it does not.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
