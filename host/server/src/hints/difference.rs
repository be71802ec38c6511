//! For what a new revision of a job may do that the old one could not.

use crate::terminal::shell_word;
use mainworker_domain::capability::NotAllowed;

/// For widenings that nobody allowed.
pub fn of_not_allowed(not_allowed: &NotAllowed) -> String {
    let flags = not_allowed.names.iter().map(|name| format!("--allow-widening {}", shell_word(name)));
    format!("if all of this is meant, add `{}`", flags.collect::<Vec<_>>().join(" "))
}

/// For a name that was allowed and is no widening, with the one that may be meant.
pub fn of_no_widening(nearest: Option<&str>) -> Option<String> {
    nearest.map(|nearest| format!("did you mean `{nearest}`?"))
}

/// For modules of two jobs that are to be compared.
pub fn of_two_jobs() -> String {
    "name two revisions of one job; `mainworker module inspect FILE` shows all that one asks for".to_owned()
}
