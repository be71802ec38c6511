//! One client of the load, with the ledger of its tasks. It outlives the hosts that it talks to.

use super::mix::{self, FAR_TAG};
use super::{Answer, Broken, heard};
use crate::ledger::{Asked, Standing};
use anyhow::Result;
use mainworker_client::wire::{BulkRequest, TaskFilter};
use mainworker_client::{Client, NewTask};
use mainworker_domain::task_options::UniquePolicy;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::ops::Range;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Tasks of a batch at most.
const BATCH_TASKS_MAX: usize = 16;
/// Milliseconds between two requests, at random: the load lasts as long as a round.
const PAUSE_MS: Range<u64> = 0..20;
/// Tasks among which one is usually picked: they are still queued, or have ended just now.
const NEWEST: usize = 60;
/// How long a task is waited for.
const WAIT: Duration = Duration::from_millis(300);

/// A client with the ledger of its tasks.
#[derive(Debug)]
pub struct Worker {
    number: u32,
    random: StdRng,
    /// What it asked for, the oldest first.
    pub asked: Vec<Asked>,
    /// What of it is to be sent again: a batch whole, as it was sent.
    unanswered: Vec<Range<usize>>,
    /// What the host should not have said.
    pub problems: Vec<String>,
    /// Requests that were sent again under their keys and answered.
    pub repeated: u64,
}

impl Worker {
    /// A worker with its own luck.
    pub fn new(number: u32, seed: u64) -> Self {
        Self {
            number,
            random: StdRng::seed_from_u64(seed ^ (u64::from(number) << 32)),
            asked: Vec::new(),
            unanswered: Vec::new(),
            problems: Vec::new(),
            repeated: 0,
        }
    }

    /// Asks for this and that until the host is gone.
    pub async fn work(&mut self, client: &Client) -> Broken {
        loop {
            match self.one_round(client).await {
                Ok(()) => {}
                Err(broken) => return broken,
            }
        }
    }

    async fn one_round(&mut self, client: &Client) -> Result<(), Broken> {
        self.repeat_unanswered(client).await?;
        match self.random.random_range(0..100) {
            0..60 => self.enqueue(client).await?,
            60..70 => self.enqueue_batch(client).await?,
            70..76 => self.repeat_answered(client).await?,
            76..86 => self.cancel(client).await?,
            86..92 => self.retry(client).await?,
            92..97 => self.look(client).await?,
            _ => self.wait(client).await?,
        }
        sleep(Duration::from_millis(self.random.random_range(PAUSE_MS))).await;
        Ok(())
    }

    /// Sends again, under their keys, what no answer came to.
    ///
    /// # Errors
    /// A host that is gone.
    pub async fn repeat_unanswered(&mut self, client: &Client) -> Result<(), Broken> {
        while let Some(range) = self.unanswered.last().cloned() {
            self.send(client, range).await?;
            self.unanswered.pop();
            self.repeated += 1;
        }
        Ok(())
    }

    /// What was sent and not answered, each batch whole.
    pub fn unanswered(&self) -> impl Iterator<Item = &[Asked]> {
        self.unanswered.iter().map(|range| &self.asked[range.clone()])
    }

    fn new_task(&mut self) -> usize {
        let work = mix::work(&mut self.random);
        let options = mix::options(self.number, work, &mut self.random);
        let token = format!("worker-{}-task-{}", self.number, self.asked.len());
        match Asked::new(token, work, options) {
            Ok(asked) => self.asked.push(asked),
            Err(error) => self.problems.push(format!("an envelope of the test is no JSON: {error}")),
        }
        self.asked.len().saturating_sub(1)
    }

    async fn enqueue(&mut self, client: &Client) -> Result<(), Broken> {
        let index = self.new_task();
        self.send_new(client, index..index + 1).await
    }

    async fn enqueue_batch(&mut self, client: &Client) -> Result<(), Broken> {
        let from = self.asked.len();
        for _ in 0..self.random.random_range(2..=BATCH_TASKS_MAX) {
            self.new_task();
        }
        // One conflict would keep the others out.
        for asked in &mut self.asked[from..] {
            if asked.options.unique_policy == UniquePolicy::Reject {
                asked.options.unique_key = None;
            }
        }
        self.send_new(client, from..self.asked.len()).await
    }

    async fn send_new(&mut self, client: &Client, range: Range<usize>) -> Result<(), Broken> {
        let sent = self.send(client, range.clone()).await;
        if sent.is_err() {
            self.unanswered.push(range);
        }
        sent
    }

