//! Whether a task that has ended is as its ledger says.

use super::{Asked, Standing, attempts_counted};
use mainworker_client::wire::Task;

/// Lost attempts after which a task fails: two, and a third alone.
const LOSSES_THAT_FAIL: usize = 3;

impl Asked {
    /// What is wrong with the task, as the API shows it when everything has come to its end.
    pub fn problems(&self, task: &Task) -> Vec<String> {
        let mut problems = self.shape_problems(task);
        problems.extend(self.end_problem(task));
        if task.state == "completed" {
            let result = task.result.as_ref().map_or("", |result| result.get());
            problems.extend(self.work.result_problem(&self.token, result, task));
        } else if task.result.is_some() {
            problems.push(format!("it is `{}` and has a result", task.state));
        }
        problems.extend(self.attempts_problem(task));
        problems
    }

    fn shape_problems(&self, task: &Task) -> Vec<String> {
        let mut problems = Vec::new();
        let asked = (self.work.job(), "api", self.options.priority.unwrap_or(0), &self.options.label);
        let found = (task.job.as_str(), task.source.as_str(), task.priority, &task.label);
        // One that stands for another with its unique key has options of its own.
        if !self.may_be_another() && (asked != found || self.options.tags != task.tags) {
            problems.push(format!(
                "job, source, priority, label and tags are {found:?} {:?}, expected {asked:?} {:?}",
                task.tags, self.options.tags
            ));
        }
        for (index, attempt) in task.attempts.iter().enumerate() {
            let expected = u32::try_from(index + 1).unwrap_or(u32::MAX);
            if attempt.number != expected {
                problems.push(format!("attempt {expected} has the number {}", attempt.number));
            }
            let last = index + 1 == task.attempts.len();
            match attempt.outcome.as_deref() {
                None => problems.push(format!("attempt {expected} has no outcome")),
                Some("completed") if !last => {
                    problems.push(format!("attempt {expected} completed and is not the last"))
                }
                Some("completed") if task.state != "completed" => {
                    problems.push(format!("attempt {expected} completed and the task is `{}`", task.state));
                }
                Some(_) => {}
            }
        }
        problems
    }

    fn end_problem(&self, task: &Task) -> Option<String> {
        let state = task.state.as_str();
        let outcome = task.outcome.as_deref();
        if let Standing::Acknowledged(word) = &self.cancel {
            let fits = match word.as_str() {
                "cancelled" => state == "cancelled",
                _ => matches!(state, "cancelled" | "completed"),
            };
            return (!fits).then(|| format!("its cancel was answered with `{word}`, and it is `{state}`"));
        }
        let may_be_cancelled =
            self.cancel == Standing::Unsure || self.may_stay_cancelled || self.may_be_replaced();
        let losses =
            task.attempts.iter().filter(|attempt| attempt.outcome.as_deref() == Some("lost")).count();
        let fits = match (state, outcome) {
            (state, Some(outcome)) if self.work.ends().contains(&(state, outcome)) => true,
            ("failed", Some("lost")) => losses >= LOSSES_THAT_FAIL,
            ("cancelled", _) => may_be_cancelled,
            // A new life has no expiry.
            ("expired", _) => self.options.expires_at.is_some() && self.retry.acknowledged().is_none(),
            _ => false,
        };
        let word = outcome.unwrap_or("nothing");
        (!fits).then(|| {
            format!("it is `{state}` with `{word}` after {losses} losses, expected {:?}", self.work.ends())
        })
    }

