//! `guest-client app`: a shell script is an application.
//!
//! One loop with one thread, of the same parts as the client's own: commands run in process groups of
//! their own, and what happens is handed to the stand-in, which decides.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use protocol::application::{ActionNotify, Init};
use protocol::channel::CorrectiveAction;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::SOCKET;
use super::stand_in::{Input, Note, Output, Settings, StandIn};
use crate::shell::Error;
use crate::shell::poller::{Poller, Report, Source, Watch};
use crate::shell::script::Scripts;
use crate::shell::signals::Signals;
use crate::shell::stream::{Incoming, Sent, Stream};

/// Bytes of one read.
const READ: usize = 4096;
/// Reads before everything else is looked at again.
const READS_A_TURN: usize = 16;
/// The connection's, which is the only one.
const CLIENT: Source = Source::Application(0);

/// Registers commands as an application of this guest: one says how it is, the other is asked before
/// something is done to the guest.
#[derive(Debug, Clone, Args)]
pub struct AppArgs {
    /// Name of the application
    #[arg(long)]
    pub name: String,
    /// Shell command that says how the application is: status 0 is well; otherwise its first line of
    /// output says why not [default: always well]
    #[arg(long, value_name = "COMMAND")]
    pub health_cmd: Option<String>,
    /// Between two runs of it; one that still runs then is killed, and counts as not well
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub health_interval: u32,
    /// Shell command that is run with two more arguments, "revocable" or "irrevocable" and the event:
    /// status 0 agrees, 1 to 125 rejects with its first line of output as the reason [default: agrees]
    #[arg(long, value_name = "COMMAND")]
    pub on_event: Option<String>,
    /// Between two heartbeats, at least 400
    #[arg(long, value_name = "MS", default_value = "1000")]
    pub interval: u32,
    /// Time of the event command for a vote
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub vote: u32,
    /// Its time before a stop or reboot
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub shutdown_notice: u32,
    /// Its time before a suspend, pause, resize or migration
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub suspend_notice: u32,
    /// Its time after one of these
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub resume_notice: u32,
    /// What is to be done when the application is not well or silent: log, reboot, stop or none
    #[arg(long, value_name = "ACTION", default_value = "log", value_parser = action)]
    pub corrective_action: CorrectiveAction,
    /// Where the client is
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub api_socket: PathBuf,
}

fn action(word: &str) -> Result<CorrectiveAction, String> {
    CorrectiveAction::from_word(word)
        .filter(|action| *action != CorrectiveAction::Unknown)
        .ok_or_else(|| "log, reboot, stop or none".to_owned())
}

fn seconds(word: &str) -> Result<u32, String> {
    word.parse().ok().filter(|seconds| *seconds > 0).ok_or_else(|| "at least 1".to_owned())
}

/// Is an application until a signal says stop.
pub fn run(arguments: &AppArgs) -> Result<(), Error> {
    let mut command = AppCommand::start(arguments.clone())?;
    while command.turn()? == Flow::Continue {}
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Leave,
}

struct AppCommand {
    arguments: AppArgs,
    core: StandIn,
    poller: Poller,
    signals: Signals,
    scripts: Scripts<u64>,
    connection: Option<Stream>,
    /// Reused for every look.
    reports: Vec<Report>,
}

impl AppCommand {
    fn start(arguments: AppArgs) -> Result<Self, Error> {
        let poller = Poller::new().map_err(Error::Runtime)?;
        let signals = Signals::new(&poller).map_err(Error::Runtime)?;
        let core = StandIn::new(settings(&arguments), now());
        let (scripts, reports) = (Scripts::new(), Vec::new());
        Ok(Self { arguments, core, poller, signals, scripts, connection: None, reports })
    }

    /// Waits, and does everything that can be done then. A deadline is handled only in a turn at
    /// whose beginning it was due: what was readable at that time has been handed in before.
    fn turn(&mut self) -> Result<Flow, Error> {
        let begin = now();
        let due = self.core.next_deadline().is_some_and(|at| at <= begin);
        let patience = if due { Some(Duration::ZERO) } else { self.patience(begin) };
        self.poller.wait(patience, &mut self.reports).map_err(Error::Runtime)?;
        let now = if due { begin } else { now() };
        self.distribute();
        if self.signals(now) == Flow::Leave {
            return Ok(Flow::Leave);
        }
        if due {
            // The signal of a command that has just ended may still be on its way.
            self.scripts.reap(now);
        }
        self.scripts(now);
        self.read(now);
        if due {
            self.core.handle_deadline(now);
        }
        Ok(self.carry_out(now))
    }

    fn patience(&self, now: Instant) -> Option<Duration> {
        let readable = self.connection.as_ref().is_some_and(Stream::readable);
        if readable || self.scripts.unfinished() {
            return Some(Duration::ZERO);
        }
        Some(self.core.next_deadline()?.saturating_duration_since(now))
    }

    fn distribute(&mut self) {
        for report in self.reports.drain(..) {
            match report.source {
                Source::Signals => self.signals.reported(),
                Source::Script(number) => self.scripts.reported(number),
                CLIENT => self.connection.iter_mut().for_each(Stream::set_readable),
                Source::Port | Source::Listener | Source::Application(_) => {}
            }
        }
    }

