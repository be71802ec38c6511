//! The one that pauses and resumes. What was acknowledged last must hold after a crash.

use super::{Answer, Broken, heard};
use crate::ledger::Standing;
use mainworker_client::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::time::sleep;

const PAUSED: &str = "paused";
const RESUMED: &str = "resumed";

/// What can be paused: everything, or a job.
const TARGETS: [Option<&str>; 4] = [None, Some("echo"), Some("prober"), Some("child")];

/// A client that pauses and resumes, and knows what holds.
#[derive(Debug)]
pub struct Operator {
    random: StdRng,
    standing: [Standing; TARGETS.len()],
    /// What the host should not have said.
    pub problems: Vec<String>,
    /// Pauses and resumes that were acknowledged.
    pub acknowledged: u64,
}

impl Operator {
    /// With its own luck.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(!seed),
            standing: Default::default(),
            problems: Vec::new(),
            acknowledged: 0,
        }
    }

    /// Looks whether that is paused which was acknowledged to be.
    ///
    /// # Errors
    /// A host that is gone.
    pub async fn check(&mut self, client: &Client) -> Result<(), Broken> {
        let Answer::Done(list) = heard(client.jobs().await)? else {
            self.problems.push("the jobs cannot be listed".to_owned());
            return Ok(());
        };
        for (target, standing) in TARGETS.into_iter().zip(&self.standing) {
            let Some(word) = standing.acknowledged() else { continue };
            let paused = match target {
                None => list.paused,
                Some(job) => list.jobs.iter().any(|info| info.name == job && info.paused),
            };
            if paused != (word == PAUSED) {
                let what = target.unwrap_or("everything");
                self.problems.push(format!("`{what}` was acknowledged to be {word}, and is not"));
            }
        }
        Ok(())
    }

    /// Pauses and resumes until the host is gone.
    pub async fn work(&mut self, client: &Client) -> Broken {
        if let Err(broken) = self.check(client).await {
            return broken;
        }
        loop {
            sleep(Duration::from_millis(self.random.random_range(10..150))).await;
            // What may be paused is resumed next, so that attempts run at most kills.
            let resumed = |standing: &Standing| {
                matches!(standing, Standing::NotAsked) || standing.acknowledged() == Some(RESUMED)
            };
            let paused = self.standing.iter().position(|standing| !resumed(standing));
            let (index, pause) = match paused {
                Some(index) => (index, false),
                None if self.random.random_bool(0.3) => (self.random.random_range(0..TARGETS.len()), true),
                None => continue,
            };
            if let Err(broken) = self.set(client, index, pause).await {
                return broken;
            }
        }
    }

    /// Resumes everything.
    ///
    /// # Errors
    /// A host that is gone.
    pub async fn resume_all(&mut self, client: &Client) -> Result<(), Broken> {
        for index in 0..TARGETS.len() {
            self.set(client, index, false).await?;
        }
        Ok(())
    }

    async fn set(&mut self, client: &Client, index: usize, pause: bool) -> Result<(), Broken> {
        self.standing[index] = Standing::Unsure;
        let target = TARGETS[index];
        let answer = if pause { client.pause(target).await } else { client.resume(target).await };
        match heard(answer)? {
            Answer::Done(answer) if answer.paused == pause => {
                let word = if pause { PAUSED } else { RESUMED };
                self.standing[index] = Standing::Acknowledged(word.to_owned());
                self.acknowledged += 1;
            }
            Answer::Done(_) => {
                self.problems.push("a pause or resume was answered with the opposite".to_owned())
            }
            Answer::Refused(problem) => {
                self.problems.push(format!("a pause or resume was answered with `{}`", problem.code));
            }
        }
        Ok(())
    }
}
