//! What a guestServer counts. Everything dropped or refused is in here.

/// Counts since the start.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Challenges sent.
    pub challenges: u64,
    /// Right answers.
    pub answers: u64,
    /// Intervals without a right answer.
    pub misses: u64,
    /// Heartbeating instances that fell silent.
    pub losses: u64,
    /// Of these, the expected ones: announced by a notification.
    pub expected_absences: u64,
    /// Unhealthy answers with something to be done.
    pub ill_health: u64,
    /// Inits taken.
    pub inits: u64,
    /// Graceful leaves.
    pub exits: u64,
    /// Connections made.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Connections that ended.
    pub disconnects: u64,
    /// Objects refused with a nack.
    pub nacks: u64,
    /// Lines dropped: not a JSON object.
    pub bad_lines: u64,
    /// Lines dropped: longer than 4096 bytes.
    pub overlong_lines: u64,
    /// Answers with another value than the challenge awaited: late ones, mostly.
    pub stale_answers: u64,
    /// Objects ignored because no init was taken on their connection.
    pub before_init: u64,
    /// Objects dropped because the guest sent too many that need an answer.
    pub flooded: u64,
    /// Times that a guest was not read from because it sent too much.
    pub read_pauses: u64,
    /// Votes and notifications that came.
    pub requests: u64,
    /// Answers to them that went out.
    pub request_answers: u64,
    /// Of these, given for a guest that gave none in time.
    pub request_timeouts: u64,
    /// Datagrams that were obeyed.
    pub commands: u64,
    /// Datagrams dropped: malformed, unknown, wrong signature.
    pub bad_datagrams: u64,
    /// Queries not answered because too many came.
    pub excess_queries: u64,
    /// Events sent to the agent.
    pub events: u64,
    /// Copies of events that the agent has not acknowledged.
    pub repeated_events: u64,
    /// Events given up because too many were not acknowledged.
    pub given_up_events: u64,
    /// Instances or files not taken because too many are known.
    pub over_limit: u64,
    /// Times that the host ran late by more than 200 ms.
    pub stalls: u64,
    /// Intervals skipped because the host ran late by more than one.
    pub skipped_intervals: u64,
}

impl Counters {
    /// Every count with its name, for a status file or a metric.
    pub fn named(&self) -> [(&'static str, u64); 30] {
        [
            ("challenges", self.challenges),
            ("answers", self.answers),
            ("misses", self.misses),
            ("losses", self.losses),
            ("expected_absences", self.expected_absences),
            ("ill_health", self.ill_health),
            ("inits", self.inits),
            ("exits", self.exits),
            ("connects", self.connects),
            ("connect_failures", self.connect_failures),
            ("disconnects", self.disconnects),
            ("nacks", self.nacks),
            ("bad_lines", self.bad_lines),
            ("overlong_lines", self.overlong_lines),
            ("stale_answers", self.stale_answers),
            ("before_init", self.before_init),
            ("flooded", self.flooded),
            ("read_pauses", self.read_pauses),
            ("requests", self.requests),
            ("request_answers", self.request_answers),
            ("request_timeouts", self.request_timeouts),
            ("commands", self.commands),
            ("bad_datagrams", self.bad_datagrams),
            ("excess_queries", self.excess_queries),
            ("events", self.events),
            ("repeated_events", self.repeated_events),
            ("given_up_events", self.given_up_events),
            ("over_limit", self.over_limit),
            ("stalls", self.stalls),
            ("skipped_intervals", self.skipped_intervals),
        ]
    }
}
