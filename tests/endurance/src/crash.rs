//! The crash test: rounds of load and SIGKILL on one data folder, then the end of every task, then the audit.
//!
//! After each kill the database is looked at as it lies there. A round kills a host under load, one that is just starting, or
//! one that is stopping; now and then another host is killed while it makes a new data folder.

mod figures;
mod round;

pub use figures::Figures;

use crate::audit::{Problems, ends, rows, secrets};
use crate::console;
use crate::host_process::HostProcess;
use crate::jobs::{CHILD, PROBER, Tried};
use crate::ledger::{Asked, Work};
use crate::load::{Broken, Operator, Worker, single_tries};
use crate::world::World;
use anyhow::{Context as _, Result, anyhow, ensure};
use figures::Counts;
use mainworker_client::{Client, ClientOptions};
use mainworker_domain::task_options::TaskOptions;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::process::Signal;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Clients at a time.
const WORKERS: u32 = 6;
/// How long a host may take to listen. A debug build on a busy machine takes half a second.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long the first tasks of each job may take: their modules are compiled.
const WARM_PATIENCE: Duration = Duration::from_secs(240);
/// How long all tasks may take to end, for each round of load.
const DRAIN_PATIENCE_A_ROUND: Duration = Duration::from_secs(5);
/// The same, beside the rounds.
const DRAIN_PATIENCE: Duration = Duration::from_secs(120);
/// `stop-grace` of the settings.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Between a stop signal and the end, beside the grace.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// A look at the counts while tasks end, should events be missed.
const LOOK: Duration = Duration::from_millis(250);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct CrashOptions {
    /// Kills.
    pub rounds: u32,
    /// Where all luck comes from.
    pub seed: u64,
    /// What is tried.
    pub tried: Tried,
}

/// A crash test under way.
struct Test {
    world: World,
    runtime: Runtime,
    random: StdRng,
    workers: Vec<Worker>,
    operator: Operator,
    counts: Counts,
    problems: Problems,
}

/// Runs the test in `folder`.
///
/// # Errors
/// A host that does not start, does not answer, or does not come to an end; what it did wrong otherwise is among the
/// problems.
pub fn run(options: &CrashOptions, folder: &Path) -> Result<(Figures, Problems)> {
    let begun = Instant::now();
    let server = format!("stop-grace = \"{}s\"", STOP_GRACE.as_secs());
    let probes = [PROBER, CHILD];
    let world = World::make(folder, &options.tried, &probes, &server, "[queue]\nslots = 8")?;
    let mut test = Test {
        world,
        runtime: Runtime::new()?,
        random: StdRng::seed_from_u64(options.seed),
        workers: (0..WORKERS).map(|number| Worker::new(number, options.seed)).collect(),
        operator: Operator::new(options.seed),
        counts: Counts::default(),
        problems: Problems::default(),
    };
    test.warm()?;
    for round in 1..=options.rounds {
        test.round(round, options.rounds)?;
        if !test.problems.is_empty() {
            console::note(&format!("round {round} of {}: stopped at the first problem", options.rounds));
            break;
        }
    }
    let found = test.finish(options.rounds)?;
    Ok((test.figures(options, &found, begun.elapsed()), test.problems))
}

impl Test {
    /// Compiles the modules and sees that every job works, so that what fails later fails because of a kill.
    fn warm(&mut self) -> Result<()> {
        let host = self.world.start()?;
        let client = self.client_of(&host)?;
        let works = [Work::Echo, Work::Completes, Work::Asks(1), Work::TellsSecret("log")];
        let ended = async {
            for (number, work) in works.into_iter().enumerate() {
                let asked = Asked::new(format!("warm-{number}"), work, TaskOptions::default())?;
                let id = client.enqueue(&asked.envelope, &asked.options).await?.task_id;
                let task = client.wait(&id).await?;
                let problems = asked.problems(&task);
                ensure!(problems.is_empty(), "{work:?} does not work: {problems:?}");
            }
            Ok(())
        };
        self.runtime.block_on(async { timeout(WARM_PATIENCE, ended).await })??;
        self.stop(host)
    }

    /// A client that tries each request as often as it should.
    fn client_of(&mut self, host: &HostProcess) -> Result<Client> {
        let base = self.listening(host)?;
        self.world.client(&base, ClientOptions::default())
    }

