//! The one thread that writes.
//!
//! It takes what waits, does all of it in one transaction and answers after the commit. A request that comes alone is not
//! kept waiting for others: groups form by themselves while the last commit is under way. If anything in a group does not work, all
//! of it is rolled back and each request is done by itself, so that none fails because of another.

use super::change::Writing;
use super::checkpoint::Checkpoints;
use super::failure::Failure;
use super::known::Known;
use super::session::Session;
use super::sql;
use crate::store::StoreError;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the writer; further ones wait where they are made. More than a host has attempts and connections.
const WAITING_MAX: usize = 4_096;
/// Requests in one transaction.
const GROUP_REQUESTS_MAX: usize = 1_024;
/// Tasks in one transaction, about: after so many no further request joins it, so that none waits for long.
const GROUP_TASKS_MAX: usize = 4_096;

/// A request and whoever waits for its answer.
trait Work: Send {
    /// How many tasks it is about.
    fn tasks(&self) -> usize;
    /// Does it, in the open transaction. What it did before is forgotten.
    fn perform(&mut self, writing: &mut Writing<'_, '_>) -> Result<(), Failure>;
    /// Answers: it is committed, or why it is not.
    fn answer(self: Box<Self>, committed: Result<(), &Failure>);
}

struct Request<R, A> {
    doing: &'static str,
    tasks: usize,
    request: R,
    perform: fn(&mut Writing<'_, '_>, &R) -> Result<A, Failure>,
    done: Option<A>,
    reply: oneshot::Sender<Result<A, StoreError>>,
}

impl<R: Send, A: Send> Work for Request<R, A> {
    fn tasks(&self) -> usize {
        self.tasks
    }

    fn perform(&mut self, writing: &mut Writing<'_, '_>) -> Result<(), Failure> {
        self.done = Some((self.perform)(writing, &self.request)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &Failure>) {
        let answer = match (committed, self.done) {
            (Ok(()), Some(done)) => Ok(done),
            (Ok(()), None) => Err(StoreError::Closed { doing: self.doing }),
            (Err(failure), _) => Err(failure.to_error(self.doing)),
        };
        // Nobody waits for it if the future was dropped.
        drop(self.reply.send(answer));
    }
}

/// The way to the writer.
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It ends when this is dropped, after all that was handed over.
    ///
    /// # Errors
    /// If there is no room for a thread.
    pub(super) fn start(connection: Connection, known: Known) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let thread = Builder::new().name("store".to_owned()).spawn(move || {
            let place = Place::of(&connection);
            let run = AssertUnwindSafe(|| run(&Session::new(&connection), known, waiting, &place));
            if catch_unwind(run).is_err() {
                tracing::error!("the writer of the store panicked; the store is closed");
            }
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Hands a request over and waits for its answer.
    pub(super) async fn ask<R: Send + 'static, A: Send + 'static>(
        &self,
        doing: &'static str,
        tasks: usize,
        request: R,
        perform: fn(&mut Writing<'_, '_>, &R) -> Result<A, Failure>,
    ) -> Result<A, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(Request { doing, tasks, request, perform, done: None, reply });
        let closed = StoreError::Closed { doing };
        let Some(requests) = &self.requests else { return Err(closed) };
        if requests.send(work).await.is_err() {
            return Err(closed);
        }
        answer.await.unwrap_or(Err(closed))
    }

    /// Waits until all that was handed over is done and the thread has ended.
    pub(super) fn close(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic was caught and said.
            drop(thread.join());
        }
    }
}

fn run(session: &Session<'_>, known: Known, mut waiting: mpsc::Receiver<Box<dyn Work>>, place: &Place) {
    let mut known = Some(known);
    let mut checkpoints = Checkpoints::default();
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        let mut tasks = first.tasks();
        group.push(first);
        while group.len() < GROUP_REQUESTS_MAX
            && tasks < GROUP_TASKS_MAX
            && let Ok(next) = waiting.try_recv()
        {
            tasks = tasks.saturating_add(next.tasks());
            group.push(next);
        }
        write_group(session, &mut known, &mut group, place);
        checkpoints.after_group(session, waiting.is_empty());
    }
    Checkpoints::at_end(session);
}

fn write_group(
    session: &Session<'_>,
    known: &mut Option<Known>,
    group: &mut Vec<Box<dyn Work>>,
    place: &Place,
) {
    match write(session, known, group, place) {
        Ok(()) => group.drain(..).for_each(|work| work.answer(Ok(()))),
        Err(failure) if group.len() == 1 => {
            group.drain(..).for_each(|work| work.answer(Err(&failure)));
        }
        Err(_) => {
            for mut work in group.drain(..) {
                match write(session, known, std::slice::from_mut(&mut work), place) {
                    Ok(()) => work.answer(Ok(())),
                    Err(failure) => work.answer(Err(&failure)),
                }
            }
        }
    }
}

/// Where the database was opened: its path, its device and its number there. None in memory.
struct Place(Option<(PathBuf, (u64, u64))>);

impl Place {
    fn of(connection: &Connection) -> Self {
        let path = connection.path().filter(|path| !path.is_empty()).map(PathBuf::from);
        Self(path.and_then(|path| Some((path.clone(), file_id(&path)?))))
    }