    /// Sends a task, or a batch.
    async fn send(&mut self, client: &Client, range: Range<usize>) -> Result<(), Broken> {
        let tasks = &mut self.asked[range.clone()];
        tasks.iter_mut().for_each(|asked| asked.enqueue = Standing::Unsure);
        let answer = match tasks {
            [asked] => {
                client.enqueue(&asked.envelope, &asked.options).await.map(|accepted| vec![accepted.task_id])
            }
            _ => {
                let tasks: Vec<NewTask<'_>> = tasks
                    .iter()
                    .map(|asked| NewTask { envelope: &asked.envelope, options: &asked.options })
                    .collect();
                client.enqueue_batch(&tasks).await.map(|accepted| accepted.task_ids)
            }
        };
        match heard(answer) {
            Ok(Answer::Done(ids)) => {
                for (asked, id) in self.asked[range].iter_mut().zip(ids) {
                    asked.enqueue = Standing::Acknowledged(id);
                }
                Ok(())
            }
            Ok(Answer::Refused(problem)) => {
                let tasks = &mut self.asked[range];
                let expected = match problem.code.as_str() {
                    "unique_conflict" => tasks.iter().any(|asked| asked.options.unique_key.is_some()),
                    // What is sent again later may be past its expiry by then.
                    "options_invalid" => {
                        tasks.iter().any(|asked| asked.unanswered > 0 && asked.options.expires_at.is_some())
                    }
                    _ => false,
                };
                tasks.iter_mut().for_each(|asked| asked.enqueue = Standing::Refused(problem.code.clone()));
                if !expected {
                    self.problems.push(format!("a task was not taken: {}: {}", problem.code, problem.detail));
                }
                Ok(())
            }
            Err(broken) => {
                self.asked[range].iter_mut().for_each(|asked| asked.unanswered += 1);
                Err(broken)
            }
        }
    }

    /// One of the tasks that fit, the newest more often.
    fn pick(&mut self, fits: impl Fn(&Asked) -> bool) -> Option<usize> {
        let newest = self.asked.len().saturating_sub(NEWEST);
        let from = if self.random.random_bool(0.8) { newest } else { 0 };
        self.pick_from(from, fits)
    }

    fn pick_from(&mut self, from: usize, fits: impl Fn(&Asked) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            (from..self.asked.len()).filter(|&index| fits(&self.asked[index])).collect();
        (!fitting.is_empty()).then(|| fitting[self.random.random_range(0..fitting.len())])
    }

    /// The same request again is the same task; another under its key is a conflict.
    async fn repeat_answered(&mut self, client: &Client) -> Result<(), Broken> {
        let plain = |asked: &Asked| {
            asked.id().is_some() && asked.options.expires_at.is_none() && asked.options.unique_key.is_none()
        };
        let Some(index) = self.pick(plain) else { return Ok(()) };
        let other = self.random.random_bool(0.5);
        let asked = &self.asked[index];
        let mut options = asked.options.clone();
        if other {
            options.label = Some("another request".to_owned());
        }
        let answer = heard(client.enqueue(&asked.envelope, &options).await)?;
        let id = asked.id().unwrap_or_default();
        let problem = match answer {
            Answer::Done(accepted) if !other && accepted.task_id == id => return Ok(()),
            Answer::Refused(problem) if other && problem.code == "idempotency_conflict" => return Ok(()),
            Answer::Done(accepted) => format!("was answered with the task {}", accepted.task_id),
            Answer::Refused(problem) => format!("was answered with `{}`", problem.code),
        };
        let what = if other { "another request" } else { "the same request" };
        self.problems.push(format!("{what} under the key `{}` of the task {id} {problem}", asked.token));
        Ok(())
    }

    async fn cancel(&mut self, client: &Client) -> Result<(), Broken> {
        let fits = |asked: &Asked| asked.id().is_some() && !asked.is_retried() && !asked.may_be_another();
        let Some(index) = self.pick(fits) else { return Ok(()) };
        self.cancel_one(client, index).await
    }

