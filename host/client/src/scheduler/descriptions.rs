//! What the host says of its jobs, kept for a while: manifest and schemas, by which a task is checked before it is sent.
//!
//! It is asked for when a job is first sent to, and then whether it changed, by its entity tag: once it is too old, and
//! before a task is refused by what is known. A host that does not answer is not asked again for some seconds; until then
//! what is known is good enough, and the host decides.

use super::{Clock, SchedulerOptions};
use crate::client::{Client, Tagged};
use crate::error::ClientError;
use crate::target::Target;
use crate::wire::JobDescription;
use mainworker_domain::catalog::{ModuleDescription, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::rejection::{Rejected, RejectionCode};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Milliseconds for which a host that gave no answer is not asked again. Its tasks must not each wait for one.
const SILENCE_MS: u64 = 5_000;

/// What is known of jobs. Only those that the host knows are kept, so their number is the host's.
pub(super) struct Descriptions {
    age_ms: u64,
    answer_ms: u64,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
    /// Held by whoever asks the host, so that many tasks at once ask once.
    looking: tokio::sync::Mutex<()>,
    /// By the clock that never jumps.
    silent_until_ms: AtomicU64,
}

/// One job, as it was said.
pub(super) struct Kept {
    tag: Option<String>,
    looked_at_ms: u64,
    /// None if it cannot be read here: a newer host may say more than this library knows.
    revision: Option<Arc<Revision>>,
}

/// What is known of a job.
pub(super) enum Known {
    /// It was asked for just now.
    Fresh(Arc<Kept>),
    /// It was asked for a while ago.
    Kept(Arc<Kept>),
    /// Nothing.
    Not,
}

impl Known {
    pub(super) fn revision(&self) -> Option<&Arc<Revision>> {
        match self {
            Self::Fresh(kept) | Self::Kept(kept) => kept.revision.as_ref(),
            Self::Not => None,
        }
    }
}

impl Descriptions {
    pub(super) fn new(options: &SchedulerOptions) -> Self {
        Self {
            age_ms: options.description_age_ms,
            answer_ms: options.description_answer_ms,
            kept: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            silent_until_ms: AtomicU64::new(0),
        }
    }

    /// What is known of a job; asks for it if that is nothing, or too old.
    ///
    /// # Errors
    /// `unknown_job`, as the host says it.
    pub(super) async fn of(&self, client: &Client, clock: &Clock, job: &str) -> Result<Known, Box<Rejected>> {
        // What is no name has no path of its own either.
        if JobName::parse(job).is_err() {
            return Ok(Known::Not);
        }
        if let Some(kept) = self.kept(job) {
            let age_ms = (clock.elapsed_ms)().saturating_sub(kept.looked_at_ms);
            if age_ms < self.age_ms || self.is_silent(clock) {
                return Ok(Known::Kept(kept));
            }
            // If somebody asks already, nobody else has to wait for it.
            return match self.looking.try_lock() {
                Ok(_looking) => self.look(client, clock, job, Some(kept)).await,
                Err(_) => Ok(Known::Kept(kept)),
            };
        }
        let _looking = self.looking.lock().await;
        match self.kept(job) {
            Some(kept) => Ok(Known::Kept(kept)),
            None => self.look(client, clock, job, None).await,
        }
    }

    /// What is known of a job that is newer than `old`; asks for it, unless somebody did since. Nothing if there is no answer.
    ///
    /// # Errors
    /// `unknown_job`, as the host says it.
    pub(super) async fn newer_than(
        &self,
        old: &Arc<Kept>,
        client: &Client,
        clock: &Clock,
        job: &str,
    ) -> Result<Known, Box<Rejected>> {
        let _looking = self.looking.lock().await;
        let known = match self.kept(job) {
            Some(kept) if !Arc::ptr_eq(&kept, old) => Known::Fresh(kept),
            kept => self.look(client, clock, job, kept).await?,
        };
        Ok(match known {
            Known::Kept(_) => Known::Not,
            known => known,
        })
    }

    async fn look(
        &self,
        client: &Client,
        clock: &Clock,
        job: &str,
        kept: Option<Arc<Kept>>,
    ) -> Result<Known, Box<Rejected>> {
        let as_it_was = |kept: Option<Arc<Kept>>| Ok(kept.map_or(Known::Not, Known::Kept));
        if self.is_silent(clock) {
            return as_it_was(kept);
        }
        let tag = kept.as_ref().and_then(|kept| kept.tag.as_deref());
        let looked = match Target::of_job(job, "/description") {
            Ok(target) => client.look("reading what a job takes", target, tag, self.answer_ms).await,
            Err(error) => Err(error),
        };
        let looked_at_ms = (clock.elapsed_ms)();
        let (tag, revision) = match (looked, kept) {
            (Ok(Some(Tagged { tag, body })), _) => (tag, read(job, &body).map(Arc::new)),
            (Ok(None), Some(kept)) => (kept.tag.clone(), kept.revision.clone()),
            // Nobody says that what was not asked about is the same.
            (Ok(None), None) => (None, None),
            (Err(error), kept) => {
                if let Some(unknown) = unknown_job(&error) {
                    self.all().remove(job);
                    return Err(unknown);
                }
                self.silent_until_ms.store(looked_at_ms.saturating_add(SILENCE_MS), Ordering::Relaxed);
                return as_it_was(kept);
            }
        };
        let kept = Arc::new(Kept { tag, looked_at_ms, revision });
        self.all().insert(job.to_owned(), Arc::clone(&kept));
        Ok(Known::Fresh(kept))
    }

    fn is_silent(&self, clock: &Clock) -> bool {
        (clock.elapsed_ms)() < self.silent_until_ms.load(Ordering::Relaxed)
    }

    fn kept(&self, job: &str) -> Option<Arc<Kept>> {
        self.all().get(job).map(Arc::clone)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Kept>>> {
        // Entries are put in whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown_job(error: &ClientError) -> Option<Box<Rejected>> {
    let rejected = Rejected::try_from(error.problem()?).ok()?;
    (rejected.code == RejectionCode::UnknownJob).then(|| Box::new(rejected))
}

/// The revision that is described; none if it is of another job or cannot be read.
fn read(job: &str, said: &JobDescription) -> Option<Revision> {
    let description = ModuleDescription {
        manifest: Manifest::from_json(&said.manifest).ok()?,
        payload_schema: said.payload_schema.clone(),
        result_schema: said.result_schema.clone(),
    };
    let digest = Digest::parse(&said.revision)?;
    let revision = Revision::from_section(digest, &description.to_section()).ok()?;
    (revision.manifest().job.name.as_str() == job).then_some(revision)
}
