//! `guest-sim demo`: shows it, prints the summary.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use guest_sim::demo::{self, GUESTS_MAX, GUESTS_MIN, Options, Output, Report, bound};

/// Options of `guest-sim demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 if all was right, 1 otherwise.")]
pub(crate) struct Args {
    /// Guests on two hosts; the first seven have something done to them.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u64).range(GUESTS_MIN..=GUESTS_MAX)
    )]
    guests: u64,
    /// Go on heartbeating for at least this many seconds in all.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seconds: u64,
    /// Heartbeat interval of the guests, in milliseconds.
    #[arg(
        long,
        value_name = "I",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u64).range(400..=60_000)
    )]
    interval_ms: u64,
    /// Print nothing but a JSON object at the end.
    #[arg(long)]
    json: bool,
    /// Where guestAgent, guestServer and guest-client are [default: beside this program].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Used by the demo itself: become PROGRAM, to be killed when the process PID ends.
    #[arg(long, value_name = "PID", hide = true, requires = "program")]
    bound_to: Option<i32>,
    #[arg(last = true, value_name = "PROGRAM", hide = true)]
    program: Vec<OsString>,
}

impl Args {
    fn options(self) -> anyhow::Result<Options> {
        let bin_dir = self.bin_dir.map_or_else(beside_this_program, Ok)?;
        let output = if self.json { Output::Silent } else { Output::of_standard_output() };
        Ok(Options {
            guests: usize::try_from(self.guests)?,
            interval: Duration::from_millis(self.interval_ms),
            at_least: Duration::from_secs(self.seconds),
            bin_dir,
            output,
        })
    }
}

fn beside_this_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(own.parent().context("this program's file is in no folder")?.to_owned())
}

/// Runs the demo.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(parent) = args.bound_to {
        let error = bound::become_program(parent, &args.program);
        return Err(error).context("cannot start a program of the demo");
    }
    let options = args.options()?;
    let report = match demo::run(&options) {
        Ok(report) => report,
        Err(error) => {
            // Whoever read it may be gone; the exit status says it too.
            let _ = writeln!(std::io::stderr(), "guest-sim demo: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    print(&report, &options).context("cannot write to standard output")?;
    Ok(if report.right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report, options: &Options) -> anyhow::Result<()> {
    let text = match options.output {
        Output::Silent => serde_json::to_string(report)? + "\n",
        output => report.text(output.look(), output.columns()),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
