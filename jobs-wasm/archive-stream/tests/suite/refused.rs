//! Playlists and segments that can never be archived.

use std::fs;

use crate::recordings::{Recordings, live, over, packets};

const ONE: &str = "#EXTINF:4,\n0.ts\n";

fn refusal(playlist: impl AsRef<[u8]>) -> String {
    let recordings = Recordings::new().with("a.m3u8", playlist).with("0.ts", packets(0, 1));
    let message = recordings.rejection();
    message.strip_prefix("reading the playlist `a.m3u8`: ").unwrap_or(&message).to_owned()
}

#[test]
fn what_is_no_playlist_is_refused() {
    let rows: [(&[u8], &str); 8] = [
        (b"#EXT-X-ENDLIST\n", "line 1: `#EXT-X-ENDLIST`; expected `#EXTM3U`"),
        (b"<html>\n</html>\n", "line 1: `<html>`; expected `#EXTM3U`"),
        (b"\n#EXTM3U\n#EXT-X-ENDLIST\n", "line 1: ``; expected `#EXTM3U`"),
        (b"\xef\xbb\xbf#EXTM3U\n#EXT-X-ENDLIST", "it begins with a byte order mark; expected `#EXTM3U`"),
        (b"\xff\xfe#\0E\0\n", "byte 0 is not UTF-8, which every playlist is in"),
        (b"#EXTM3U\n#EXTINF:1,caf\xe9\n0.ts\n", "byte 21 is not UTF-8, which every playlist is in"),
        (b"#EXTM3U\n0\0.ts\n", "line 2: the control character U+0000; expected text"),
        (b"#EXTM3U\r#EXT-X-ENDLIST\n", "line 1: the control character U+000D; expected text"),
    ];
    for (playlist, expected) in rows {
        assert_eq!(refusal(playlist), expected);
    }
}

