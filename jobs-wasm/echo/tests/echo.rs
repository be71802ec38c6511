//! The job as an ordinary function.

use echo::run;
use mainworker::RawObject;
use mainworker::log::Level;
use mainworker::testing::{self, Host};

const PAYLOAD: &str = r#"{ "hello": "world", "pi": 3.140, "big": 12345678901234567890123 }"#;

#[test]
fn the_payload_comes_back_as_written() {
    let payload: RawObject = PAYLOAD.parse().unwrap();
    let report = run(&testing::task("echo"), payload).unwrap();
    assert_eq!(report.get(), PAYLOAD);
}

#[test]
fn one_line_says_how_much_came_from_whom() {
    let host = Host::new();
    host.run(|| run(&testing::task("echo"), PAYLOAD.parse().unwrap())).unwrap();
    let [line] = host.logs().try_into().unwrap();
    assert_eq!((line.level, line.message.as_str()), (Level::Info, "65 bytes from api"));
}

#[test]
fn the_sample_carries_the_payload_of_these_tests() {
    assert!(include_str!("../samples/hello.json").contains(PAYLOAD));
}
