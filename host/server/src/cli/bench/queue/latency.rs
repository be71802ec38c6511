//! How soon a task begins after it was asked for.

use super::rates::caller;
use super::{envelope, host};
use crate::cli::bench::figures::{Figures, percentile};
use crate::failure::Failure;
use crate::intake::Asked;
use crate::modules_folder::ModulesFolder;
use mainworker_domain::event::Event;
use mainworker_domain::task_options::TaskOptions;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{MissedTickBehavior, interval};

/// Between two tasks: 200 a second.
const BETWEEN: Duration = Duration::from_millis(5);
/// Tasks: ten seconds of them.
const TASKS: usize = 2_000;
/// Tasks before, that are not counted: the module is read and compiled for the first of them.
const WARM_UP: usize = 50;

/// From before a task is asked for until the host says that its attempt begins. The instance is made after that.
pub(super) async fn start(folder: &ModulesFolder, data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let running = host(folder, data).await?;
    let caller = caller(&running)?;
    let mut events = running.host.events.subscribe();
    let (begun, mut all_begun) = unbounded_channel();
    let listening = tokio::spawn(async move {
        while let Ok(stamped) = events.recv().await {
            if let Event::AttemptStarted { task_id, .. } = &stamped.event
                && begun.send((*task_id, Instant::now())).is_err()
            {
                return;
            }
        }
    });
    let mut asked_at = HashMap::new();
    let mut ticks = interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for task in 0..WARM_UP + TASKS {
        ticks.tick().await;
        let at = Instant::now();
        let asked = vec![Asked { envelope: envelope(), options: TaskOptions::default() }];
        let enqueued = running
            .host
            .enqueue(&Arc::clone(&caller), asked)
            .await
            .map_err(|not_taken| *not_taken.failure)?;
        if task >= WARM_UP {
            asked_at.extend(enqueued.first().map(|enqueued| (enqueued.id, at)));
        }
    }
    let mut times = Vec::with_capacity(TASKS);
    while times.len() < TASKS {
        let begun = tokio::time::timeout(Duration::from_secs(10), all_begun.recv()).await;
        let Ok(Some((task, at))) = begun else {
            return Err(Failure::host(format!("{} of {TASKS} tasks of the benchmark began", times.len())));
        };
        if let Some(asked_at) = asked_at.get(&task) {
            times.push(at.duration_since(*asked_at).as_secs_f64() * 1_000.0);
        }
    }
    listening.abort();
    running.drain(Duration::from_secs(5)).await;
    running.close().await;
    figures.add(
        "startP50Ms",
        percentile(&mut times, 50),
        "from asking to the attempt's beginning, 200 a second",
    );
    figures.add("startP99Ms", percentile(&mut times, 99), "the same; one of a hundred took longer");
    Ok(())
}
