//! Which revisions are current, and which were.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{actor, job_name, limit, place_in, place_out, read_list, unsigned, write_list};
use super::session::Session;
use super::sql;
use crate::verbs::deployments::{
    Change, CollectRevisions, Collected, CollectedRevision, Current, Deploy, Deployed, Deployment,
    HistoryEntry, JobRevisions, NewRevision, RevisionRow, Rollback, RolledBack, Undeploy, Undeployed,
};
use mainworker_domain::audit::{Actor, Object};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::DEPLOYMENT_HISTORY_MAX;
use rusqlite::{Row, params};

/// A revision that a step looks at.
struct Candidate {
    job: i64,
    revision: i64,
    oci_manifest: Digest,
    superseded_at: Option<Timestamp>,
}

impl Writing<'_, '_> {
    pub(super) fn deploy(&mut self, deploy: &Deploy) -> Result<Deployed, Failure> {
        let Deploy { revision, now, by, .. } = deploy;
        let current = self.current(&revision.job)?.map(|current| current.module);
        let known = self.kept(&revision.job, &revision.module)?.map(|row| row.revision);
        let answer = deploy.decide(current, known.as_ref());
        let Deployed::Now { previous } = answer else { return Ok(answer) };

        let job = self.known.add_job(self.session, &revision.job)?;
        let number = self.known.add_revision(self.session, &revision.module)?;
        let change = self.write_down(job, &revision.job, &deploy.entry(previous), Some(&revision.from))?;
        if previous != Some(revision.module) {
            let current = Current { module: revision.module, former: previous, rolled_back: false };
            self.set_current(job, &current, *now, by)?;
        }
        let deployed_by = self.known.add_actor(self.session, by)?;
        self.session.execute(
            sql::PUT_DEPLOYED,
            params![
                job,
                number,
                revision.oci_manifest.as_bytes(),
                revision.version,
                revision.commit,
                revision.builder,
                revision.key_id,
                revision.key_fingerprint,
                revision.from,
                now.as_ms(),
                deployed_by,
                change,
            ],
        )?;
        Ok(answer)
    }

    pub(super) fn rollback(&mut self, rollback: &Rollback) -> Result<RolledBack, Failure> {
        let Rollback { job: name, now, by, .. } = rollback;
        let current = self.current(name)?;
        let to = match rollback.target(current.as_ref()) {
            Ok(to) => to,
            Err(answer) => return Ok(answer),
        };
        let (Some(job), Some(row)) = (self.known.job_id(name), self.kept(name, &to)?) else {
            return Ok(rollback.not_kept());
        };
        let from = current.map(|current| current.module);
        let change = self.write_down(job, name, &rollback.entry(from, &row.revision), None)?;
        self.set_current(job, &Current { module: to, former: from, rolled_back: true }, *now, by)?;
        let revision = self.known.add_revision(self.session, &to)?;
        self.session.execute(sql::MAKE_CURRENT, params![job, revision, change])?;
        Ok(RolledBack::Now { from, to })
    }

    pub(super) fn undeploy(&mut self, undeploy: &Undeploy) -> Result<Undeployed, Failure> {
        let Undeploy { job: name, now, .. } = undeploy;
        let (Some(job), Some(current)) = (self.known.job_id(name), self.current(name)?) else {
            return Ok(Undeployed::NotDeployed);
        };
        let was = current.module;
        let missing = || Failure::Damaged(format!("the revision {was} of `{name}` is current and not there"));
        let row = self.kept(name, &was)?.ok_or_else(missing)?;
        self.write_down(job, name, &undeploy.entry(&row.revision), None)?;
        self.session.execute(sql::SUPERSEDE, params![job, now.as_ms()])?;
        self.session.execute(sql::REMOVE_DEPLOYMENT, params![job])?;
        Ok(Undeployed::Now { was })
    }

    fn current(&self, name: &JobName) -> Result<Option<Current>, Failure> {
        let Some(job) = self.known.job_id(name) else { return Ok(None) };
        let module = |revision: i64| self.known.revisions.name(revision).copied();
        self.session.first(sql::DEPLOYMENT, params![job], |row| {
            Ok(Current {
                module: module(row.get(0)?)?,
                former: row.get::<_, Option<i64>>(1)?.map(module).transpose()?,
                rolled_back: row.get(2)?,
            })
        })
    }

    fn kept(&self, name: &JobName, module: &Digest) -> Result<Option<RevisionRow>, Failure> {
        let (Some(job), Some(revision)) = (self.known.job_id(name), self.known.revisions.id(module)) else {
            return Ok(None);
        };
        self.session.first(sql::DEPLOYED_REVISION, params![job, revision], revision_row)
    }

