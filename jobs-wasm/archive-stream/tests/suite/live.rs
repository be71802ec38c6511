//! Recordings that are not over.

use std::collections::BTreeMap;

use mainworker::Failure;

use crate::recordings::{Recordings, live, over, packets};

const TWO: &str = "#EXTINF:4,\n0.ts\n#EXTINF:4,\n1.ts\n";

fn retry_after(recordings: &Recordings) -> (u64, String) {
    let failure = recordings.run("a.m3u8").unwrap_err();
    assert_eq!(recordings.kept(), BTreeMap::new());
    match failure {
        Failure::RetryAfter { after, message } => (after.as_secs(), message),
        other => panic!("not to be tried again later: {other:?}"),
    }
}

#[test]
fn a_missing_segment_is_waited_for_while_the_recording_goes_on() {
    let recordings = Recordings::new().with("a.m3u8", live(TWO)).with("0.ts", packets(0, 1));
    let expected = (6, "the segment `1.ts` is not there yet; the recording goes on".to_owned());
    assert_eq!(retry_after(&recordings), expected);
    // Without its folder too.
    let elsewhere = Recordings::new().with("a.m3u8", live("#EXTINF:4,\n0.ts/x.ts\n")).with("0.ts", "");
    assert_eq!(retry_after(&elsewhere).0, 6);
}

#[test]
fn a_missing_segment_is_rejected_once_the_recording_is_over() {
    let recordings = Recordings::new().with("a.m3u8", over(TWO)).with("0.ts", packets(0, 1));
    assert_eq!(recordings.rejection(), "the segment `1.ts` is missing, and the recording is over");
}

#[test]
fn a_recording_is_archived_only_when_it_is_over() {
    let recordings =
        Recordings::new().with("a.m3u8", live(TWO)).with("0.ts", packets(0, 1)).with("1.ts", packets(1, 1));
    let message = "`a.m3u8` has 2 segments so far and no `#EXT-X-ENDLIST`: the recording goes on";
    assert_eq!(retry_after(&recordings), (60, message.to_owned()));
    let recordings = recordings.with("a.m3u8", over(TWO));
    assert_eq!(recordings.run("a.m3u8").unwrap().segments, 2);
}

#[test]
fn a_playlist_that_is_being_written_is_read_up_to_its_last_whole_line() {
    let whole = live("#EXTINF:4,\nséance-0.ts\n#EXTINF:4,\nséance-1.ts\n");
    let recordings = Recordings::new().with("séance-0.ts", packets(0, 1)).with("séance-1.ts", packets(1, 1));
    let mut recordings = Some(recordings);
    for end in 0..=whole.len() {
        let torn = recordings.take().unwrap().with("a.m3u8", &whole.as_bytes()[..end]);
        assert!(retry_after(&torn).1.ends_with("the recording goes on"), "{end}");
        recordings = Some(torn);
    }
}

#[test]
fn a_playlist_without_segments_is_waited_for() {
    for (playlist, seconds) in [(live(""), 6), ("#EXTM3U\n".to_owned(), 10), (String::new(), 10)] {
        let recordings = Recordings::new().with("a.m3u8", playlist);
        let message = "reading the playlist `a.m3u8`: it names no segment yet; the recording goes on";
        assert_eq!(retry_after(&recordings), (seconds, message.to_owned()));
    }
}

#[test]
fn nobody_waits_for_nothing_or_for_ever() {
    for (target_duration, seconds) in [("0", 1), ("18446744073709551615", 3_600)] {
        let playlist = live(TWO).replace(":6", &format!(":{target_duration}"));
        assert_eq!(retry_after(&Recordings::new().with("a.m3u8", playlist)).0, seconds);
    }
}

#[test]
fn a_missing_playlist_may_come_later() {
    let failure = Recordings::new().run("2015/a.m3u8").unwrap_err();
    assert_eq!(failure, Failure::failed("no playlist `2015/a.m3u8` in the mount `recordings`"));
}

#[test]
fn something_else_under_the_name_of_a_playlist_is_not_opened() {
    let recordings = Recordings::new().with("a.m3u8/0.ts", "");
    let failure = recordings.run("a.m3u8").unwrap_err();
    assert_eq!(failure, Failure::failed("reading the playlist `a.m3u8`: it is no plain file"));
}
