//! Twins with one rule missing. A simulation that does not catch them would not catch a defect either.

use mainworker_domain::lifecycle::Timestamp;
use mainworker_queue::dispatch::core::Action;
use mainworker_queue::verbs::enqueue::NewTask;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nobody is told to stop.
    TellsNobodyToStop,
    /// A wake comes to nothing.
    SleepsThroughWakes,
    /// What must run alone is begun beside others.
    IsAlwaysIdle,
    /// Memory has no bound.
    ForgetsMemory,
    /// Leases are never extended.
    HasNoHeartbeat,
    /// A rescue does not look at the end of the lease.
    RescuesTheLiving,
    /// If the store fails, ends are gone.
    LosesEnds,
    /// The last lines of a log are not written down.
    LosesLines,
    /// Progress that was not recorded when an attempt ends is not written down.
    LosesProgress,
    /// A drain is over before the ends are written down.
    DrainsTooEarly,
    /// Pausing does nothing.
    IgnoresPauses,
    /// All priorities are alike.
    IgnoresPriorities,
    /// All jobs may run as often as they like.
    IgnoresConcurrency,
}

impl Broken {
    pub(crate) const ALL: [Self; 13] = [
        Self::TellsNobodyToStop,
        Self::SleepsThroughWakes,
        Self::IsAlwaysIdle,
        Self::ForgetsMemory,
        Self::HasNoHeartbeat,
        Self::RescuesTheLiving,
        Self::LosesEnds,
        Self::LosesLines,
        Self::LosesProgress,
        Self::DrainsTooEarly,
        Self::IgnoresPauses,
        Self::IgnoresPriorities,
        Self::IgnoresConcurrency,
    ];

    /// What it makes of a request to the store.
    pub(crate) fn spoil(self, request: &mut Action) {
        match (self, request) {
            (Self::IsAlwaysIdle, Action::Claim(claim)) => claim.idle = true,
            (Self::ForgetsMemory, Action::Claim(claim)) => claim.memory_bytes_max = u64::MAX,
            (Self::RescuesTheLiving, Action::Rescue(rescue)) => rescue.leases_until = Timestamp::MAX,
            (Self::LosesLines, Action::Settle(settles)) => {
                for settle in settles {
                    settle.log.lines.clear();
                }
            }
            (Self::LosesProgress, Action::Settle(settles)) => {
                for settle in settles {
                    settle.progress = None;
                }
            }
            _ => {}
        }
    }

    /// What it makes of a task on its way into the store.
    pub(crate) fn spoil_task(self, task: &mut NewTask) {
        match self {
            Self::IgnoresPriorities => task.priority = 0,
            Self::IgnoresConcurrency => task.concurrency_max = u32::MAX,
            _ => {}
        }
    }
}
