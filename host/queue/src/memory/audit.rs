//! Who wanted what.

use super::rows::Rows;
use crate::verbs::audit::{AuditPage, AuditRow, PruneAudit, ReadAudit};
use mainworker_domain::audit::{Action, Actor, AuditEntry, Object};
use mainworker_domain::lifecycle::Timestamp;

impl Rows {
    /// Writes down that somebody wanted something, if it was somebody.
    pub(super) fn note(
        &mut self,
        at: Timestamp,
        by: Option<&Actor>,
        action: Action,
        object: Object,
        detail: Option<String>,
    ) {
        let Some(actor) = by.cloned() else { return };
        self.last_entry += 1;
        self.audit.insert(self.last_entry, AuditEntry { at, actor, action, object, detail });
    }

    pub(super) fn read_audit(&self, read: &ReadAudit) -> AuditPage {
        let mut page = AuditPage::default();
        let (entries_max, examined_max) = (read.entries_max.max(1), read.examined_max.max(1));
        let mut last = None;
        let newest_first = self.audit.range(..read.before.unwrap_or(u64::MAX)).rev();
        for (examined, (&number, entry)) in newest_first.enumerate() {
            if page.entries.len() >= entries_max || examined >= examined_max {
                page.next = last;
                break;
            }
            if read.filter.contains(entry) {
                page.entries.push(AuditRow { number, entry: entry.clone() });
            }
            last = Some(number);
        }
        page
    }

    pub(super) fn prune_audit(&mut self, prune: PruneAudit) -> u64 {
        let old = self.audit.iter().filter(|(_, entry)| entry.at < prune.before);
        let mut old: Vec<_> = old.map(|(&number, entry)| (entry.at, number)).collect();
        old.sort_unstable();
        old.truncate(prune.entries_max);
        for (_, number) in &old {
            self.audit.remove(number);
        }
        u64::try_from(old.len()).unwrap_or(u64::MAX)
    }
}
