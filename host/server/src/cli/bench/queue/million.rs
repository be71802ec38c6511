//! Listing where there is much to list.

use super::rates::new_task;
use crate::cli::bench::figures::{Figures, percentile};
use crate::cli::remote::now;
use crate::failure::Failure;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Jitter, State, Timestamp};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_queue::attempt::{AttemptError, Figures as AttemptFigures, Lease};
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::{Enqueue, NewTask};
use mainworker_queue::verbs::list::{Filter, List};
use mainworker_queue::verbs::record::LogPiece;
use mainworker_queue::verbs::settle::Settle;
use std::path::Path;
use std::time::Instant;

const TASKS: usize = 1_000_000;
const BATCH: usize = 1_000;
/// Jobs, so that a job has a twentieth of all.
const JOBS: usize = 20;
/// Of so many tasks one is left queued; of as many one fails.
const ONE_IN: usize = 1_000;
/// Readings of each list; the median is its figure.
const READINGS: usize = 9;

/// Fills a store and reads the first and a later page by job, state, tag and label; the slowest is the figure.
pub(super) async fn listing(data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let store = SqliteStore::open(data, now()).map_err(Failure::host)?;
    fill(&store).await?;
    let job = JobName::parse("job-7").map_err(Failure::host)?;
    let rare = || Filter { label: Some("rare".to_owned()), ..Filter::default() };
    let filters = [
        Filter { job: Some(job.clone()), ..Filter::default() },
        Filter { states: vec![State::Failed], ..Filter::default() },
        Filter { states: vec![State::Completed], ..Filter::default() },
        Filter { job: Some(job), states: vec![State::Failed], ..Filter::default() },
        Filter { tag: Some("tag-3".to_owned()), ..Filter::default() },
        Filter { tag: Some("rare".to_owned()), ..Filter::default() },
        Filter { label: Some("month 5".to_owned()), ..Filter::default() },
        rare(),
    ];
    let mut slowest = 0.0_f64;
    for filter in filters {
        for before in [None, Some(TASKS as u64 / 2)] {
            let mut times = Vec::new();
            for _ in 0..READINGS {
                let now = now();
                let list = List { filter: filter.clone(), before, tasks_max: 50, examined_max: 20_000, now };
                let started = Instant::now();
                store.list(list).await.map_err(Failure::host)?;
                times.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            slowest = slowest.max(percentile(&mut times, 50));
        }
    }
    drop(store);
    figures.add(
        "listMsAtMillion",
        slowest,
        "a page of 50 of a million tasks by job, state, tag or label; the slowest",
    );
    Ok(())
}

async fn fill(store: &SqliteStore) -> Result<(), Failure> {
    for batch in 0..TASKS / BATCH {
        let now = now();
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let tasks = numbers.clone().map(|number| labelled(number, now)).collect::<Result<_, _>>()?;
        store.enqueue(Enqueue { tasks, now, open_max: u64::MAX }).await.map_err(Failure::host)?;
        let claim = Claim {
            now,
            lease: Lease::from_bits(batch as u64),
            lease_until: Timestamp::MAX,
            host: "bench".to_owned(),
            tasks_max: BATCH - BATCH / ONE_IN,
            memory_bytes_max: u64::MAX,
            idle: true,
        };
        let claimed = store.claim(claim).await.map_err(Failure::host)?;
        let settles = claimed.tasks.into_iter().enumerate().map(|(index, task)| {
            let failed = index % ONE_IN == 0;
            Settle {
                held: task.held,
                ending: if failed { Outcome::Rejected } else { Outcome::Completed }.into(),
                figures: AttemptFigures {
                    started_at: now,
                    finished_at: now,
                    usage: Usage::default(),
                    ran: None,
                },
                result: (!failed).then(|| "{}".to_owned()),
                error: failed.then(|| AttemptError {
                    code: "job_rejected".to_owned(),
                    message: "no".to_owned(),
                    hint: None,
                }),
                log: LogPiece::default(),
                progress: None,
                asked: Vec::new(),
                now,
                jitter: Jitter::from_bits(0),
            }
        });
        store.settle(settles.collect()).await.map_err(Failure::host)?;
    }
    Ok(())
}

fn labelled(number: usize, now: Timestamp) -> Result<NewTask, Failure> {
    let job = JobName::parse(&format!("job-{}", number % JOBS)).map_err(Failure::host)?;
    let rare = number.is_multiple_of(TASKS / 10);
    let label = if rare { "rare".to_owned() } else { format!("month {}", number % 12) };
    let tag = if rare { "rare".to_owned() } else { format!("tag-{}", number % 7) };
    Ok(NewTask { label: Some(label), tags: vec![tag], ..new_task(&job, now) })
}
