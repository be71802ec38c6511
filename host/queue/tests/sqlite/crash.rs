//! A process that dies while it writes: what it had answered is there, and what is there agrees with itself.

use crate::audit::{audit, number};
use crate::child;
use crate::support::{Harness, NOW, at_ms, begin, block_on, deploy, ended, id, module, new_folder, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::deployments::Deployed;
use mainworker_queue::verbs::enqueue::NewTask;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

/// The module that is deployed before a batch is taken.
fn number_of(batch: u128) -> u8 {
    u8::try_from(batch % 50).unwrap()
}

/// Takes batches of tasks, each with the module that is current by then, and runs some of each, until it is killed. Says what was answered.
fn work(folder: &Path) {
    let store = SqliteStore::open(folder, NOW).unwrap();
    let mut said = std::io::stdout();
    block_on(async {
        let harness = Harness::new(&store);
        for batch in 0_u128.. {
            let now = at_ms(i64::try_from(batch).unwrap());
            let former = batch.checked_sub(1).map(number_of);
            let deployed = harness.deploy(deploy(number_of(batch), former, now)).await;
            assert!(matches!(deployed, Deployed::Now { .. }), "{deployed:?}");
            let tasks = (1..=10).map(|task| NewTask {
                tags: vec![format!("batch-{batch}")],
                configuration: Some(vec![1, 2, 3]),
                payload: format!("\"{}\"", "x".repeat(500)),
                revision: module(number_of(batch)),
                ..new_task(batch * 10 + task)
            });
            let taken = harness.enqueue(tasks, now).await;
            for one in taken {
                writeln!(said, "taken {}", one.id).unwrap();
            }
            let claimed = harness.claim(Claim { tasks_max: 6, ..begin(now) }).await;
            let held: Vec<_> = claimed.tasks.iter().map(|task| task.held).collect();
            let outcomes = [Outcome::Completed, Outcome::Completed, Outcome::Rejected, Outcome::Failed];
            let settles = held.iter().zip(outcomes).map(|(&held, outcome)| ended(held, outcome, now));
            store.settle(settles.collect()).await.unwrap();
            for one in held.iter().take(2) {
                writeln!(said, "completed {}", one.task).unwrap();
            }
        }
    });
}

#[test]
fn what_was_answered_outlives_a_process_that_is_killed() {
    if let Some(folder) = child::folder() {
        return work(&folder);
    }
    // Killed at another moment each time, and once before the log of writes was ever moved.
    for lines in [1, 12, 700, 3_001, 9_000] {
        let folder = new_folder();
        let mut child =
            child::again("crash::what_was_answered_outlives_a_process_that_is_killed", folder.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = said.filter(|line| line.starts_with("taken ") || line.starts_with("completed "));
        let answered: Vec<String> = said.take(lines).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(answered.len(), lines);
        audit(folder.path());

        let store = SqliteStore::open(folder.path(), NOW).unwrap();
        block_on(async {
            let harness = Harness::new(&store);
            let overview = harness.overview().await;
            let taken = answered.iter().filter(|line| line.starts_with("taken ")).count();
            let there = State::ALL.map(|state| overview.count(state)).iter().sum::<u64>();
            assert!(there >= u64::try_from(taken).unwrap());
            for line in &answered {
                let (what, task) = line.split_once(' ').unwrap();
                let task = harness.task(mainworker_domain::task_id::TaskId::parse(task).unwrap()).await;
                if what == "completed" {
                    assert_eq!(task.summary.state, State::Completed, "{line}");
                }
            }
            // A batch was deployed before any of it was taken.
            let batches = i64::try_from(there.div_ceil(10)).unwrap();
            let deployed = number(folder.path(), "SELECT max(number) FROM deployment_history");
            assert!(
                deployed == batches || deployed == batches + 1,
                "{deployed} deployments, {batches} batches"
            );
            let current = store.deployments().await.unwrap().pop().unwrap();
            assert_eq!(current.revision.module, module(number_of(u128::try_from(deployed - 1).unwrap())));
            let running = overview.count(State::Running);
            let leases = number(folder.path(), "SELECT count(*) FROM lease");
            assert_eq!(i64::try_from(running), Ok(leases));
            let rescued = harness.rescue(mainworker_domain::lifecycle::Timestamp::MAX, NOW).await;
            assert_eq!(u64::try_from(rescued.len()), Ok(running.min(1_000)));
            harness.enqueue([new_task(u128::MAX)], NOW).await;
            assert_eq!(
                harness.task(id(u128::MAX)).await.summary.place,
                there + 1,
                "no place is lost or used twice"
            );
        });
        drop(store);
        audit(folder.path());
    }
}
