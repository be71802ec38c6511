//! Where the dispatcher and its drivers meet: assignments go one way, ends the other.
//!
//! A driver hands over an end and takes the next attempt under one lock, and wakes the dispatcher only if that is what it
//! waits for: as many ends as it asked for, or none at all while a settlement is under way.

use super::backlog::{Assignment, Backlog, Ticket, Withdraw};
use super::core::OpenAttempt;
use crate::runner::Ended;
use mainworker_domain::task_id::TaskId;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::{Notify, oneshot};

#[derive(Debug)]
pub(super) struct Exchange {
    desk: Mutex<Desk>,
    /// Wakes the dispatcher. One wake is kept if it is not waiting.
    notify: Notify,
}

#[derive(Debug)]
struct Desk {
    backlog: Backlog,
    /// Drivers that wait for an assignment, by their number.
    idle: Vec<Option<Waker>>,
    closed: bool,
    inbox: Inbox,
    ends_awaited: usize,
}

/// What came in for the dispatcher.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) wake: bool,
    pub(super) ends: Vec<(Ticket, Ended)>,
    pub(super) stops: Vec<(TaskId, u32)>,
    /// Milliseconds of the shortest grace that a drain was asked for with.
    pub(super) drain_ms: Option<u64>,
    pub(super) asks: Vec<oneshot::Sender<Vec<OpenAttempt>>>,
}

/// An end, and what its attempt took.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) ticket: Ticket,
    pub(super) memory_bytes: u64,
    pub(super) ended: Ended,
}

impl Exchange {
    pub(super) fn new(drivers: usize, memory_bytes_max: u64) -> Self {
        let desk = Desk {
            backlog: Backlog::new(memory_bytes_max),
            idle: vec![None; drivers],
            closed: false,
            inbox: Inbox::default(),
            ends_awaited: 1,
        };
        Self { desk: Mutex::new(desk), notify: Notify::new() }
    }

    /// For a driver: reports the end of its last attempt, once, and gives the next; none when there will be no more.
    pub(super) fn poll_next(
        &self,
        driver: usize,
        report: &mut Option<Report>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Assignment>> {
        let mut desk = self.desk();
        let mut reached = false;
        if let Some(Report { ticket, memory_bytes, ended }) = report.take() {
            desk.backlog.finish(memory_bytes);
            desk.inbox.ends.push((ticket, ended));
            reached = desk.inbox.ends.len() == desk.ends_awaited;
        }
        let next = if desk.closed {
            Poll::Ready(None)
        } else if let Some(assignment) = desk.backlog.take() {
            Poll::Ready(Some(assignment))
        } else {
            desk.idle[driver] = Some(context.waker().clone());
            Poll::Pending
        };
        // An end may have made room for more than one that waited for memory.
        let another = if desk.backlog.has_startable() { desk.take_idle(1) } else { Vec::new() };
        drop(desk);
        if reached {
            self.notify.notify_one();
        }
        another.into_iter().for_each(Waker::wake);
        next
    }

    /// Puts attempts into the backlog and wakes as many drivers.
    pub(super) fn start(&self, assignments: Vec<Assignment>) {
        let mut desk = self.desk();
        let count = assignments.len();
        desk.backlog.push(assignments);
        let wakers = desk.take_idle(count);
        drop(desk);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes attempts back that have not begun.
    pub(super) fn withdraw(&self, which: Withdraw) -> Vec<Ticket> {
        self.desk().backlog.withdraw(which)
    }

    /// Takes what came in.
    pub(super) fn take_inbox(&self) -> Inbox {
        std::mem::take(&mut self.desk().inbox)
    }

    /// From now on, so many ends together wake the dispatcher. True if they are there already.
    pub(super) fn await_ends(&self, count: usize) -> bool {
        let mut desk = self.desk();
        desk.ends_awaited = count;
        desk.inbox.ends.len() >= count
    }

    /// Changes the inbox and wakes the dispatcher. False if there is none any more.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Inbox)) -> bool {
        let mut desk = self.desk();
        if desk.closed {
            return false;
        }
        change(&mut desk.inbox);
        drop(desk);
        self.notify.notify_one();
        true
    }

    /// Waits until the dispatcher is woken.
    pub(super) async fn notified(&self) {
        self.notify.notified().await;
    }

    /// Sends the drivers home once they have finished what they are at, and answers nobody any more.
    pub(super) fn close(&self) {
        let mut desk = self.desk();
        desk.closed = true;
        desk.inbox = Inbox::default();
        let drivers = desk.idle.len();
        let wakers = desk.take_idle(drivers);
        drop(desk);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing in here panics between two changes that belong together.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Up to `count` drivers that wait; they do not count as waiting any more.
    fn take_idle(&mut self, count: usize) -> Vec<Waker> {
        self.idle.iter_mut().filter_map(Option::take).take(count).collect()
    }
}
