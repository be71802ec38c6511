//! Fuzz target: the job manifest, which comes with a module from whoever built it.

#![cfg_attr(fuzzing, no_main)]

use mainworker_domain::manifest::Manifest;

/// No panic, and what is accepted is printed so that it reads back equal. Returns whether it was accepted.
fn target(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(manifest) = Manifest::parse_toml(text) else { return false };
    let printed = manifest.to_toml();
    assert_eq!(Manifest::parse_toml(&printed).as_ref().ok(), Some(&manifest), "printed as {printed}");
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
        assert!(fuzz::replay::check_promises("manifest", target).expect("all kept") >= 10);
    }
}
