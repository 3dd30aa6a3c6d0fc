//! QEMU's end of a channel and the guest behind it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use protocol::InstanceId;
use protocol::channel::{
    ChallengeResponse, CorrectiveAction, GuestMessage, Health, HostMessage, Init, LogMsg, Name,
};
use rustix::event::{PollFd, PollFlags, poll};

use super::{PATIENCE, limit};

/// The socket that QEMU opens for an instance.
pub(crate) struct Channel {
    pub(crate) path: PathBuf,
    listener: UnixListener,
}

impl Channel {
    pub(crate) fn open(directory: &Path, number: u64) -> Self {
        Self::at(directory.join(name_of(number)))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { path, listener }
    }

    /// The daemon's next connection.
    pub(crate) fn accept(&self) -> Guest {
        let mut ready = [PollFd::new(&self.listener, PollFlags::IN)];
        let path = self.path.display();
        assert_eq!(poll(&mut ready, Some(&limit())).unwrap(), 1, "no connection to {path}");
        let (stream, _) = self.listener.accept().unwrap();
        Guest::new(stream)
    }

    /// Whether somebody connected.
    pub(crate) fn has_caller(&self) -> bool {
        match self.listener.accept() {
            Ok(_) => true,
            Err(e) if e.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// The file goes away, as libvirt has it.
    pub(crate) fn remove(self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

/// The name of an instance's socket.
pub(crate) fn name_of(number: u64) -> String {
    format!("cgcs.heartbeat.{}.sock", InstanceId::numbered(number))
}

/// A guest on a connection, moved by hand.
pub(crate) struct Guest {
    lines: BufReader<UnixStream>,
    invocation_id: u32,
}

impl Guest {
    fn new(stream: UnixStream) -> Self {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { lines: BufReader::new(stream), invocation_id: 0 }
    }

    pub(crate) fn say(&mut self, message: &GuestMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.say_bytes(&bytes);
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.lines.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn writer(&self) -> UnixStream {
        self.lines.get_ref().try_clone().unwrap()
    }

    /// One read, as it comes.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let length = self.lines.get_mut().read(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    /// What the daemon says next; `None` if it closed the connection.
    pub(crate) fn listen(&mut self) -> Option<HostMessage> {
        self.try_listen().expect("the daemon says something in time")
    }

    pub(crate) fn hear(&mut self) -> HostMessage {
        self.listen().expect("the daemon keeps the connection")
    }

    pub(crate) fn hear_challenge(&mut self) -> u32 {
        match self.hear() {
            HostMessage::Challenge { heartbeat_challenge } => heartbeat_challenge,
            other => panic!("not a challenge but {other:?}"),
        }
    }

    /// Its next init; intervals in milliseconds.
    pub(crate) fn next_init(&mut self, interval: u32) -> Init {
        self.invocation_id += 1;
        init(self.invocation_id, interval)
    }

    /// Sends an init and takes what follows; the first challenge.
    pub(crate) fn init(&mut self, interval: u32) -> u32 {
        let init = self.next_init(interval);
        let invocation_id = init.invocation_id;
        self.say(&GuestMessage::Init(init));
        while self.hear() != (HostMessage::InitAck { invocation_id }) {}
        self.hear_challenge()
    }

    pub(crate) fn answer(&mut self, challenge: u32) {
        self.say(&answer(challenge));
    }

    /// Heartbeats from now on, answering by hand.
    pub(crate) fn start(&mut self, interval: u32) {
        let challenge = self.init(interval);
        self.answer(challenge);
    }

    /// Heartbeats from now on, by itself.
    pub(crate) fn beat(mut self, interval: u32) -> Beating {
        self.start(interval);
        let stream = self.writer();
        let (heard, challenges) = channel();
        let alive = Arc::new(AtomicBool::new(true));
        let still_alive = Arc::clone(&alive);
        let thread = std::thread::spawn(move || {
            while let Ok(Some(message)) = quiet(|| self.try_listen()) {
                if let HostMessage::Challenge { heartbeat_challenge } = message
                    && still_alive.load(Ordering::Relaxed)
                {
                    let mut bytes = Vec::new();
                    answer(heartbeat_challenge).encode(1, &mut bytes);
                    if self.lines.get_mut().write_all(&bytes).is_err() {
                        return;
                    }
                    let _ = heard.send(());
                }
            }
        });
        Beating { stream, challenges, alive, thread: Some(thread) }
    }

    fn try_listen(&mut self) -> std::io::Result<Option<HostMessage>> {
        loop {
            let mut line = Vec::new();
            match self.lines.read_until(b'\n', &mut line) {
                Ok(0) => return Ok(None),
                // It closed the connection before it had read everything.
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Ok(None),
                read => drop(read?),
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(HostMessage::decode(&line).unwrap()));
            }
        }
    }
}

/// Waits on after a read that timed out: a stopped daemon says nothing.
fn quiet<T>(mut read: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match read() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// A guest that answers every challenge on a thread of its own; hangs up when dropped.
pub(crate) struct Beating {
    stream: UnixStream,
    challenges: Receiver<()>,
    alive: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beating {
    /// Waits for so many more heartbeats.
    pub(crate) fn beats(&self, count: usize) {
        all_beat(std::slice::from_ref(self), count);
    }

    /// Answers no more; the connection stays.
    pub(crate) fn die(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

/// Waits for so many more heartbeats of each.
pub(crate) fn all_beat(guests: &[Beating], count: usize) {
    for guest in guests {
        while guest.challenges.try_recv().is_ok() {}
    }
    for guest in guests {
        for _ in 0..count {
            guest.challenges.recv_timeout(PATIENCE).expect("the heartbeat goes on");
        }
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// An init with the usual times; interval in milliseconds.
pub(crate) fn init(invocation_id: u32, interval: u32) -> Init {
    Init {
        invocation_id,
        name: Name::new("guest"),
        heartbeat_interval_ms: interval,
        vote_secs: 11,
        shutdown_notice_secs: 12,
        suspend_notice_secs: 13,
        resume_notice_secs: 14,
        restart_secs: 121,
        corrective_action: CorrectiveAction::Reboot,
    }
}

/// A healthy answer.
pub(crate) fn answer(heartbeat_response: u32) -> GuestMessage {
    GuestMessage::ChallengeResponse(ChallengeResponse {
        heartbeat_response,
        heartbeat_health: Health::Healthy,
        corrective_action: Some(CorrectiveAction::Reboot),
        log_msg: LogMsg::default(),
    })
}
