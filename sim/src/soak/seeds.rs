//! Many runs at the same time.

use std::sync::Mutex;
use std::time::Duration;

use super::{Outcome, Settings, soak};

/// What came of many runs.
#[derive(Debug)]
pub struct Runs {
    /// One outcome for each seed, in order.
    pub outcomes: Vec<Outcome>,
    /// Real time that all of them took together.
    pub took: Duration,
}

/// Runs every seed, `jobs` at a time. `done` is told of each run that has ended, `progress` of
/// virtual time that has passed.
pub fn run_all(
    settings: &Settings,
    seeds: std::ops::Range<u64>,
    jobs: usize,
    done: &(dyn Fn(&Outcome) + Sync),
    progress: &(dyn Fn(Duration) + Sync),
) -> Runs {
    let began = crate::clock::now();
    let seeds = Mutex::new(seeds);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = seeds.lock().expect("no run panics while it holds this").next();
                    let Some(seed) = next else { return };
                    let outcome = soak(settings, seed, &mut |passed| progress(passed));
                    done(&outcome);
                    outcomes.lock().expect("no run panics while it holds this").push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no run panics while it holds this");
    outcomes.sort_by_key(|outcome| outcome.seed);
    Runs { outcomes, took: crate::clock::now() - began }
}
