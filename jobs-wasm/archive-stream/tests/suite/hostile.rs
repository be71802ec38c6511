//! Playlists, and names of playlists, that want to read elsewhere.

use mainworker::Failure;

use crate::recordings::{Recordings, live, over, packets};

fn refusal(uri: &str) -> String {
    let recordings = Recordings::new()
        .with("shows/a.m3u8", over(&format!("#EXTINF:4,\n{uri}\n")))
        .with("outside.ts", packets(0, 1))
        .with("shows/other.m3u8", live(""));
    let failure = recordings.run("shows/a.m3u8").unwrap_err();
    assert_eq!(failure, Failure::rejected(failure.message()));
    assert!(recordings.kept().is_empty());
    let start = "reading the playlist `shows/a.m3u8`: line 5: the segment ";
    failure.message().strip_prefix(start).unwrap_or_else(|| panic!("{failure}")).to_owned()
}

#[test]
fn a_segment_is_a_file_below_the_playlist() {
    let url = "is an absolute URL; expected a file beside the playlist";
    let absolute = "is an absolute path; expected a file beside the playlist";
    let out = "leads out of the playlist's folder";
    let playlist = "is a playlist; expected a segment";
    let query = "has a query or a fragment, which no file has";
    let empty = "has an empty component; expected the path of a file";
    let odd = "has a character that no segment's name has";
    let percent = "has a `%` that two hexadecimal digits of a text in UTF-8 do not follow";
    let rows = [
        ("http://169.254.169.254/latest/meta-data", url),
        ("HTTPS://example.com/0.ts", url),
        ("file:///etc/passwd", url),
        ("file:0.ts", url),
        ("data:video/mp2t;base64,Rw==", url),
        ("C:/0.ts", url),
        ("//example.com/0.ts", url),
        ("/etc/passwd", absolute),
        ("../outside.ts", out),
        ("%2e%2E/outside.ts", out),
        ("x/../../outside.ts", out),
        ("x/..", out),
        ("..%2foutside.ts", "has an encoded `/`, which no file's name has"),
        ("..\\outside.ts", odd),
        ("..%5Coutside.ts", odd),
        ("0%00.ts", odd),
        ("0%0a.ts", odd),
        ("0\t.ts", odd),
        ("a.m3u8", playlist),
        ("./other.M3U8", playlist),
        ("other.m3u%38", playlist),
        ("old.m3u", playlist),
        ("0.ts?token=1", query),
        ("0.ts#t=1", query),
        ("x//0.ts", empty),
        ("x/", empty),
        (".", "is a folder; expected a file beside the playlist"),
        ("%", percent),
        ("%4", percent),
        ("%zz.ts", percent),
        ("%ff.ts", percent),
    ];
    for (uri, expected) in rows {
        let message = refusal(uri);
        assert!(message.ends_with(expected), "{uri}: {message}");
    }
    let long = refusal(&format!("/{}", "x".repeat(1_000_000)));
    assert!(long.len() < 300 && long.contains('…'), "{} bytes", long.len());
}

#[test]
fn a_name_that_no_file_can_have_is_a_missing_segment() {
    let long = format!("{}.ts", "x".repeat(300));
    let recordings = Recordings::new().with("a.m3u8", over(&format!("#EXTINF:4,\n{long}\n")));
    assert!(recordings.rejection().ends_with("is missing, and the recording is over"));
}

#[test]
fn names_that_look_odd_but_are_files_are_found() {
    for (uri, file) in [
        ("2015-05-17T10:05:03.ts", "2015-05-17T10:05:03.ts"),
        ("...", "..."),
        ("..a/..b.ts", "..a/..b.ts"),
        ("./x/./0.ts", "x/0.ts"),
        ("s%C3%A9ance%25.ts", "séance%.ts"),
        ("séance.ts", "séance.ts"),
        ("two words.ts", "two words.ts"),
    ] {
        let recordings =
            Recordings::new().with("a.m3u8", over(&format!("#EXTINF:4,\n{uri}\n"))).with(file, packets(0, 1));
        recordings.run("a.m3u8").unwrap();
        assert_eq!(recordings.index("a.json").segments[0].file, file);
    }
}

#[test]
fn a_playlist_is_in_the_mount() {
    let recordings = Recordings::of(&["0.ts"]);
    for (playlist, found) in [
        ("/recordings/a.m3u8", "is absolute; expected a path relative to the mount `recordings`"),
        ("../a.m3u8", "has the component `..`; it must stay in the mount `recordings`"),
        ("x/../a.m3u8", "has the component `..`; it must stay in the mount `recordings`"),
        ("./a.m3u8", "has the component `.`, which no file's path has"),
        ("x//a.m3u8", "has an empty component, which no file's path has"),
        ("", "has an empty component, which no file's path has"),
        ("a\\b.m3u8", "has a character that no recording's path has"),
        ("a\0.m3u8", "has a character that no recording's path has"),
        ("a.ts", "is no name of a media playlist; expected one that ends in `.m3u8`"),
        ("a.M3U8", "is no name of a media playlist; expected one that ends in `.m3u8`"),
        (".m3u8", "is no name of a media playlist; expected one that ends in `.m3u8`"),
        ("x/.m3u8", "is no name of a media playlist; expected one that ends in `.m3u8`"),
    ] {
        let failure = recordings.run(playlist).unwrap_err();
        assert_eq!(failure, Failure::rejected(format!("`playlist` `{}` {found}", playlist.escape_debug())));
    }
}
