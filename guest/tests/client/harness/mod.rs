//! A host on a UNIX socket and the real client behind it.

mod apps;
mod folder;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::channel::{
    ActionNotify, ActionResponse, ChallengeResponse, EventType, GuestMessage, HostMessage, Init,
    NotificationType,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, pidfd_send_signal,
    waitid,
};

pub(crate) use apps::{App, registration};
pub(crate) use folder::Folder;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with the socket that stands for the guest's port.
pub(crate) struct Channel {
    pub(crate) folder: Folder,
    listener: Option<UnixListener>,
}

impl Channel {
    pub(crate) fn new() -> Self {
        let mut channel = Self { folder: Folder::new(), listener: None };
        channel.listen();
        channel
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path("cgcs.heartbeat")
    }

    /// Where applications connect to a client of [`Self::client_for_apps`].
    pub(crate) fn api(&self) -> PathBuf {
        self.folder.path("api")
    }

    /// The socket and its file go away.
    pub(crate) fn vanish(&mut self) {
        self.listener = None;
        std::fs::remove_file(self.path()).unwrap();
    }

    /// Nobody listens any more, but the file stays.
    pub(crate) fn refuse(&mut self) {
        self.listener = None;
    }

    pub(crate) fn listen(&mut self) {
        self.listener = Some(UnixListener::bind(self.path()).unwrap());
    }

    /// The client's next connection.
    pub(crate) fn accept(&self) -> Host {
        let listener = self.listener.as_ref().unwrap();
        let mut ready = [PollFd::new(listener, PollFlags::IN)];
        let limit = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        assert_eq!(poll(&mut ready, Some(&limit)).unwrap(), 1, "the client does not connect");
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Host { lines: BufReader::new(stream) }
    }

    pub(crate) fn client(&self) -> Guest {
        self.client_with(&[])
    }

    pub(crate) fn client_with(&self, arguments: &[&str]) -> Guest {
        Guest::start(&self.path(), arguments)
    }

    /// A client with this file.
    pub(crate) fn client_of(&self, conf: &str) -> Guest {
        let conf = self.folder.file("hb.conf", conf);
        self.client_with(&["--config", conf.to_str().unwrap()])
    }

    /// A client with this file that serves applications.
    pub(crate) fn client_for_apps(&self, conf: &str) -> Guest {
        let conf = self.folder.file("hb.conf", conf);
        let arguments = ["--config", conf.to_str().unwrap(), "--api-socket"];
        self.client_with(&[&arguments[..], &[self.api().to_str().unwrap()]].concat())
    }
}

/// The host's end of a connection.
pub(crate) struct Host {
    lines: BufReader<UnixStream>,
}

impl Host {
    pub(crate) fn send(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.lines.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn challenge(&mut self, heartbeat_challenge: u32) {
        self.send(&HostMessage::Challenge { heartbeat_challenge });
    }

    /// What the client sent next; `None` if it hung up.
    pub(crate) fn receive(&mut self) -> Option<GuestMessage> {
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line).unwrap() == 0 {
                return None;
            }
            if !line.trim_ascii().is_empty() {
                return Some(GuestMessage::decode(&line).unwrap());
            }
        }
    }

    pub(crate) fn receive_init(&mut self) -> Init {
        match self.receive() {
            Some(GuestMessage::Init(init)) => init,
            other => panic!("no init but {other:?}"),
        }
    }

    /// Takes the client's init; it is enabled then.
    pub(crate) fn enable(&mut self) -> Init {
        let init = self.receive_init();
        self.send(&HostMessage::InitAck { invocation_id: init.invocation_id });
        init
    }

    pub(crate) fn receive_answer(&mut self) -> u32 {
        self.receive_health().heartbeat_response
    }

    fn receive_health(&mut self) -> ChallengeResponse {
        match self.receive() {
            Some(GuestMessage::ChallengeResponse(answer)) => answer,
            other => panic!("no answer but {other:?}"),
        }
    }

    /// What the client says of its health now.
    pub(crate) fn health(&mut self) -> ChallengeResponse {
        self.challenge(17);
        self.receive_health()
    }

    /// Tells of an event, or asks for a vote on it.
    pub(crate) fn notify(&mut self, init: &Init, event: EventType, kind: NotificationType) {
        self.notify_within(init, event, kind, 60_000);
    }

    pub(crate) fn notify_within(
        &mut self,
        init: &Init,
        event_type: EventType,
        notification_type: NotificationType,
        timeout_ms: u32,
    ) {
        let invocation_id = init.invocation_id;
        let notify = ActionNotify { invocation_id, event_type, notification_type, timeout_ms };
        self.send(&HostMessage::ActionNotify(notify));
    }

    pub(crate) fn receive_response(&mut self) -> ActionResponse {
        match self.receive() {
            Some(GuestMessage::ActionResponse(response)) => response,
            other => panic!("no action_response but {other:?}"),
        }
    }
}

