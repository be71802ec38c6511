//! A second run, and what a killed one left.

use std::fs;
use std::time::{Duration, SystemTime};

use mainworker::Failure;

use crate::recordings::{Recordings, over, packets};

fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

fn make_old(recordings: &Recordings) {
    for name in recordings.kept().keys() {
        let file = fs::File::options().write(true).open(recordings.archive().join(name)).unwrap();
        file.set_modified(long_ago()).unwrap();
    }
}

fn is_old(recordings: &Recordings, name: &str) -> bool {
    fs::metadata(recordings.archive().join(name)).unwrap().modified().unwrap() == long_ago()
}

#[test]
fn running_twice_changes_nothing() {
    let recordings = Recordings::of(&["0.ts", "1.ts"]);
    let first = recordings.run("a.m3u8").unwrap();
    let kept = recordings.kept();
    make_old(&recordings);
    assert_eq!(recordings.run("a.m3u8").unwrap(), first);
    assert_eq!(recordings.kept(), kept);
    assert!(is_old(&recordings, "a.ts") && is_old(&recordings, "a.json"));
}

#[test]
fn what_a_killed_attempt_left_is_completed() {
    let recordings = Recordings::of(&["0.ts", "1.ts"]);
    recordings.run("a.m3u8").unwrap();
    let whole = recordings.kept();
    let archive = recordings.archive();
    // Killed while it wrote the stream, between stream and index, while it wrote the index.
    for (name, stays) in [(".a.ts.task-1.tmp", true), ("", true), (".a.json.task-1.tmp", true)] {
        if !name.is_empty() {
            fs::write(archive.join(name), "half a file").unwrap();
        }
        fs::remove_file(archive.join("a.json")).unwrap();
        make_old(&recordings);
        recordings.run("a.m3u8").unwrap();
        assert_eq!(recordings.kept(), whole);
        assert_eq!(is_old(&recordings, "a.ts"), stays);
    }
    fs::write(archive.join(".a.ts.task-1.tmp"), "half a file").unwrap();
    fs::remove_file(archive.join("a.ts")).unwrap();
    recordings.run("a.m3u8").unwrap();
    assert_eq!(recordings.kept(), whole);
}

#[test]
fn a_damaged_archive_is_written_again() {
    let recordings = Recordings::of(&["0.ts", "1.ts"]);
    recordings.run("a.m3u8").unwrap();
    let whole = recordings.kept();
    let archive = recordings.archive();
    let damaged = |name: &str, change: fn(&mut Vec<u8>)| {
        let mut bytes = whole[name].clone();
        change(&mut bytes);
        fs::write(archive.join(name), bytes).unwrap();
        recordings.run("a.m3u8").unwrap();
        assert_eq!(recordings.kept(), whole);
    };
    damaged("a.ts", |bytes| bytes[700] ^= 1);
    damaged("a.ts", |bytes| bytes.truncate(188));
    damaged("a.ts", |bytes| bytes.push(0));
    damaged("a.json", |bytes| bytes[40] ^= 1);
    damaged("a.json", |bytes| bytes.truncate(40));
    damaged("a.json", |bytes| bytes.extend_from_slice(b" "));
}

#[test]
fn a_recording_that_changed_is_archived_anew() {
    let recordings = Recordings::of(&["0.ts", "1.ts"]);
    recordings.run("a.m3u8").unwrap();
    let before = recordings.kept();
    let recordings = recordings.with("1.ts", packets(5, 2));
    recordings.run("a.m3u8").unwrap();
    let after = recordings.kept();
    assert!(before["a.ts"] != after["a.ts"] && before["a.json"] != after["a.json"]);
    let recordings = recordings.with("a.m3u8", over("#EXTINF:4,\n0.ts\n"));
    recordings.run("a.m3u8").unwrap();
    assert_eq!(recordings.kept()["a.ts"], packets(0, 2));
}

#[test]
fn an_index_never_describes_another_stream() {
    let recordings = Recordings::of(&["0.ts", "1.ts"]);
    recordings.run("a.m3u8").unwrap();
    // The new stream cannot take the name, so the second run ends where the first one's index is already gone.
    let archive = recordings.archive();
    fs::remove_file(archive.join("a.ts")).unwrap();
    fs::create_dir_all(archive.join("a.ts/in the way")).unwrap();
    let failure = recordings.run("a.m3u8").unwrap_err();
    assert_eq!(failure, Failure::failed(failure.message()));
    assert!(failure.message().starts_with("writing `a.ts` to the mount `archive`: "), "{failure}");
    assert!(recordings.kept().is_empty());
}
