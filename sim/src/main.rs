//! `guest-sim`: fake channels and guests, the demo, the soak, the bench.

/// As `println!`, but whoever wanted only the first lines may be gone.
macro_rules! say {
    ($($what:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($what)*);
    }};
}

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything around guestServer and guest-client, faked.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve fake channels on UNIX sockets, with scripted guests or real clients behind them.
    Guests(cli::guests::Args),
    /// Be the VIM: an event server with the real one's quirks, and commands from standard input.
    Vim(cli::vim::Args),
    /// Be maintenance: hand the inventory of hosts to guestAgent.
    Maintenance(cli::maintenance::Args),
    /// Run the real daemons and show what they do when guests die, freeze, fall ill, leave and return.
    Demo(cli::demo::Args),
    /// Run the real cores through hours of faults in virtual time.
    Soak(cli::soak::Args),
    /// Measure the real daemons.
    Bench(cli::bench::Args),
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        use std::io::Write;
        // The exit status says it too, should nobody read this.
        let _ = writeln!(std::io::stderr(), "guest-sim: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Guests(args) => cli::guests::run(&args),
        Command::Vim(args) => cli::vim::run(&args),
        Command::Maintenance(args) => cli::maintenance::run(args),
        Command::Demo(args) => cli::demo::run(args),
        Command::Soak(args) => Ok(cli::soak::run(&args)),
        Command::Bench(args) => cli::bench::run(&args),
    }
}
