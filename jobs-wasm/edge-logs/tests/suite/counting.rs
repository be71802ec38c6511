//! What lines add up to, however they are stored.

use mainworker::testing::Host;
use mainworker_models::{EdgeLogsPayload, EdgeLogsReport, LogFormat};
use serde_json::json;

use crate::edge::{Edge, combined, gzip, payload};

const CLOUDFRONT: &str = "#Version: 1.0\n\
    #Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n\
    2014-11-24\t19:39:43\tSFO20\t1000\t50.22.90.226\tGET\td1.example\t/hls/shibuya-1416857182993.ts\t200\n\
    2014-11-24\t19:39:44\tSFO20\t200\t50.22.90.226\tGET\td1.example\t/cines/k1/osaka.20141124T013843.mp4\t404\n\
    2014-11-24\t19:39:44\tSFO20\t30\t50.22.90.226\tGET\td1.example\t/crossdomain.xml\t200\n\
    damaged\n";

const FMS: &str = "#Fields:\tx-event\tx-category\tdate\ttime\tsc-bytes\tx-duration\tx-sname\tcs-uri-stem\n\
    connect\tsession\t2014-11-24\t19:39:43\t3073\t0\t-\trtmp://fms.example/20AB/live\n\
    stop\tstream\t2014-11-24\t19:40:43\t500000\t60.5\tshibuya\trtmp://fms.example/20AB/live/shibuya\n\
    stop\tstream\t2014-11-24\t19:41:43\t400000\t30\tosaka\trtmp://fms.example/20AB/live/osaka\n\
    stop\tstream\t2014-11-24\t19:41:43\t-\t-\tshibuya\trtmp://fms.example/20AB/live/shibuya\n";

const WPC: &str = "Fields: timestamp c-ip sc-status sc-bytes cs-method cs-uri-stem c-user-agent customer-id\n\
    1416857182 203.0.113.9 TCP_HIT/200 1001 GET http://w.example/live/shibuya/1.ts \"A (b; c) d\" 26432\n\
    1416857183 203.0.113.9 TCP_HIT/200 1000 GET http://w.example/live/shibuya/a.m3u8 \"A (b; c) d\" 26432\n\
    1416857184 203.0.113.9 TCP_MISS/206 70000 GET http://w.example/live/osaka/2.ts?k=1/2 \"A\" 26432\n";

fn run(log: impl AsRef<[u8]>, format: LogFormat) -> EdgeLogsReport {
    let payload = EdgeLogsPayload { format, ..payload(&[("shibuya", "acme")]) };
    Edge::new().with("edge.log", log).run(payload).unwrap()
}

#[test]
fn each_format_adds_up_and_is_found_by_its_header() {
    let rows = [
        (
            CLOUDFRONT,
            LogFormat::Cloudfront,
            json!({ "lines": 4, "broken": 1, "bytes": 1230, "accounts": { "acme": { "bytes": 1000, "requests": 1 } },
                "unknown": { "-": { "bytes": 30, "requests": 1 }, "osaka": { "bytes": 200, "requests": 1 } } }),
        ),
        (
            FMS,
            LogFormat::EdgecastFms,
            json!({ "lines": 4, "broken": 0, "bytes": 900_000,
                "accounts": { "acme": { "bytes": 500_000, "requests": 2, "seconds": 60.5 } },
                "unknown": { "osaka": { "bytes": 400_000, "requests": 1 } } }),
        ),
        (
            WPC,
            LogFormat::EdgecastWpc,
            json!({ "lines": 3, "broken": 0, "bytes": 71_001, "accounts": { "acme": { "bytes": 1001, "requests": 1 } },
                "unknown": { "osaka": { "bytes": 70_000, "requests": 1 } } }),
        ),
    ];
    for (log, format, expected) in rows {
        assert_eq!(serde_json::to_value(run(log, LogFormat::Auto)).unwrap(), expected, "auto, {format:?}");
        assert_eq!(serde_json::to_value(run(log, format)).unwrap(), expected, "{format:?}");
    }
}

#[test]
fn storage_makes_no_difference() {
    for log in [CLOUDFRONT, FMS, WPC, &[combined("shibuya", 7), combined("osaka", 8)].join("\n")] {
        let expected = run(log, LogFormat::Auto);
        let (first, second) = log.split_at(log.len() / 2);
        assert_eq!(run(gzip(log), LogFormat::Auto), expected, "gzip");
        assert_eq!(run([gzip(first), gzip(second)].concat(), LogFormat::Auto), expected, "members");
        assert_eq!(run(log.replace('\n', "\r\n"), LogFormat::Auto), expected, "CR LF");
        assert_eq!(run(log.trim_end(), LogFormat::Auto), expected, "no last line break");
    }
}

#[test]
fn concatenated_files_repeat_their_header() {
    let both = run([gzip(CLOUDFRONT), gzip(CLOUDFRONT)].concat(), LogFormat::Auto);
    assert_eq!((both.lines, both.broken, both.bytes), (8, 2, 2460));
}