/// A running client; ended with the test.
pub(crate) struct Guest {
    child: Child,
    /// `None`: nobody reads it any more.
    log: Option<BufReader<ChildStderr>>,
    watchdog: Option<Watchdog>,
}

impl Guest {
    /// Applications are not served unless the arguments say where.
    pub(crate) fn start(device: &Path, arguments: &[&str]) -> Self {
        Self::start_by(&mut Command::new(env!("CARGO_BIN_EXE_guest-client")), device, arguments)
    }

    /// A client that may have this many descriptors.
    pub(crate) fn start_limited(limit: u32, device: &Path, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""));
        shell.arg(env!("CARGO_BIN_EXE_guest-client"));
        Self::start_by(&mut shell, device, arguments)
    }

    fn start_by(command: &mut Command, device: &Path, arguments: &[&str]) -> Self {
        command.arg("--device").arg(device).args(arguments);
        if !arguments.contains(&"--api-socket") {
            command.args(["--api-socket", "none"]);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().map(BufReader::new);
        let watchdog = Some(Watchdog::over(&child));
        Self { child, log, watchdog }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Returns when it does not run any more.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED).unwrap();
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// How often it has gone to sleep so far.
    pub(crate) fn sleeps(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"));
        line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Closes the pipe that it logs to.
    pub(crate) fn leave_log(&mut self) {
        self.log = None;
    }

    /// Ends it without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for a line of the log that has `text`.
    pub(crate) fn await_log(&mut self, text: &str) -> String {
        let mut line = String::new();
        let log = self.log.as_mut().unwrap();
        while !line.contains(text) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "no {text:?} in the log");
        }
        line
    }

    /// Processor time that it has used so far, in clock ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let field = |index| after_name.split_whitespace().nth(index).unwrap().parse::<u64>();
        field(11).unwrap() + field(12).unwrap()
    }

    /// How it ended, and the rest of its log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.log.as_mut().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Asked to end it kills its scripts. It cannot hang in a log that nobody reads, and is killed
        // by the watchdog should it not end.
        self.log = None;
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::TERM);
            self.signal(Signal::CONT);
            let _ = self.child.wait();
        }
        if let Some(Watchdog { over, thread }) = self.watchdog.take() {
            drop(over);
            let _ = thread.join();
        }
    }
}

/// Kills a client that lives too long, so that no wait for its log or its end is without end.
struct Watchdog {
    over: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    fn over(child: &Child) -> Self {
        let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
        let (over, test) = channel();
        let thread = std::thread::spawn(move || {
            if test.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
        });
        Self { over, thread }
    }
}

/// Some process, from now until it ends.
pub(crate) struct Process(OwnedFd);

impl Process {
    pub(crate) fn of(pid: &str) -> Self {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        Self(pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    pub(crate) fn kill(&self) {
        pidfd_send_signal(&self.0, Signal::KILL).unwrap();
    }

    pub(crate) fn await_end(&self) {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        let limit = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        assert_eq!(poll(&mut ready, Some(&limit)).unwrap(), 1, "the process does not end");
    }
}
