//! Segments of a real encoder: ffmpeg, where it is installed.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;

use crate::recordings::Recordings;

#[test]
fn a_recording_of_ffmpeg_is_archived_whole() {
    let recordings = Recordings::new();
    let encoder = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=duration=5:size=128x96:rate=10"])
        .args(["-f", "lavfi", "-i", "sine=duration=5", "-c:v", "mpeg2video", "-g", "10", "-c:a", "mp2"])
        .args(["-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "index.m3u8"])
        .current_dir(recordings.mount())
        .output();
    let output = match encoder {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return notice("ffmpeg is not installed: no recording of a real encoder was archived");
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = recordings.run("index.m3u8").unwrap();
    assert!(report.segments >= 4, "{report:?}");
    assert!((4_500..=5_500).contains(&report.seconds.as_millis()), "{report:?}");
    let mut whole = Vec::new();
    for number in 0..report.segments {
        whole.extend(fs::read(recordings.mount().join(format!("index{number}.ts"))).unwrap());
    }
    assert!(recordings.kept()["index.ts"] == whole);
    notice(&format!("archived {} segments, {} bytes, of ffmpeg", report.segments, report.bytes));
}

#[expect(clippy::print_stderr, reason = "a notice in a test's output")]
fn notice(text: &str) {
    eprintln!("{text}");
}
