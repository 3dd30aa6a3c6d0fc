//! The floor: what heartbeating costs when nothing is decided.
//!
//! One process holds a connection for each guest and does nothing but write a challenge's bytes,
//! wait on epoll and read the answer's bytes, on guestServer's schedule: 20 slots a second, the
//! guests spread evenly over them. Another process answers every write. The first one's CPU time a
//! round trip is the floor.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use protocol::channel::{
    ChallengeResponse, CorrectiveAction, GuestMessage, Health, HostMessage, LogMsg,
};
use protocol::limits::INT_MAX;
use rustix::event::{Timespec, epoll};
use rustix::io::{read, write};

use super::process::cpu_of;
use crate::clock;

const SLOT: Duration = Duration::from_millis(50);
const SLOTS: usize = 20;

/// The two ends of the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Writes challenges and reads answers; this one is measured.
    Host,
    /// Answers.
    Guests,
}

/// CPU time of one bare round trip, measured with `count` connections for `span`.
pub(super) fn measure(guest_sim: &Path, count: usize, span: Duration) -> anyhow::Result<Duration> {
    let dir = tempfile::Builder::new().prefix("gh-floor").tempdir()?;
    let path = dir.path().join("floor.sock");
    let guests = Process::start(guest_sim, "guests", &path, count, span)?;
    let mut host = Process::start(guest_sim, "host", &path, count, span)?;
    let mut line = String::new();
    let stdout = host.0.stdout.take().context("no standard output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    drop(guests);
    let nanoseconds = line.trim().parse().context("the floor did not tell its time")?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Ended when dropped.
struct Process(Child);

impl Process {
    fn start(
        guest_sim: &Path,
        part: &str,
        path: &Path,
        count: usize,
        span: Duration,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(guest_sim)
            .args(["bench", "--part", part, "--part-count", &count.to_string()])
            .args(["--part-millis", &span.as_millis().to_string(), "--part-socket"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a part of the floor")?;
        if part == "guests" {
            let mut ready = [0; 1];
            let stdout = child.stdout.as_mut().context("no standard output")?;
            stdout.read_exact(&mut ready).context("the floor's guests did not start")?;
        }
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs one end in this process.
pub fn run_part(part: Part, path: &PathBuf, count: usize, span: Duration) -> anyhow::Result<()> {
    match part {
        Part::Host => host(path, count, span),
        Part::Guests => guests(path, count),
    }
}

fn host(path: &PathBuf, count: usize, span: Duration) -> anyhow::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut streams = Vec::with_capacity(count);
    for index in 0..count {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        add(&epoll, &stream, index)?;
        streams.push(stream);
    }
    let challenge = challenge_bytes();
    let start = clock::now();
    let cpu = cpu_of(std::process::id())?;
    let (mut slot, mut round_trips) = (0, 0_u64);
    let mut events = Vec::with_capacity(1024);
    while clock::now() - start < span {
        let due = start + SLOT * u32::try_from(slot).unwrap_or(u32::MAX);
        round_trips += read_until(&epoll, &streams, &mut events, due)?;
        for stream in streams.iter().skip(slot % SLOTS).step_by(SLOTS) {
            write(stream, &challenge)?;
        }
        slot += 1;
    }
    let cpu = cpu_of(std::process::id())?.saturating_sub(cpu).as_nanos();
    println!("{}", cpu / u128::from(round_trips.max(1)));
    std::io::stdout().flush()?;
    Ok(())
}

/// Reads what comes until `due`; how many answers that were.
fn read_until(
    epoll: &OwnedFd,
    streams: &[UnixStream],
    events: &mut Vec<epoll::Event>,
    due: Instant,
) -> anyhow::Result<u64> {
    let mut buffer = [0; 4096];
    let mut answers = 0;
    loop {
        let left = due.saturating_duration_since(clock::now());
        let timeout = Timespec::try_from(left)?;
        events.clear();
        epoll::wait(epoll, rustix::buffer::spare_capacity(events), Some(&timeout))?;
        for event in events.iter() {
            let index = usize::try_from(event.data.u64())?;
            read(&streams[index], &mut buffer)?;
            answers += 1;
        }
        if left.is_zero() {
            return Ok(answers);
        }
    }
}

fn guests(path: &PathBuf, count: usize) -> anyhow::Result<()> {
    let listener = UnixListener::bind(path)?;
    println!();
    std::io::stdout().flush()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut streams = Vec::with_capacity(count);
    for index in 0..count {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        add(&epoll, &stream, index)?;
        streams.push(stream);
    }
    let answer = answer_bytes();
    let mut buffer = [0; 4096];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let stream = &streams[usize::try_from(event.data.u64())?];
            if read(stream, &mut buffer)? == 0 {
                return Ok(()); // The measured end has finished.
            }
            write(stream, &answer)?;
        }
    }
}

fn add(epoll: &OwnedFd, stream: &UnixStream, index: usize) -> rustix::io::Result<()> {
    epoll::add(epoll, stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)
}

fn challenge_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    HostMessage::Challenge { heartbeat_challenge: INT_MAX }.encode(1000, &mut bytes);
    bytes
}

fn answer_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let answer = ChallengeResponse {
        heartbeat_response: INT_MAX,
        heartbeat_health: Health::Healthy,
        corrective_action: Some(CorrectiveAction::Reboot),
        log_msg: LogMsg::default(),
    };
    GuestMessage::ChallengeResponse(answer).encode(1000, &mut bytes);
    bytes
}
