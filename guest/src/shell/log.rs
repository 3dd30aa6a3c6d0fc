//! The log: one line a change of state, nothing per heartbeat. Text of the host is quoted and
//! escaped.

use tracing::{Level, info, warn};

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
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

pub(super) fn note(note: &Note) {
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
    }
}
