//! Deployments: which revision of a job is current, which were before, and which nobody needs any more.
//!
//! A revision is one module of one job, for ever told by the digest of the module. Its row is made when it is deployed for the
//! first time and stays until [`CollectRevisions`] takes it. Deploying it again keeps the row and replaces what is known of it by what was
//! verified now: a key that is revoked takes its revisions with it, and another one may have signed the same module since.
//!
//! At most one revision of a job is current. Tasks name the revision that they were accepted with, deployed here or not; what
//! becomes current later changes nothing of them.

use mainworker_domain::audit::{Action, Actor};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;

/// Widenings that the audit names of one deployment, and characters that it has of each: the history of the job has all of them.
const WIDENINGS_NAMED: usize = 20;
const WIDENING_CHARS: usize = 200;

/// What is known of a revision. How long the texts are is bounded by whoever verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevision {
    /// The job.
    pub job: JobName,
    /// The module: which revision it is.
    pub module: Digest,
    /// The OCI manifest that it was published under.
    pub oci_manifest: Digest,
    /// As the module says it.
    pub version: String,
    /// The git commit that it was built from, as its publisher says.
    pub commit: String,
    /// Who built it, as its publisher says.
    pub builder: String,
    /// The key that signed it, as the settings call it.
    pub key_id: String,
    /// The key itself: `sha256:` of its public half.
    pub key_fingerprint: String,
    /// The repository that it was taken from.
    pub from: String,
}

/// Makes a revision current, if the one that is was seen by whoever asks: what it may do that the other could not was shown.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// What becomes current.
    pub revision: NewRevision,
    /// The module that has to be current, the one that it was compared with; none if none has to be.
    pub expected: Option<Digest>,
    /// What it may do that the other could not, as far as that was named and allowed.
    pub allowed_widenings: Vec<String>,
    /// When.
    pub now: Timestamp,
    /// Who wants it.
    pub by: Actor,
}

/// What a deployment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// It is current from now on; or it was, and what is known of it is replaced.
    Now {
        /// The module that was current; none if none was. The same one if only what is known of it is another.
        previous: Option<Digest>,
    },
    /// It was current, and nothing else was known of it, whatever was expected. So a request that is repeated finds what it did.
    Already,
    /// Another one is current than was expected.
    Stale {
        /// That one; none if none is.
        current: Option<Digest>,
    },
}

/// Makes a revision current that was before.
///
/// Without one named it leads to the one that was current before the current one, and only from one that was deployed: a
/// second rollback is [`Already`](RolledBack::Already). It would otherwise lead back to what was just fled from, or two steps
/// back if the first answer was lost or two people did the same; whoever means to go further names the revision. One that is
/// named becomes current also where the job was taken away.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// Of which job.
    pub job: JobName,
    /// The module that is to be current; none for the one before.
    pub to: Option<Digest>,
    /// When.
    pub now: Timestamp,
    /// Who wants it.
    pub by: Actor,
}

/// What a rollback did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// Another revision is current.
    Now {
        /// The module that was; none if none was.
        from: Option<Digest>,
        /// The module that is.
        to: Digest,
    },
    /// The one that was named is current; or none was named, and the current one is so by a rollback.
    Already,
    /// None was named, and when the current one was deployed there was none, or it is not kept any more.
    NoFormer,
    /// The one that was named never was deployed, or is not kept any more.
    UnknownRevision,
    /// None was named, and no revision of the job is current.
    NotDeployed,
}

/// Takes it back that a revision of a job is current. Its tasks, its revisions and its history stay.
#[derive(Clone, Debug)]
pub struct Undeploy {
    /// Of which job.
    pub job: JobName,
    /// When.
    pub now: Timestamp,
    /// Who wants it.
    pub by: Actor,
}

/// What that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeployed {
    /// None is current from now on.
    Now {
        /// The module that was.
        was: Digest,
    },
    /// None was.
    NotDeployed,
}

/// The revision of a job that is current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The revision.
    pub revision: NewRevision,
    /// When it became so.
    pub since: Timestamp,
    /// Who made it so.
    pub by: Actor,
}

