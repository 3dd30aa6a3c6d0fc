//! What is said of runs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Failure, Judged, Outcome, Runs, Settings};

/// All runs together.
#[derive(Debug, serde::Serialize)]
pub struct Summary<'a> {
    guests: usize,
    hosts: usize,
    virtual_secs: f64,
    heartbeats: u64,
    heartbeats_per_second: f64,
    seconds: f64,
    faults: BTreeMap<&'a str, u64>,
    judged: Judged,
    failed_seeds: Vec<u64>,
    runs: &'a [Outcome],
}

impl<'a> Summary<'a> {
    /// Sums up.
    pub fn new(settings: &Settings, runs: &'a Runs) -> Self {
        let (runs, took) = (&runs.outcomes, runs.took);
        let mut faults = BTreeMap::new();
        let mut judged = Judged::default();
        for run in runs {
            for (kind, count) in &run.faults {
                *faults.entry(kind.as_str()).or_default() += count;
            }
            judged.add(&run.judged);
        }
        let heartbeats = runs.iter().map(|run| run.heartbeats).sum();
        Self {
            guests: settings.guests,
            hosts: settings.hosts,
            virtual_secs: runs.iter().map(|run| run.virtual_secs).sum(),
            heartbeats,
            heartbeats_per_second: rate(heartbeats, took),
            seconds: took.as_secs_f64(),
            faults,
            judged,
            failed_seeds: runs.iter().filter(|r| r.failure.is_some()).map(|r| r.seed).collect(),
            runs,
        }
    }

    /// Whether every run has passed.
    pub fn has_passed(&self) -> bool {
        self.failed_seeds.is_empty()
    }

    /// The summary and every run.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and strings")
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults.iter().map(|(kind, count)| format!("{kind} {count}"));
        let Judged { losses, silences_excused, answers, ill_health, healings, .. } = self.judged;
        let Judged { alarms, vim_answers, statuses, .. } = self.judged;
        writeln!(f, "faults: {}", faults.collect::<Vec<_>>().join(", "))?;
        writeln!(
            f,
            "judged right: {losses} losses, {silences_excused} silences that are not reported, \
             {answers} answers to votes and notifications, {ill_health} reports of ill health, \
             {healings} times that everything healed",
        )?;
        if self.hosts > 0 {
            writeln!(
                f,
                "the VIM was told: {alarms} alarms, {vim_answers} answers, {statuses} statuses",
            )?;
        }
        let rate = self.heartbeats_per_second;
        writeln!(f, "{} heartbeats in {:.1} s: {rate:.0} a second", self.heartbeats, self.seconds)?;
        match self.failed_seeds.as_slice() {
            [] => write!(f, "all {} seeds passed", self.runs.len()),
            failed => write!(f, "{} of {} seeds FAILED: {failed:?}", failed.len(), self.runs.len()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

/// One run in a line; a failure with all that helps to understand it.
pub fn describe(settings: &Settings, run: &Outcome) -> String {
    let Outcome { seed, heartbeats, judged, hash, .. } = run;
    match &run.failure {
        None => format!(
            "seed {seed}: ok, {heartbeats} heartbeats, {} faults, {} losses judged right, \
             trace {hash:016x}",
            run.faults.values().sum::<u64>(),
            judged.losses
        ),
        Some(failure) => format!("seed {seed}: FAILED {}", failure.describe(settings, *seed)),
    }
}

impl Failure {
    /// The failure, what led to it, and how to see it again.
    pub fn describe(&self, settings: &Settings, seed: u64) -> String {
        let who = match self.instance {
            Some(number) => format!("instance {number}"),
            None => "in general".to_owned(),
        };
        let only = self.instance.map_or(String::new(), |number| format!(" --only {number}"));
        format!(
            "at {}, {who}: {}\n  {}\nreplay: guest-sim soak --seed {seed} --guests {} --minutes {} \
             --hosts {} --interval-ms {}{}{only}",
            self.at,
            self.sentence,
            self.last.join("\n  "),
            settings.guests,
            settings.lasts.as_secs().div_ceil(60),
            settings.hosts,
            settings.interval.as_millis(),
            if settings.mixed { "" } else { " --same-interval" },
        )
    }
}

impl Judged {
    pub(super) fn add(&mut self, other: &Self) {
        self.losses += other.losses;
        self.silences_excused += other.silences_excused;
        self.answers += other.answers;
        self.ill_health += other.ill_health;
        self.healings += other.healings;
        self.alarms += other.alarms;
        self.vim_answers += other.vim_answers;
        self.statuses += other.statuses;
    }
}
