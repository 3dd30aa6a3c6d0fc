//! How both daemons begin: settings, `--check-config`, the background, then the work.

use std::io::Write;
use std::process::ExitCode;

use clap::ArgMatches;

use crate::background::{Background, go};
use crate::settings::{Common, Program, SettingsError};

/// A wrong flag or configuration, as clap has it.
const MISUSE: u8 = 2;

/// Runs a daemon: `resolve` makes its configuration, `common` finds in it what all daemons have,
/// `run` serves until a signal ends it.
pub fn main_of<C>(
    program: &Program,
    resolve: impl FnOnce(&ArgMatches) -> Result<C, SettingsError>,
    common: impl FnOnce(&C) -> &Common,
    run: impl FnOnce(C, Background) -> anyhow::Result<()>,
) -> ExitCode {
    let fail = |error: &dyn std::fmt::Display, status: u8| {
        // The exit status says it too, should nobody read this.
        let _ = writeln!(std::io::stderr(), "{}: {error}", program.name);
        ExitCode::from(status)
    };
    let matches = program.command().get_matches();
    let config = match resolve(&matches) {
        Ok(config) => config,
        Err(error) => return fail(&error, MISUSE),
    };
    let settings = common(&config);
    if matches.get_flag("check-config") {
        // Whoever wanted only the first lines may be gone.
        let _ = writeln!(std::io::stdout(), "{}", settings.explained.join("\n"));
        return ExitCode::SUCCESS;
    }
    if settings.daemon {
        return go().unwrap_or_else(|error| fail(&format!("{error:#}"), 1));
    }
    let background = Background::of(matches.get_flag("detached"));
    match background.detach().and_then(|()| run(config, background)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}"), 1),
    }
}