    fn attempts_problem(&self, task: &Task) -> Option<String> {
        let attempts = task.attempts.len();
        if let (Standing::Acknowledged(_), Some(before)) = (&self.cancel, self.attempts_at_cancel)
            && attempts != before
        {
            return Some(format!(
                "it had {before} attempts when its cancel was acknowledged, and has {attempts}"
            ));
        }
        let began = !matches!(task.state.as_str(), "cancelled" | "expired");
        if self.retry.acknowledged().is_some() && began && attempts <= self.attempts_at_retry {
            return Some(format!("its retry was acknowledged after {attempts} attempts, and no other began"));
        }
        let used_up = task.state == "failed" && !matches!(task.outcome.as_deref(), Some("lost" | "rejected"));
        let counted = attempts_counted(task, false);
        if used_up && !self.is_retried() && counted != task.max_attempts {
            return Some(format!(
                "it failed after {counted} attempts that count, expected {}",
                task.max_attempts
            ));
        }
        (task.state == "completed" && attempts == 0).then(|| "it completed without an attempt".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Work;
    use super::*;
    use mainworker_domain::task_options::TaskOptions;
    use serde_json::{Value, json};

    fn task(work: Work, state: &str, outcomes: &[&str], result: Option<&str>) -> Task {
        let attempts: Vec<Value> = (1..)
            .zip(outcomes)
            .map(|(number, outcome)| {
                json!({
                    "number": number, "outcome": outcome, "startedAt": "", "finishedAt": "", "waitMs": 0, "runMs": 0,
                    "cpuMs": 0, "peakMemoryBytes": 0, "httpCalls": 0, "httpBytesIn": 0, "httpBytesOut": 0, "logBytes": 0,
                    "logLinesDropped": 0, "outputBytes": 0, "revision": "", "host": "", "error": null,
                })
            })
            .collect();
        let mut value = json!({
            "taskId": "t", "job": work.job(), "revision": "", "source": "api", "state": state,
            "outcome": outcomes.last(), "result": null, "error": null, "progress": null, "priority": 0, "label": null,
            "tags": [], "createdAt": "", "runAt": "", "expiresAt": null, "startedAt": null, "finishedAt": null,
            "maxAttempts": 2, "cancelRequested": false, "parent": null, "attempts": attempts,
        });
        if state == "cancelled" {
            value["outcome"] = json!("cancelled");
        }
        let mut task: Task = serde_json::from_value(value).unwrap();
        task.result =
            result.map(|result| serde_json::value::RawValue::from_string(result.to_owned()).unwrap());
        task
    }

    fn asked(work: Work) -> Asked {
        let mut asked = Asked::new("token".to_owned(), work, TaskOptions::default()).unwrap();
        asked.enqueue = Standing::Acknowledged("t".to_owned());
        asked
    }

    #[track_caller]
    fn fits(asked: &Asked, task: &Task) {
        assert_eq!(asked.problems(task), Vec::<String>::new());
    }

    #[track_caller]
    fn fails(asked: &Asked, task: &Task, expected: &str) {
        let problems = asked.problems(task);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?}");
    }

    #[test]
    fn a_task_ends_as_its_work_says() {
        let echo = asked(Work::Echo);
        let result = Work::Echo.payload("token");
        fits(&echo, &task(Work::Echo, "completed", &["lost", "completed"], Some(&result)));
        fails(&echo, &task(Work::Echo, "completed", &["completed"], Some("{}")), "its result is `{}`");
        fails(&echo, &task(Work::Echo, "completed", &["completed"], None), "its result is ``");
        fails(&echo, &task(Work::Echo, "failed", &["lost", "lost"], None), "after 2 losses");
        fits(&echo, &task(Work::Echo, "failed", &["lost", "lost", "lost"], None));
        fails(&echo, &task(Work::Echo, "queued", &[], None), "it is `queued`");
        fails(&echo, &task(Work::Echo, "cancelled", &[], None), "it is `cancelled`");
        fails(&echo, &task(Work::Completes, "completed", &["completed"], Some(&result)), "prober");
    }

    #[test]
    fn a_result_of_another_attempt_is_found() {
        let completes = asked(Work::Completes);
        let task =
            |result| task(Work::Completes, "completed", &["trapped", "lost", "completed"], Some(result));
        fits(&completes, &task(r#"{"attempt":2}"#));
        fails(&completes, &task(r#"{"attempt":1}"#), "expected `{\"attempt\":2}`");
    }

    #[test]
    fn attempts_are_numbered_and_nothing_follows_a_completed_one() {
        let echo = asked(Work::Echo);
        let result = Work::Echo.payload("token");
        let mut twice = task(Work::Echo, "completed", &["completed", "completed"], Some(&result));
        fails(&echo, &twice, "attempt 1 completed and is not the last");
        twice.attempts.remove(0);
        fails(&echo, &twice, "attempt 1 has the number 2");
        fails(
            &echo,
            &task(Work::Echo, "failed", &["completed"], None),
            "attempt 1 completed and the task is `failed`",
        );
    }

    #[test]
    fn attempts_are_neither_too_few_nor_too_many() {
        let panics = asked(Work::Panics);
        fits(&panics, &task(Work::Panics, "failed", &["trapped", "lost", "interrupted", "trapped"], None));
        fails(&panics, &task(Work::Panics, "failed", &["trapped"], None), "after 1 attempts that count");
        fails(&panics, &task(Work::Panics, "failed", &["trapped"; 3], None), "after 3 attempts that count");
    }

    #[test]
    fn an_acknowledged_cancel_holds() {
        let mut sleeps = asked(Work::Sleeps(5));
        let cancelled = task(Work::Sleeps(5), "cancelled", &["cancelled"], None);
        let completed = task(Work::Sleeps(5), "completed", &["completed"], Some("{}"));
        sleeps.cancel = Standing::Acknowledged("requested".to_owned());
        sleeps.attempts_at_cancel = Some(1);
        fits(&sleeps, &cancelled);
        fits(&sleeps, &completed);
        fails(&sleeps, &task(Work::Sleeps(5), "failed", &["lost"; 3], None), "it is `failed`");
        fails(
            &sleeps,
            &task(Work::Sleeps(5), "completed", &["lost", "completed"], Some("{}")),
            "it had 1 attempts",
        );
        sleeps.cancel = Standing::Acknowledged("cancelled".to_owned());
        fails(&sleeps, &completed, "it is `completed`");
        sleeps.cancel = Standing::Unsure;
        fits(&sleeps, &cancelled);
        fits(&sleeps, &completed);
    }

    #[test]
    fn an_acknowledged_retry_is_a_new_life() {
        let mut rejected = asked(Work::IsRejected);
        rejected.retried(1);
        fails(&rejected, &task(Work::IsRejected, "failed", &["rejected"], None), "no other began");
        fits(&rejected, &task(Work::IsRejected, "failed", &["rejected"; 2], None));
        let mut cancelled = asked(Work::Sleeps(5));
        cancelled.cancel = Standing::Acknowledged("cancelled".to_owned());
        cancelled.retry_unanswered();
        fits(&cancelled, &task(Work::Sleeps(5), "cancelled", &[], None));
        fits(&cancelled, &task(Work::Sleeps(5), "completed", &["completed"], Some("{}")));
    }
}
