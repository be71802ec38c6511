//! What is archived.

use archive_stream::archive;
use mainworker_models::ArchiveStreamPayload;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::recordings::{Recordings, over, packets};

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn segments_are_joined_in_order_and_indexed() {
    let segments = [packets(0, 3), packets(1, 1), packets(2, 2)];
    let playlist = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-TARGETDURATION:4\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:1\r\n#EXT-X-PROGRAM-DATE-TIME:2015-05-17T10:05:03Z\r\n\
        # a comment\r\n\r\n#EXTINF:4.004000,first\r\ns/7.ts\r\n#EXTINF:3.5\r\n./s/8%20b.ts\r\n\
        #EXT-X-DISCONTINUITY\r\n#EXTINF:2,\r\n9.ts\r\n#EXT-X-ENDLIST";
    let recordings = Recordings::new()
        .with("2015/launch/index.m3u8", playlist)
        .with("2015/launch/s/7.ts", &segments[0])
        .with("2015/launch/s/8 b.ts", &segments[1])
        .with("2015/launch/9.ts", &segments[2]);
    let report = recordings.run("2015/launch/index.m3u8").unwrap();
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        json!({
            "file": "2015/launch/index.ts", "index": "2015/launch/index.json",
            "bytes": 6 * 188, "packets": 6, "segments": 3, "discontinuities": 1, "seconds": 9.504,
        })
    );
    let kept = recordings.kept();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["2015/launch/index.json", "2015/launch/index.ts"]);
    assert_eq!(kept["2015/launch/index.ts"], segments.concat());
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&kept["2015/launch/index.json"]).unwrap(),
        json!({
            "playlist": "2015/launch/index.m3u8", "file": "2015/launch/index.ts",
            "bytes": 6 * 188, "packets": 6, "seconds": 9.504,
            "mediaSequence": 7, "discontinuitySequence": 1, "discontinuityOffsets": [4 * 188],
            "segments": [
                { "file": "2015/launch/s/7.ts", "offset": 0, "bytes": 3 * 188, "seconds": 4.004,
                  "digest": digest(&segments[0]) },
                { "file": "2015/launch/s/8 b.ts", "offset": 3 * 188, "bytes": 188, "seconds": 3.5,
                  "digest": digest(&segments[1]) },
                { "file": "2015/launch/9.ts", "offset": 4 * 188, "bytes": 2 * 188, "seconds": 2,
                  "discontinuity": true, "digest": digest(&segments[2]) },
            ],
        })
    );
}

#[test]
fn segments_larger_than_any_buffer_are_copied_whole() {
    let large = [packets(0, 5_000), packets(1, 1_394), packets(2, 1_395)];
    let list = "#EXTINF:9,\n0.ts\n#EXTINF:9,\n1.ts\n#EXTINF:9,\n2.ts\n";
    let recordings = Recordings::new()
        .with("a.m3u8", over(list))
        .with("0.ts", &large[0])
        .with("1.ts", &large[1])
        .with("2.ts", &large[2]);
    assert_eq!(recordings.run("a.m3u8").unwrap().packets, 7_789);
    assert!(recordings.kept()["a.ts"] == large.concat());
}

#[test]
fn endlist_may_stand_anywhere_and_durations_may_be_whole() {
    let list = "#EXT-X-ENDLIST\n#EXTINF:4,\n0.ts\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:0.0004,\n1.ts\n";
    let recordings = Recordings::new()
        .with("a.m3u8", crate::recordings::live(list))
        .with("0.ts", packets(0, 1))
        .with("1.ts", packets(1, 1));
    assert_eq!(recordings.run("a.m3u8").unwrap().seconds.as_millis(), 4_000);
}

#[test]
fn a_stream_that_begins_anew_may_repeat_itself() {
    let list = "#EXTINF:4,\nslate-1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\nslate-2.ts\n";
    let recordings = Recordings::new()
        .with("a.m3u8", over(list))
        .with("slate-1.ts", packets(0, 2))
        .with("slate-2.ts", packets(0, 2));
    recordings.run("a.m3u8").unwrap();
    assert_eq!(recordings.index("a.json").discontinuity_offsets, [376]);
}

#[test]
fn progress_goes_by_bytes_and_names_the_segment() {
    let recordings = Recordings::of(&["0.ts", "1.ts", "2.ts", "3.ts"]);
    let payload = ArchiveStreamPayload { playlist: "a.m3u8".to_owned() };
    let mut told = Vec::new();
    let mut progress = |percent: u8, file: &str| told.push((percent, file.to_owned()));
    archive(&recordings.mount(), &recordings.archive(), &payload, "task-1", &mut progress).unwrap();
    let told: Vec<_> = told.iter().map(|(percent, file)| (*percent, file.as_str())).collect();
    assert_eq!(told, [(0, "0.ts"), (25, "1.ts"), (50, "2.ts"), (75, "3.ts")]);
}
