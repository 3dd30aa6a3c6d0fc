//! A host on a UNIX socket and the real client behind it.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::channel::{GuestMessage, HostMessage, Init};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with the socket that stands for the guest's port.
pub(crate) struct Channel {
    folder: TempDir,
    listener: Option<UnixListener>,
}

impl Channel {
    pub(crate) fn new() -> Self {
        let mut channel = Self { folder: TempDir::new().unwrap(), listener: None };
        channel.listen();
        channel
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("cgcs.heartbeat")
    }

    /// A file beside the socket.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
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
        match self.receive() {
            Some(GuestMessage::ChallengeResponse(answer)) => answer.heartbeat_response,
            other => panic!("no answer but {other:?}"),
        }
    }
}

/// A running client; killed when the test ends.
pub(crate) struct Guest {
    child: Child,
    log: BufReader<ChildStderr>,
    watchdog: Option<Watchdog>,
}

impl Guest {
    pub(crate) fn start(device: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_guest-client"))
            .arg("--device")
            .arg(device)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let watchdog = Some(Watchdog::over(&child));
        Self { child, log, watchdog }
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for a line of the log that has `text`.
    pub(crate) fn await_log(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no {text:?} in the log");
        }
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
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
