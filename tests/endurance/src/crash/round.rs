//! One round: a host starts, is loaded, and is killed.

use super::figures::Killed;
use super::{START_PATIENCE, STOP_GRACE, Test};
use crate::console;
use crate::host_process::HostProcess;
use crate::load::{Broken, single_tries};
use anyhow::{Context as _, Result};
use mainworker_client::Client;
use rand::RngExt;
use rustix::process::Signal;
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

/// Milliseconds of load before a kill.
const LOAD_MS: RangeInclusive<u64> = 50..=1_500;
/// Of so many rounds one kills a host that is starting, and one a host that is stopping.
const STARTING_EACH: u32 = 5;
const STOPPING_EACH: u32 = 7;
/// Milliseconds of a stop before a kill, at most.
const STOPPING_MS_MAX: u64 = 150;

impl Test {
    /// See the [module](self).
    pub(super) fn round(&mut self, round: u32, rounds: u32) -> Result<()> {
        let killed = match round {
            _ if round.is_multiple_of(STARTING_EACH) => self.kill_starting()?,
            _ if round.is_multiple_of(STOPPING_EACH) => self.kill_loaded(true)?,
            _ => self.kill_loaded(false)?,
        };
        self.counts.killed(killed);
        self.collect_problems();
        let rows = self.look_at_rows(false).with_context(|| format!("after the kill of round {round}"))?;
        console::note(&format!(
            "round {round} of {rounds}: killed {} · {} tasks, {} attempts, {} lost",
            killed.as_str(),
            rows.ids.len(),
            rows.attempts,
            rows.attempts_lost
        ));
        Ok(())
    }

    /// Loads a host and kills it; `stopping` asks it to stop before.
    fn kill_loaded(&mut self, stopping: bool) -> Result<Killed> {
        let host = self.world.start()?;
        let base = self.listening(&host)?;
        let client = self.world.client(&base, single_tries())?;
        let load = self.begin_load(&client);
        thread::sleep(Duration::from_millis(self.random.random_range(LOAD_MS)));
        let until = Instant::now();
        if stopping {
            host.signal(Signal::TERM)?;
            let wait_ms = self.random.random_range(0..=STOPPING_MS_MAX).min(millis(STOP_GRACE));
            thread::sleep(Duration::from_millis(wait_ms));
        }
        host.kill()?;
        self.end_load(load, until)?;
        Ok(if stopping { Killed::Stopping } else { Killed::Serving })
    }

    fn begin_load(&mut self, client: &Client) -> Load {
        let workers = std::mem::take(&mut self.workers).into_iter().map(|mut worker| {
            let client = client.clone();
            self.runtime.spawn(async move {
                let broken = worker.work(&client).await;
                (worker, broken)
            })
        });
        let workers = workers.collect();
        let mut operator = std::mem::replace(&mut self.operator, crate::load::Operator::new(0));
        let operator = self.runtime.spawn({
            let client = client.clone();
            async move {
                let broken = operator.work(&client).await;
                (operator, broken)
            }
        });
        let follower = self.runtime.spawn({
            let client = client.clone();
            // Somebody listens, so that there is somebody to tell.
            async move { while client.events(None, None).next().await.is_ok() {} }
        });
        Load { workers, operator, follower }
    }

    /// Takes the ledgers back. Nobody may have been left without an answer before `until`.
    fn end_load(&mut self, load: Load, until: Instant) -> Result<()> {
        load.follower.abort();
        let mut broken = Vec::new();
        for worker in load.workers {
            let (worker, noticed) = self.runtime.block_on(worker)?;
            self.workers.push(worker);
            broken.push(noticed);
        }
        let (operator, noticed) = self.runtime.block_on(load.operator)?;
        self.operator = operator;
        broken.push(noticed);
        for Broken { problem, .. } in broken.iter().filter(|broken| broken.at < until) {
            self.problems.add(format!("a request was not answered though the host was alive: {problem}"));
        }
        Ok(())
    }

    /// Kills a host while it starts: on the data folder, and one that makes a new one, which must start all the same then.
    fn kill_starting(&mut self) -> Result<Killed> {
        let usual_ms = self.counts.start_ms_p50();
        let host = self.world.start()?;
        self.kill_soon(host, usual_ms)?;

        let fresh = tempfile::tempdir_in(self.world.folder())?;
        let data = fresh.path().join("data");
        let world = self.world.clone();
        let start = || HostProcess::start(&mut world.command(&data), &world.log());
        let host = start()?;
        self.kill_soon(host, usual_ms)?;
        let host = start()?;
        host.listening(START_PATIENCE).context("on a data folder that a killed host began")?;
        host.kill()?;
        Ok(Killed::Starting)
    }

    fn kill_soon(&mut self, host: HostProcess, usual_ms: u64) -> Result<()> {
        thread::sleep(Duration::from_millis(self.random.random_range(0..=usual_ms + usual_ms / 5)));
        host.kill()
    }
}

/// The load of one host.
struct Load {
    workers: Vec<tokio::task::JoinHandle<(crate::load::Worker, Broken)>>,
    operator: tokio::task::JoinHandle<(crate::load::Operator, Broken)>,
    follower: tokio::task::JoinHandle<()>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
