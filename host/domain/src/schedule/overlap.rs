//! What happens to a run while an earlier one of the same schedule is not over.

/// What happens to a run while an earlier one of the same schedule is queued or running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// It is skipped.
    Skip,
    /// At most one waits: it is skipped if another is queued already.
    QueueOne,
    /// The earlier ones are cancelled, queued or running.
    CancelRunning,
}

/// Tasks of one schedule that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Those that run.
    pub running: u64,
    /// Those that wait, for their time or for a slot.
    pub queued: u64,
}

/// What is to be done with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlapDecision {
    /// It becomes a task.
    Enqueue,
    /// It does not.
    Skip,
    /// The open tasks are cancelled and it becomes one.
    CancelThenEnqueue,
}

impl Overlap {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Skip, Self::QueueOne, Self::CancelRunning];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::QueueOne => "queue-one",
            Self::CancelRunning => "cancel-running",
        }
    }

    /// The policy that [`Overlap::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// Decides about one run. Of several that fall due together each one counts for the next: what was enqueued is queued.
pub fn overlap(policy: Overlap, open: Open) -> OverlapDecision {
    let any_open = open.running > 0 || open.queued > 0;
    match policy {
        Overlap::Skip if any_open => OverlapDecision::Skip,
        Overlap::QueueOne if open.queued > 0 => OverlapDecision::Skip,
        Overlap::CancelRunning if any_open => OverlapDecision::CancelThenEnqueue,
        Overlap::Allow | Overlap::Skip | Overlap::QueueOne | Overlap::CancelRunning => {
            OverlapDecision::Enqueue
        }
    }
}
