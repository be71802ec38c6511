//! Schedules: what there are of them, and how they are changed.
//!
//! To the store a definition is a text. What it says, and so which runs are due, is decided by whoever looks at it; what a look
//! brings about is [`fire`](crate::verbs::fire)'s.

use crate::store::StoreError;
use crate::verbs::task::TaskSummary;
use mainworker_domain::audit::{Action, Actor};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{Open, ScheduleName};

/// Occurrences that a [`ScheduleView`] has at the most.
pub const OCCURRENCES_SHOWN_MAX: usize = 20;

/// A schedule from its creation until it is deleted; one that is created again under its name is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId(u64);

impl ScheduleId {
    /// The id that [`ScheduleId::number`] gave.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// As it is stored. Larger is later; never given twice.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Creates, changes and deletes schedules: all of it, or nothing.
#[derive(Clone, Debug)]
pub struct ApplySchedules {
    /// Who owns them, such as the file that CI applies; none for those that are managed one by one. Only what has the same
    /// owner is changed or deleted.
    pub set: Option<ScheduleName>,
    /// What there is to be; each name once.
    pub puts: Vec<PutSchedule>,
    /// What there is not to be; no name of `puts`.
    pub deletes: Vec<ScheduleName>,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the host itself.
    pub by: Option<Actor>,
}

/// One schedule that there is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutSchedule {
    /// Its name.
    pub name: ScheduleName,
    /// What it says. The same text is no change.
    pub definition: String,
    /// Up to which moment, that one included, nothing runs any more. For one that is new, and one that restarts.
    pub evaluated_to: Timestamp,
    /// When it is to be looked at next. For one that is new or changed.
    pub next_at: Option<Timestamp>,
    /// Whether, if it is changed, its times are others than before, so that they begin anew.
    pub restarts: bool,
    /// What its revision has to be; within it, none if it has to be new. None at all for any.
    pub expected_revision: Option<Option<u64>>,
}

/// What was done with one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedSchedule {
    /// Its name.
    pub name: ScheduleName,
    /// What was done.
    pub change: ScheduleChange,
}

/// See [`AppliedSchedule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleChange {
    /// It is new.
    Created,
    /// Its definition is another. Its runs, its history and whether it is paused are as they were.
    Changed,
    /// It was there and is as it is to be.
    Unchanged,
    /// It is gone, with its history. Its tasks are there.
    Deleted,
    /// It was not there to be deleted.
    Unknown,
}

/// Why nothing was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// One of the schedules is refused.
    #[error("schedule {name}: {refusal}")]
    Refused {
        /// Which one.
        name: ScheduleName,
        /// Why.
        refusal: ApplyRefusal,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a schedule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyRefusal {
    /// It belongs to somebody else.
    #[error("it belongs to {}", set.as_ref().map_or_else(|| "no set".to_owned(), |set| format!("the set {set}")))]
    AnotherSet {
        /// To whom; none if it is managed by itself.
        set: Option<ScheduleName>,
    },
    /// It is not what was expected.
    #[error("its revision is {}", found.map_or_else(|| "none, it is not there".to_owned(), |found| found.to_string()))]
    AnotherRevision {
        /// Its revision; none if it is not there.
        found: Option<u64>,
    },
    /// There would be too many.
    #[error("there would be more than {allowed} schedules")]
    TooMany {
        /// See [`SCHEDULES_MAX`](mainworker_domain::limits::SCHEDULES_MAX).
        allowed: usize,
    },
    /// It stands twice in what is to be applied.
    #[error("it stands twice in what is to be applied")]
    Twice,
}

/// Pauses or resumes a schedule. While it is paused, only people bring about runs of it.
#[derive(Clone, Debug)]
pub struct PauseSchedule {
    /// Which.
    pub name: ScheduleName,
    /// Whether to pause rather than resume.
    pub paused: bool,
    /// When it is to be looked at next, if this changes anything.
    pub next_at: Option<Timestamp>,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the host itself.
    pub by: Option<Actor>,
}

/// What a pause or a resumption did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulePaused {
    /// It is otherwise than before.
    Now,
    /// It was so already.
    Already,
    /// There is no such schedule.
    Unknown,
}

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Which.
    pub id: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// Who owns it.
    pub set: Option<ScheduleName>,
    /// What it says.
    pub definition: String,
    /// Of its definition, from 1.
    pub revision: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its definition was changed last.
    pub changed_at: Timestamp,
    /// Since when it has the times that it has: when it was created or restarted.
    pub since: Timestamp,
    /// Up to which moment, that one included, its runs were decided about.
    pub evaluated_to: Timestamp,
    /// When it is to be looked at next; none if never.
    pub next_at: Option<Timestamp>,
    /// Runs at their times that became tasks by themselves.
    pub runs: u64,
    /// Runs that fell due and were left out since they were missed.
    pub missed: u64,
    /// Why it has no further run, in one word.
    pub ended: Option<String>,
    /// Why a run was refused or could not be brought about; none once one was again.
    pub last_problem: Option<ScheduleProblem>,
}

