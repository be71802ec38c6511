//! Fuzz target: the envelope, the first thing that reads what anybody may send.

#![cfg_attr(fuzzing, no_main)]

use mainworker_domain::envelope::Envelope;

/// No panic, and what is accepted is printed so that it reads back equal. Returns whether it was accepted.
fn target(data: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(data) else { return false };
    let printed = envelope.to_json();
    assert_eq!(Envelope::parse(printed.as_bytes()).as_ref().ok(), Some(&envelope), "printed as {printed}");
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
        assert!(fuzz::replay::check_promises("envelope", target).expect("all kept") >= 10);
    }
}
