//! One run of a script.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

use super::READ;
use super::lines::Lines;
use crate::core::ScriptEnd;
use crate::shell::poller::{Poller, Source, Watch};
use crate::shell::stream::{Incoming, Stream};

/// Reads of one output in one turn: a script that writes without end gets no more of our time.
const READS_A_TURN: usize = 16;
/// Reads of one output after the end: more than a pipe holds.
const READS_AT_END: usize = 256;

/// A run that was not reaped yet.
#[derive(Debug)]
pub(super) struct Run<Id> {
    /// `None`: it was killed and is only reaped.
    id: Option<Id>,
    what: &'static str,
    child: Child,
    stdout: Output,
    stderr: Output,
    /// The first line of its output, once it is complete.
    first: Option<Vec<u8>>,
}

/// An output of the script.
#[derive(Debug)]
struct Output {
    number: u64,
    /// `None`: it was closed.
    pipe: Option<Stream>,
    lines: Lines,
}

impl<Id: Copy + Eq> Run<Id> {
    pub(super) fn start(
        id: Id,
        what: &'static str,
        number: u64,
        command: &mut Command,
        poller: &Poller,
    ) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stderr = child.stderr.take().map(OwnedFd::from);
        let mut run = Self {
            id: Some(id),
            what,
            child,
            stdout: Output::new(2 * number),
            stderr: Output::new(2 * number + 1),
            first: None,
        };
        let watched = run.stdout.watch(stdout, poller);
        if let Err(error) = watched.and_then(|()| run.stderr.watch(stderr, poller)) {
            run.kill_group();
            run.child.wait()?;
            return Err(error);
        }
        Ok(run)
    }

    pub(super) fn is(&self, id: Id) -> bool {
        self.id == Some(id)
    }

    pub(super) fn is_killed(&self) -> bool {
        self.id.is_none()
    }

    pub(super) fn reported(&mut self, number: u64) {
        for output in [&mut self.stdout, &mut self.stderr] {
            if let Some(pipe) = output.pipe.as_mut().filter(|_| output.number == number) {
                pipe.set_readable();
            }
        }
    }

    pub(super) fn unfinished(&self) -> bool {
        let readable = |output: &Output| output.pipe.as_ref().is_some_and(Stream::readable);
        readable(&self.stdout) || readable(&self.stderr)
    }

    /// Output after the first line is read and forgotten: a closed pipe would end the script, and a
    /// full one would make it wait.
    pub(super) fn read(&mut self, log: &mut impl FnMut(&'static str, &[u8])) {
        self.read_up_to(READS_A_TURN, log);
    }

    fn read_up_to(&mut self, reads: usize, log: &mut impl FnMut(&'static str, &[u8])) {
        let (first, what) = (&mut self.first, self.what);
        self.stdout.read(reads, |line| {
            first.get_or_insert_with(|| line.to_vec());
        });
        self.stderr.read(reads, |line| log(what, line));
    }

    /// Kills it with its process group. It is to be reaped still.
    pub(super) fn kill(&mut self, log: &mut impl FnMut(&'static str, &[u8])) {
        self.id = None;
        self.kill_group();
        self.read_to_end(log);
    }

    /// The group is there at least until its leader is reaped.
    fn kill_group(&self) {
        // Fails only if the group has just ended.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    /// What was written so far; the outputs are closed after it.
    fn read_to_end(&mut self, log: &mut impl FnMut(&'static str, &[u8])) {
        for output in [&mut self.stdout, &mut self.stderr] {
            output.pipe.iter_mut().for_each(Stream::set_readable);
        }
        self.read_up_to(READS_AT_END, log);
        let (stdout, stderr) = (self.stdout.lines.rest(), self.stderr.lines.rest());
        self.first.get_or_insert(stdout);
        log(self.what, &stderr);
        (self.stdout.pipe, self.stderr.pipe) = (None, None);
    }

    /// Whether it still runs. Its end is added if anyone wants to know it.
    pub(super) fn runs(
        &mut self,
        ends: &mut VecDeque<(Id, ScriptEnd)>,
        log: &mut impl FnMut(&'static str, &[u8]),
    ) -> bool {
        let status = match self.child.try_wait() {
            Ok(None) => return true,
            Ok(Some(status)) => Ok(status),
            Err(error) => Err(error),
        };
        if let Some(id) = self.id {
            self.read_to_end(log);
            let line = self.first.take().unwrap_or_default();
            ends.push_back((id, end(status, &line)));
        }
        false
    }
}

fn end(status: io::Result<ExitStatus>, line: &[u8]) -> ScriptEnd {
    let status = match status {
        Ok(status) => status,
        Err(error) => return ScriptEnd::NotRun(error.to_string()),
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => ScriptEnd::Exited {
            // The kernel gives a byte.
            status: u8::try_from(code).unwrap_or(u8::MAX),
            line: String::from_utf8_lossy(line).into_owned(),
        },
        (None, signal) => ScriptEnd::Killed { signal: signal.unwrap_or_default() },
    }
}

impl Output {
    fn new(number: u64) -> Self {
        Self { number, pipe: None, lines: Lines::default() }
    }

    fn watch(&mut self, pipe: Option<OwnedFd>, poller: &Poller) -> io::Result<()> {
        let Some(pipe) = pipe else { return Ok(()) };
        ioctl_fionbio(&pipe, true)?;
        poller.add(&pipe, Source::Script(self.number), Watch::Input)?;
        self.pipe = Some(Stream::new(pipe));
        Ok(())
    }

    fn read(&mut self, reads: usize, mut take: impl FnMut(&[u8])) {
        let mut buffer = [0; READ];
        for _ in 0..reads {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(Incoming::Bytes(len)) => self.lines.feed(&buffer[..len], &mut take),
                Ok(Incoming::Nothing) => return,
                Ok(Incoming::End) | Err(_) => self.pipe = None,
            }
        }
    }
}