    /// A folder that is taken away takes nothing from a file that is open: all that is written would go with it at the end.
    fn check(&self) -> Result<(), Failure> {
        match &self.0 {
            Some((path, id)) if file_id(path) != Some(*id) => Err(Failure::Moved(path.clone())),
            _ => Ok(()),
        }
    }
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Does all of it in one transaction, or nothing.
fn write(
    session: &Session<'_>,
    known: &mut Option<Known>,
    group: &mut [Box<dyn Work>],
    place: &Place,
) -> Result<(), Failure> {
    place.check()?;
    let written = write_all(session, known, group);
    if written.is_err() {
        // It may be changed, so it is read anew.
        *known = None;
        if !session.connection().is_autocommit()
            && let Err(error) = session.connection().execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction of the store could not be rolled back");
        }
    }
    written
}

fn write_all(
    session: &Session<'_>,
    known: &mut Option<Known>,
    group: &mut [Box<dyn Work>],
) -> Result<(), Failure> {
    session.execute(sql::BEGIN, [])?;
    let known = match known {
        Some(known) => known,
        None => known.insert(Known::load(session)?),
    };
    for work in group {
        work.perform(&mut Writing { session, known })?;
    }
    known.save(session)?;
    session.execute(sql::COMMIT, [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use mainworker_domain::job_name::JobName;
    use rusqlite::params;
    use std::pin::pin;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::{Context, Waker};
    use tokio::runtime;

    fn open() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        for step in schema::STEPS {
            connection.execute_batch(step).unwrap();
        }
        let known = Known::load(&Session::new(&connection)).unwrap();
        Writer::start(connection, known).unwrap()
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn add_job(writing: &mut Writing<'_, '_>, name: &JobName) -> Result<i64, Failure> {
        writing.known.add_job(writing.session, name)
    }

    fn count_jobs(writing: &mut Writing<'_, '_>, _: &()) -> Result<(usize, i64), Failure> {
        let mut statement = writing.session.connection().prepare("SELECT count(*) FROM job")?;
        Ok((writing.known.jobs.len(), statement.query_one(params![], |row| row.get(0))?))
    }

    /// Adds a job and then fails.
    fn fail(writing: &mut Writing<'_, '_>, name: &JobName) -> Result<(), Failure> {
        add_job(writing, name)?;
        Err(Failure::Damaged("as asked".to_owned()))
    }

    /// Says that the writer has come so far, and waits.
    fn hold(_: &mut Writing<'_, '_>, (held, go_on): &(Sender<()>, Receiver<()>)) -> Result<(), Failure> {
        // It is done again if its group fails; nobody waits for it then.
        held.send(()).ok();
        go_on.recv().ok();
        Ok(())
    }

    #[test]
    fn one_that_fails_takes_no_other_of_its_group_with_it() {
        let writer = open();
        let name = |name| JobName::parse(name).unwrap();
        let ((held, is_held), (go_on, wait)) = (channel(), channel());
        let mut holding = pin!(writer.ask("hold", 1, (held, wait), hold));
        let mut good = pin!(writer.ask("add", 1, name("good"), add_job));
        let mut bad = pin!(writer.ask("fail", 1, name("bad"), fail));
        let mut better = pin!(writer.ask("add", 1, name("better"), add_job));
        // While the first is under way, the others are handed over, and are one group after it.
        let mut context = Context::from_waker(Waker::noop());
        assert!(holding.as_mut().poll(&mut context).is_pending());
        is_held.recv().unwrap();
        assert!(good.as_mut().poll(&mut context).is_pending());
        assert!(bad.as_mut().poll(&mut context).is_pending());
        assert!(better.as_mut().poll(&mut context).is_pending());
        drop(go_on);
        assert_eq!(block_on(holding), Ok(()));
        assert_eq!(block_on(good), Ok(1));
        let failed = StoreError::Damaged { doing: "fail", problem: "as asked".to_owned() };
        assert_eq!(block_on(bad), Err(failed));
        assert_eq!(block_on(better), Ok(2), "what was rolled back is forgotten");
        assert_eq!(block_on(writer.ask("count", 1, (), count_jobs)), Ok((2, 2)));
    }

    #[test]
    fn after_a_panic_the_store_is_closed() {
        let mut writer = open();
        let panics: fn(&mut Writing<'_, '_>, &()) -> Result<(), Failure> = |_, ()| panic!("as asked");
        let closed = |doing| StoreError::Closed { doing };
        assert_eq!(block_on(writer.ask("panic", 1, (), panics)), Err(closed("panic")));
        assert_eq!(block_on(writer.ask("count", 1, (), count_jobs)), Err(closed("count")));
        writer.close();
        assert_eq!(block_on(writer.ask("count", 1, (), count_jobs)), Err(closed("count")));
    }

    #[test]
    fn what_was_handed_over_is_done_before_the_end() {
        let mut writer = open();
        let ((held, is_held), (go_on, wait)) = (channel(), channel());
        let mut context = Context::from_waker(Waker::noop());
        // Both are dropped without their answers.
        {
            let mut holding = pin!(writer.ask("hold", 1, (held, wait), hold));
            assert!(holding.as_mut().poll(&mut context).is_pending());
            is_held.recv().unwrap();
        }
        let ((done, is_done), (_, go_on_at_once)) = (channel(), channel());
        {
            let mut last = pin!(writer.ask("hold", 1, (done, go_on_at_once), hold));
            assert!(last.as_mut().poll(&mut context).is_pending());
        }
        drop(go_on);
        writer.close();
        assert_eq!(is_done.try_recv(), Ok(()), "the writer has ended, and it was done");
    }
}
