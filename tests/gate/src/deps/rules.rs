//! The rules about dependencies, each from what is locked and what is allowed to findings.

use super::licence::Licence;
use super::policy::Policy;
use super::{Crate, Requirement};
use crate::finding::Finding;
use cargo_metadata::semver::{Op, VersionReq};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every licence is on the list, and every row of the list is needed.
pub fn licences(crates: &[Crate], policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut met: Vec<(&str, String)> = Vec::new();
    for one in crates {
        let place = format!("{} {}", one.name, one.version);
        let Some(text) = &one.licence else {
            let hint = "read its licence file; if it is fine, ask upstream to state it in the manifest";
            findings.push(Finding::new("licences", place, "states no licence", hint));
            continue;
        };
        let licence = match Licence::parse(text) {
            Ok(licence) => licence,
            Err(error) => {
                let problem = format!("`{text}` is no SPDX expression: {error}");
                findings.push(Finding::new("licences", place, problem, "ask upstream to correct it"));
                continue;
            }
        };
        let here = |id: &str| policy.licence_of.iter().any(|row| row.name == one.name && row.id == id);
        let anywhere = |id: &str| policy.licence.iter().any(|row| row.id == id);
        if !licence.permitted(&|id| anywhere(id) || here(id)) {
            let hint =
                "do without it, or add the licence to tests/gate/deps.toml with the reason why it is fine";
            findings.push(Finding::new("licences", place, format!("`{text}` is not on the list"), hint));
        }
        met.extend(licence.ids().into_iter().map(|id| (one.name.as_str(), id.to_owned())));
    }
    let unused = policy
        .licence
        .iter()
        .filter(|row| !met.iter().any(|(_, id)| *id == row.id))
        .map(|row| row.id.clone())
        .chain(
            policy
                .licence_of
                .iter()
                .filter(|row| !met.iter().any(|(name, id)| *name == row.name && *id == row.id))
                .map(|row| format!("{} of {}", row.id, row.name)),
        );
    findings.extend(unused.map(|row| {
        Finding::new("licences", "tests/gate/deps.toml", format!("nothing needs `{row}`"), "delete the row")
    }));
    findings
}

/// Everything that is not ours comes from crates.io: no git, no other registry, no folder outside.
pub fn sources(crates: &[Crate]) -> Vec<Finding> {
    crates
        .iter()
        .filter(|one| one.source.as_deref() != Some(CRATES_IO) && !(one.ours && one.source.is_none()))
        .map(|one| {
            let source = one.source.as_deref().unwrap_or("a folder outside the workspace");
            Finding::new(
                "sources",
                format!("{} {}", one.name, one.version),
                format!("comes from {source}"),
                "use a released version from crates.io: it cannot change or vanish",
            )
        })
        .collect()
}

/// No banned crate is locked, in any version, for any platform.
pub fn banned(crates: &[Crate], policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in crates {
        for row in policy.banned.iter().filter(|row| row.name == one.name) {
            findings.push(Finding::new(
                "banned",
                format!("{} {}", one.name, one.version),
                format!("is banned: {}", row.reason),
                format!("`cargo tree --workspace --target all -i {}` shows who brings it", one.name),
            ));
        }
    }
    findings
}

/// Nothing older than its row says. A crate that is not locked at all passes.
pub fn at_least(crates: &[Crate], policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in crates {
        for row in policy.at_least.iter().filter(|row| row.name == one.name && one.version < row.version) {
            findings.push(Finding::new(
                "at-least",
                format!("{} {}", one.name, one.version),
                format!("is older than {}: {}", row.version, row.reason),
                format!("`cargo update -p {} --precise {}` or newer", one.name, row.version),
            ));
        }
    }
    findings
}

/// `*` and `1.*` say that any version will do, which nobody has tried.
pub fn wildcards(requirements: &[Requirement]) -> Vec<Finding> {
    requirements
        .iter()
        .filter(|requirement| !requirement.folder && is_wildcard(&requirement.versions))
        .map(|requirement| {
            Finding::new(
                "wildcards",
                &requirement.of,
                format!("asks for `{}` in version `{}`", requirement.name, requirement.versions),
                "state the oldest version that is known to work",
            )
        })
        .collect()
}

fn is_wildcard(versions: &VersionReq) -> bool {
    versions.comparators.is_empty()
        || versions.comparators.iter().any(|comparator| comparator.op == Op::Wildcard)
}