#[test]
fn lines_above_the_first_header_are_broken() {
    let headless = CLOUDFRONT.lines().skip(2).collect::<Vec<_>>().join("\n");
    let report = run(format!("{headless}\n{CLOUDFRONT}"), LogFormat::Cloudfront);
    assert_eq!((report.lines, report.broken, report.bytes), (8, 5, 1230));
}

#[test]
fn long_line_is_broken_wherever_it_lies() {
    let good = combined("osaka", 5);
    for length in [65_536, 65_537, 262_143, 262_144, 262_145, 1_000_000] {
        let mut long = combined("osaka", 7);
        long.extend(std::iter::repeat_n('x', length - long.len()));
        for log in [
            format!("{good}\n{long}\n{good}"),
            format!("{long}\n{good}\n{good}"),
            format!("{good}\n{good}\n{long}"),
        ] {
            let report = run(&log, LogFormat::Auto);
            let expected = if length > 65_536 { (3, 1, 10) } else { (3, 0, 17) };
            assert_eq!((report.lines, report.broken, report.bytes), expected, "{length}");
        }
    }
}

#[test]
fn empty_file_and_empty_lines() {
    assert_eq!(run("", LogFormat::Auto), EdgeLogsReport::default());
    assert_eq!(run(gzip(""), LogFormat::Auto), EdgeLogsReport::default());
    let report = run("\n\r\n\n", LogFormat::Auto);
    assert_eq!((report.lines, report.broken), (3, 3));
}

#[test]
fn unknown_names_beyond_a_thousand_are_one() {
    let lines = |first: u64, last: u64| -> String {
        (first..=last).map(|n| combined(&format!("s{n:04}"), n) + "\n").collect()
    };
    let edge = Edge::new().with("a.log", lines(1, 1_200)).with("b.log", lines(1, 1_300));
    let report = edge.run(payload(&[("s1250", "acme")])).unwrap();
    assert_eq!(report.unknown.len(), 1_001);
    assert_eq!(report.unknown["s1000"].bytes, 2_000);
    assert_eq!(report.unknown["other"].requests, 200 + 299);
    assert_eq!(report.accounts["acme"].bytes, 1_250);
    assert_eq!(report.bytes, 1_200 * 1_201 / 2 + 1_300 * 1_301 / 2);
    let sum: u64 = report.unknown.values().map(|totals| totals.bytes).sum();
    assert_eq!(sum + 1_250, report.bytes);
}

#[test]
fn unknown_names_cannot_outgrow_a_result() {
    let lines: String =
        (0..100).map(|n| combined(&format!("{n}{}", "\u{1}".repeat(60_000)), 1) + "\n").collect();
    let report = run(lines, LogFormat::Auto);
    assert_eq!((report.lines, report.broken, report.bytes), (100, 0, 100));
    assert_eq!(report.unknown["other"].requests, 98);
    assert!(serde_json::to_vec(&report).unwrap().len() < 1024 * 1024);
}

#[test]
fn sums_stop_at_the_largest_number() {
    let lines = [combined("shibuya", u64::MAX), combined("shibuya", 5)].join("\n");
    let report = run(lines, LogFormat::Auto);
    assert_eq!((report.bytes, report.accounts["acme"].bytes), (u64::MAX, u64::MAX));
}

#[test]
fn damaged_archive_fails_with_its_name_and_place() {
    let mut whole = gzip((0..20_000).map(|n| combined("osaka", n) + "\n").collect::<String>());
    let cut = whole[..whole.len() / 2].to_vec();
    let middle = whole.len() / 2;
    whole[middle..middle + 64].fill(0xff);
    let garbage = [gzip(combined("osaka", 1)), b"garbage".to_vec()].concat();
    for damaged in [cut, whole, garbage, vec![0x1f, 0x8b]] {
        let edge = Edge::new().with("2015/a.log.gz", &damaged);
        let host = Host::new();
        let failure = host.run(|| edge.run(payload(&[]))).unwrap_err();
        let message = failure.message();
        assert_eq!(failure, mainworker::Failure::failed(message));
        assert!(message.starts_with("reading log file `2015/a.log.gz`: stopped at byte "), "{message}");
        assert!(message.contains(&format!(" of {} stored", damaged.len())), "{message}");
        assert!(
            host.logs().iter().any(|line| line.message.starts_with("log_file_stopped file=2015/a.log.gz"))
        );
    }
}

#[test]
fn each_file_leaves_a_line_in_the_log() {
    let host = Host::new();
    host.run(|| Edge::new().with("a.log", CLOUDFRONT).run(payload(&[]))).unwrap();
    let messages: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert_eq!(messages, ["log_file_counted file=a.log format=cloudfront lines=4 broken=1 bytes=1230"]);
}
