//! The rows of the database, by themselves and beside the ledgers.
//!
//! Most rules hold at any moment, also where a host was killed: each transaction leaves them true. The others hold once
//! every task has ended.

use super::{Problems, rules};
use crate::ledger::{Asked, Standing, Work};
use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// The file in the data folder, and what SQLite puts beside it and must be copied with it.
const FILES: [&str; 2] = ["queue.sqlite3", "queue.sqlite3-wal"];

/// What the rows say, beside what is wrong with them.
#[derive(Debug, Default)]
pub struct Rows {
    /// Task ids by idempotency key.
    pub by_key: HashMap<String, String>,
    /// All task ids.
    pub ids: HashSet<String>,
    /// The ids of the tasks that a task's job asked for.
    pub asked_by: HashMap<String, Vec<String>>,
    /// Attempts that ended.
    pub attempts: u64,
    /// Those that were lost with their host.
    pub attempts_lost: u64,
    /// Tasks that failed because three of their attempts were lost.
    pub tasks_lost: u64,
}

/// Opens a copy of the database of a data folder, whose host is dead: looking at the original would recover it, which is
/// the next host's to do. The copy is made in `folder`.
///
/// # Errors
/// Files that cannot be copied, a database that cannot be opened.
pub fn open_copy(data: &Path, folder: &Path) -> Result<Connection> {
    for file in FILES {
        let (from, to) = (data.join(file), folder.join(file));
        if from.exists() {
            fs::copy(&from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
        }
    }
    let path = folder.join(FILES[0]);
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("cannot open `{}`", path.display()))
}

/// Looks at all rules. `ended` says that every task should have ended.
///
/// # Errors
/// A database that cannot be asked.
pub fn check(database: &Connection, ended: bool, problems: &mut Problems) -> Result<Rows> {
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        problems.add(format!("the database is damaged: {integrity}"));
    }
    for (rule, found) in rules::broken(database, ended)? {
        problems.add(format!("the database has {}: {rule}", shown(&found)));
    }
    read(database)
}

/// A UUID as it is written, or a name as it is.
fn shown(found: &str) -> String {
    match (found.len(), found.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        (32, true) => with_hyphens(found),
        _ => format!("`{found}`"),
    }
}

fn with_hyphens(hex: &str) -> String {
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn read(database: &Connection) -> Result<Rows> {
    let mut rows = Rows::default();
    let mut statement = database.prepare(
        "SELECT lower(hex(task.id)), content.idempotency_key, lower(hex(content.parent)), \
         task.outcome = 15 AND task.state = 2 FROM task JOIN content USING (place)",
    )?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let id = with_hyphens(&row.get::<_, String>(0)?);
        if let Some(key) = row.get::<_, Option<String>>(1)? {
            rows.by_key.insert(key, id.clone());
        }
        if let Some(parent) = row.get::<_, Option<String>>(2)?.filter(|parent| parent.len() == 32) {
            rows.asked_by.entry(with_hyphens(&parent)).or_default().push(id.clone());
        }
        rows.tasks_lost += u64::from(row.get::<_, bool>(3)?);
        rows.ids.insert(id);
    }
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, u32>(0)).map(u64::from);
    rows.attempts = count("SELECT count(*) FROM attempt")?;
    rows.attempts_lost = count("SELECT count(*) FROM attempt WHERE outcome = 15")?;
    Ok(rows)
}

/// Whether what was asked for is there, once, and nothing else is.
pub fn check_ledger(rows: &Rows, asked: &[Asked], problems: &mut Problems) {
    for asked in asked {
        let held = rows.by_key.get(&asked.token);
        match (&asked.enqueue, held) {
            (Standing::Acknowledged(id), Some(held)) if id != held => problems.add(format!(
                "the key `{}` was acknowledged as the task {id} and belongs to the task {held}",
                asked.token
            )),
            // It stood for another with its unique key, which has a key of its own.
            (Standing::Acknowledged(id), None) if asked.may_be_another() && rows.ids.contains(id) => {}
            (Standing::Acknowledged(id), None) => {
                problems.add(format!(
                    "the task {id} was acknowledged under the key `{}` and is not there",
                    asked.token
                ));
            }
            (Standing::Refused(code), Some(held)) if asked.unanswered == 0 => problems.add(format!(
                "the key `{}` was refused with `{code}` and belongs to the task {held}",
                asked.token
            )),
            (Standing::NotAsked, Some(held)) => {
                problems.add(format!("nobody asked for the task {held} with the key `{}`", asked.token));
            }
            _ => {}
        }
    }
}

/// Whether a batch that was not answered is there whole, or not at all. `batches` are its keys.
pub fn check_batches<'a>(
    rows: &Rows,
    batches: impl IntoIterator<Item = &'a [Asked]>,
    problems: &mut Problems,
) {
    for batch in batches {
        let certain: Vec<&Asked> = batch.iter().filter(|asked| !asked.may_be_another()).collect();
        let there = certain.iter().filter(|asked| rows.by_key.contains_key(&asked.token)).count();
        if there != 0 && there != certain.len() {
            problems.add(format!("{there} of the {} tasks of a batch are there", certain.len()));
        }
    }
}

