//! The real binaries as processes.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::LIMIT;

/// A binary of this workspace, built in the same profile as the test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.ancestors().nth(2).expect("tests are in target/<profile>/deps");
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --bins` first, or `make test`",
        path.display()
    );
    path
}

/// A process; killed and waited for when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ending: Ending,
}

/// Something to wait on until a process has ended, whoever its parent is.
#[derive(Debug)]
pub struct Ending(OwnedFd);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn().expect("a binary that is there can be started");
        let ending =
            Ending::of(Pid::from_child(&child)).expect("a child is there until waited for");
        Self { child, ending }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
    }

    /// Standard output, if it was piped and not taken before.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("standard output was piped")
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        assert!(self.ending.comes(), "the process did not end");
        self.child.wait().expect("a child can be waited for")
    }

    /// Piped standard error of a process that has ended.
    pub fn errors(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().expect("standard error was piped");
        stderr.read_to_string(&mut text).expect("text in UTF-8");
        text
    }

    /// Its piped standard output, to the end, and how it ended.
    pub fn output(mut self) -> (String, ExitStatus) {
        let mut stdout = self.stdout();
        // What it writes has to fit into the pipe meanwhile.
        let status = self.wait();
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("text in UTF-8");
        (text, status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors: it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ending {
    /// `None` if there is no such process any more.
    pub fn of(pid: Pid) -> Option<Self> {
        pidfd_open(pid, PidfdFlags::empty()).ok().map(Self)
    }

    /// Waits for it; `false` after [`LIMIT`].
    pub fn comes(&self) -> bool {
        self.comes_within(LIMIT)
    }

    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        self.comes_within(Duration::ZERO)
    }

    fn comes_within(&self, limit: Duration) -> bool {
        let mut wanted = [PollFd::new(&self.0, PollFlags::IN)];
        let limit = Timespec::try_from(limit).expect("a time of seconds");
        poll(&mut wanted, Some(&limit)).is_ok_and(|ready| ready > 0)
    }
}

/// The processes that have this path in their command line: those that were started for a test in a
/// folder of its own.
pub fn mentioning(path: &Path) -> Vec<Pid> {
    let path = path.to_str().expect("temporary folders have names in UTF-8");
    let mentions = |process: &std::fs::DirEntry| {
        let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(path)
    };
    let processes = std::fs::read_dir("/proc").expect("/proc is there").filter_map(Result::ok);
    let pid =
        |process: std::fs::DirEntry| Pid::from_raw(process.file_name().to_str()?.parse().ok()?);
    processes.filter(mentions).filter_map(pid).collect()
}
