//! `guest-sim bench`: measures the real daemons.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use guest_sim::bench::{self, AgentOptions, Options, Part, Report};

/// Options of `guest-sim bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure guestAgent instead of guestServer.
    #[arg(long)]
    agent: bool,
    /// Short spans: figures of about two minutes instead of a quarter of an hour.
    #[arg(long)]
    quick: bool,
    /// How many guests are many.
    #[arg(long, value_name = "N", default_value_t = 9000, conflicts_with = "agent")]
    many: usize,
    /// How many hosts are many, for guestAgent.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "agent",
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    hosts: u16,
    /// Where the daemons are [default: beside this program].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print the table as a JSON object.
    #[arg(long)]
    json: bool,
    /// One end of the floor, in a process of its own.
    #[arg(long, hide = true, value_parser = part)]
    part: Option<Part>,
    #[arg(long, hide = true, requires = "part")]
    part_socket: Option<PathBuf>,
    #[arg(long, hide = true, default_value_t = 0)]
    part_count: usize,
    #[arg(long, hide = true, default_value_t = 0)]
    part_millis: u64,
}

fn part(word: &str) -> Result<Part, String> {
    match word {
        "host" => Ok(Part::Host),
        "guests" => Ok(Part::Guests),
        _ => Err("expected host or guests".to_owned()),
    }
}

/// Runs the bench; fails if a target was missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let (Some(part), Some(socket)) = (args.part, &args.part_socket) {
        let span = Duration::from_millis(args.part_millis);
        bench::run_part(part, socket, args.part_count, span)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = measure(args)?;
    if args.json {
        say!("{}", serde_json::to_string(&report)?);
    } else {
        say!("{}", report.to_string().trim_end());
    }
    Ok(if report.all_reached() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(args: &Args) -> anyhow::Result<Report> {
    let guest_sim = std::env::current_exe().context("cannot find this program's own file")?;
    let beside = guest_sim.parent().context("this program's file is in no directory")?;
    let dir = args.bin_dir.as_deref().unwrap_or(beside);
    if args.agent {
        return bench::run_agent(&agent_options(args, program(dir, "guestAgent")?));
    }
    let guest_server = program(dir, "guestServer")?;
    bench::run(&options(args, guest_server, guest_sim))
}

fn program(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join(name);
    anyhow::ensure!(
        path.exists(),
        "no {name} at {}; build it (cargo build --release) or name its folder with --bin-dir",
        path.display()
    );
    Ok(path)
}

fn options(args: &Args, guest_server: PathBuf, guest_sim: PathBuf) -> Options {
    let (span, long_span) = if args.quick { (15, 30) } else { (60, 600) };
    Options {
        guest_server,
        guest_sim,
        span: Duration::from_secs(span),
        long_span: Duration::from_secs(long_span),
        many: args.many,
        progress: true,
    }
}

fn agent_options(args: &Args, guest_agent: PathBuf) -> AgentOptions {
    let (rounds, load, losses, idle) =
        if args.quick { (2, 10, 200, 20) } else { (6, 60, 1000, 60) };
    AgentOptions {
        guest_agent,
        hosts: args.hosts.into(),
        instances: 100,
        rounds,
        load_span: Duration::from_secs(load),
        losses,
        idle_span: Duration::from_secs(idle),
        progress: true,
    }
}