    /// Writes into the history and the audit what is done; answers its number.
    fn write_down(
        &mut self,
        job: i64,
        name: &JobName,
        entry: &HistoryEntry,
        from: Option<&str>,
    ) -> Result<i64, Failure> {
        let (object, detail) = (Object::Job(name.clone()), entry.detail(from));
        self.note(entry.at, Some(&entry.by), entry.change.action(), &object, Some(&detail))?;
        let by = self.known.add_actor(self.session, &entry.by)?;
        let revision = self.known.add_revision(self.session, &entry.module)?;
        let former = entry.before.map(|before| self.known.add_revision(self.session, &before)).transpose()?;
        let number = self.session.insert(
            sql::ADD_CHANGE,
            params![
                job,
                entry.at.as_ms(),
                by,
                entry.change.as_str(),
                revision,
                entry.version,
                former,
                write_list(entry.allowed_widenings.iter().map(String::as_str))?,
            ],
        )?;
        self.session.execute(sql::REMOVE_OLD_CHANGES, params![job, limit(DEPLOYMENT_HISTORY_MAX)])?;
        Ok(number)
    }

    /// Puts a revision in the place of the one that is current, if there is one.
    fn set_current(
        &mut self,
        job: i64,
        current: &Current,
        since: Timestamp,
        by: &Actor,
    ) -> Result<(), Failure> {
        self.session.execute(sql::SUPERSEDE, params![job, since.as_ms()])?;
        let revision = self.known.add_revision(self.session, &current.module)?;
        let former =
            current.former.map(|former| self.known.add_revision(self.session, &former)).transpose()?;
        let by = self.known.add_actor(self.session, by)?;
        self.session.execute(
            sql::PUT_DEPLOYMENT,
            params![job, revision, former, current.rolled_back, since.as_ms(), by],
        )?;
        Ok(())
    }

    /// How many tasks were accepted with a revision is known by heart: what others of this transaction took is not in its row yet.
    pub(super) fn collect_revisions(&mut self, collect: &CollectRevisions) -> Result<Collected, Failure> {
        let (candidates, next) = self.collectable(collect)?;
        let mut revisions = Vec::new();
        for of_job in candidates.chunk_by(|one, other| one.job == other.job) {
            let superseded =
                of_job.iter().filter_map(|candidate| Some((candidate, candidate.superseded_at?)));
            for (newer, (candidate, superseded_at)) in superseded.enumerate() {
                let Candidate { job, revision, oci_manifest, .. } = *candidate;
                if collect.takes(newer, superseded_at, self.known.tasks_of(job, revision)) {
                    self.session.execute(sql::REMOVE_DEPLOYED, params![job, revision])?;
                    revisions.push(CollectedRevision {
                        job: self.known.job(job)?.name.clone(),
                        module: *self.known.revisions.name(revision)?,
                        oci_manifest,
                    });
                }
            }
        }
        Ok(Collected { revisions, next })
    }

    /// What to look at, each job's newest first, and where to go on.
    fn collectable(&self, collect: &CollectRevisions) -> Result<(Vec<Candidate>, Option<u64>), Failure> {
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut statement = self.session.statement(sql::COLLECTABLE)?;
        let mut rows = statement.query(params![place_in(collect.after)])?;
        while let Some(row) = rows.next()? {
            let job: i64 = row.get(0)?;
            if let Some(last) = candidates.last()
                && last.job != job
                && candidates.len() >= collect.revisions_max
            {
                let next = place_out(last.job);
                return Ok((candidates, Some(next)));
            }
            candidates.push(Candidate {
                job,
                revision: row.get(1)?,
                oci_manifest: Digest::from_sha256(row.get(2)?),
                superseded_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_ms),
            });
        }
        Ok((candidates, None))
    }
}

/// By job.
pub(super) fn deployments(session: &Session<'_>) -> Result<Vec<Deployment>, Failure> {
    let mut all = session.all(sql::DEPLOYMENTS, [], |row| {
        let by: String = row.get(15)?;
        Ok(Deployment {
            revision: revision_row(row)?.revision,
            since: Timestamp::from_ms(row.get(14)?),
            by: actor(&by)?,
        })
    })?;
    all.sort_by(|one, other| one.revision.job.cmp(&other.revision.job));
    Ok(all)
}

/// By job, the one that became current last first.
pub(super) fn kept_revisions(session: &Session<'_>) -> Result<Vec<RevisionRow>, Failure> {
    let mut all = session.all(sql::DEPLOYED, [], revision_row)?;
    // It is stable, so the order within each job stays.
    all.sort_by(|one, other| one.revision.job.cmp(&other.revision.job));
    Ok(all)
}

