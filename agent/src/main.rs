//! The guestAgent daemon: see `guestAgent --help` and docs/operations.md.

use std::process::ExitCode;

use guest_agent::config::{Config, PROGRAM};
use guest_agent::shell::run;

fn main() -> ExitCode {
    daemon::main_of(&PROGRAM, Config::resolve, |config| &config.common, run)
}
