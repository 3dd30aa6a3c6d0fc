//! Faults of the server itself, for proving that an onlooker would find them.

use std::time::Duration;

/// Something that no server may do, done by the world in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// What one instance writes does not reach the core.
    Deaf {
        /// Which.
        number: usize,
        /// From when on, counted from the beginning of the world.
        after: Duration,
    },
    /// A dead guest's challenges are answered in its place.
    Resurrect,
    /// Answers to votes and notifications are not sent.
    SwallowAnswers,
    /// Answers to votes and notifications are sent twice.
    RepeatAnswers,
    /// A loss is sent for whoever stops, wanted or not.
    ReportThoughOff,
    /// Losses are not sent.
    SwallowLosses,
    /// "Heartbeat stopped" is not sent.
    SwallowStops,
    /// Every challenge goes out twice.
    Hasty,
}