/// A revision that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    /// The revision, as it was verified last.
    pub revision: NewRevision,
    /// When it was deployed first.
    pub first_deployed_at: Timestamp,
    /// When it was deployed last; a rollback is none.
    pub last_deployed_at: Timestamp,
    /// Who deployed it last.
    pub deployed_by: Actor,
    /// Since when it is not current any more; none while it is.
    pub superseded_at: Option<Timestamp>,
    /// Queued and running tasks of the job that were accepted with it.
    pub open_tasks: u64,
}

/// What there is to know of a job's revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRevisions {
    /// All that are kept, the one that became current last first.
    pub revisions: Vec<RevisionRow>,
    /// What was done, the latest first; at most [`DEPLOYMENT_HISTORY_MAX`](mainworker_domain::limits::DEPLOYMENT_HISTORY_MAX).
    pub history: Vec<HistoryEntry>,
    /// Where a [`Rollback`] leads that names no revision, or what it comes to.
    pub rollback: Result<Digest, RolledBack>,
}

/// What was done with a job. Of revisions that are not kept any more, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// What.
    pub change: Change,
    /// The module that became current, or that was when none was to be any more.
    pub module: Digest,
    /// Its version.
    pub version: String,
    /// The module that was current before it became so; none if none was, or none is now.
    pub before: Option<Digest>,
    /// What was allowed to a revision that was deployed.
    pub allowed_widenings: Vec<String>,
}

/// See [`HistoryEntry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A revision was deployed.
    Deployed,
    /// One that was before became current again.
    RolledBack,
    /// None is current any more.
    Undeployed,
}

/// Forgets revisions that nobody needs. One goes if it is not current, not among the newest of its job, superseded for long
/// enough, and no task that is kept was accepted with it: one that is open will run it, and one that ended may be retried.
///
/// In steps, like [`Prune`](crate::verbs::prune::Prune): the revisions of a job are looked at together, and as many jobs as it takes.
#[derive(Clone, Copy, Debug)]
pub struct CollectRevisions {
    /// Revisions that are kept of each job beside the current one: those that became current last. With one of them at least,
    /// there always is one to roll back to.
    pub keep: usize,
    /// Those that were superseded then or later stay: a task may be on its way into the store with one of them.
    pub superseded_before: Timestamp,
    /// Revisions to look at; no further job is begun when there were so many.
    pub revisions_max: usize,
    /// Where the last step ended; 0 to begin anew.
    pub after: u64,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The revisions that are forgotten.
    pub revisions: Vec<CollectedRevision>,
    /// Where the next step begins; none when all revisions were looked at.
    pub next: Option<u64>,
}

/// A revision that is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CollectedRevision {
    /// The job.
    pub job: JobName,
    /// The module. Another job may have a revision of the same.
    pub module: Digest,
    /// The OCI manifest that it was published under when it was verified last.
    pub oci_manifest: Digest,
}

/// What decides about the next step with a job of which a revision is current.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    /// That one.
    pub(crate) module: Digest,
    /// The one that was before; none if none was.
    pub(crate) former: Option<Digest>,
    /// Whether it is so by a rollback.
    pub(crate) rolled_back: bool,
}

impl Default for JobRevisions {
    fn default() -> Self {
        let rollback = Err(RolledBack::NotDeployed);
        Self { revisions: Vec::new(), history: Vec::new(), rollback }
    }
}

impl JobRevisions {
    /// Of a job with these revisions, one of which may be current.
    pub(crate) fn of(
        current: Option<Current>,
        revisions: Vec<RevisionRow>,
        history: Vec<HistoryEntry>,
    ) -> Self {
        let target = current.ok_or(RolledBack::NotDeployed).and_then(|current| current.target(None));
        let rollback = target.and_then(|to| {
            let is_kept = revisions.iter().any(|row| row.revision.module == to);
            if is_kept { Ok(to) } else { Err(RolledBack::NoFormer) }
        });
        Self { revisions, history, rollback }
    }
}

impl Current {
    /// Where a rollback leads to this revision or, without one, by itself; or why nowhere.
    fn target(&self, to: Option<Digest>) -> Result<Digest, RolledBack> {
        match (to, self.former) {
            (Some(to), _) if to == self.module => Err(RolledBack::Already),
            (Some(to), _) => Ok(to),
            (None, _) if self.rolled_back => Err(RolledBack::Already),
            (None, Some(former)) => Ok(former),
            (None, None) => Err(RolledBack::NoFormer),
        }
    }
}

