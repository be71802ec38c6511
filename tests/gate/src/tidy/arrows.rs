//! Which crate may depend on which. The table is the architecture; a new folder has to find its place in it.
//!
//! Ordinary and build dependencies are held to it. Development dependencies are not: a test may set up what it wants.

use crate::finding::Finding;
use crate::workspace::Workspace;
use cargo_metadata::{DependencyKind, Package};

/// A folder, and the folders its crate may depend on. `NAME/*` is any crate directly in `NAME`; the first row that
/// fits a crate is its row. `*` is anything of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("host/domain", &[]),
    ("host/queue", &["host/domain"]),
    ("host/sandbox", &["host/domain"]),
    ("host/publishing", &["host/domain"]),
    // A typed payload names its job, so the company's types are known to whoever sends them.
    ("host/client", &["host/domain", "jobs-wasm/models"]),
    ("host/server", &["host/client", "host/publishing", "host/queue", "host/sandbox", "host/domain"]),
    ("guest-sdk/macros", &[]),
    ("guest-sdk", &["guest-sdk/macros"]),
    ("jobs-wasm/models", &[]),
    // What several jobs do alike: asking the company's services, writing files whole.
    ("jobs-wasm/services", &["guest-sdk", "jobs-wasm/models"]),
    ("jobs-wasm/whole-files", &[]),
    ("jobs-wasm/*", &["guest-sdk", "jobs-wasm/models", "jobs-wasm/services", "jobs-wasm/whole-files"]),
    ("tests/*", &["*"]),
];

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// The folder it is in, relative to the root.
    pub folder: String,
    /// The folders of the crates of ours that it depends on.
    pub depends_on: Vec<String>,
}

impl Member {
    /// What cargo knows of it.
    pub fn from_metadata(package: &Package, workspace: &Workspace) -> Self {
        let kinds = [DependencyKind::Normal, DependencyKind::Build];
        let depends_on = package
            .dependencies
            .iter()
            .filter(|dependency| kinds.contains(&dependency.kind))
            .filter_map(|dependency| dependency.path.as_ref())
            .map(|path| path.strip_prefix(&workspace.root).unwrap_or(path).to_string().replace('\\', "/"))
            .collect();
        Self { folder: workspace.folder_of(package), depends_on }
    }
}

/// Every arrow that is not in the table, and every crate that is not.
pub fn check(members: &[Member]) -> Vec<Finding> {
    members.iter().flat_map(check_member).collect()
}

fn check_member(member: &Member) -> Vec<Finding> {
    let Some((_, allowed)) = ARROWS.iter().find(|(pattern, _)| fits(pattern, &member.folder)) else {
        let hint =
            "put the crate where its like are, or give its folder a row in tests/gate/src/tidy/arrows.rs";
        return vec![Finding::new("arrows", &member.folder, "no rule knows this folder", hint)];
    };
    let wrong = member.depends_on.iter().filter(|to| !allowed.iter().any(|pattern| fits(pattern, to)));
    wrong
        .map(|to| {
            let allowed = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
            Finding::new(
                "arrows",
                &member.folder,
                format!("depends on `{to}`; allowed: {allowed}"),
                "move the code to the crate that may know both sides, often host/server",
            )
        })
        .collect()
}

fn fits(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(parent) => folder
            .strip_prefix(parent)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|name| !name.is_empty() && !name.contains('/')),
        None => pattern == "*" || pattern == folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(folder: &str, depends_on: &[&str]) -> Vec<String> {
        let depends_on = depends_on.iter().map(|to| (*to).to_owned()).collect();
        let found = check(&[Member { folder: folder.to_owned(), depends_on }]);
        found.into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn every_arrow_of_the_design_is_allowed() {
        let all = ["host/client", "host/queue", "host/sandbox", "host/domain"];
        assert!(findings("host/server", &all).is_empty());
        for room in ["host/queue", "host/sandbox", "host/client"] {
            assert!(findings(room, &["host/domain"]).is_empty(), "{room}");
        }
        assert!(findings("host/client", &["jobs-wasm/models"]).is_empty());
        assert!(findings("guest-sdk", &["guest-sdk/macros"]).is_empty());
        assert!(findings("jobs-wasm/echo", &["guest-sdk", "jobs-wasm/models"]).is_empty());
        assert!(findings("tests/bench", &["host/sandbox", "jobs-wasm/edge-logs", "tests/guests"]).is_empty());
    }

    #[test]
    fn arrows_against_the_design_are_found() {
        let wrong = [
            ("host/domain", "host/sandbox"),
            ("host/queue", "host/sandbox"),
            ("host/sandbox", "host/queue"),
            ("host/client", "host/server"),
            ("host/client", "jobs-wasm/edge-logs"),
            ("host/server", "tests/gate"),
            ("guest-sdk", "host/domain"),
            ("guest-sdk/macros", "guest-sdk"),
            ("jobs-wasm/models", "guest-sdk"),
            ("jobs-wasm/echo", "jobs-wasm/edge-logs"),
            ("jobs-wasm/echo", "host/domain"),
            ("host/server", "../elsewhere"),
        ];
        for (from, to) in wrong {
            assert_eq!(findings(from, &[to]).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn a_folder_without_a_rule_is_found() {
        for folder in ["host/plugins", "tools", "jobs-wasm/a/b", "tests"] {
            assert_eq!(findings(folder, &[]), ["no rule knows this folder"], "{folder}");
        }
    }
}