#[test]
fn what_is_not_a_recording_of_whole_segments_is_refused_by_name() {
    let rows = [
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8",
            "which makes it a master playlist; expected the media playlist of one stream",
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO",
            "which makes it a master playlist; expected the media playlist of one stream",
        ),
        ("#EXT-X-BYTERANGE:188@0", "segments that are parts of files are not supported"),
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/1\"", "encrypted segments are not supported"),
        ("#EXT-X-MAP:URI=\"init.mp4\"", "segments that need an initialisation section are not supported"),
        ("#EXT-X-GAP", "segments that were never recorded are not supported"),
        ("#EXT-X-DEFINE:NAME=\"x\",VALUE=\"..\"", "variables in the playlist are not supported"),
        ("#EXT-X-I-FRAMES-ONLY", "segments that are parts of files are not supported"),
    ];
    for (line, expected) in rows {
        let tag = line.split([':', '\n']).next().unwrap();
        // Whether the recording is over or not: waiting would not help.
        for playlist in [over(&format!("{line}\n{ONE}")), live(&format!("{line}\n{ONE}"))] {
            let message = refusal(playlist);
            assert!(message.starts_with(&format!("line 4: `{tag}`")), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let rows = [
        ("", "it names no segment"),
        ("0.ts\n", "line 4: the segment `0.ts` without a line `#EXTINF` before it"),
        ("#EXTINF:4,\n#EXTINF:4,\n0.ts\n", "line 5: a second `#EXTINF` for one segment"),
        ("#EXTINF:4,\n0.ts\n#EXTINF:4,\n", "its last `#EXTINF` has no segment, and it is complete"),
        ("#EXTM3U\n", "line 4: a second `#EXTM3U`"),
        ("#EXT-X-TARGETDURATION:6\n", "line 4: a second `#EXT-X-TARGETDURATION`"),
        ("#EXT-X-VERSION:3\n", "line 4: a second `#EXT-X-VERSION`"),
        ("#EXT-X-VERSION:8\n", "line 4: version 8; expected 1 to 7"),
        ("#EXT-X-VERSION:0\n", "line 4: version 0; expected 1 to 7"),
        ("#EXT-X-TARGETDURATION:6.5\n", "line 4: `#EXT-X-TARGETDURATION` is `6.5`; expected a whole number"),
        ("#EXT-X-MEDIA-SEQUENCE:\n", "line 4: `#EXT-X-MEDIA-SEQUENCE` is ``; expected a whole number"),
        ("#EXT-X-MEDIA-SEQUENCE:+1\n", "line 4: `#EXT-X-MEDIA-SEQUENCE` is `+1`; expected a whole number"),
        (
            "#EXT-X-MEDIA-SEQUENCE:18446744073709551616\n",
            "line 4: `#EXT-X-MEDIA-SEQUENCE` is `18446744073709551616`; expected a whole number",
        ),
        (
            "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n#EXTINF:4,\n0.ts\n",
            "its `#EXT-X-MEDIA-SEQUENCE` leaves no numbers for its segments",
        ),
        (
            "#EXTINF:4,\n0.ts\n#EXT-X-MEDIA-SEQUENCE:1\n",
            "line 6: `#EXT-X-MEDIA-SEQUENCE` after a segment; expected it before the first one",
        ),
        (
            "#EXTINF:4,\n0.ts\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n",
            "line 6: `#EXT-X-DISCONTINUITY-SEQUENCE` after a segment; expected it before the first one",
        ),
    ];
    for (list, expected) in rows {
        assert_eq!(refusal(over(list)), expected);
    }
    let untimed = "#EXTM3U\n#EXTINF:4,\n0.ts\n#EXT-X-ENDLIST\n";
    assert_eq!(refusal(untimed), "it has no `#EXT-X-TARGETDURATION`");
}

#[test]
fn durations_are_plain_numbers() {
    for duration in
        ["", "x", "-1", "+1", "1e3", "NaN", "inf", "1.", ".5", "1.5.2", "1000001", "99999999999999999999"]
    {
        let message = refusal(over(&format!("#EXTINF:{duration},\n0.ts\n")));
        let expected =
            format!("line 4: `#EXTINF` is `{duration}`; expected seconds with or without decimals");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn segments_are_whole_packets_with_a_sync_byte_each() {
    let with = |bytes: Vec<u8>| Recordings::new().with("a.m3u8", over(ONE)).with("0.ts", bytes).rejection();
    let mut out_of_step = packets(0, 3_000);
    out_of_step[188 * 2_000] = 0x46;
    let mut cut = packets(0, 2);
    cut.truncate(375);
    let expected = "expected whole transport stream packets of 188 bytes";
    assert_eq!(with(cut), format!("the segment `0.ts` has 375 bytes; {expected}"));
    assert_eq!(with(vec![0x47; 192]), format!("the segment `0.ts` has 192 bytes; {expected}"));
    assert_eq!(with(Vec::new()), format!("the segment `0.ts` is empty; {expected}"));
    assert_eq!(
        with(out_of_step),
        "the segment `0.ts` has 0x46 at byte 376000; expected the sync byte 0x47 of a packet"
    );
    assert_eq!(
        with(b"#EXTM3U\n".repeat(47)),
        "the segment `0.ts` has 0x23 at byte 0; expected the sync byte 0x47 of a packet"
    );
}

#[test]
fn a_segment_that_is_no_file_is_refused() {
    let recordings = Recordings::new().with("a.m3u8", over(ONE));
    fs::create_dir(recordings.mount().join("0.ts")).unwrap();
    assert_eq!(recordings.rejection(), "the segment `0.ts` is no plain file");
}

#[test]
fn a_doubled_segment_is_refused_by_name_and_by_content() {
    let list = "#EXTINF:4,\n0.ts\n#EXTINF:4,\n1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\n./%30.ts\n";
    let doubled = "line 10: the segment `./%30.ts` is doubled: line 5 has it too";
    assert_eq!(refusal(over(list)), doubled);
    let list = "#EXTINF:4,\n0.ts\n#EXTINF:4,\n1.ts\n";
    let recordings =
        Recordings::new().with("a.m3u8", over(list)).with("0.ts", packets(0, 1)).with("1.ts", packets(0, 1));
    let doubled = "the segment `1.ts` has the same bytes as `0.ts` before it: it is doubled";
    assert_eq!(recordings.rejection(), doubled);
}
