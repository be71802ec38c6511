//! Fuzz target: the file of schedules, which CI applies for whoever may change it.

#![cfg_attr(fuzzing, no_main)]

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{Definition, Definitions};
use std::sync::LazyLock;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// 2026-01-01T00:00:00Z.
const FROM: Timestamp = Timestamp::from_ms(1_767_225_600_000);

/// No panic; each definition is printed so that it reads back equal, and its runs go forward. Returns whether the file was
/// accepted.
fn target(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(definitions) = Definitions::from_toml(text, &ZONES) else { return false };
    for (name, definition) in &definitions.schedules {
        let printed = definition.to_json();
        assert_eq!(
            Definition::parse(&printed, &ZONES).as_ref().ok(),
            Some(definition),
            "printed as {printed}"
        );
        let mut last = FROM;
        for run in definition.occurrences(FROM).between(FROM, Timestamp::MAX).take(5) {
            assert!(run > last, "{name} runs at {run} after {last}");
            last = run;
            let (payload, options) = (definition.payload(run), definition.task_options(name, run));
            assert!(payload.starts_with('{') && options.run_at >= Some(run), "{name} at {run}: {payload}");
        }
    }
    true
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    target(data);
});

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    fuzz::replay::main(target)
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn every_seed_keeps_the_promise_of_its_name() {
        assert!(fuzz::replay::check_promises("schedules", target).expect("all kept") >= 10);
    }
}
