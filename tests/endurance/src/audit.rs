//! The audit: whether what the host kept is what it acknowledged.
//!
//! [`rows`] looks into the database, at rest after a kill as well as at the end; [`ends`] asks the host about every task
//! when all have ended; [`secrets`] searches all that the host wrote.

pub mod ends;
pub mod rows;
mod rules;
pub mod secrets;

/// Problems that are told one by one; the others are counted.
const TOLD_MAX: usize = 20;

/// What is wrong, in sentences.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<String>,
    count: usize,
}

impl Problems {
    /// One more.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(problem.into());
        }
    }

    /// All of these.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = String>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Those that are told, and how many others there are.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.told.clone();
        if self.count > lines.len() {
            lines.push(format!("and {} more", self.count - lines.len()));
        }
        lines
    }
}
