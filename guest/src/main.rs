//! `guest-client`: see [`guest_client`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use guest_client::app::command::{self, AppArgs};
use guest_client::shell::{self, Flags};

#[derive(Debug, Parser)]
#[command(
    name = "guest-client",
    version,
    about = "Heartbeat client of this guest: answers the host's challenges, so that the cloud sees \
             at once when the guest has died",
    long_about = None,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Registers shell commands as an application with the client that runs here
    App(AppArgs),
}

fn main() -> ExitCode {
    let Arguments { flags, command } = Arguments::parse();
    shell::start_log(flags.log_format, flags.log_level);
    let outcome = match &command {
        Some(Command::App(arguments)) => command::run(arguments),
        None => shell::run(&flags),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_status())
        }
    }
}
