//! Commands with what belongs to them: the view, the record, the guest's answer.

use std::sync::Arc;
use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::{EventType, LogMsg};
use protocol::vim::{CommandReply, GuestResponse, VimCommand, VimEvent};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::record::{Record, What};
use super::shared::Shared;
use super::{Error, driver};
use crate::clock;

/// What came of a vote or a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// How long the agent said that the VIM has to wait; zero if the guest is not asked.
    pub timeout: Duration,
    /// What the guest said, if it did so in that time.
    pub answer: Option<GuestAnswer>,
}

/// What the agent says for a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestAnswer {
    /// The answer.
    pub response: GuestResponse,
    /// Why.
    pub reason: LogMsg,
    /// Time since the command was sent.
    pub after: Duration,
}

/// Sends a command that the view agrees with already.
pub(super) async fn command(
    shared: &Shared,
    command: VimCommand,
    correction: bool,
) -> Result<CommandReply, Error> {
    let begun = clock::now();
    let agent = shared.state().agent;
    let outcome = match agent {
        Some(agent) => driver::send(agent, &command, shared.settings.give_up).await,
        None => Err(Error::NoAgent),
    };
    let took = clock::now().saturating_duration_since(begun);
    shared.record(What::Command { command, correction, outcome: outcome.clone(), took });
    outcome
}

/// Sends a vote or a notification and waits for the guest's answer, `since` which record on.
pub(super) async fn ask(shared: &Shared, asked: VimCommand, since: u64) -> Result<Asked, Error> {
    let begun = clock::now();
    let reply = command(shared, asked.clone(), false).await?;
    let CommandReply::Action { uuid, action, timeout_secs, .. } = reply else {
        return Ok(Asked { timeout: Duration::ZERO, answer: None });
    };
    let told = Duration::from_secs(timeout_secs.into());
    if told.is_zero() {
        return Ok(Asked { timeout: told, answer: None });
    }
    let mut records = shared.records(since);
    let answer = records.find(|record| answers(record, uuid, action));
    let Ok(Some(record)) = timeout(told + shared.settings.grace, answer).await else {
        shared.record(What::Silence { uuid, action });
        return Ok(Asked { timeout: told, answer: None });
    };
    let after = record.at.saturating_duration_since(begun);
    Ok(Asked { timeout: told, answer: guest_answer(&record, after) })
}

fn answers(record: &Record, asked: InstanceId, about: EventType) -> bool {
    matches!(record.event(), Some(VimEvent::Answer { uuid, action, .. })
        if *uuid == asked && *action == about)
}

fn guest_answer(record: &Record, after: Duration) -> Option<GuestAnswer> {
    let Some(VimEvent::Answer { response, reason, .. }) = record.event() else { return None };
    Some(GuestAnswer { response: *response, reason: reason.clone(), after })
}

/// Tells the agent, one after the other, what it had wrong.
pub(super) async fn correct(
    shared: Arc<Shared>,
    mut corrections: mpsc::UnboundedReceiver<VimCommand>,
) {
    while let Some(correction) = corrections.recv().await {
        // What came of it is in the record; as everything it is not sent again.
        let _ = command(&shared, correction, true).await;
    }
}
