//! One look at a host under load.

use anyhow::{Context as _, Result};
use mainworker_client::wire::Stats;
use rustix::process::Pid;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// What was seen in five seconds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Seconds since the beginning.
    pub at_s: u64,
    /// Memory of the process that is in the machine's.
    pub rss_bytes: u64,
    /// The database's file.
    pub store_bytes: u64,
    /// The log of writes beside it.
    pub wal_bytes: u64,
    /// Tasks that the store has.
    pub tasks: u64,
    /// Those of them that have not ended.
    pub tasks_open: u64,
    /// Microseconds from when a request was due until its answer, sorted.
    #[serde(skip)]
    pub enqueue_us: Vec<u64>,
    /// Milliseconds from a task's acceptance until its first attempt began, sorted.
    #[serde(skip)]
    pub start_ms: Vec<u64>,
}

impl Sample {
    /// What the columns of [`Sample::line`] are.
    pub const HEADING: &'static str =
        "seconds  rss MiB  store MiB  wal MiB   tasks  open  enqueue p50 p99 ms  start p50 p99 ms";

    /// Looks at a process and its data folder.
    ///
    /// # Errors
    /// A process that is gone, files that are not there.
    pub fn take(
        at_s: u64,
        pid: Pid,
        data: &Path,
        stats: &Stats,
        mut enqueue_us: Vec<u64>,
        mut start_ms: Vec<u64>,
    ) -> Result<Self> {
        enqueue_us.sort_unstable();
        start_ms.sort_unstable();
        let open = ["queued", "running"].iter().filter_map(|state| stats.tasks.get(*state));
        Ok(Self {
            at_s,
            rss_bytes: rss_bytes(pid)?,
            store_bytes: fs::metadata(data.join("queue.sqlite3"))?.len(),
            // Where it was emptied it may be away.
            wal_bytes: fs::metadata(data.join("queue.sqlite3-wal")).map_or(0, |file| file.len()),
            tasks: stats.tasks.values().sum(),
            tasks_open: open.sum(),
            enqueue_us,
            start_ms,
        })
    }

    /// As a line of the table.
    pub fn line(&self) -> String {
        let ms = |us: u64| format!("{}.{}", us / 1_000, us % 1_000 / 100);
        format!(
            "{:>7}  {:>7}  {:>9}  {:>7}  {:>6}  {:>4}  {:>11} {:>6}  {:>9} {:>6}",
            self.at_s,
            mib(self.rss_bytes),
            mib(self.store_bytes),
            mib(self.wal_bytes),
            self.tasks,
            self.tasks_open,
            ms(part(&self.enqueue_us, 50)),
            ms(part(&self.enqueue_us, 99)),
            part(&self.start_ms, 50),
            part(&self.start_ms, 99),
        )
    }
}

/// The samples as JSON: without the single latencies, with what is told of them.
pub fn figures(samples: &[Sample]) -> serde_json::Value {
    let each = samples.iter().map(|sample| {
        let mut figures = serde_json::to_value(sample).unwrap_or_default();
        figures["enqueueP50Us"] = part(&sample.enqueue_us, 50).into();
        figures["enqueueP99Us"] = part(&sample.enqueue_us, 99).into();
        figures["startP50Ms"] = part(&sample.start_ms, 50).into();
        figures["startP99Ms"] = part(&sample.start_ms, 99).into();
        figures
    });
    each.collect()
}

/// The figure below which so many of a hundred are; 0 where there is none.
pub(super) fn part(sorted: &[u64], percent: usize) -> u64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// With one digit after the point.
pub(super) fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn rss_bytes(pid: Pid) -> Result<u64> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kib: u64 =
        line.and_then(|kib| kib.parse().ok()).with_context(|| format!("`{path}` has no `VmRSS`"))?;
    Ok(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_hundred_is_one_of_the_figures() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((part(&hundred, 50), part(&hundred, 99), part(&hundred, 100)), (50, 99, 100));
        assert_eq!((part(&[7], 50), part(&[7], 99), part(&[], 99)), (7, 7, 0));
    }

    #[test]
    fn memory_of_a_process_is_found() {
        let own = Pid::from_raw(std::process::id().cast_signed()).unwrap();
        assert!(rss_bytes(own).unwrap() > 1 << 20);
    }
}
