//! What can be asked about tasks.

use crate::client::{Call, Client};
use crate::error::ClientError;
use crate::retries::Repeat;
use crate::target::Target;
use crate::wire::{
    BulkAnswer, BulkRequest, CancelAnswer, LogPage, RetryAnswer, Task, TaskAccepted, TaskFilter, TaskInfo,
    TaskPage, TasksAccepted,
};
use mainworker_domain::task_options::TaskOptions;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// One task of a batch.
#[derive(Clone, Copy, Debug)]
pub struct NewTask<'a> {
    /// Its envelope, sent as it is written.
    pub envelope: &'a RawValue,
    /// What goes with it.
    pub options: &'a TaskOptions,
}

#[derive(Serialize)]
struct TaskRequest<'a> {
    envelope: &'a RawValue,
    options: Value,
}

#[derive(Serialize)]
struct BatchRequest<'a> {
    tasks: Vec<TaskRequest<'a>>,
}

impl Client {
    /// Hands a task over. It is tried again as long as that may help, and never becomes two tasks: where `options` have no
    /// idempotency key it gets one.
    ///
    /// # Errors
    /// A rejection, as [`ClientError::Problem`]; or why there is no answer.
    pub async fn enqueue(
        &self,
        envelope: &RawValue,
        options: &TaskOptions,
    ) -> Result<TaskAccepted, ClientError> {
        let call = Call::post("enqueueing a task", Target::new("/v1/tasks"), Repeat::Harmless);
        self.json(call.with(&self.task_request(&NewTask { envelope, options }))).await
    }

    /// Hands over many tasks: all of them, or none. Each gets an idempotency key, as with [`Client::enqueue`]. The ids come
    /// in the order of `tasks`.
    ///
    /// # Errors
    /// The first rejection, with the task's place in [`crate::wire::Problem::index`]; or why there is no answer.
    pub async fn enqueue_batch(&self, tasks: &[NewTask<'_>]) -> Result<TasksAccepted, ClientError> {
        let request = BatchRequest { tasks: tasks.iter().map(|task| self.task_request(task)).collect() };
        let doing = format!("enqueueing {} tasks", tasks.len());
        let call = Call::post(doing.clone(), Target::new("/v1/tasks/batch"), Repeat::Harmless);
        let accepted: TasksAccepted = self.json(call.with(&request).for_many()).await?;
        if accepted.task_ids.len() != tasks.len() {
            let found = format!("{} task ids for {} tasks", accepted.task_ids.len(), tasks.len());
            return Err(self.asked(doing, true).not_a_host(found));
        }
        Ok(accepted)
    }

    fn task_request<'a>(&self, task: &NewTask<'a>) -> TaskRequest<'a> {
        let mut options = task.options.to_json();
        if task.options.idempotency_key.is_none() {
            options["idempotencyKey"] = json!((self.options().chance.key)());
        }
        TaskRequest { envelope: task.envelope, options }
    }

    /// A task with its attempts.
    ///
    /// # Errors
    /// `unknown_task`; or why there is no answer.
    pub async fn task(&self, id: &str) -> Result<Task, ClientError> {
        self.json(Call::get("reading a task", Target::of_task(id, "")?)).await
    }

    /// A page of the tasks that fit, the newest first. `limit` is how many at the most; `cursor` is where the page before
    /// ended.
    ///
    /// # Errors
    /// `bad_filter`, `bad_cursor`; or why there is no answer.
    pub async fn list(
        &self,
        filter: &TaskFilter,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<TaskPage, ClientError> {
        let target = filter
            .parameters()
            .into_iter()
            .fold(Target::new("/v1/tasks"), |target, (name, value)| target.with(name, value));
        let limit = limit.map(|limit| limit.to_string());
        let target = target.with("limit", limit.as_deref()).with("cursor", cursor);
        self.json(Call::get("listing tasks", target)).await
    }

    /// All tasks that fit, page by page. `limit` is how many a page has at the most.
    pub fn pages(&self, filter: TaskFilter, limit: Option<u32>) -> Pages {
        Pages { client: self.clone(), filter, limit, next: Next::First }
    }

    /// A page of a task's log, from its beginning or from a cursor on.
    ///
    /// # Errors
    /// `unknown_task`, `bad_cursor`; or why there is no answer.
    pub async fn log(&self, id: &str, cursor: Option<&str>) -> Result<LogPage, ClientError> {
        self.json(Call::get("reading a log", Target::of_task(id, "/log")?.with("cursor", cursor))).await
    }

    /// Cancels a task, or asks the attempt that runs to stop. Doing it twice is as good as once.
    ///
    /// # Errors
    /// `unknown_task`, `not_cancellable`; or why there is no answer.
    pub async fn cancel(&self, id: &str) -> Result<CancelAnswer, ClientError> {
        let target = Target::of_task(id, "/cancel")?;
        self.json(Call::post("cancelling a task", target, Repeat::Harmless)).await
    }

    /// Gives a task that ended without a result a new life, after `delay_ms` milliseconds. Sent again only if it was not
    /// sent before, since a second new life is another one.
    ///
    /// # Errors
    /// `unknown_task`, `not_retryable`, `configuration_gone`, `unique_conflict`; or why there is no answer.
    pub async fn retry(&self, id: &str, delay_ms: Option<u64>) -> Result<RetryAnswer, ClientError> {
        let call = Call::post("retrying a task", Target::of_task(id, "/retry")?, Repeat::Harmful);
        let call = match delay_ms {
            Some(delay_ms) => call.with(&json!({ "delayMs": delay_ms })),
            None => call,
        };
        self.json(call).await
    }

    /// Cancels all tasks that fit, or counts them. As long as the answer says that there are more, another request goes on.
    ///
    /// # Errors
    /// `bad_filter`; or why there is no answer.
    pub async fn cancel_many(&self, request: &BulkRequest) -> Result<BulkAnswer, ClientError> {
        let doing = if request.preview { "counting tasks" } else { "cancelling tasks" };
        let call = Call::post(doing, Target::new("/v1/tasks/cancel"), Repeat::Harmless);
        self.json(call.with(request).for_many()).await
    }

    /// Retries all tasks that fit, or counts them. As long as the answer says that there are more, another request goes on.
    ///
    /// # Errors
    /// `bad_filter`; or why there is no answer.
    pub async fn retry_many(&self, request: &BulkRequest) -> Result<BulkAnswer, ClientError> {
        let (doing, repeat) = if request.preview {
            ("counting tasks", Repeat::Harmless)
        } else {
            ("retrying tasks", Repeat::Harmful)
        };
        let call = Call::post(doing, Target::new("/v1/tasks/retry"), repeat);
        self.json(call.with(request).for_many()).await
    }
}

/// The pages of a list, each asked for when it is wanted.
#[derive(Debug)]
pub struct Pages {
    client: Client,
    filter: TaskFilter,
    limit: Option<u32>,
    next: Next,
}

#[derive(Clone, Debug)]
enum Next {
    First,
    At(String),
    None,
}

impl Pages {
    /// The next page; none after the last. A page may be empty, and others follow all the same.
    ///
    /// # Errors
    /// As for [`Client::list`]. Asking again repeats the page.
    pub async fn next(&mut self) -> Result<Option<Vec<TaskInfo>>, ClientError> {
        let cursor = match &self.next {
            Next::First => None,
            Next::At(cursor) => Some(cursor.as_str()),
            Next::None => return Ok(None),
        };
        let page = self.client.list(&self.filter, self.limit, cursor).await?;
        self.next = page.next_cursor.map_or(Next::None, Next::At);
        Ok(Some(page.tasks))
    }
}
