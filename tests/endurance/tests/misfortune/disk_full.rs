//! No space left, at the start and while tasks run.
//!
//! A disk of which no byte is left is what a process meets whose limit for files is nothing (RLIMIT_FSIZE): it can be set on
//! a running host from outside, and lifted again, without being root. Its writes fail with `File too large` instead of
//! `No space left on device`.

use crate::host::{Serving, TestWorld, problem};
use crate::service::Service;
use mainworker_domain::task_options::TaskOptions;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::json;
use std::process::Command;

/// Lets the host write files of so many bytes, or of any size.
fn limit_files(serving: &Serving, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(serving.process.pid()), Resource::Fsize, limit).expect("it is our own process");
}

#[test]
fn a_running_host_waits_for_space_and_loses_nothing() {
    let service = Service::new();
    let test = TestWorld::new(&[service.waiter()], "", &service.settings());
    let serving = test.serve();
    let client = &serving.client;
    let once = TaskOptions { max_attempts: Some(1), ..TaskOptions::default() };
    let running = test.enqueue(client, "waiter", &service.payload(), &once);
    let waiting = service.request();
    let queued = test.enqueue_far(client, endurance::ledger::Work::Echo);
    let mut events = client.events(None, Some("host-error"));
    // Following begins with the answer's head, before the first event.
    let mut trouble = test.wait(async {
        tokio::select! {
            biased;
            event = TestWorld::event(&mut events, "host-error", |_| true) => panic!("{event}"),
            ready = client.ready() => ready.expect("it takes tasks"),
        }
        events
    });

    limit_files(&serving, Some(0));
    let refused = problem(test.try_enqueue(client, "echo", &json!({}), &TaskOptions::default()));
    assert_eq!((refused.status, refused.code.as_str()), (503, "store_unavailable"), "{refused:?}");
    assert!(refused.hint.is_some());
    // The attempt ends, and its end cannot be written down.
    waiting.answer();
    let of_the_store =
        |data: &serde_json::Value| data["code"].as_str().is_some_and(|code| code != "store_unavailable");
    test.wait(TestWorld::event(&mut trouble, "host-error", of_the_store));
    assert_eq!(test.task(client, &running).state, "running", "reading goes on");
    test.wait(client.healthy()).expect("it lives");

    limit_files(&serving, None);
    let ended = test.ended(client, &running);
    assert_eq!((ended.state.as_str(), ended.attempts.len()), ("completed", 1));
    test.echoes(client);
    assert_eq!(test.task(client, &queued).state, "queued");
    test.stop(serving);
    test.assert_whole();
}

#[test]
fn a_host_that_cannot_make_its_data_folder_says_so_and_can_later() {
    let test = TestWorld::with_echo();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 0; exec \"$@\"", "sh"]).args(test.world.arguments(&test.world.data()));
    test.world.alone(&mut command);
    let said = test.refused(command);
    assert!(said.starts_with("error[store_"), "{said}");
    assert!(said.contains("`[world]/data/"), "{said}");
    let serving = test.serve();
    test.echoes(&serving.client);
    test.stop(serving);
}
