//! Man pages and shell completions, from the programs' own command lines.
//!
//! Of a page, `NAME`, `SYNOPSIS`, `DESCRIPTION` and `OPTIONS` come from the flags; what follows is
//! written by hand in `packaging/man`. A page there with a whole header is taken as it is.

use std::path::Path;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use guest_client::app::command::AppArgs;
use guest_client::shell::Flags;

/// The command lines that are documented.
pub fn commands() -> [Command; 3] {
    [
        guest_server::config::PROGRAM.command(),
        guest_agent::config::PROGRAM.command(),
        guest_client(),
    ]
}

/// As the client's `main` puts it together.
fn guest_client() -> Command {
    let app = Command::new("app")
        .about("Registers shell commands as an application with the client that runs here");
    Flags::augment_args(Command::new("guest-client"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Heartbeat client of this guest: answers the host's challenges")
        .long_about(None::<&str>)
        .args_conflicts_with_subcommands(true)
        .subcommand(AppArgs::augment_args(app))
}

/// The man page of a command, section 8. `more`: its sections written by hand.
pub fn page(command: &Command, more: &str) -> anyhow::Result<String> {
    // What comes after the options in --help is told by the sections of `more`.
    let command = command.clone().after_help(None::<&str>);
    let name = command.get_name().to_owned();
    let man = Man::new(command)
        .title(&name)
        .section("8")
        .manual("System Administration")
        .source("guest-heartbeat")
        .date("");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    Ok(String::from_utf8(page)? + more)
}

/// A command's completions for a shell.
pub fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command.clone(), name, &mut script);
    script
}

/// Writes all of it into a folder: `PROGRAM.8`, and `PROGRAM.bash`, `.zsh` and `.fish`; a subcommand
/// has a page, `PROGRAM-SUBCOMMAND.8`.
pub fn write_all(pages: &Path, folder: &Path) -> anyhow::Result<()> {
    for command in commands() {
        let name = command.get_name();
        let more = crate::read(&pages.join(format!("{name}.8.in")))?;
        crate::write(&folder.join(format!("{name}.8")), page(&command, &more)?)?;
        for subcommand in command.get_subcommands() {
            let spoken = format!("{name} {}", subcommand.get_name());
            let title = spoken.replace(' ', "-");
            let subcommand = subcommand.clone().name(title.clone()).bin_name(spoken);
            crate::write(&folder.join(format!("{title}.8")), page(&subcommand, "")?)?;
        }
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let path = folder.join(format!("{name}.{shell}"));
            crate::write(&path, completions(&command, shell))?;
        }
    }
    Ok(())
}
