//! Who waits for news of a task, such as the next lines of its log.
//!
//! A follower is told that there may be something to read, not what: it reads the store then. News that comes between its
//! reading and its waiting is kept for it, so that it misses none; several at once are one.

use crate::events::{Observer, Stamped};
use mainworker_domain::event::Event;
use mainworker_domain::task_id::TaskId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// All followers of all tasks.
#[derive(Debug, Default)]
pub struct Followers {
    tasks: Mutex<HashMap<TaskId, watch::Sender<()>>>,
}

/// One follower of one task.
#[derive(Debug)]
pub struct Follower {
    followers: Arc<Followers>,
    task: TaskId,
    news: watch::Receiver<()>,
}

impl Followers {
    /// Sees each event and tells whoever waits for it.
    pub fn observer(self: &Arc<Self>) -> Observer {
        let followers = Arc::clone(self);
        Box::new(move |Stamped { event, .. }| match event {
            Event::AttemptStarted { task_id, .. }
            | Event::AttemptSaid { task_id }
            | Event::AttemptEnded { task_id, .. }
            | Event::TaskChanged { task_id, .. } => followers.tell(*task_id),
            Event::EnvelopeRejected { .. }
            | Event::TaskEnqueued { .. }
            | Event::TaskDropped { .. }
            | Event::Paused { .. }
            | Event::RunsMissed { .. }
            | Event::ScheduleChanged { .. }
            | Event::DeploymentChanged { .. }
            | Event::ModuleRefused { .. }
            | Event::CredentialRefused { .. }
            | Event::HostError { .. } => {}
        })
    }

    /// Waits for news of this task from now on.
    pub fn follow(self: &Arc<Self>, task: TaskId) -> Follower {
        let news = self.tasks().entry(task).or_insert_with(|| watch::Sender::new(())).subscribe();
        Follower { followers: Arc::clone(self), task, news }
    }

    fn tell(&self, task: TaskId) {
        if let Some(sender) = self.tasks().get(&task) {
            sender.send_replace(());
        }
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<TaskId, watch::Sender<()>>> {
        // Entries are put in and taken out whole.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Returns when there was news since the last return, or since the follower is there.
    pub async fn news(&mut self) {
        // The sender stays as long as there is a follower.
        let _ = self.news.changed().await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut tasks = self.followers.tasks();
        // This one is still counted.
        if tasks.get(&self.task).is_some_and(|sender| sender.receiver_count() <= 1) {
            tasks.remove(&self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use mainworker_domain::lifecycle::Timestamp;

    const TASK: TaskId = TaskId::from_bytes([7; 16]);
    const OTHER: TaskId = TaskId::from_bytes([8; 16]);

    fn said(task_id: TaskId) -> Stamped {
        Stamped { at: Timestamp::MIN, event: Event::AttemptSaid { task_id } }
    }

    #[test]
    fn news_of_its_task_is_kept_until_it_is_waited_for() {
        let followers = Arc::new(Followers::default());
        let observe = followers.observer();
        let mut follower = followers.follow(TASK);
        let mut second = followers.follow(TASK);
        assert!(follower.news().now_or_never().is_none());
        observe(&said(OTHER));
        assert!(follower.news().now_or_never().is_none(), "of another task");
        observe(&said(TASK));
        observe(&said(TASK));
        assert!(follower.news().now_or_never().is_some());
        assert!(follower.news().now_or_never().is_none(), "two at once are one");
        assert!(second.news().now_or_never().is_some(), "each is told");
    }

    #[test]
    fn who_goes_leaves_nothing_behind() {
        let followers = Arc::new(Followers::default());
        let (first, mut second) = (followers.follow(TASK), followers.follow(TASK));
        drop(first);
        followers.observer()(&said(TASK));
        assert!(second.news().now_or_never().is_some());
        drop(second);
        assert!(followers.tasks().is_empty());
    }
}
