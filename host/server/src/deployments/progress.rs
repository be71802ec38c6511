//! How far deployments are, for whoever asked for them. In memory: what became of one is in the store.

use mainworker_client::wire::{DeploymentInfo, DifferenceInfo, ErrorInfo};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Deployments that are remembered, those under way included.
const REMEMBERED_MAX: usize = 100;
/// Deployments that may be under way: one is, the others wait. Each is a module in memory at the most.
pub(super) const UNDER_WAY_MAX: usize = 16;

/// Deployments, the newest last.
#[derive(Debug, Default)]
pub(super) struct Progress {
    deployments: Mutex<VecDeque<DeploymentInfo>>,
}

impl Progress {
    /// Begins one; none if too many are under way.
    pub(super) fn begin(&self, id: Uuid, job: &str) -> Option<()> {
        let mut deployments = self.lock();
        if deployments.iter().filter(|info| !is_over(&info.state)).count() >= UNDER_WAY_MAX {
            return None;
        }
        while deployments.len() >= REMEMBERED_MAX {
            // The oldest that is over; there is one, since fewer than all may be under way.
            let oldest = deployments.iter().position(|info| is_over(&info.state))?;
            deployments.remove(oldest);
        }
        deployments.push_back(DeploymentInfo {
            deployment_id: id.to_string(),
            job: job.to_owned(),
            state: "waiting".to_owned(),
            bytes: 0,
            bytes_total: 0,
            version: None,
            revision: None,
            previous: None,
            widenings: Vec::new(),
            narrowings: Vec::new(),
            notes: Vec::new(),
            error: None,
        });
        Some(())
    }

    /// Changes what is said of one.
    pub(super) fn tell(&self, id: Uuid, change: impl FnOnce(&mut DeploymentInfo)) {
        let id = id.to_string();
        if let Some(info) = self.lock().iter_mut().find(|info| info.deployment_id == id) {
            change(info);
        }
    }

    /// One as it stands.
    pub(super) fn of(&self, id: &str) -> Option<DeploymentInfo> {
        self.lock().iter().find(|info| info.deployment_id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<DeploymentInfo>> {
        // A change of words and numbers is whole.
        self.deployments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(state: &str) -> bool {
    matches!(state, "deployed" | "already" | "restored" | "refused")
}

/// The end of one that was refused.
pub(super) fn refused(info: &mut DeploymentInfo, error: ErrorInfo) {
    info.state = "refused".to_owned();
    info.error = Some(error);
}

/// What a revision differs in, for whoever asks.
pub(super) fn shown(name: &str, about: &str, seen_by: Option<&str>) -> DifferenceInfo {
    DifferenceInfo { name: name.to_owned(), about: about.to_owned(), seen_by: seen_by.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_under_way_are_bounded_and_those_that_are_over_forgotten_in_their_order() {
        let progress = Progress::default();
        let id = |number: u128| Uuid::from_u128(number);
        for number in 0..UNDER_WAY_MAX as u128 {
            assert_eq!(progress.begin(id(number), "echo"), Some(()));
        }
        assert_eq!(progress.begin(id(999), "echo"), None, "too many are under way");
        assert!(progress.of(&id(999).to_string()).is_none());
        for number in 0..UNDER_WAY_MAX as u128 {
            progress.tell(id(number), |info| info.state = "deployed".to_owned());
        }
        for number in 100..100 + REMEMBERED_MAX as u128 {
            assert_eq!(progress.begin(id(number), "echo"), Some(()));
            progress.tell(id(number), |info| info.state = "refused".to_owned());
        }
        assert!(progress.of(&id(0).to_string()).is_none(), "it is forgotten");
        assert_eq!(progress.of(&id(100).to_string()).unwrap().state, "refused");
    }
}
