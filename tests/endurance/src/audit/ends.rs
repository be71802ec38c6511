//! What the host says of every task, when all have ended.

use super::Problems;
use super::rows::Rows;
use super::secrets;
use crate::ledger::Asked;
use anyhow::{Context as _, Result};
use mainworker_client::Client;
use mainworker_client::wire::{LogEntry, Task, TaskFilter, TaskInfo};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Tasks that are asked about at a time.
const AT_A_TIME: usize = 16;
/// Tasks of a page.
const PAGE_TASKS: u32 = 500;

/// What the host lists.
#[derive(Debug, Default)]
pub struct Listed {
    /// By id: the word of the state.
    pub states: HashMap<String, String>,
    /// The ids of those that completed.
    pub completed: HashSet<String>,
}

/// Lists all tasks, and compares with the counts that the host keeps.
///
/// # Errors
/// A host that does not answer.
pub async fn check_list(client: &Client, problems: &mut Problems) -> Result<Listed> {
    let mut listed = Listed::default();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut pages = client.pages(TaskFilter::default(), Some(PAGE_TASKS));
    while let Some(page) = pages.next().await? {
        search(&page, "a list of tasks", problems);
        for TaskInfo { task_id, state, .. } in page {
            *counts.entry(state.clone()).or_default() += 1;
            if state == "completed" {
                listed.completed.insert(task_id.clone());
            }
            if listed.states.insert(task_id.clone(), state).is_some() {
                problems.add(format!("the task {task_id} is listed twice"));
            }
        }
    }
    let stats = client.stats().await?;
    search(&stats, "the stats", problems);
    let mut counted = stats.tasks;
    counted.retain(|_, count| *count > 0);
    if counted != counts {
        problems.add(format!("the stats count {counted:?}, and the list has {counts:?}"));
    }
    if !stats.running.is_empty() {
        problems.add(format!("{} attempts run, and every task has ended", stats.running.len()));
    }
    let jobs = client.jobs().await?;
    search(&jobs, "the list of jobs", problems);
    let metrics = client.metrics().await?;
    secrets::search(metrics.as_bytes(), "the metrics page", problems);
    Ok(listed)
}

/// Asks about each task that was acknowledged, and holds it to its ledger. `rows` say which task a key belongs to.
///
/// # Errors
/// A host that does not answer.
pub async fn check_tasks(
    client: &Client,
    asked: Vec<Asked>,
    rows: &Rows,
    listed: &Listed,
    problems: &mut Problems,
) -> Result<Vec<Asked>> {
    let asked: Vec<Arc<Asked>> = asked.into_iter().map(Arc::new).collect();
    let mut looks = JoinSet::new();
    for asked in &asked {
        let Some(id) = asked.id() else { continue };
        // Where it stands for another, that one is judged.
        if rows.by_key.get(&asked.token).map(String::as_str) != Some(id) {
            continue;
        }
        if looks.len() >= AT_A_TIME {
            take(looks.join_next().await, listed, problems)?;
        }
        looks.spawn(look(client.clone(), Arc::clone(asked), id.to_owned()));
    }
    while let Some(looked) = looks.join_next().await {
        take(Some(looked), listed, problems)?;
    }
    Ok(asked.into_iter().filter_map(Arc::into_inner).collect())
}

struct Look {
    task: Task,
    problems: Problems,
}

type Joined = Result<Result<Look>, tokio::task::JoinError>;

fn take(joined: Option<Joined>, listed: &Listed, problems: &mut Problems) -> Result<()> {
    let Some(joined) = joined else { return Ok(()) };
    let Look { task, problems: found } = joined??;
    problems.extend(found.lines().into_iter().map(|problem| format!("the task {}: {problem}", task.task_id)));
    let listed = listed.states.get(&task.task_id);
    if listed != Some(&task.state) {
        problems.add(format!("the task {} is `{}` and is listed as {listed:?}", task.task_id, task.state));
    }
    Ok(())
}

async fn look(client: Client, asked: Arc<Asked>, id: String) -> Result<Look> {
    let task =
        client.task(&id).await.with_context(|| format!("the task {id}, of the key `{}`", asked.token))?;
    let mut problems = Problems::default();
    problems.extend(asked.problems(&task));
    search(&task, "its page", &mut problems);
    check_log(&client, &asked, &task, &mut problems).await?;
    Ok(Look { task, problems })
}

/// The log of a completed attempt is there whole; no log holds a secret.
async fn check_log(client: &Client, asked: &Asked, task: &Task, problems: &mut Problems) -> Result<()> {
    let last = task.attempts.last().map_or(0, |attempt| attempt.number);
    let counted = asked.work.log_lines();
    let mut found = 0;
    let mut cursor = None;
    loop {
        let page = client.log(&task.task_id, cursor.as_deref()).await?;
        search(&page, "its log", problems);
        let fits = |line: &&LogEntry| {
            line.attempt == last && counted.is_some_and(|(context, _)| line.context == context)
        };
        found += page.lines.iter().filter(fits).count() as u64;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let expected = counted.map_or(0, |(_, lines)| lines);
    if task.state == "completed" && found != expected {
        problems.add(format!("the log of its last attempt has {found} lines, expected {expected}"));
    }
    Ok(())
}

fn search(answer: &impl Serialize, place: &str, problems: &mut Problems) {
    match serde_json::to_vec(answer) {
        Ok(bytes) => secrets::search(&bytes, place, problems),
        Err(error) => problems.add(format!("{place} cannot be searched: {error}")),
    }
}