pub(super) fn revisions(session: &Session<'_>, job: &JobName) -> Result<JobRevisions, Failure> {
    let number = session.first(sql::JOB_ID, params![job.as_str()], |row| Ok(row.get::<_, i64>(0)?))?;
    let Some(number) = number else { return Ok(JobRevisions::default()) };
    let current = session.first(sql::CURRENT_OF_JOB, params![number], |row| {
        Ok(Current {
            module: Digest::from_sha256(row.get(0)?),
            former: row.get::<_, Option<[u8; 32]>>(1)?.map(Digest::from_sha256),
            rolled_back: row.get(2)?,
        })
    })?;
    Ok(JobRevisions::of(
        current,
        session.all(sql::DEPLOYED_OF_JOB, params![number], revision_row)?,
        session.all(sql::HISTORY, params![number], history_entry)?,
    ))
}

/// Reads the columns of the statements `DEPLOYED…`.
fn revision_row(row: &Row<'_>) -> Result<RevisionRow, Failure> {
    let deployed_by: String = row.get(11)?;
    Ok(RevisionRow {
        revision: NewRevision {
            job: job_name(row.get(0)?)?,
            module: Digest::from_sha256(row.get(1)?),
            oci_manifest: Digest::from_sha256(row.get(2)?),
            version: row.get(3)?,
            commit: row.get(4)?,
            builder: row.get(5)?,
            key_id: row.get(6)?,
            key_fingerprint: row.get(7)?,
            from: row.get(8)?,
        },
        first_deployed_at: Timestamp::from_ms(row.get(9)?),
        last_deployed_at: Timestamp::from_ms(row.get(10)?),
        deployed_by: actor(&deployed_by)?,
        superseded_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_ms),
        open_tasks: unsigned(row.get(13)?),
    })
}

fn history_entry(row: &Row<'_>) -> Result<HistoryEntry, Failure> {
    let (by, change): (String, String) = (row.get(1)?, row.get(2)?);
    let damaged =
        || Failure::Damaged(format!("a job's history says that it was `{change}`, which is unknown"));
    let allowed_widenings: String = row.get(6)?;
    Ok(HistoryEntry {
        at: Timestamp::from_ms(row.get(0)?),
        by: actor(&by)?,
        change: Change::parse(&change).ok_or_else(damaged)?,
        module: Digest::from_sha256(row.get(3)?),
        version: row.get(4)?,
        before: row.get::<_, Option<[u8; 32]>>(5)?.map(Digest::from_sha256),
        allowed_widenings: read_list(&allowed_widenings)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::known::Known;
    use super::super::schema;
    use super::*;
    use mainworker_domain::lifecycle::State;
    use rusqlite::Connection;

    fn deploy(number: u8, expected: Option<u8>) -> Deploy {
        let digest = |number| Digest::from_sha256([number; 32]);
        let revision = NewRevision {
            job: JobName::parse("echo").unwrap(),
            module: digest(number),
            oci_manifest: digest(number),
            version: "1.0.0".to_owned(),
            commit: String::new(),
            builder: String::new(),
            key_id: String::new(),
            key_fingerprint: String::new(),
            from: String::new(),
        };
        let (allowed_widenings, now, by) = (Vec::new(), Timestamp::from_ms(1), Actor::Operator);
        Deploy { revision, expected: expected.map(digest), allowed_widenings, now, by }
    }

    #[test]
    fn a_task_that_was_taken_in_the_same_transaction_keeps_its_revision() {
        let connection = Connection::open_in_memory().unwrap();
        for step in schema::STEPS {
            connection.execute_batch(step).unwrap();
        }
        let session = Session::new(&connection);
        let mut known = Known::load(&session).unwrap();
        let mut writing = Writing { session: &session, known: &mut known };
        let first = deploy(1, None);
        writing.deploy(&first).unwrap();
        writing.deploy(&deploy(2, Some(1))).unwrap();
        let job = writing.known.job_id(&first.revision.job).unwrap();
        let revision = writing.known.revisions.id(&first.revision.module).unwrap();
        let collect =
            CollectRevisions { keep: 0, superseded_before: Timestamp::MAX, revisions_max: 9, after: 0 };

        writing.known.count(job, revision, None, Some(State::Queued)).unwrap();
        assert_eq!(writing.collect_revisions(&collect).unwrap().revisions, []);
        writing.known.count(job, revision, Some(State::Queued), None).unwrap();
        let collected = writing.collect_revisions(&collect).unwrap().revisions;
        assert_eq!(collected.iter().map(|one| one.module).collect::<Vec<_>>(), [first.revision.module]);
    }
}
