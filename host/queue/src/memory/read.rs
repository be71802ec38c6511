//! What is to be seen of tasks and jobs.

use super::rows::{Rows, TaskRow};
use crate::verbs::list::{Filter, List, Page};
use crate::verbs::log::{LogPage, LogPlace, ReadLog};
use crate::verbs::overview::{JobOverview, Overview};
use crate::verbs::task::{TaskSummary, TaskView};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_id::TaskId;

impl Rows {
    pub(super) fn task(&self, id: TaskId) -> Option<TaskView> {
        let (&place, row) = self.tasks.iter().find(|(_, row)| row.accepted.id == id)?;
        Some(TaskView {
            summary: row.summary(place),
            depth: row.accepted.depth,
            requested_by: row.accepted.by.clone(),
            result: row.result.clone(),
            progress: row.progress.clone(),
            attempts: row.attempts.clone(),
        })
    }

    pub(super) fn list(&self, list: &List) -> Page {
        let mut page = Page::default();
        let mut last = None;
        // A page that looked at nothing could not say where the next begins.
        let (tasks_max, examined_max) = (list.tasks_max.max(1), list.examined_max.max(1));
        let newest_first = self.tasks.range(..list.before.unwrap_or(u64::MAX)).rev();
        for (examined, (&place, row)) in newest_first.enumerate() {
            if page.tasks.len() >= tasks_max || examined >= examined_max {
                page.next = last;
                break;
            }
            if row.fits(&list.filter, list.now) {
                page.tasks.push(row.summary(place));
            }
            last = Some(place);
        }
        page
    }

    pub(super) fn log(&self, log: &ReadLog) -> Option<LogPage> {
        let row = self.find(log.task)?;
        let mut page = LogPage { next: log.from, state: Some(row.life.state), ..LogPage::default() };
        let mut bytes = 0_usize;
        for (place, line) in row.log.range(log.from..) {
            if bytes >= log.bytes_max && !page.lines.is_empty() {
                page.more = true;
                break;
            }
            bytes = bytes.saturating_add(line.context.len() + line.message.len());
            page.lines.push((place.attempt, line.clone()));
            page.next = LogPlace { attempt: place.attempt, line: place.line + 1 };
        }
        Some(page)
    }

    pub(super) fn overview(&self) -> Overview {
        let mut overview = Overview { paused: self.paused, ..Overview::default() };
        for (name, job) in &self.jobs {
            let job = JobOverview {
                paused: job.paused,
                concurrency_max: job.concurrency_max,
                ..JobOverview::default()
            };
            overview.jobs.insert(name.clone(), job);
        }
        for row in self.tasks.values() {
            let job = overview.jobs.entry(row.accepted.job.clone()).or_default();
            *job.tasks.entry(row.life.state).or_default() += 1;
        }
        overview
    }
}

impl TaskRow {
    fn summary(&self, place: u64) -> TaskSummary {
        let accepted = self.accepted.clone();
        TaskSummary {
            id: accepted.id,
            place,
            job: accepted.job,
            source: accepted.source,
            revision: accepted.revision,
            state: self.life.state,
            outcome: self.life.outcome,
            priority: self.life.priority,
            label: accepted.label,
            tags: accepted.tags,
            created_at: self.created_at,
            run_at: self.life.run_at,
            expires_at: self.life.expires_at,
            started_at: self.attempts.last().map(|attempt| attempt.started_at),
            finished_at: self.finished_at,
            attempts: self.life.attempts,
            max_attempts: self.life.retry.max_attempts,
            cancel_requested: self.life.cancel_requested,
            parent: accepted.parent,
            schedule: self.scheduled.as_ref().map(|scheduled| scheduled.name.clone()),
            occurrence: self.scheduled.as_ref().and_then(|scheduled| scheduled.occurrence),
        }
    }

    /// Milliseconds that its newest attempt ran or has been running; none if it never began.
    fn ran_ms(&self, now: Timestamp) -> Option<u64> {
        let attempt = self.attempts.last()?;
        Some(attempt.finished_at.unwrap_or(now).ms_since(attempt.started_at))
    }

    fn fits(&self, filter: &Filter, now: Timestamp) -> bool {
        let accepted = &self.accepted;
        (filter.states.is_empty() || filter.states.contains(&self.life.state))
            && filter.job.as_ref().is_none_or(|job| accepted.job == *job)
            && filter.source.as_ref().is_none_or(|source| accepted.source == *source)
            && filter.label.as_ref().is_none_or(|label| accepted.label.as_ref() == Some(label))
            && filter.tag.as_ref().is_none_or(|tag| accepted.tags.contains(tag))
            && filter.schedule.as_ref().is_none_or(|schedule| self.is_of(schedule))
            && filter.outcome.is_none_or(|outcome| self.life.outcome == Some(outcome))
            && filter.created_from.is_none_or(|from| self.created_at >= from)
            && filter.created_to.is_none_or(|to| self.created_at < to)
            && filter.longer_than_ms.is_none_or(|ms| self.ran_ms(now).is_some_and(|ran_ms| ran_ms > ms))
    }
}
