//! What has happened so far, in numbers.

use protocol::channel::Refusal;

/// Counts since the client started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Inits sent.
    pub inits: u64,
    /// Times that the client went back from enabled to enabling because no challenge came.
    pub reinits: u64,
    /// Inits that the host took.
    pub acks: u64,
    /// Challenges that came, answered or not.
    pub challenges: u64,
    /// Challenges answered.
    pub answered: u64,
    /// Votes and notifications that came.
    pub actions: u64,
    /// Votes and notifications answered; fewer than `actions` only where a newer one took the
    /// place of one still open, or the connection ended first.
    pub action_responses: u64,
    /// Nacks that came.
    pub nacks: u64,
    /// Times that the host said it leaves.
    pub host_exits: u64,
    /// Times that the host hung up.
    pub hang_ups: u64,
    /// Periods without a challenge that were not judged because the client itself was late.
    pub excused: u64,
    /// Outputs given up because nobody drained them.
    pub outputs_lost: u64,
    /// What came and was not used.
    pub dropped: Dropped,
}

/// Input that was not used, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Lines that are not a JSON object.
    pub not_an_object: u64,
    /// Objects of another protocol version.
    pub bad_version: u64,
    /// Objects that lack a key, or have one of a wrong type or range.
    pub bad_key: u64,
    /// Objects of an unknown type.
    pub unknown_type: u64,
    /// Lines longer than the protocol allows.
    pub overlong: u64,
    /// Reads while the channel was down.
    pub while_down: u64,
    /// Challenges and exits outside enabled: left over from an earlier connection.
    pub stale: u64,
    /// Challenges that a newer one followed before they were answered, as after a pause of the
    /// guest.
    pub outdated: u64,
    /// `init_ack`s that name no recent init, or come when none is awaited.
    pub stray_ack: u64,
}

impl Dropped {
    pub(super) fn count(&mut self, refusal: &Refusal) {
        *match refusal {
            Refusal::NotAnObject => &mut self.not_an_object,
            Refusal::BadVersion(_) => &mut self.bad_version,
            Refusal::BadKey(_) => &mut self.bad_key,
            Refusal::UnknownType(_) => &mut self.unknown_type,
        } += 1;
    }
}