    fn signals(&mut self, now: Instant) -> Flow {
        let came = self.signals.take();
        if came.child {
            self.scripts.reap(now);
        }
        if came.stop {
            self.core.handle(now, Input::Stop);
        }
        self.carry_out(now)
    }

    fn scripts(&mut self, now: Instant) {
        self.scripts.read(now);
        while let Some((run, end)) = self.scripts.next_end() {
            self.core.handle(now, Input::Ended { run, end });
        }
    }

    fn read(&mut self, now: Instant) {
        let mut buffer = [0; READ];
        for _ in 0..READS_A_TURN {
            let Some(connection) = &mut self.connection else { return };
            match connection.read(&mut buffer) {
                Ok(Incoming::Bytes(len)) => self.core.handle(now, Input::Received(&buffer[..len])),
                Ok(Incoming::Nothing) => return,
                Ok(Incoming::End) | Err(_) => self.lost(now),
            }
        }
    }

    fn lost(&mut self, now: Instant) {
        self.connection = None;
        self.core.handle(now, Input::Closed);
    }

    fn carry_out(&mut self, now: Instant) -> Flow {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect => self.connect(now),
                Output::Close => self.connection = None,
                Output::Send(frame) => self.send(now, &frame),
                Output::RunHealth { run } => self.run_health(run),
                Output::RunEvent { run, question } => self.run_event(run, question),
                Output::Kill(run) => self.scripts.kill(now, run),
                Output::Note(note) => log(&note),
                Output::Leave => return Flow::Leave,
            }
        }
        Flow::Continue
    }

    fn connect(&mut self, now: Instant) {
        let opened = open(&self.arguments.api_socket).map_err(std::io::Error::from);
        let watched = opened.and_then(|socket| {
            self.poller.add(&socket, CLIENT, Watch::Input)?;
            Ok(Stream::new(socket))
        });
        let input = match watched {
            Ok(stream) => {
                self.connection = Some(stream);
                Input::Connected
            }
            Err(error) => Input::NotConnected(error.to_string()),
        };
        self.core.handle(now, input);
    }

    /// A client that has not read for so long that there is no room for a frame is given up.
    fn send(&mut self, now: Instant, frame: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        match connection.send(frame) {
            Ok(Sent::Taken) if !connection.has_rest() => {}
            Ok(Sent::Taken | Sent::Dropped) | Err(_) => self.lost(now),
        }
    }

    fn run_health(&mut self, run: u64) {
        let mut command = shell_command(self.arguments.health_cmd.as_deref(), "");
        self.scripts.start(run, "health command", &mut command, &self.poller);
    }

    fn run_event(&mut self, run: u64, question: ActionNotify) {
        let mut command = shell_command(self.arguments.on_event.as_deref(), r#" "$@""#);
        command.args([kind(question), question.event_type.as_str()]);
        self.scripts.start(run, "event command", &mut command, &self.poller);
    }
}

fn settings(arguments: &AppArgs) -> Settings {
    let interval = Duration::from_secs(arguments.health_interval.into());
    Settings {
        init: Init {
            application_name: arguments.name.as_str().into(),
            heartbeat_interval_ms: arguments.interval,
            vote_secs: arguments.vote,
            shutdown_notice_secs: arguments.shutdown_notice,
            suspend_notice_secs: arguments.suspend_notice,
            resume_notice_secs: arguments.resume_notice,
            corrective_action: arguments.corrective_action,
        },
        health_interval: arguments.health_cmd.as_ref().map(|_| interval),
        on_event: arguments.on_event.is_some(),
    }
}

/// A command line, which the arguments that follow are added to where `rest` says.
fn shell_command(line: Option<&str>, rest: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    // The argument after the line is $0, the name in messages.
    command.arg("-c").arg(format!("{}{rest}", line.unwrap_or_default())).arg("guest-client");
    command
}

fn open(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    Ok(socket)
}

fn kind(question: ActionNotify) -> &'static str {
    question.notification_type.map_or("unknown", |kind| kind.as_str())
}

fn log(note: &Note) {
    match note {
        Note::Registered => tracing::info!("registered with the client"),
        Note::Refused => {
            tracing::error!(
                "the client refuses: the interval is below 400 ms, or 16 are registered"
            );
        }
        Note::NotConnected(why) => tracing::warn!("the client cannot be reached: {why}"),
        Note::ConnectionLost => tracing::warn!("the client closed the connection"),
        Note::Health(report) => {
            tracing::info!(action = %report.corrective_action, "{}: {:?}", report.health, report.log_msg);
        }
        Note::Answered(question, result, why) => {
            tracing::info!("{} {}: {result} {why:?}", kind(*question), question.event_type);
        }
        Note::TooSlow(question, time) => {
            let (kind, event) = (kind(*question), question.event_type);
            tracing::warn!("{kind} {event}: the event command did not end within {time:?}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell tells the core the time")]
fn now() -> Instant {
    Instant::now()
}