    async fn cancel_one(&mut self, client: &Client, index: usize) -> Result<(), Broken> {
        let asked = &mut self.asked[index];
        let id = asked.id().unwrap_or_default().to_owned();
        let before = asked.cancel.clone();
        asked.cancel = Standing::Unsure;
        let answer = client.cancel(&id).await;
        match heard(answer)? {
            Answer::Done(answer) => {
                // One that was cancelled stays so, whatever a further cancel is answered with.
                let word = match before {
                    Standing::Acknowledged(word) => word,
                    _ => answer.cancel,
                };
                self.asked[index].cancel = Standing::Acknowledged(word);
                let task = heard(client.task(&id).await)?;
                if let Answer::Done(task) = task {
                    self.asked[index].attempts_at_cancel.get_or_insert(task.attempts.len());
                }
            }
            Answer::Refused(problem) if problem.code == "not_cancellable" => {
                self.asked[index].cancel = before.clone();
                if before == Standing::Unsure {
                    self.asked[index].cancel = Standing::NotAsked;
                }
                if matches!(before.acknowledged(), Some("cancelled")) {
                    self.problems.push(format!("the task {id} was cancelled and has ended otherwise"));
                }
            }
            Answer::Refused(problem) => {
                self.problems
                    .push(format!("the cancel of the task {id} was answered with `{}`", problem.code));
            }
        }
        Ok(())
    }

    async fn retry(&mut self, client: &Client) -> Result<(), Broken> {
        let fits = |asked: &Asked| {
            let far = asked.options.tags.iter().any(|tag| tag == FAR_TAG);
            asked.id().is_some()
                && asked.options.unique_key.is_none()
                && !far
                && asked.retry != Standing::Unsure
        };
        let Some(index) = self.pick_from(0, fits) else { return Ok(()) };
        let id = self.asked[index].id().unwrap_or_default().to_owned();
        let Answer::Done(task) = heard(client.task(&id).await)? else {
            self.problems.push(format!("the task {id} was acknowledged and is not there"));
            return Ok(());
        };
        if !matches!(task.state.as_str(), "failed" | "cancelled" | "expired") {
            return Ok(());
        }
        let answer = client.retry(&id, Some(self.random.random_range(0..200))).await;
        match heard(answer) {
            Ok(Answer::Done(_)) => self.asked[index].retried(task.attempts.len()),
            Ok(Answer::Refused(problem)) => {
                let gone = problem.code == "configuration_gone" && task.state != "failed";
                if !gone || !self.asked[index].work.is_configured() {
                    self.problems.push(format!(
                        "the retry of the task {id}, which is `{}`, was answered with `{}`",
                        task.state, problem.code
                    ));
                }
            }
            Err(broken) => {
                self.asked[index].retry_unanswered();
                return Err(broken);
            }
        }
        Ok(())
    }

    async fn look(&mut self, client: &Client) -> Result<(), Broken> {
        let Some(index) = self.pick(|asked| asked.id().is_some()) else { return Ok(()) };
        let id = self.asked[index].id().unwrap_or_default().to_owned();
        let found = match self.random.random_range(0..3) {
            0 => heard(client.log(&id, None).await).map(|answer| matches!(answer, Answer::Done(_)))?,
            1 => heard(client.task(&id).await).map(|answer| matches!(answer, Answer::Done(_)))?,
            _ => {
                let filter =
                    TaskFilter { tag: Some(format!("worker-{}", self.number)), ..TaskFilter::default() };
                heard(client.list(&filter, Some(100), None).await)
                    .map(|answer| matches!(answer, Answer::Done(_)))?
            }
        };
        if !found {
            self.problems.push(format!("the task {id} was acknowledged and is not there"));
        }
        Ok(())
    }

    /// Follows a task for a moment, so that streams are among what breaks.
    async fn wait(&mut self, client: &Client) -> Result<(), Broken> {
        let Some(index) = self.pick(|asked| asked.id().is_some()) else { return Ok(()) };
        let id = self.asked[index].id().unwrap_or_default().to_owned();
        match timeout(WAIT, client.wait(&id)).await {
            Ok(answer) => heard(answer).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Cancels what is due long after the test: in bulk, then one by one.
    ///
    /// # Errors
    /// A host that is gone.
    pub async fn cancel_far(&mut self, client: &Client) -> Result<(), Broken> {
        let filter = TaskFilter { tag: Some(FAR_TAG.to_owned()), ..TaskFilter::default() };
        if let Answer::Refused(problem) =
            heard(client.cancel_many(&BulkRequest { filter, preview: false }).await)?
        {
            self.problems.push(format!("a bulk cancel was answered with `{}`", problem.code));
        }
        for index in 0..self.asked.len() {
            let asked = &self.asked[index];
            let far = asked.options.tags.iter().any(|tag| tag == FAR_TAG);
            if far && asked.id().is_some() {
                self.cancel_one(client, index).await?;
            }
        }
        Ok(())
    }
}
