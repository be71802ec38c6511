//! What the attribute says to an author whose function is no job.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test -p mainworker-guest-sdk --test ui`, then read the difference.

#[test]
fn each_refusal_names_what_was_found_and_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
