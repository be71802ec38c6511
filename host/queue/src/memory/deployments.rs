//! Which revisions are current, and which were.

use super::rows::{DeploymentRow, KeptRevision, Rows};
use crate::verbs::deployments::{
    CollectRevisions, Collected, CollectedRevision, Current, Deploy, Deployed, Deployment, HistoryEntry,
    JobRevisions, NewRevision, RevisionRow, Rollback, RolledBack, Undeploy, Undeployed,
};
use mainworker_domain::audit::{Actor, Object};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::DEPLOYMENT_HISTORY_MAX;

impl Rows {
    pub(super) fn deploy(&mut self, deploy: &Deploy) -> Deployed {
        let Deploy { revision, now, by, .. } = deploy;
        let key = (revision.job.clone(), revision.module);
        let known = self.revisions.get(&key).map(|kept| &kept.row.revision);
        let current = self.current(&revision.job).map(|current| current.module);
        let answer = deploy.decide(current, known);
        let Deployed::Now { previous } = answer else { return answer };

        self.jobs.entry(revision.job.clone()).or_default();
        let change = self.write_down(&revision.job, deploy.entry(previous), Some(&revision.from));
        let first_deployed_at = self.revisions.get(&key).map_or(*now, |kept| kept.row.first_deployed_at);
        let row = RevisionRow {
            revision: revision.clone(),
            first_deployed_at,
            last_deployed_at: *now,
            deployed_by: by.clone(),
            superseded_at: None,
            open_tasks: 0,
        };
        self.revisions.insert(key, KeptRevision { row, change });
        if previous != Some(revision.module) {
            self.supersede(&revision.job, *now);
            let current = Current { module: revision.module, former: previous, rolled_back: false };
            self.set_current(&revision.job, current, *now, by);
        }
        answer
    }

    pub(super) fn rollback(&mut self, rollback: &Rollback) -> RolledBack {
        let Rollback { job, now, by, .. } = rollback;
        let current = self.current(job);
        let to = match rollback.target(current.as_ref()) {
            Ok(to) => to,
            Err(answer) => return answer,
        };
        let from = current.map(|current| current.module);
        let Some(revision) = self.revision(job, to).cloned() else { return rollback.not_kept() };
        let change = self.write_down(job, rollback.entry(from, &revision), None);
        self.supersede(job, *now);
        if let Some(kept) = self.revisions.get_mut(&(job.clone(), to)) {
            kept.change = change;
            kept.row.superseded_at = None;
        }
        self.set_current(job, Current { module: to, former: from, rolled_back: true }, *now, by);
        RolledBack::Now { from, to }
    }

    pub(super) fn undeploy(&mut self, undeploy: &Undeploy) -> Undeployed {
        let Undeploy { job, now, .. } = undeploy;
        let current = self.current(job).and_then(|current| self.revision(job, current.module));
        let Some(was) = current.cloned() else { return Undeployed::NotDeployed };
        self.write_down(job, undeploy.entry(&was), None);
        self.supersede(job, *now);
        self.deployments.remove(job);
        Undeployed::Now { was: was.module }
    }

    fn current(&self, job: &JobName) -> Option<Current> {
        self.deployments.get(job).map(|deployment| deployment.current)
    }

    fn revision(&self, job: &JobName, module: Digest) -> Option<&NewRevision> {
        self.revisions.get(&(job.clone(), module)).map(|kept| &kept.row.revision)
    }

    /// Writes into the history and the audit what is done; answers its number.
    fn write_down(&mut self, job: &JobName, entry: HistoryEntry, from: Option<&str>) -> u64 {
        let (object, detail) = (Object::Job(job.clone()), entry.detail(from));
        self.note(entry.at, Some(&entry.by), entry.change.action(), object, Some(detail));
        self.last_change += 1;
        self.history.insert(self.last_change, (job.clone(), entry));
        let its = self.history.iter().rev().filter(|(_, (of, _))| of == job);
        let old: Vec<_> = its.skip(DEPLOYMENT_HISTORY_MAX).map(|(&number, _)| number).collect();
        for number in old {
            self.history.remove(&number);
        }
        self.last_change
    }

    /// Another one is to be current, or none.
    fn supersede(&mut self, job: &JobName, now: Timestamp) {
        let current = self.current(job).map(|current| (job.clone(), current.module));
        if let Some(kept) = current.and_then(|key| self.revisions.get_mut(&key)) {
            kept.row.superseded_at = Some(now);
        }
    }

    fn set_current(&mut self, job: &JobName, current: Current, since: Timestamp, by: &Actor) {
        self.deployments.insert(job.clone(), DeploymentRow { current, since, by: by.clone() });
    }

    /// By job.
    pub(super) fn deployments(&self) -> Vec<Deployment> {
        let one = |(job, row): (&JobName, &DeploymentRow)| {
            let revision = self.revision(job, row.current.module)?.clone();
            Some(Deployment { revision, since: row.since, by: row.by.clone() })
        };
        self.deployments.iter().filter_map(one).collect()
    }

    /// By job, the one that became current last first.
    pub(super) fn kept_revisions(&self) -> Vec<RevisionRow> {
        self.newest_first().into_iter().map(|kept| self.counted(kept)).collect()
    }

    pub(super) fn revisions(&self, job: &JobName) -> JobRevisions {
        let its = self.newest_first().into_iter().filter(|kept| kept.row.revision.job == *job);
        let history = self.history.values().rev().filter(|(of, _)| of == job);
        JobRevisions::of(
            self.current(job),
            its.map(|kept| self.counted(kept)).collect(),
            history.map(|(_, entry)| entry.clone()).collect(),
        )
    }

    fn newest_first(&self) -> Vec<&KeptRevision> {
        let mut kept: Vec<_> = self.revisions.values().collect();
        kept.sort_by(|one, other| {
            let (its, others) = (&one.row.revision.job, &other.row.revision.job);
            its.cmp(others).then(other.change.cmp(&one.change))
        });
        kept
    }

    fn counted(&self, kept: &KeptRevision) -> RevisionRow {
        let NewRevision { job, module, .. } = &kept.row.revision;
        RevisionRow { open_tasks: self.tasks_of(job, *module, true), ..kept.row.clone() }
    }

    /// How many tasks of a job were accepted with a module.
    fn tasks_of(&self, job: &JobName, module: Digest, only_open: bool) -> u64 {
        let its = self.tasks.values().filter(|row| {
            let wanted = !only_open || !row.life.state.is_terminal();
            wanted && row.accepted.job == *job && row.accepted.revision == module
        });
        u64::try_from(its.count()).unwrap_or(u64::MAX)
    }

    /// Nobody waits for a long step here, so one looks at all there is.
    pub(super) fn collect_revisions(&mut self, collect: &CollectRevisions) -> Collected {
        let mut revisions = Vec::new();
        let kept = self.newest_first();
        for of_job in kept.chunk_by(|one, other| one.row.revision.job == other.row.revision.job) {
            let superseded = of_job.iter().filter_map(|kept| Some((kept, kept.row.superseded_at?)));
            for (newer, (kept, superseded_at)) in superseded.enumerate() {
                let NewRevision { job, module, oci_manifest, .. } = &kept.row.revision;
                if collect.takes(newer, superseded_at, self.tasks_of(job, *module, false)) {
                    let (job, module, oci_manifest) = (job.clone(), *module, *oci_manifest);
                    revisions.push(CollectedRevision { job, module, oci_manifest });
                }
            }
        }
        for collected in &revisions {
            self.revisions.remove(&(collected.job.clone(), collected.module));
        }
        Collected { revisions, next: None }
    }
}
