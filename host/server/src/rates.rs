//! How often tasks are asked for: the rates of jobs and sources, as far as this host has counted.
//!
//! What was taken is in memory alone. A rate guards against somebody who asks without end, which a restart changes little
//! about, and each task that is taken would cost the store a row more otherwise.

use mainworker_domain::job_name::JobName;
use mainworker_domain::rate::{OverRate, RateBuckets, RateLimit, RateOf, Wanted};
use mainworker_queue::dispatch::Clock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a task says about how often its job is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Rated<'a> {
    /// The job.
    pub job: &'a JobName,
    /// Its rate, if it has one.
    pub limit: Option<RateLimit>,
}

/// The rates of a host.
pub struct Rates {
    of_sources: BTreeMap<String, RateLimit>,
    buckets: Mutex<RateBuckets>,
    clock: Arc<dyn Clock>,
}

impl Rates {
    /// With these rates of sources; those of jobs come with their tasks. Only the steady time of `clock` is asked for.
    pub fn new(of_sources: BTreeMap<String, RateLimit>, clock: Arc<dyn Clock>) -> Self {
        Self { of_sources, buckets: Mutex::default(), clock }
    }

    /// Counts tasks that `source` asks for: all of them, or none.
    ///
    /// # Errors
    /// The rate that they are over, and which of them is the first that is, from 0.
    pub fn take<'a>(
        &self,
        source: &str,
        tasks: impl Iterator<Item = Rated<'a>> + Clone,
    ) -> Result<(), (usize, OverRate)> {
        let wanted = self.wanted(source, tasks.clone());
        if wanted.is_empty() {
            return Ok(());
        }
        self.buckets().take(&wanted, self.clock.steady()).map_err(|over| {
            let counts = |job: &JobName| match &over.of {
                RateOf::Job(limited) => limited == job,
                RateOf::Source(_) => true,
            };
            let mut counted = tasks.enumerate().filter(|(_, task)| counts(task.job)).map(|(index, _)| index);
            let passing = usize::try_from(over.problem.passing()).unwrap_or(usize::MAX);
            (counted.nth(passing).unwrap_or(0), over)
        })
    }

    /// Counts tasks no more that were counted and did not come to be.
    pub fn give_back<'a>(&self, source: &str, tasks: impl Iterator<Item = Rated<'a>>) {
        let unused = self.wanted(source, tasks);
        if !unused.is_empty() {
            self.buckets().give_back(&unused, self.clock.steady());
        }
    }

    /// How many tasks of each job and of the source there are, of those that have a rate.
    fn wanted<'a>(&self, source: &str, tasks: impl Iterator<Item = Rated<'a>>) -> Vec<Wanted> {
        let mut of_jobs: BTreeMap<&JobName, (RateLimit, u64)> = BTreeMap::new();
        let mut of_source = 0;
        for Rated { job, limit } in tasks {
            of_source += 1;
            if let Some(limit) = limit {
                of_jobs.entry(job).or_insert((limit, 0)).1 += 1;
            }
        }
        let of_jobs = of_jobs.into_iter().map(|(job, (limit, tasks))| Wanted {
            of: RateOf::Job(job.clone()),
            limit,
            tasks,
        });
        let limit = self.of_sources.get(source).filter(|_| of_source > 0);
        let of_source =
            limit.map(|&limit| Wanted { of: RateOf::Source(source.to_owned()), limit, tasks: of_source });
        of_jobs.chain(of_source).collect()
    }

    fn buckets(&self) -> MutexGuard<'_, RateBuckets> {
        // Nothing in there panics between two changes that belong together.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").field("of_sources", &self.of_sources).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::lifecycle::Timestamp;
    use mainworker_domain::rate::RateProblem;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Steady time stands until it is moved; the wall's is never asked for.
    #[derive(Default)]
    struct ByHand(AtomicI64);

    impl Clock for ByHand {
        fn now(&self) -> Timestamp {
            panic!("a rate is not of the wall clock's time")
        }

        fn steady(&self) -> Timestamp {
            Timestamp::from_ms(self.0.load(Ordering::Relaxed))
        }
    }

    fn job(name: &str) -> JobName {
        JobName::parse(name).unwrap()
    }

    fn rate(tasks: u64) -> Option<RateLimit> {
        RateLimit::new(tasks, 60_000)
    }

    fn rates(of_api: Option<RateLimit>) -> (Rates, Arc<ByHand>) {
        let clock = Arc::new(ByHand::default());
        let of_sources = of_api.map(|limit| ("api".to_owned(), limit)).into_iter().collect();
        (Rates::new(of_sources, Arc::clone(&clock) as _), clock)
    }

    #[test]
    fn what_has_no_rate_is_not_counted() {
        let (rates, _) = rates(rate(1));
        let echo = job("echo");
        let many = std::iter::repeat_n(Rated { job: &echo, limit: None }, 10_000);
        assert_eq!(rates.take("ci", many), Ok(()));
    }

    #[test]
    fn the_first_task_beyond_the_rate_is_named() {
        let (rates, clock) = rates(rate(5));
        let (echo, charge) = (job("echo"), job("charge"));
        let free = Rated { job: &echo, limit: None };
        let limited = Rated { job: &charge, limit: rate(2) };
        let (index, over) =
            rates.take("ci", [free, limited, free, limited, limited].into_iter()).unwrap_err();
        assert_eq!((index, &over.of, over.asked), (4, &RateOf::Job(charge.clone()), 3));
        assert_eq!(over.problem, RateProblem::Ever { at_once: 2 });

        assert_eq!(rates.take("api", [free, limited, free].into_iter()), Ok(()));
        let (index, over) = rates.take("api", [free, limited, free].into_iter()).unwrap_err();
        assert_eq!((index, over.problem), (2, RateProblem::Now { left: 2, wait_ms: 12_000 }));
        // Nothing was counted of it, neither for the source nor for the job.
        assert_eq!(rates.take("ci", [limited].into_iter()), Ok(()));
        assert_eq!(rates.take("api", [free, free].into_iter()), Ok(()));
        clock.0.store(12_000, Ordering::Relaxed);
        assert_eq!(rates.take("api", [free].into_iter()), Ok(()));
    }

    #[test]
    fn what_did_not_come_to_be_is_given_back() {
        let (rates, _) = rates(rate(2));
        let echo = job("echo");
        let task = Rated { job: &echo, limit: rate(1) };
        for _ in 0..3 {
            assert_eq!(rates.take("api", [task].into_iter()), Ok(()));
            rates.give_back("api", [task].into_iter());
        }
        // More than was ever taken makes no bucket fuller than full.
        rates.give_back("api", [task, task, task].into_iter());
        assert_eq!(rates.take("api", [task].into_iter()), Ok(()));
        rates.take("api", [task].into_iter()).unwrap_err();
    }
}