/// See [`ScheduleRow::last_problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleProblem {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
}

/// A schedule with what became of its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleView {
    /// The schedule.
    pub row: ScheduleRow,
    /// Its newest occurrences that were decided about, the latest first; at most [`OCCURRENCES_SHOWN_MAX`].
    pub occurrences: Vec<OccurrenceView>,
    /// Its tasks that are not over, those of a former schedule of this name included.
    pub open: Open,
}

/// One occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceView {
    /// Its moment.
    pub at: Timestamp,
    /// What became of it.
    pub fate: OccurrenceFate,
    /// Its task, as long as that is kept.
    pub task: Option<TaskSummary>,
}

/// What becomes of an occurrence. It is decided once, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OccurrenceFate {
    /// There is a task for it.
    Enqueued,
    /// It was left out, since an earlier run was not over.
    Overlapped,
    /// No task was taken for it.
    Refused,
}

impl OccurrenceFate {
    /// Every fate.
    pub const ALL: [Self; 3] = [Self::Enqueued, Self::Overlapped, Self::Refused];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Overlapped => "overlapped",
            Self::Refused => "refused",
        }
    }

    /// The fate that [`OccurrenceFate::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == word)
    }
}

impl ApplySchedules {
    /// The first name that stands twice.
    pub(crate) fn twice(&self) -> Option<&ScheduleName> {
        let mut names: Vec<_> = self.puts.iter().map(|put| &put.name).chain(&self.deletes).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// What is to be done for a put on a schedule as it stands.
    pub(crate) fn decide_put(
        &self,
        put: &PutSchedule,
        found: Option<&ScheduleRow>,
    ) -> Result<ScheduleChange, ApplyRefusal> {
        let revision = found.map(|row| row.revision);
        if let Some(expected) = put.expected_revision
            && expected != revision
        {
            return Err(ApplyRefusal::AnotherRevision { found: revision });
        }
        let Some(row) = found else { return Ok(ScheduleChange::Created) };
        self.owns(row)?;
        let same = row.definition == put.definition;
        Ok(if same { ScheduleChange::Unchanged } else { ScheduleChange::Changed })
    }

    /// What is to be done to delete a schedule as it stands.
    pub(crate) fn decide_delete(&self, found: Option<&ScheduleRow>) -> Result<ScheduleChange, ApplyRefusal> {
        let Some(row) = found else { return Ok(ScheduleChange::Unknown) };
        self.owns(row).map(|()| ScheduleChange::Deleted)
    }

    fn owns(&self, row: &ScheduleRow) -> Result<(), ApplyRefusal> {
        if row.set == self.set { Ok(()) } else { Err(ApplyRefusal::AnotherSet { set: row.set.clone() }) }
    }

    /// The row of a schedule that is new.
    pub(crate) fn created(&self, id: ScheduleId, put: &PutSchedule) -> ScheduleRow {
        ScheduleRow {
            id,
            name: put.name.clone(),
            set: self.set.clone(),
            definition: put.definition.clone(),
            revision: 1,
            paused: false,
            created_at: self.now,
            changed_at: self.now,
            since: self.now,
            evaluated_to: put.evaluated_to,
            next_at: put.next_at,
            runs: 0,
            missed: 0,
            ended: None,
            last_problem: None,
        }
    }

    /// Writes another definition into a row.
    pub(crate) fn change(&self, row: &mut ScheduleRow, put: &PutSchedule) {
        row.definition.clone_from(&put.definition);
        row.revision += 1;
        row.changed_at = self.now;
        row.next_at = put.next_at;
        // Whether it has ended by its new definition is found by the next look.
        row.ended = None;
        if put.restarts {
            row.since = self.now;
            row.evaluated_to = put.evaluated_to;
        }
    }
}

impl ScheduleChange {
    /// What the audit calls it; none if nothing changed.
    pub(crate) fn action(self) -> Option<Action> {
        match self {
            Self::Created => Some(Action::ScheduleCreated),
            Self::Changed => Some(Action::ScheduleChanged),
            Self::Deleted => Some(Action::ScheduleDeleted),
            Self::Unchanged | Self::Unknown => None,
        }
    }
}

impl PauseSchedule {
    /// What the audit calls it.
    pub(crate) fn action(&self) -> Action {
        if self.paused { Action::SchedulePaused } else { Action::ScheduleResumed }
    }
}