/// More crates in several versions than were agreed.
pub fn too_many_duplicates(count: usize, most: usize) -> Option<Finding> {
    (count > most).then(|| {
        Finding::new(
            "duplicates",
            "Cargo.lock",
            format!("{count} crates are there in more than one version; at most {most} may be"),
            "`cargo tree --workspace --target all -d` shows who asks; align them, or raise DUPLICATES_MAX knowingly",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deps::{duplicates, policy};
    use cargo_metadata::semver::Version;

    fn locked(name: &str, version: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            version: Version::parse(version).expect("version"),
            licence: Some("MIT".to_owned()),
            source: Some(CRATES_IO.to_owned()),
            ours: false,
        }
    }

    fn policy_of(text: &str) -> Policy {
        policy::parse(text).expect("policy")
    }

    const MIT: &str = "[[licence]]\nid = \"MIT\"\nreason = \"r\"\n";

    #[test]
    fn a_licence_that_is_listed_passes_and_others_do_not() {
        let policy = policy_of(MIT);
        assert_eq!(licences(&[locked("a", "1.0.0")], &policy), []);
        for licence in [Some("GPL-3.0"), Some("MIT AND GPL-3.0"), Some("nonsense ("), None] {
            let other = Crate { licence: licence.map(str::to_owned), ..locked("b", "1.0.0") };
            assert_eq!(licences(&[locked("a", "1.0.0"), other], &policy).len(), 1, "{licence:?}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_crate_alone_and_must_be_needed() {
        let row = "[[licence-of]]\ncrate = \"a\"\nid = \"NCSA\"\nreason = \"r\"\n";
        let policy = policy_of(&format!("{MIT}{row}"));
        let ncsa = |name| Crate { licence: Some("MIT AND NCSA".to_owned()), ..locked(name, "1.0.0") };
        assert_eq!(licences(&[ncsa("a")], &policy), []);
        assert_eq!(licences(&[ncsa("a"), ncsa("b")], &policy).len(), 1);
        let unneeded = licences(&[locked("a", "1.0.0")], &policy);
        assert_eq!(unneeded.len(), 1);
        assert!(unneeded[0].problem.contains("NCSA of a"), "{unneeded:?}");
    }

    #[test]
    fn only_crates_io_and_the_workspace_are_sources() {
        let ours = Crate { source: None, ours: true, ..locked("ours", "0.1.0") };
        assert_eq!(sources(&[locked("a", "1.0.0"), ours]), []);
        for source in [None, Some("git+https://example.com/a"), Some("registry+https://example.com/index")] {
            let other = Crate { source: source.map(str::to_owned), ..locked("b", "1.0.0") };
            assert_eq!(sources(&[other]).len(), 1, "{source:?}");
        }
    }

    #[test]
    fn banned_crates_are_found_by_their_whole_name() {
        let policy = policy_of("[[banned]]\ncrate = \"openssl\"\nreason = \"r\"");
        assert_eq!(
            banned(&[locked("openssl", "0.10.0"), locked("openssl-probe", "0.1.0")], &policy).len(),
            1
        );
    }

    #[test]
    fn an_older_version_is_found_also_when_a_newer_one_is_there_too() {
        let policy = policy_of("[[at-least]]\ncrate = \"wasmtime\"\nversion = \"48.0.8\"\nreason = \"r\"");
        assert_eq!(at_least(&[locked("wasmtime", "48.0.8"), locked("wasmtime", "49.0.0")], &policy), []);
        assert_eq!(at_least(&[locked("wasmtime", "48.0.7"), locked("wasmtime", "49.0.0")], &policy).len(), 1);
        assert_eq!(at_least(&[locked("wasmtime", "48.0.8-rc.1")], &policy).len(), 1);
    }

    #[test]
    fn wildcards_are_found_except_for_folders() {
        let asks = |versions: &str, folder| Requirement {
            of: "ours".to_owned(),
            name: "a".to_owned(),
            versions: VersionReq::parse(versions).expect("requirement"),
            folder,
        };
        assert_eq!(wildcards(&[asks("1.2", false), asks("=1.2.3", false), asks("*", true)]), []);
        assert_eq!(wildcards(&[asks("*", false), asks("1.*", false)]).len(), 2);
    }

    #[test]
    fn duplicates_are_counted_by_name_and_bounded() {
        let crates = [locked("a", "1.0.0"), locked("a", "2.0.0"), locked("b", "1.0.0")];
        assert_eq!(duplicates(&crates).keys().copied().collect::<Vec<_>>(), ["a"]);
        assert_eq!(too_many_duplicates(1, 1), None);
        assert!(too_many_duplicates(2, 1).is_some());
    }
}
