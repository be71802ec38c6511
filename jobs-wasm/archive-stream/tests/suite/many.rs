//! The most segments there may be.

use std::fmt::Write;

use archive_stream::place::PlaylistPlace;
use archive_stream::playlist::{BYTES_MAX, Playlist, SEGMENTS_MAX};
use mainworker::Failure;

use crate::recordings::{Recordings, over, packets};

fn list(count: usize) -> String {
    (0..count).fold(String::new(), |mut list, number| {
        writeln!(list, "#EXTINF:4.0,\n{number:06}.ts").unwrap();
        list
    })
}

#[test]
fn the_largest_playlist_is_read_and_one_segment_more_is_not() {
    let text = over(&list(SEGMENTS_MAX));
    let playlist = Playlist::parse(text.as_bytes()).unwrap();
    let files = PlaylistPlace::new("a.m3u8").unwrap().segment_files(&playlist).unwrap();
    assert_eq!((files.len(), files[SEGMENTS_MAX - 1].as_str()), (200_000, "199999.ts"));
    let failure = Playlist::parse(over(&list(SEGMENTS_MAX + 1)).as_bytes()).unwrap_err();
    let expected =
        format!("line {}: a segment too many; expected at most {SEGMENTS_MAX}", 4 + 2 * SEGMENTS_MAX + 1);
    assert_eq!(failure, Failure::rejected(expected));
}

#[test]
fn ten_thousand_segments_are_archived_in_their_order() {
    const COUNT: usize = 10_000;
    let recordings = (0..COUNT)
        .fold(Recordings::new().with("a.m3u8", over(&list(COUNT))), |recordings, number| {
            recordings.with(&format!("{number:06}.ts"), packets(number, 1))
        });
    let report = recordings.run("a.m3u8").unwrap();
    assert_eq!((report.segments, report.seconds.as_millis()), (10_000, 40_000_000));
    let kept = recordings.kept();
    let numbers =
        kept["a.ts"].chunks(188).map(|packet| u64::from_be_bytes(packet[4..12].try_into().unwrap()));
    assert!(numbers.eq(0..10_000));
    recordings.run("a.m3u8").unwrap();
    assert!(recordings.kept() == kept);
}

#[test]
fn a_playlist_without_end_is_refused() {
    let endless = over(&"#\n".repeat(usize::try_from(BYTES_MAX).unwrap() / 2));
    let message = Recordings::new().with("a.m3u8", endless).rejection();
    assert_eq!(message, "the playlist `a.m3u8` has more than 33554432 bytes, the most that is read");
}
