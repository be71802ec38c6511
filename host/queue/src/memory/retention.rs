//! Old tasks go.

use super::rows::{Rows, TaskRow};
use crate::verbs::prune::{Prune, Pruned};

impl Rows {
    /// There are no bytes on a disk, so only age counts.
    pub(super) fn prune(&mut self, prune: &Prune) -> Pruned {
        let mut left = self.tasks.range(prune.after.saturating_add(1)..);
        let looked_at: Vec<_> = left.by_ref().take(prune.tasks_max.max(1)).collect();
        let last = looked_at.last().map(|(place, _)| **place);
        let next = if left.next().is_some() { last } else { None };
        let old: Vec<u64> =
            looked_at.iter().filter(|(_, row)| row.is_old(prune)).map(|(place, _)| **place).collect();
        for place in &old {
            self.tasks.remove(place);
        }
        Pruned { tasks: u64::try_from(old.len()).unwrap_or(u64::MAX), next }
    }
}

impl TaskRow {
    fn is_old(&self, prune: &Prune) -> bool {
        let kept_ms = prune.retention.kept_ms(self.life.state);
        let ended = self.finished_at.zip(kept_ms);
        ended.is_some_and(|(finished_at, kept_ms)| finished_at.after_ms(kept_ms) <= prune.now)
    }
}
