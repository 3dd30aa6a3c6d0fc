//! What a guestAgent counts. Everything dropped or refused is in here.

/// Counts since the start.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Commands of the VIM that were obeyed.
    pub commands: u64,
    /// Commands of the VIM that were refused.
    pub refused_commands: u64,
    /// Events of servers.
    pub events: u64,
    /// Events that came again and were acknowledged again.
    pub repeated_events: u64,
    /// Events left unacknowledged, so that they come again, because the VIM's view of their host was
    /// not read yet.
    pub early_events: u64,
    /// Events about instances that are not known, or not on that host.
    pub strange_events: u64,
    /// Failures that were not passed on because reporting is off.
    pub unreported: u64,
    /// Datagrams dropped: malformed or unknown.
    pub bad_datagrams: u64,
    /// Datagrams dropped: from an address that is no known host's, or not maintenance's.
    pub strangers: u64,
    /// Queries sent to servers.
    pub audits: u64,
    /// Rounds in which a host answered nothing.
    pub audit_misses: u64,
    /// States that the audit corrected.
    pub audit_corrections: u64,
    /// Votes and notifications sent to servers.
    pub requests: u64,
    /// Answers of servers to them.
    pub request_answers: u64,
    /// Answers given for a server that gave none in time.
    pub request_timeouts: u64,
    /// Answers of servers that nobody waited for any more.
    pub late_answers: u64,
    /// Instances that a server was not told about because it might not survive it.
    pub held_from_peers: u64,
    /// Events delivered to the VIM.
    pub delivered: u64,
    /// Deliveries that failed and are tried again.
    pub retries: u64,
    /// Deliveries without a clear result.
    pub uncertain: u64,
    /// Events that the VIM answered with an error until they were given up.
    pub refused_events: u64,
    /// Events dropped because too many waited.
    pub dropped_events: u64,
    /// Replies of the VIM, and entries of its lists, that made no sense.
    pub bad_replies: u64,
}

impl Counters {
    /// Every count with its name, for a status file or a metric.
    pub fn named(&self) -> [(&'static str, u64); 23] {
        [
            ("commands", self.commands),
            ("refused_commands", self.refused_commands),
            ("events", self.events),
            ("repeated_events", self.repeated_events),
            ("early_events", self.early_events),
            ("strange_events", self.strange_events),
            ("unreported", self.unreported),
            ("bad_datagrams", self.bad_datagrams),
            ("strangers", self.strangers),
            ("audits", self.audits),
            ("audit_misses", self.audit_misses),
            ("audit_corrections", self.audit_corrections),
            ("requests", self.requests),
            ("request_answers", self.request_answers),
            ("request_timeouts", self.request_timeouts),
            ("late_answers", self.late_answers),
            ("held_from_peers", self.held_from_peers),
            ("delivered", self.delivered),
            ("retries", self.retries),
            ("uncertain", self.uncertain),
            ("refused_events", self.refused_events),
            ("dropped_events", self.dropped_events),
            ("bad_replies", self.bad_replies),
        ]
    }
}