/// Whether the tasks that jobs asked for are there if, and only if, the attempt that asked completed. All have ended.
pub fn check_asked_by_jobs(
    rows: &Rows,
    asked: &[Asked],
    completed: &HashSet<String>,
    problems: &mut Problems,
) {
    for asked in asked {
        let Some(id) = asked.id().filter(|id| rows.by_key.get(&asked.token).map(String::as_str) == Some(*id))
        else {
            continue;
        };
        let expected = match asked.work {
            Work::Asks(times) if completed.contains(id) => usize::try_from(times).unwrap_or(usize::MAX),
            _ => 0,
        };
        let found = rows.asked_by.get(id).map_or(0, Vec::len);
        if found != expected {
            problems
                .add(format!("the job of the task {id} asked for {expected} tasks, and {found} are there"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::task_options::{TaskOptions, UniquePolicy};

    fn asked(token: &str, work: Work, enqueue: Standing) -> Asked {
        Asked { enqueue, ..Asked::new(token.to_owned(), work, TaskOptions::default()).unwrap() }
    }

    fn acknowledged(id: &str) -> Standing {
        Standing::Acknowledged(id.to_owned())
    }

    /// A task a under the key A, which asked for b and c.
    fn rows() -> Rows {
        let text = |text: &str| text.to_owned();
        Rows {
            by_key: HashMap::from([(text("A"), text("a"))]),
            ids: ["a", "b", "c"].map(text).into(),
            asked_by: HashMap::from([(text("a"), vec![text("b"), text("c")])]),
            ..Rows::default()
        }
    }

    #[track_caller]
    fn found(asked: &Asked, expected: &str) {
        let mut problems = Problems::default();
        check_ledger(&rows(), std::slice::from_ref(asked), &mut problems);
        let lines = problems.lines();
        match expected {
            "" => assert!(lines.is_empty(), "{lines:?}"),
            _ => assert!(lines.len() == 1 && lines[0].contains(expected), "{lines:?}"),
        }
    }

    #[test]
    fn what_was_acknowledged_is_there_under_its_key() {
        found(&asked("A", Work::Echo, acknowledged("a")), "");
        found(
            &asked("A", Work::Echo, acknowledged("b")),
            "was acknowledged as the task b and belongs to the task a",
        );
        found(
            &asked("B", Work::Echo, acknowledged("z")),
            "the task z was acknowledged under the key `B` and is not there",
        );
        found(&asked("B", Work::Echo, Standing::Unsure), "");
        found(&asked("A", Work::Echo, Standing::Unsure), "");
    }

    #[test]
    fn what_was_refused_or_never_asked_for_is_not_there() {
        let refused = Standing::Refused("unique_conflict".to_owned());
        found(&asked("B", Work::Echo, refused.clone()), "");
        found(
            &asked("A", Work::Echo, refused.clone()),
            "was refused with `unique_conflict` and belongs to the task a",
        );
        found(&asked("A", Work::Echo, Standing::NotAsked), "nobody asked for the task a");
        // An earlier try may have been taken.
        found(&Asked { unanswered: 1, ..asked("A", Work::Echo, refused) }, "");
    }

    #[test]
    fn one_that_stands_for_another_has_no_row_of_its_own() {
        let existing = TaskOptions {
            unique_key: Some("key".to_owned()),
            unique_policy: UniquePolicy::Existing,
            ..TaskOptions::default()
        };
        let stands_for =
            |id: &str| Asked { options: existing.clone(), ..asked("B", Work::Echo, acknowledged(id)) };
        found(&stands_for("a"), "");
        found(&stands_for("z"), "is not there");
    }

    #[test]
    fn half_a_batch_is_found() {
        let check = |keys: [&str; 2]| {
            let batch = keys.map(|key| asked(key, Work::Echo, Standing::Unsure));
            let mut problems = Problems::default();
            check_batches(&rows(), [batch.as_slice()], &mut problems);
            problems.lines()
        };
        assert_eq!(check(["B", "C"]), [""; 0]);
        assert_eq!(check(["A", "B"]), ["1 of the 2 tasks of a batch are there"]);
    }

    #[test]
    fn asked_tasks_are_those_of_the_attempt_that_completed() {
        let check = |work: Work, completed: &[&str]| {
            let asked = [asked("A", work, acknowledged("a"))];
            let completed = completed.iter().map(|id| (*id).to_owned()).collect();
            let mut problems = Problems::default();
            check_asked_by_jobs(&rows(), &asked, &completed, &mut problems);
            problems.lines()
        };
        assert_eq!(check(Work::Asks(2), &["a"]), [""; 0]);
        assert_eq!(
            check(Work::Asks(3), &["a"]),
            ["the job of the task a asked for 3 tasks, and 2 are there"]
        );
        assert_eq!(check(Work::Asks(2), &[]), ["the job of the task a asked for 0 tasks, and 2 are there"]);
        assert_eq!(
            check(Work::AsksAndFails, &[]),
            ["the job of the task a asked for 0 tasks, and 2 are there"]
        );
    }
}
