//! Tries every way to change a file system and reports for each what it got.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Map, Value};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let (mount, to) = (asked.text("mount"), asked.text("to"));
    let there = format!("{mount}/there");
    let new = |name: &str| format!("{}/{name}", if to.is_empty() { mount } else { to });
    let tries: [(&str, io::Result<()>); 13] = [
        ("create", File::create_new(new("created")).map(drop)),
        ("append", OpenOptions::new().append(true).open(&there).and_then(|mut file| file.write_all(b"!"))),
        (
            "open to write",
            OpenOptions::new().write(true).open(&there).and_then(|mut file| file.write_all(b"!")),
        ),
        ("truncate", File::create(&there).map(drop)),
        ("truncate while reading", truncate_read(&there)),
        ("set size", File::open(&there).and_then(|file| file.set_len(1))),
        ("set times", set_times(&there, 0)),
        ("set times far off", set_times(&there, u64::MAX / 2)),
        ("make folder", fs::create_dir(new("made"))),
        ("link", fs::hard_link(&there, new("linked"))),
        ("rename", fs::rename(format!("{mount}/other"), new("renamed"))),
        ("remove folder", fs::remove_dir(format!("{mount}/folder"))),
        ("remove", fs::remove_file(&there)),
    ];
    let got = tries.into_iter().map(|(name, got)| {
        let text = got.map_or_else(|error| format!("error: {error}"), |()| "done".to_owned());
        (name.to_owned(), Value::from(text))
    });
    Ok(Value::Object(got.collect::<Map<_, _>>()))
}

fn truncate_read(path: &str) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).truncate(true).open(path).map(drop)
}

fn set_times(path: &str, unix_s: u64) -> io::Result<()> {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix_s));
    let time = time.ok_or(io::ErrorKind::InvalidInput)?;
    File::open(path)?.set_times(FileTimes::new().set_modified(time).set_accessed(time))
}
