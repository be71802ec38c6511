//! Sealing keys that are gone, wrong or open to others; a port that is taken.

use crate::host::TestWorld;
use endurance::jobs::PROBER;
use endurance::ledger::Work;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A data folder with a task in it whose configuration is sealed, its key's file, and the task.
fn with_a_sealed_task() -> (TestWorld, PathBuf, String) {
    let test = TestWorld::new(&[PROBER], "", "");
    let serving = test.serve();
    let id = test.enqueue_far(&serving.client, Work::Completes);
    test.stop(serving);
    let key = test.world.data().join("sealing.key");
    (test, key, id)
}

/// The key of another data folder.
fn other_key() -> String {
    let other = TestWorld::with_echo();
    let serving = other.serve();
    other.stop(serving);
    fs::read_to_string(other.world.data().join("sealing.key")).expect("a key")
}

#[test]
fn a_store_is_opened_with_its_own_key_alone() {
    let (test, key, id) = with_a_sealed_task();
    let own = fs::read_to_string(&key).expect("a key");
    let refused = |code: &str| {
        let before = test.files();
        let said = test.refused_as_usual();
        assert!(said.starts_with(&format!("error[{code}]")), "{said}");
        assert!(!said.contains(own.trim()), "the key is shown: {said}");
        assert!(test.files() == before, "something was written after {said}");
    };
    fs::write(&key, other_key()).expect("a file");
    refused("sealing_key_wrong");
    fs::write(&key, "too short\n").expect("a file");
    refused("sealing_key_invalid");
    fs::write(&key, &own).expect("a file");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("a file");
    refused("sealing_key_unreadable");
    fs::remove_file(&key).expect("a file");
    refused("sealing_key_gone");

    // From the environment it is as good.
    let with_key = |key: &str| {
        let mut command: Command = test.world.command(&test.world.data());
        command.env("MAINWORKER_SEALING_KEY", key.trim());
        command
    };
    let said = test.refused(with_key(&other_key()));
    assert!(said.starts_with("error[sealing_key_wrong]"), "{said}");
    let serving = test.serve_as(&mut with_key(&own));
    assert_eq!(test.task(&serving.client, &id).state, "queued");
    test.stop(serving);
    test.assert_whole();
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_made() {
    let test = TestWorld::with_echo();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = test.world.command(&test.world.data());
    command.args(["--listen", &address]);
    // The last of two is the one that counts, or both are too many.
    let mut arguments = test.world.arguments(&test.world.data());
    let listen =
        arguments.iter().position(|argument| argument == "127.0.0.1:0").expect("it is told where to listen");
    arguments[listen] = address.clone().into();
    let mut command = Command::new(arguments.remove(0));
    command.args(arguments);
    test.world.alone(&mut command);
    let said = test.refused(command);
    assert!(said.starts_with("error[address_unusable]") && said.contains(&address), "{said}");
    assert!(!test.world.data().exists(), "the data folder was made");
}
