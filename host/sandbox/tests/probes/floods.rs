//! Guests that talk without end: the attempt goes on, what is kept has its limits.

use crate::support::harness::Harness;
use crate::support::run::result;
use mainworker_domain::event::Said;
use mainworker_domain::limits::{Limit, TEXT_BYTES_MAX};

#[tokio::test]
async fn a_flooded_log_keeps_its_limits_and_counts_the_rest() {
    let harness = Harness::shared().await;
    for (name, said) in
        [("floods the log with lines", 5_000), ("floods the log with bytes", 500), ("floods stdout", 1_000)]
    {
        let (mut run, case) = harness.case(name);
        let mut heard = run.listen();
        let report = run.end().await;
        case.check(&report);
        let limit = |limit: Limit| case.limits.get(limit).unwrap_or(limit.spec().default);
        let kept = report.log.len() as u64;
        assert!(kept <= limit(Limit::LogLines), "`{name}` kept {kept} lines");
        assert!(
            report.usage.log_bytes <= limit(Limit::Log),
            "`{name}` kept {} bytes",
            report.usage.log_bytes
        );
        let bytes: usize = report.log.iter().map(|line| line.message.len() + line.context.len()).sum();
        assert_eq!(bytes as u64, report.usage.log_bytes, "`{name}`");
        assert_eq!(kept + report.usage.log_lines_dropped, said, "`{name}`");
        let told = heard.all().iter().filter(|said| matches!(said, Said::Line(_))).count();
        assert_eq!(told as u64, kept, "`{name}`");
    }
}

#[tokio::test]
async fn an_endless_line_is_cut() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("floods stderr without a line's end");
    let report = run.end().await;
    case.check(&report);
    let lines: Vec<usize> = report.log.iter().map(|line| line.message.len()).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0] <= TEXT_BYTES_MAX, "{lines:?}");
    assert!(report.log[0].message.ends_with("(cut)"));
}

#[tokio::test]
async fn flooded_progress_is_thinned_to_ten_a_second() {
    let harness = Harness::shared().await;
    let (mut run, case) = harness.case("floods progress");
    let mut heard = run.listen();
    let report = run.end().await;
    case.check(&report);
    let reports = result(&report)["reports"].as_u64().unwrap();
    let shown: Vec<_> = heard
        .all()
        .into_iter()
        .filter_map(|said| if let Said::Progress(progress) = said { Some(progress) } else { None })
        .collect();
    // One at once, one each tenth of a second, the last.
    let most = 2 + report.usage.wall_us / 100_000 + 1;
    assert!(reports > 100, "{reports} reports are no flood");
    assert!((2..=most).contains(&(shown.len() as u64)), "{} of {reports} shown", shown.len());
    let last = shown.last().unwrap();
    assert_eq!((last.percent, last.message.as_str()), (100, "the last one"));
}

/// A text of many lines is taken apart inside one host call, where nothing can interrupt it.
#[tokio::test]
async fn a_text_of_millions_of_lines_does_not_hold_its_thread() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("carries millions of lines in one call");
    let report = run.end().await;
    case.check(&report);
    assert_eq!(report.log.len() as u64 + report.usage.log_lines_dropped, 15_000_000);
    println!("15 million lines in one call: {} ms", report.usage.wall_us / 1_000);
    assert!(report.usage.wall_us < 2_000_000, "{} ms", report.usage.wall_us / 1_000);
}
