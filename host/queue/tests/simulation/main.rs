//! Intake, dispatch and settlement under all kinds of faults, in a time of their own: thousands of seeds in seconds.
//!
//! Each seed plays one history: clients enqueue, cancel and retry, operators pause and stop hosts, hosts crash, lose their
//! store and come back, clocks jump. The core, the backlog and the memory store are the real ones; attempts follow a script.
//! A second account of every task ([`model`]) is compared with what the store answers at each step, and at the end with all
//! that it keeps.
//!
//! `MAINWORKER_SEED=n cargo test -p mainworker-queue --test simulation every` plays one seed alone and shows its history if it
//! fails; `MAINWORKER_SEEDS=n` plays so many.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broken;
mod dice;
mod ending;
mod host;
mod model;
mod plan;
mod script;
mod world;

use broken::Broken;
use std::env;
use std::thread;
use world::{Summary, World};

/// Seeds that are played unless told otherwise.
const SEEDS: u64 = 2_000;
/// Seeds within which a broken twin is caught.
const SEEDS_TO_CATCH: u64 = 400;

/// Names the seed if something panics while it is played.
struct Playing(u64);

impl Drop for Playing {
    #[expect(clippy::print_stderr, reason = "a panic has no other way to name its seed")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("while playing seed {0}; again: MAINWORKER_SEED={0}", self.0);
        }
    }
}

fn play(seed: u64, broken: Option<Broken>) -> Result<Summary, String> {
    let _playing = Playing(seed);
    World::new(seed, broken, number("MAINWORKER_SEED").is_some()).run()
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Plays seeds and adds up what happened.
#[expect(clippy::panic, reason = "a test that found a defect has failed")]
fn play_all(seeds: impl Iterator<Item = u64>) -> Summary {
    let mut sum = Summary::default();
    for seed in seeds {
        match play(seed, None) {
            Ok(summary) => sum = sum.plus(summary),
            Err(problem) => panic!("seed {seed}: {problem}; again: MAINWORKER_SEED={seed}"),
        }
    }
    sum
}

#[test]
fn every_accepted_task_ends_once_whatever_happens() {
    if let Some(seed) = number("MAINWORKER_SEED") {
        play_all(seed..=seed);
        return;
    }
    let seeds = number("MAINWORKER_SEEDS").unwrap_or(SEEDS);
    let halves = [0, 1].map(|half| thread::spawn(move || play_all((half..seeds).step_by(2))));
    let sums = halves.map(|half| half.join().expect("see above"));
    let sum = sums[0].plus(sums[1]);
    println!("{sum:?}");
    // A simulation in which nothing happens would pass as well.
    let least = usize::try_from(seeds / 50).unwrap();
    assert!(sum.counts().into_iter().all(|count| count >= least), "{sum:?}");
}

#[test]
fn a_seed_plays_the_same_history_each_time() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| play(seed, None).map(Summary::counts));
        assert_eq!(first, second);
    }
}

#[test]
fn a_twin_with_one_rule_missing_is_caught() {
    for broken in Broken::ALL {
        // A seed that finds a defect would prove nothing about a twin.
        let sound = (0..SEEDS_TO_CATCH).filter(|&seed| play(seed, None).is_ok());
        let caught = sound.filter_map(|seed| Some((seed, play(seed, Some(broken)).err()?))).next();
        let (seed, problem) = caught.unwrap_or_else(|| panic!("nobody saw {broken:?}"));
        println!("{broken:?}: seed {seed}: {problem}");
    }
}
