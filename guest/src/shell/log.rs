//! The log: one line a change of state, nothing per heartbeat. Text of others is quoted and escaped.

use std::io::{self, Write};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use tracing::{Level, info, warn};

use super::allowance::Allowance;
use super::{LogFormat, LogLevel};
use crate::core::Note;

/// Starts logging to standard error.
pub fn start_log(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let log = tracing_subscriber::fmt()
        .with_writer(|| Stderr)
        .with_max_level(level)
        .with_target(false)
        // It would complain to standard error, and end us, when nobody reads that any more.
        .log_internal_errors(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Standard error, which never makes us wait: whoever reads it may have stopped, and a client that
/// waits for its log is taken for a dead guest. A line that does not fit is left out.
#[derive(Debug)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut room = [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)];
        match poll(&mut room, Some(&Timespec::default())) {
            Ok(0) => Ok(line.len()),
            _ => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written, as far as it limits what is written next: applications can cause these notes at
/// will, and none of a kind should crowd out another kind. The core sees to notes that the host can
/// cause.
#[derive(Debug, Default)]
pub(super) struct Log {
    health: Allowance,
    applications_health: Allowance,
    registrations: Allowance,
}

impl Log {
    pub(super) fn note(&mut self, now: Instant, note: &Note) {
        let allowance = match note {
            Note::Health(_) => &mut self.health,
            Note::ApplicationHealth { .. } | Note::ApplicationCrashed { .. } => {
                &mut self.applications_health
            }
            Note::ApplicationRegistered { .. }
            | Note::ApplicationRefused { .. }
            | Note::ApplicationLeft { .. } => &mut self.registrations,
            _ => return of_the_host(note),
        };
        let Some(held_back) = allowance.admit(now) else { return };
        if held_back > 0 {
            warn!(held_back, "applications cause more lines than are written");
        }
        of_the_guest(note);
    }
}

fn of_the_host(note: &Note) {
    match note {
        Note::State { from, to, cause } => info!("{from} -> {to}: {cause}"),
        Note::Nacked { nack, held_back } => warn!(
            msg_type = ?nack.orig_msg_type, log_msg = ?nack.log_msg, held_back,
            "the host refused an object of ours"
        ),
        Note::Refused { refused, held_back } => warn!(
            msg_type = ?refused.msg_type, why = ?refused.refusal.to_string(), held_back,
            "dropped what the host sent"
        ),
        Note::HostExit(exit) => info!(log_msg = ?exit.log_msg, "the host says that it leaves"),
        Note::Answered { notify, vote_result, held_back } => info!(
            event = %notify.event_type, kind = %notify.notification_type,
            answer = %vote_result, held_back, "answered an event"
        ),
        Note::Excused => {
            warn!("no challenge came, but this guest was not running on time: waiting once more");
        }
        _ => {}
    }
}

fn of_the_guest(note: &Note) {
    match note {
        Note::Health(report) if report.is_unhealthy() => warn!(
            log_msg = ?report.log_msg, action = %report.corrective_action, "unhealthy"
        ),
        Note::Health(_) => info!("healthy again"),
        Note::ApplicationRegistered { name } => info!(?name, "an application registered"),
        Note::ApplicationRefused { name, why } => {
            warn!(?name, "an application was refused: {why}");
        }
        Note::ApplicationLeft { name, log_msg } => info!(?name, ?log_msg, "an application left"),
        Note::ApplicationCrashed { name } => {
            warn!(?name, "an application closed its connection without notice");
        }
        Note::ApplicationHealth { name, report } if report.is_unhealthy() => warn!(
            ?name, log_msg = ?report.log_msg, action = %report.corrective_action,
            "an application is unhealthy"
        ),
        Note::ApplicationHealth { name, .. } => info!(?name, "an application is healthy again"),
        _ => {}
    }
}
