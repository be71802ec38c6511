//! How soon a task begins after it was asked for.

use super::host;
use super::rates::{asked, caller};
use crate::access::Caller;
use crate::cli::bench::figures::{Figures, percentile};
use crate::failure::Failure;
use crate::host::Running;
use crate::modules_folder::ModulesFolder;
use mainworker_domain::event::Event;
use mainworker_domain::task_id::TaskId;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Between two tasks: 200 a second.
pub(super) const BETWEEN: Duration = Duration::from_millis(5);
/// Tasks: ten seconds of them.
const TASKS: usize = 2_000;
/// Tasks before, that are not counted: the module is read and compiled for the first of them.
const WARM_UP: usize = 50;
/// How long the next beginning is waited for.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);

/// From before a task is asked for until the host says that its attempt begins. The instance is made after that.
pub(super) async fn start(folder: &ModulesFolder, data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let running = host(folder, data).await?;
    let caller = caller(&running)?;
    let beginnings = Beginnings::of(&running);
    let mut asked_at = HashMap::new();
    let mut ticks = interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for task in 0..WARM_UP + TASKS {
        ticks.tick().await;
        let at = Instant::now();
        let id = ask(&running, &caller).await?;
        if task >= WARM_UP {
            asked_at.insert(id, at);
        }
    }
    let mut times = beginnings.waits_ms(&asked_at).await?;
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

/// Asks for one task.
pub(super) async fn ask(running: &Running, caller: &Caller) -> Result<TaskId, Failure> {
    let enqueued = running.host.enqueue(caller, vec![asked()]).await;
    let enqueued = enqueued.map_err(|not_taken| *not_taken.failure)?;
    enqueued.first().map(|one| one.id).ok_or_else(|| Failure::host("a task was taken that has no id"))
}

/// When first attempts begin, heard from the host's events from now on.
pub(super) struct Beginnings {
    listening: JoinHandle<()>,
    heard: UnboundedReceiver<(TaskId, Instant)>,
}

impl Beginnings {
    /// Of the tasks of this host.
    pub(super) fn of(running: &Running) -> Self {
        let mut events = running.host.events.subscribe();
        let (begun, heard) = unbounded_channel();
        // Whoever misses events hears no more of them: that there are too few is told then.
        let listening = tokio::spawn(async move {
            while let Ok(stamped) = events.recv().await {
                if let Event::AttemptStarted { task_id, attempt: 1, .. } = &stamped.event
                    && begun.send((*task_id, Instant::now())).is_err()
                {
                    return;
                }
            }
        });
        Self { listening, heard }
    }

    /// Milliseconds from these moments until each of the tasks began; waits until all have.
    pub(super) async fn waits_ms(mut self, from: &HashMap<TaskId, Instant>) -> Result<Vec<f64>, Failure> {
        let mut waits = Vec::with_capacity(from.len());
        while waits.len() < from.len() {
            let begun = tokio::time::timeout(BEGINS_WITHIN, self.heard.recv()).await;
            let Ok(Some((task, at))) = begun else {
                let (begun, all) = (waits.len(), from.len());
                return Err(Failure::host(format!("{begun} of {all} tasks of the benchmark began")));
            };
            if let Some(from) = from.get(&task) {
                waits.push(at.duration_since(*from).as_secs_f64() * 1_000.0);
            }
        }
        self.listening.abort();
        Ok(waits)
    }
}
