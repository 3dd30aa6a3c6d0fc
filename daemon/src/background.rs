//! Going to the background: the program starts itself again, detached, and the one that was called
//! waits until the other listens. Its exit status tells an init script the truth.

use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use rustix::fs::Mode;
use rustix::process::umask;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::notify;

const READY: &[u8] = b"ready\n";
/// What nobody but the owner of a new file may do: init systems may have no umask at all.
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// How the process was started; knows what to do once it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// In the foreground.
    No,
    /// By its own program, to run in the background.
    Detached,
}

/// Starts this program again with `--detached` and returns its fate: success once it listens.
pub(crate) fn go() -> anyhow::Result<ExitCode> {
    // Not /proc/self/exe: the process must keep its name, by which init scripts find it.
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(program)
        .arg("--detached")
        .args(std::env::args_os().skip(1))
        // The service manager, if one listens, knows the process that was called.
        .env_remove(notify::SOCKET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the process for the background")?;
    let mut told = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut told).context("cannot hear from the process in the background")?;
    }
    if told == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().context("cannot wait for the process in the background")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0);
    match code {
        Some(code) => Ok(ExitCode::from(code)),
        None => anyhow::bail!("the process in the background ended before it listened: {status}"),
    }
}

impl Background {
    pub(crate) fn of(detached: bool) -> Self {
        if detached { Self::Detached } else { Self::No }
    }

    /// Leaves the caller's session, directory and umask, before any thread exists.
    pub fn detach(self) -> anyhow::Result<()> {
        if self == Self::Detached {
            rustix::process::setsid().context("cannot leave the session")?;
            std::env::set_current_dir("/").context("cannot go to /")?;
            umask(umask(OTHERS_WRITE) | OTHERS_WRITE);
        }
        Ok(())
    }

    /// It listens: says so, and lets go of the caller's terminal.
    pub fn ready(self) -> anyhow::Result<()> {
        if self == Self::No {
            return Ok(());
        }
        let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        let mut stdout = std::io::stdout();
        stdout.write_all(READY).and_then(|()| stdout.flush()).context("nobody waits for us")?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        Ok(())
    }
}