    fn listening(&mut self, host: &HostProcess) -> Result<String> {
        let base = host.listening(START_PATIENCE)?;
        self.counts.starts.push(host.started().elapsed());
        Ok(base)
    }

    /// Asks a host to stop, and sees that it does as it promises.
    fn stop(&mut self, host: HostProcess) -> Result<()> {
        host.signal(Signal::TERM)?;
        let ended = host.end(STOP_GRACE + STOP_PATIENCE)?;
        ensure!(
            ended.status.success(),
            "the host ended with {} after SIGTERM; its log:\n{}",
            ended.status,
            ended.log
        );
        Ok(())
    }

    /// The database as it lies in the data folder of a dead host.
    fn look_at_rows(&mut self, ended: bool) -> Result<rows::Rows> {
        let folder = tempfile::tempdir_in(self.world.folder())?;
        let database = rows::open_copy(&self.world.data(), folder.path())?;
        let rows = rows::check(&database, ended, &mut self.problems)?;
        for worker in &self.workers {
            rows::check_ledger(&rows, &worker.asked, &mut self.problems);
            rows::check_batches(&rows, worker.unanswered(), &mut self.problems);
        }
        Ok(rows)
    }

    /// Lets every task end, asks the host about all of them, stops it, and looks at what it left.
    fn finish(&mut self, rounds: u32) -> Result<rows::Rows> {
        let host = self.world.start()?;
        let base = self.listening(&host)?;
        let client = self.world.client(&base, single_tries())?;
        let (operator, workers) = (&mut self.operator, &mut self.workers);
        let settled = self.runtime.block_on(async {
            operator.check(&client).await?;
            operator.resume_all(&client).await?;
            for worker in workers {
                worker.repeat_unanswered(&client).await?;
                worker.cancel_far(&client).await?;
            }
            Ok(())
        });
        settled.map_err(|broken: Broken| anyhow!("the last host does not answer: {}", broken.problem))?;
        self.collect_problems();

        let client = self.world.client(&base, ClientOptions::default())?;
        let begun = Instant::now();
        self.runtime.block_on(drain(&client, DRAIN_PATIENCE + DRAIN_PATIENCE_A_ROUND * rounds))?;
        self.counts.drained = begun.elapsed();
        // Nothing changes any more, so the rows can be read beside the running host.
        let rows = self.look_at_rows(true)?;
        self.check_ends(&client, &rows)?;
        self.stop(host)?;
        let rows = self.look_at_rows(true)?;
        secrets::search_files(&self.world.data(), &mut self.problems)?;
        secrets::search_files(&self.world.log(), &mut self.problems)?;
        Ok(rows)
    }

    fn check_ends(&mut self, client: &Client, rows: &rows::Rows) -> Result<()> {
        let problems = &mut self.problems;
        let listed = self.runtime.block_on(ends::check_list(client, problems))?;
        let there: HashSet<&String> = listed.states.keys().collect();
        if there != rows.ids.iter().collect() {
            problems.add(format!(
                "{} tasks are listed, and the database has {}",
                there.len(),
                rows.ids.len()
            ));
        }
        for worker in &mut self.workers {
            let asked = std::mem::take(&mut worker.asked);
            let looked = self.runtime.block_on(ends::check_tasks(client, asked, rows, &listed, problems))?;
            rows::check_asked_by_jobs(rows, &looked, &listed.completed, problems);
            worker.asked = looked;
        }
        Ok(())
    }

    fn collect_problems(&mut self) {
        let problems = &mut self.problems;
        for worker in &mut self.workers {
            problems.extend(worker.problems.drain(..));
        }
        problems.extend(self.operator.problems.drain(..));
    }
}

/// Waits until every task has ended: looks whenever something happens.
async fn drain(client: &Client, patience: Duration) -> Result<()> {
    let drained = async {
        let mut events = client.events(None, None);
        loop {
            let stats = client.stats().await?;
            let open = ["queued", "running"].iter().filter_map(|state| stats.tasks.get(*state)).sum::<u64>();
            if open == 0 {
                return Ok(());
            }
            // An event says when to look, and the stats what is there.
            let _ = timeout(LOOK, events.next()).await;
        }
    };
    match timeout(patience, drained).await {
        Ok(drained) => drained,
        Err(_) => {
            let stats = client.stats().await.context("the tasks do not end")?;
            Err(anyhow!("after {patience:?} not every task has ended: {:?}", stats.tasks))
        }
    }
}
