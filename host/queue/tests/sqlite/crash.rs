//! A process that dies while it writes: what it had answered is there, and what is there agrees with itself.

use crate::audit::{audit, number};
use crate::child;
use crate::support::{Harness, NOW, at_ms, begin, block_on, ended, id, new_folder, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

/// Takes batches of tasks and runs some of each, until it is killed. Says what was answered.
fn work(folder: &Path) {
    let store = SqliteStore::open(folder, NOW).unwrap();
    let mut said = std::io::stdout();
    block_on(async {
        let harness = Harness::new(&store);
        for batch in 0_u128.. {
            let now = at_ms(i64::try_from(batch).unwrap());
            let tasks = (1..=10).map(|task| NewTask {
                tags: vec![format!("batch-{batch}")],
                configuration: Some(vec![1, 2, 3]),
                payload: format!("\"{}\"", "x".repeat(500)),
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
