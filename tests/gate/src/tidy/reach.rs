//! What must not be reachable from a crate, however many steps away: the domain stays free of I/O and of the runtime,
//! the sandbox free of HTTP servers and of SQL.
//!
//! Ordinary dependencies on this machine's platform, with the features that the workspace turns on. That is a little
//! more than a crate alone would get, never less.

use crate::finding::Finding;
use cargo_metadata::{DependencyKind, Metadata};
use std::collections::{BTreeMap, VecDeque};

const KEPT_AWAY: &[(&str, &[&str])] = &[
    ("mainworker-domain", &["tokio", "wasmtime", "rusqlite", "hyper", "axum", "rand"]),
    // hyper is there as a client of one connection; what pools connections or follows redirects is not.
    ("mainworker-sandbox", &["axum", "hyper-util", "reqwest", "rusqlite"]),
];

/// Crate name → names of what it depends on. Versions of one crate are one node: the rules are about names.
#[derive(Debug, Default)]
pub struct Graph(BTreeMap<String, Vec<String>>);

impl Graph {
    /// The ordinary dependencies of a resolved graph.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        let name =
            |id| metadata.packages.iter().find(|package| &package.id == id).map(|p| p.name.to_string());
        let mut graph = Self::default();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let ordinary = node
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
                .filter_map(|dep| name(&dep.pkg));
            graph.0.entry(name(&node.id).unwrap_or_default()).or_default().extend(ordinary);
        }
        graph
    }

    /// The shortest way from one crate to another.
    pub fn way(&self, from: &str, to: &str) -> Option<Vec<&str>> {
        let (from, _) = self.0.get_key_value(from)?;
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting = VecDeque::from([from.as_str()]);
        while let Some(here) = waiting.pop_front() {
            if here == to {
                let mut way: Vec<_> =
                    std::iter::successors(Some(here), |name| came_from.get(name).copied()).collect();
                way.reverse();
                return Some(way);
            }
            for next in self.0.get(here).into_iter().flatten() {
                if next != from && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, here);
                    waiting.push_back(next);
                }
            }
        }
        None
    }
}

/// Every forbidden crate that can be reached, with the way to it. A guarded crate that is gone is a finding too: the
/// rule would hold for ever.
pub fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (from, forbidden) in KEPT_AWAY {
        if !graph.0.contains_key(*from) {
            let hint = "correct the table in tests/gate/src/tidy/reach.rs";
            findings.push(Finding::new("reach", *from, "no such crate in the workspace", hint));
        }
        for to in *forbidden {
            if let Some(way) = graph.way(from, to) {
                findings.push(Finding::new(
                    "reach",
                    *from,
                    format!("reaches `{to}`: {}", way.join(" → ")),
                    "turn off the feature that brings it, or move the code that needs it",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Graph(edges.iter().map(|(from, to)| ((*from).to_owned(), own(to))).collect())
    }

    #[test]
    fn a_clean_graph_passes() {
        let graph = graph(&[
            ("mainworker-domain", &["serde"]),
            ("mainworker-sandbox", &["mainworker-domain", "tokio", "wasmtime"]),
            ("serde", &[]),
            ("axum", &["hyper"]),
        ]);
        assert_eq!(check(&graph), []);
    }

    #[test]
    fn a_forbidden_crate_is_found_at_any_distance_with_the_way_to_it() {
        let graph = graph(&[
            ("mainworker-domain", &["serde", "jsonschema"]),
            ("mainworker-sandbox", &["mainworker-domain"]),
            ("jsonschema", &["fetch", "jsonschema"]),
            ("fetch", &["tokio"]),
        ]);
        let found = check(&graph);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].problem, "reaches `tokio`: mainworker-domain → jsonschema → fetch → tokio");
    }

    #[test]
    fn a_guarded_crate_that_is_gone_is_found() {
        assert_eq!(check(&graph(&[("mainworker-domain", &[])])).len(), 1);
    }
}
