//! `guest-sim bench`: measures the real guestServer.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use guest_sim::bench::{self, Options, Part};

/// Options of `guest-sim bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Short spans: figures of about two minutes instead of a quarter of an hour.
    #[arg(long)]
    quick: bool,
    /// How many guests are many.
    #[arg(long, value_name = "N", default_value_t = 9000)]
    many: usize,
    /// Where guestServer is [default: beside this program].
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
    let report = bench::run(&options(args)?)?;
    if args.json {
        say!("{}", serde_json::to_string(&report)?);
    } else {
        say!("{}", report.to_string().trim_end());
    }
    Ok(if report.all_reached() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(args: &Args) -> anyhow::Result<Options> {
    let guest_sim = std::env::current_exe().context("cannot find this program's own file")?;
    let beside = guest_sim.parent().context("this program's file is in no directory")?;
    let guest_server = args.bin_dir.as_deref().unwrap_or(beside).join("guestServer");
    anyhow::ensure!(
        guest_server.exists(),
        "no guestServer at {}; build it (cargo build --release) or name its folder with --bin-dir",
        guest_server.display()
    );
    let (span, long_span) = if args.quick { (15, 30) } else { (60, 600) };
    Ok(Options {
        guest_server,
        guest_sim,
        span: Duration::from_secs(span),
        long_span: Duration::from_secs(long_span),
        many: args.many,
        progress: true,
    })
}
