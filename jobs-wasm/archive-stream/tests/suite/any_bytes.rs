//! No bytes make the parser panic, and no URI leads out of the playlist's folder.

use archive_stream::place::PlaylistPlace;
use archive_stream::playlist::Playlist;
use proptest::prelude::{Strategy, prop, proptest};

fn line() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "#EXTM3U",
        "#EXTINF:4,",
        "#EXTINF:4.0045,x",
        "#EXTINF:",
        "0.ts",
        "1.ts",
        "%2e%2e/0.ts",
        "../0.ts",
        "x/./0.ts",
        "http://x/0.ts",
        "#EXT-X-ENDLIST",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-TARGETDURATION:6",
        "#EXT-X-VERSION:3",
        "#EXT-X-MEDIA-SEQUENCE:18446744073709551615",
        "#EXT-X-DISCONTINUITY-SEQUENCE:1",
        "#",
        "",
        "\u{feff}",
        "\0",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-KEY:METHOD=AES-128",
        "é",
        "%",
        "%é",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_bytes_are_a_playlist_or_a_refusal(bytes: Vec<u8>) {
        let _ = Playlist::parse(&bytes);
    }

    #[test]
    fn any_lines_are_a_playlist_or_a_refusal(lines in prop::collection::vec(line(), 0..20)) {
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{}", lines.join("\n"));
        if let Ok(playlist) = Playlist::parse(text.as_bytes()) {
            let _ = PlaylistPlace::new("shows/a.m3u8").unwrap().segment_files(&playlist);
        }
    }

    #[test]
    fn any_uri_is_a_file_below_the_playlist_or_refused(uri in "[a%25eEfF./\\\\: ?#é-]{1,12}") {
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:4,\n{uri}\n#EXT-X-ENDLIST\n");
        let Ok(playlist) = Playlist::parse(text.as_bytes()) else { return Ok(()) };
        if let Ok(files) = PlaylistPlace::new("shows/a.m3u8").unwrap().segment_files(&playlist) {
            let below = files[0].strip_prefix("shows/").unwrap();
            assert!(below.split('/').all(|part| !["", ".", ".."].contains(&part)), "{uri}");
        }
    }
}
