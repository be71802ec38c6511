//! Places from indexes, the newest first.

use super::failure::Failure;
use super::session::Session;
use super::sql::Sql;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use std::collections::{BinaryHeap, VecDeque};

/// Places that a stream reads at first; more with each time that all of them were wanted.
const READ_MIN: i64 = 16;
/// See [`READ_MIN`].
const READ_MAX: i64 = 1_024;

/// Places from one index.
pub(super) struct Stream {
    sql: Sql,
    /// What is looked for in the index.
    keys: Vec<Value>,
    read: VecDeque<i64>,
    read_max: i64,
    exhausted: bool,
}

/// Places that are in one of several streams: jobs, states.
pub(super) struct Union {
    streams: Vec<Stream>,
    /// Where each stream stands, the highest first.
    heads: BinaryHeap<(i64, usize)>,
}

impl Union {
    pub(super) fn new(session: &Session<'_>, mut streams: Vec<Stream>, newest: i64) -> Result<Self, Failure> {
        let mut heads = BinaryHeap::with_capacity(streams.len());
        for (index, stream) in streams.iter_mut().enumerate() {
            heads.extend(stream.seek(session, newest.saturating_sub(1))?.map(|place| (place, index)));
        }
        Ok(Self { streams, heads })
    }

    /// The highest place that is not above `target`. Targets only go down.
    pub(super) fn seek(&mut self, session: &Session<'_>, target: i64) -> Result<Option<i64>, Failure> {
        while let Some(&(place, index)) = self.heads.peek() {
            if place <= target {
                return Ok(Some(place));
            }
            self.heads.pop();
            if let Some(stream) = self.streams.get_mut(index) {
                self.heads.extend(stream.seek(session, target)?.map(|place| (place, index)));
            }
        }
        Ok(None)
    }
}

impl Stream {
    pub(super) fn new(sql: Sql, keys: impl Into<Vec<Value>>) -> Self {
        Self { sql, keys: keys.into(), read: VecDeque::new(), read_max: READ_MIN, exhausted: false }
    }

    /// See [`Union::seek`].
    fn seek(&mut self, session: &Session<'_>, target: i64) -> Result<Option<i64>, Failure> {
        let mut passed_over = 0;
        while self.read.front().is_some_and(|&place| place > target) {
            self.read.pop_front();
            passed_over += 1;
        }
        if self.read.is_empty() && !self.exhausted {
            // One that is stepped through is read in larger parts, one that is jumped over in small ones.
            self.read_max = if passed_over <= 1 { (self.read_max * 4).min(READ_MAX) } else { READ_MIN };
            let mut statement = session.statement(self.sql)?;
            let bounds = [Value::from(target), Value::from(self.read_max)];
            let mut rows = statement.query(params_from_iter(bounds.iter().chain(&self.keys)))?;
            while let Some(row) = rows.next()? {
                self.read.push_back(row.get(0)?);
            }
            self.exhausted = i64::try_from(self.read.len()).is_ok_and(|read| read < self.read_max);
        }
        Ok(self.read.front().copied())
    }
}