impl RevisionRow {
    /// Whether it is the one that is current.
    pub fn is_current(&self) -> bool {
        self.superseded_at.is_none()
    }
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 3] = [Self::Deployed, Self::RolledBack, Self::Undeployed];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::RolledBack => "rolled-back",
            Self::Undeployed => "undeployed",
        }
    }

    /// The change that [`Change::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == word)
    }

    /// What the audit calls it.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Deployed => Action::JobDeployed,
            Self::RolledBack => Action::JobRolledBack,
            Self::Undeployed => Action::JobUndeployed,
        }
    }
}

impl NewRevision {
    /// Whether the same was verified. From where it came is no part of that: one place has many names.
    fn says_as(&self, other: &Self) -> bool {
        let Self { from, .. } = other;
        Self { from: from.clone(), ..self.clone() } == *other
    }
}

impl Deploy {
    /// What is to be done, by the module that is current and by what is known of the one that is to be.
    pub(crate) fn decide(&self, current: Option<Digest>, known: Option<&NewRevision>) -> Deployed {
        if current == Some(self.revision.module) && known.is_some_and(|known| self.revision.says_as(known)) {
            Deployed::Already
        } else if current != self.expected {
            Deployed::Stale { current }
        } else {
            Deployed::Now { previous: current }
        }
    }

    /// What is written down of it.
    pub(crate) fn entry(&self, previous: Option<Digest>) -> HistoryEntry {
        HistoryEntry {
            at: self.now,
            by: self.by.clone(),
            change: Change::Deployed,
            module: self.revision.module,
            version: self.revision.version.clone(),
            before: previous,
            allowed_widenings: self.allowed_widenings.clone(),
        }
    }
}

impl Rollback {
    /// Where it leads, or why nowhere.
    pub(crate) fn target(&self, current: Option<&Current>) -> Result<Digest, RolledBack> {
        match current {
            Some(current) => current.target(self.to),
            None => self.to.ok_or(RolledBack::NotDeployed),
        }
    }

    /// What it comes to if the revision that it leads to is not kept.
    pub(crate) fn not_kept(&self) -> RolledBack {
        if self.to.is_some() { RolledBack::UnknownRevision } else { RolledBack::NoFormer }
    }

    /// What is written down of it.
    pub(crate) fn entry(&self, from: Option<Digest>, to: &NewRevision) -> HistoryEntry {
        HistoryEntry {
            at: self.now,
            by: self.by.clone(),
            change: Change::RolledBack,
            module: to.module,
            version: to.version.clone(),
            before: from,
            allowed_widenings: Vec::new(),
        }
    }
}

impl Undeploy {
    /// What is written down of it.
    pub(crate) fn entry(&self, was: &NewRevision) -> HistoryEntry {
        HistoryEntry {
            at: self.now,
            by: self.by.clone(),
            change: Change::Undeployed,
            module: was.module,
            version: was.version.clone(),
            before: None,
            allowed_widenings: Vec::new(),
        }
    }
}

impl HistoryEntry {
    /// What the audit says of it; where the revision was taken from, if it was deployed.
    pub(crate) fn detail(&self, from: Option<&str>) -> String {
        let mut detail = vec![format!("version {}", self.version), format!("module {}", self.module.short())];
        if let Some(before) = self.before {
            detail.push(format!("before it {}", before.short()));
        }
        if let Some(from) = from {
            detail.push(format!("from {from}"));
        }
        if !self.allowed_widenings.is_empty() {
            let named = self.allowed_widenings.iter().take(WIDENINGS_NAMED);
            let named = named.map(|name| name.chars().take(WIDENING_CHARS).collect::<String>());
            let more = self.allowed_widenings.len().saturating_sub(WIDENINGS_NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            detail.push(format!("allowed {}{more}", named.collect::<Vec<_>>().join(" ")));
        }
        detail.join(", ")
    }
}

impl CollectRevisions {
    /// Whether a revision goes that is not current: so many others that are not became current after it, and so many tasks that
    /// are kept were accepted with it.
    pub(crate) fn takes(&self, newer: usize, superseded_at: Timestamp, tasks: u64) -> bool {
        newer >= self.keep && superseded_at < self.superseded_before && tasks == 0
    }
}
