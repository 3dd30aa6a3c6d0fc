//! `guest-client`: see [`guest_client`].

use std::process::ExitCode;

use clap::Parser;
use guest_client::shell::{self, Flags};

fn main() -> ExitCode {
    let flags = Flags::parse();
    shell::start_log(flags.log_format, flags.log_level);
    match shell::run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_status())
        }
    }
}
