//! The table of probes: every row is run, and no probe is without a row.

use crate::support::case;
use crate::support::component::root;
use crate::support::harness::Harness;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[tokio::test]
async fn every_row_that_needs_no_test_of_its_own_ends_as_it_says() {
    let harness = Harness::shared().await;
    for case in case::all().into_iter().filter(|case| case.test.is_none()) {
        let (run, case) = harness.case(&case.name);
        case.check(&run.end().await);
    }
}

#[test]
fn every_probe_has_a_row_and_every_row_a_probe() {
    let folder = root().join("tests/guests/src/probes");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let rows: BTreeSet<String> = case::all().into_iter().map(|case| case.probe).collect();
    let unclassified: Vec<_> = files.difference(&rows).collect();
    let missing: Vec<_> = rows.difference(&files).collect();
    assert!(unclassified.is_empty(), "probes without a row in tests/guests/probes.toml: {unclassified:?}");
    assert!(missing.is_empty(), "rows whose probe has no file: {missing:?}");
}

#[test]
fn every_row_with_a_test_of_its_own_is_named_in_it() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probes"));
    let mut names = BTreeSet::new();
    for case in case::all() {
        assert!(names.insert(case.name.clone()), "the row `{}` is there twice", case.name);
        let Some(test) = case.test else { continue };
        let body = body_of_test(&sources, &test);
        let body =
            body.unwrap_or_else(|| panic!("the row `{}` names the test `{test}`, there is none", case.name));
        assert!(
            body.contains(&format!("\"{}\"", case.name)),
            "the test `{test}` does not run the row `{}`",
            case.name
        );
    }
}

fn sources(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The text between a test's name and the next attribute or function that begins a line.
fn body_of_test<'a>(sources: &'a str, test: &str) -> Option<&'a str> {
    let heads = [format!("#[test]\nfn {test}("), format!("]\nasync fn {test}(")];
    let start = heads.iter().find_map(|head| sources.find(head.as_str()).map(|start| start + head.len()))?;
    let rest = &sources[start..];
    Some(&rest[..rest.find("\n}\n").unwrap_or(rest.len())])
}
