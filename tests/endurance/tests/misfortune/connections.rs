//! More connections than files may be open.

use crate::host::TestWorld;
use mainworker_domain::task_options::TaskOptions;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Files that the host may have open: some more than it needs by itself.
const FILES: usize = 96;
/// Connections that are opened: more than that.
const CONNECTIONS: usize = 300;

/// Reads the answer to a request for the host's health.
fn is_answered(connection: &mut TcpStream) {
    let (mut text, mut piece) = (String::new(), [0; 1_024]);
    while !text.ends_with("\r\n\r\nok") {
        match connection.read(&mut piece).expect("it is answered") {
            0 => panic!("it was closed after `{text}`"),
            count => text.push_str(&String::from_utf8_lossy(&piece[..count])),
        }
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[test]
fn a_host_without_room_for_connections_goes_on_when_there_is_some() {
    let test = TestWorld::with_echo();
    let mut command = Command::new("sh");
    let limit = format!("ulimit -n {FILES}; exec \"$@\"");
    command.args(["-c", &limit, "sh"]).args(test.world.arguments(&test.world.data()));
    test.world.alone(&mut command);
    let mut serving = test.serve_as(&mut command);
    // This connection stays.
    let queued = test.enqueue_far(&serving.client, endurance::ledger::Work::Echo);

    let address = serving.base.strip_prefix("http://").expect("a base").to_owned();
    let mut open: Vec<TcpStream> = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(&address).expect("the system takes it");
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("the system takes it");
        connection.set_read_timeout(Some(Duration::from_millis(1))).expect("a time");
        open.push(connection);
    }
    // Those that came first are answered, and kept.
    let mut first = open.remove(0);
    first.set_read_timeout(None).expect("no time");
    is_answered(&mut first);
    assert!(serving.process.is_running().expect("it is ours"));

    drop(open);
    drop(first);
    let id = test.enqueue(&serving.client, "echo", &json!({ "n": 2 }), &TaskOptions::default());
    assert_eq!(test.ended(&serving.client, &id).state, "completed");
    test.echoes(&serving.client);
    assert_eq!(test.task(&serving.client, &queued).state, "queued");
    let ended = test.stop(serving);
    // The others waited to be taken: half of the files are not for connections.
    assert!(
        !ended.log.contains("a connection could not be taken") && !ended.log.contains("panicked"),
        "{}",
        ended.log
    );
    test.assert_whole();
}
