//! A real guestServer on a directory of its own, with the test as its agent and its QEMU.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

mod agent;
mod files;
mod guest;
mod log;
mod process;

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Resource, Signal, WaitId, WaitIdOptions, getrlimit, setrlimit, waitid};
use tempfile::TempDir;

pub(crate) use agent::Agent;
pub(crate) use files::await_in;
pub(crate) use guest::{Beating, Channel, Guest, all_beat, name_of};
pub(crate) use log::Log;
pub(crate) use process::Process;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_guestServer");

/// [`PATIENCE`] for poll(2).
pub(crate) fn limit() -> Timespec {
    Timespec::try_from(PATIENCE).unwrap()
}

/// A directory with everything that a daemon needs, and the socket of its agent.
pub(crate) struct Place {
    folder: TempDir,
    agent: UdpSocket,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_agent(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn with_agent(agent: UdpSocket) -> Self {
        raise_descriptor_limit();
        let folder = files::temporary_folder();
        std::fs::create_dir(folder.path().join("channels")).unwrap();
        std::fs::write(folder.path().join("guestServer.ini"), "").unwrap();
        Self { folder, agent }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn channels(&self) -> PathBuf {
        self.path("channels")
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn channel(&self, number: u64) -> Channel {
        Channel::open(&self.channels(), number)
    }

    pub(crate) fn agent_address(&self) -> SocketAddr {
        self.agent.local_addr().unwrap()
    }

    /// The program with this place as its environment, which every flag overrides.
    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        self.command_of(Path::new(PROGRAM), flags)
    }

    pub(crate) fn command_of(&self, program: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("GUEST_SERVER_CONFIG", self.path("guestServer.ini"))
            .env("GUEST_SERVER_CHANNEL_DIR", self.channels())
            .env("GUEST_SERVER_LISTEN", "127.0.0.1:0")
            .env("GUEST_SERVER_AGENT", self.agent_address().to_string())
            .env("GUEST_SERVER_HOSTNAME", "compute-0")
            .env("GUEST_SERVER_START_DELAY", "0")
            .env("GUEST_SERVER_PID_FILE", self.path("pid"))
            .env("GUEST_SERVER_STATUS_FILE", self.path("info"))
            .args(flags)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&self, flags: &[&str]) -> Daemon {
        self.run(self.command(flags))
    }

    pub(crate) fn run(&self, mut command: Command) -> Daemon {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        self.daemon(child, log)
    }

    /// Runs a command whose log goes to a file.
    pub(crate) fn run_logging_to(&self, mut command: Command, file: &Path) -> Daemon {
        let child = command.spawn().unwrap();
        let listening = || {
            Some(()).filter(|()| {
                std::fs::read_to_string(file).is_ok_and(|log| log.contains("listening"))
            })
        };
        await_in(self.folder(), listening);
        self.daemon(child, Log::of(std::fs::File::open(file).unwrap()))
    }

    fn daemon(&self, child: Child, log: Log) -> Daemon {
        let process = Process::new(Pid::from_child(&child));
        let agent = Agent::new(self.agent_socket(), self.agent_address());
        let mut daemon = Daemon { child, process, log, agent, status_file: self.path("info") };
        let line = daemon.await_log("listening for guestAgent");
        daemon.agent = Agent::new(self.agent_socket(), address_in(&line));
        daemon
    }

    pub(crate) fn agent_socket(&self) -> UdpSocket {
        self.agent.try_clone().unwrap()
    }
}

/// The tests run side by side in one process, some with many channels.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// The address in the line that says where the daemon listens.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    let (_, address) = line.split_once("address").unwrap();
    let address = address.trim_start_matches(['"', ':', '=']);
    address.split('"').next().unwrap().parse().unwrap()
}

/// A running guestServer; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) process: Process,
    log: Log,
    pub(crate) agent: Agent,
    status_file: PathBuf,
}

impl Daemon {
    /// The next line of the log that has `text`.
    pub(crate) fn await_log(&mut self, text: &str) -> String {
        self.log.find(text)
    }

    /// Everything that was logged until now.
    pub(crate) fn log(&mut self) -> &[String] {
        self.log.all()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it, and returns when it has stopped.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped).unwrap();
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// What it writes on SIGUSR1.
    pub(crate) fn status(&self) -> Status {
        let _ = std::fs::remove_file(&self.status_file);
        self.signal(Signal::USR1);
        let folder = self.status_file.parent().unwrap();
        Status(await_in(folder, || std::fs::read_to_string(&self.status_file).ok()))
    }

    /// Waits until the status is as wanted.
    pub(crate) fn await_status(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        const PAUSE: Duration = Duration::from_millis(20);
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            poll(&mut [], Some(&Timespec::try_from(PAUSE).unwrap())).unwrap();
        }
        panic!("the status stays {}", self.status().0);
    }

    /// How it ended, and its whole log.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        self.process.await_end();
        let status = self.child.wait().unwrap();
        (status, self.log.rest())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of the daemon:\n{}", self.log.end().join("\n"));
        }
    }
}

/// The text of a status file.
pub(crate) struct Status(pub(crate) String);

impl Status {
    pub(crate) fn count(&self, name: &str) -> u64 {
        let mut words = self.0.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = words.find(|(key, _)| *key == name).expect("a count of that name");
        value.parse().unwrap()
    }

    /// The line of an instance.
    pub(crate) fn instance(&self, number: u64) -> Option<&str> {
        let start = format!("instance {} ", protocol::InstanceId::numbered(number));
        self.0.lines().find_map(|line| line.strip_prefix(&start))
    }
}
