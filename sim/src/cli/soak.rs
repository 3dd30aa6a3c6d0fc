//! `guest-sim soak`: as many runs as asked for, on all cores.

use std::process::ExitCode;
use std::time::Duration;

use guest_sim::soak::{Outcome, Print, SHORTEST, Settings, Summary, describe, run_all};
use indicatif::{ProgressBar, ProgressStyle};

/// The real cores in virtual time, with everything going wrong that can.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Guests, on all hosts together.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    guests: u32,
    /// Hosts of a cloud: guestServer on each, guestAgent, a VIM and maintenance. 0: guestServer alone,
    /// with a simple agent.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(..=100))]
    hosts: u16,
    /// Virtual hours.
    #[arg(long, conflicts_with = "minutes", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    hours: Option<u64>,
    /// Virtual minutes, at least 12 [default: 30].
    #[arg(long, value_parser = clap::value_parser!(u64).range(12..=600_000))]
    minutes: Option<u64>,
    /// The first seed; a run with the same seed, guests, hosts and time is the same run.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=1 << 60))]
    seed: u64,
    /// How many seeds, from --seed on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Heartbeat interval of nine in ten guests, at least 400.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(400..=60_000))]
    interval_ms: u64,
    /// All guests have that interval.
    #[arg(long)]
    same_interval: bool,
    /// Runs at the same time [default: one a core].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
    /// Print what happens to this instance, to hosts, agent and VIM.
    #[arg(long, value_name = "INSTANCE", conflicts_with = "json")]
    only: Option<usize>,
    /// Print everything that happens.
    #[arg(long)]
    verbose: bool,
}

impl Args {
    /// What each run is.
    fn settings(&self) -> Settings {
        let minutes = self.minutes.or(self.hours.map(|hours| hours * 60)).unwrap_or(30);
        let print = match self.only {
            Some(number) => Print::Only(number),
            None if self.verbose => Print::All,
            None => Print::Nothing,
        };
        Settings {
            guests: self.guests as usize,
            hosts: self.hosts.into(),
            lasts: Duration::from_secs(minutes * 60).max(SHORTEST),
            interval: Duration::from_millis(self.interval_ms),
            mixed: !self.same_interval,
            print,
            sabotage: None,
            agent_sabotage: None,
        }
    }
}

/// Runs the soak; fails if one of its runs does.
pub(crate) fn run(args: &Args) -> ExitCode {
    let settings = args.settings();
    let seeds = args.seed..args.seed + args.seeds;
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let bar = progress_bar(&settings, args.seeds);
    let done = |outcome: &Outcome| {
        if !args.json {
            bar.suspend(|| say!("{}", describe(&settings, outcome)));
        }
    };
    let runs = run_all(&settings, seeds, jobs, &done, &|passed| bar.inc(passed.as_secs()));
    bar.finish_and_clear();
    let summary = Summary::new(&settings, &runs);
    if args.json {
        say!("{}", summary.to_json());
    } else {
        say!("{summary}");
    }
    if summary.has_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Hidden where the output is not a terminal.
fn progress_bar(settings: &Settings, seeds: u64) -> ProgressBar {
    let template = "{bar:40} {percent}% of {len} virtual seconds, {elapsed} passed, {eta} to go";
    let style = ProgressStyle::with_template(template).expect("a template that was tried");
    ProgressBar::new(settings.lasts.as_secs() * seeds).with_style(style)
}
