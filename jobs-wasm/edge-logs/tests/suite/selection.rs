//! Which files a payload means.

use std::fs;

use edge_logs::{files, process};
use mainworker::Failure;
use mainworker::testing::Host;
use mainworker_models::{EdgeLogsPayload, LogFormat};

use crate::edge::{Edge, combined, payload};

fn edge() -> Edge {
    ["a.log", "b.log.gz", "2015/05/a.log", "2015/05/b.log", "2015/06/a.log", "2015/.a.log.Xq31", "2016/a.log"]
        .into_iter()
        .fold(Edge::new(), |edge, name| edge.with(name, combined("osaka", 1)))
}

fn select(edge: &Edge, patterns: &[&str]) -> Result<Vec<String>, Failure> {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Ok(files::select(&edge.logs(), &patterns)?.into_iter().map(|file| file.name).collect())
}

#[test]
fn patterns_match_as_in_a_shell() {
    let rows: [(&[&str], &[&str]); 9] = [
        (&["*.log"], &["a.log"]),
        (&["*"], &["a.log", "b.log.gz"]),
        (&["2015/05/*"], &["2015/05/a.log", "2015/05/b.log"]),
        (&["2015/*/a.log"], &["2015/05/a.log", "2015/06/a.log"]),
        (&["201[56]/**/a.log"], &["2015/05/a.log", "2015/06/a.log", "2016/a.log"]),
        (&["**/b.*"], &["2015/05/b.log", "b.log.gz"]),
        (&["**"], &["2015/05/a.log", "2015/05/b.log", "2015/06/a.log", "2016/a.log", "a.log", "b.log.gz"]),
        (&["2015/.a*"], &["2015/.a.log.Xq31"]),
        (&["a.log", "*.log", "?.log"], &["a.log"]),
    ];
    for (patterns, expected) in rows {
        assert_eq!(select(&edge(), patterns).unwrap(), expected, "{patterns:?}");
    }
}

#[test]
fn pattern_out_of_the_mount_is_rejected_by_name() {
    let rows = [
        ("/edge-logs/a.log", "is absolute"),
        ("../a.log", "has the component `..`"),
        ("2015/../../a.log", "has the component `..`"),
        ("./a.log", "has the component `.`"),
        ("2015//a.log", "has an empty component"),
        ("", "has an empty component"),
        ("a[", "is no glob"),
        ("a**", "is no glob"),
    ];
    for (pattern, found) in rows {
        let failure = select(&edge(), &["*.log", pattern]).unwrap_err();
        assert_eq!(failure, Failure::rejected(failure.message()));
        assert!(
            failure.message().starts_with(&format!("pattern `{pattern}` of `files` {found}")),
            "{failure}"
        );
    }
}

#[test]
fn number_of_patterns_is_bounded() {
    for count in [0, 101] {
        let failure = select(&edge(), &vec!["*"; count]).unwrap_err();
        assert_eq!(failure, Failure::rejected(format!("`files` has {count} patterns; expected 1 to 100")));
    }
    assert!(select(&edge(), &["*"; 100]).is_ok());
}

#[test]
fn pattern_without_files_is_a_warning_beside_others() {
    let host = Host::new();
    assert_eq!(host.run(|| select(&edge(), &["a.log", "2017/*"])).unwrap(), ["a.log"]);
    assert_eq!(host.logs()[0].message, "pattern_without_files pattern=2017/*");
}

#[test]
fn nothing_at_all_fails_with_every_pattern() {
    let failure = select(&edge(), &["2017/*", "*.txt"]).unwrap_err();
    assert_eq!(failure, Failure::failed("no file in the mount `edge-logs` matches `2017/*`, `*.txt`"));
}

#[test]
fn missing_mount_is_named() {
    let edge = Edge::new();
    fs::remove_dir(edge.logs()).unwrap();
    assert_eq!(edge.run(payload(&[])), Err(Failure::failed("the mount `edge-logs` is not there")));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    let edge = edge();
    std::os::unix::fs::symlink("a.log", edge.logs().join("current.log")).unwrap();
    std::os::unix::fs::symlink("2015", edge.logs().join("latest")).unwrap();
    assert_eq!(select(&edge, &["*.log", "latest/**"]).unwrap(), ["a.log"]);
}

#[test]
fn progress_goes_by_stored_bytes() {
    let big: String = (0..20_000).map(|_| combined("osaka", 1) + "\n").collect();
    let edge = Edge::new().with("a.log", &big).with("b.log", &big);
    let mut told = Vec::new();
    let payload =
        EdgeLogsPayload { files: vec!["*.log".to_owned()], format: LogFormat::Auto, accounts: None };
    process(&edge.logs(), None, payload, "task-1", &mut |percent, file| {
        told.push((percent, file.to_owned()))
    })
    .unwrap();
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "{told:?}");
    assert!(told.iter().any(|(percent, file)| *percent < 50 && file == "a.log"));
    assert!(told.iter().any(|(percent, file)| *percent > 50 && file == "b.log"));
    assert_eq!(told.last().unwrap().0, 100);
}
