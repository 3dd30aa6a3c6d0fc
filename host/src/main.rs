//! The guestServer daemon: see `guestServer --help` and docs/operations.md.

use std::process::ExitCode;

use guest_server::config::{Config, PROGRAM};
use guest_server::shell::run;

fn main() -> ExitCode {
    daemon::main_of(&PROGRAM, Config::resolve, |config| &config.common, run)
}
