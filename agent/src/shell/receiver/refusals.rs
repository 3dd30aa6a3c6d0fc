//! What is refused or cut off here, counted by its reason.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::vim::{Reason, RestError};

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; NAMES.len()]);

/// What a connection ended by without an answer, or without being obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// What came is not HTTP.
    NotHttp,
    /// The headers did not come in time, or the client did not take its reply.
    TooSlow,
    /// It waited for its client while others waited for a place.
    GaveWay,
    /// It had to wait because all places were taken.
    Waited,
    /// It could not be accepted.
    NotAccepted,
}

const REASONS: [(u16, Reason); 11] = [
    (400, Reason::CommandParseError),
    (400, Reason::InvalidData),
    (400, Reason::BadState),
    (400, Reason::EntityNotFound),
    (403, Reason::InvalidData),
    (404, Reason::EntityNotFound),
    (405, Reason::UnsupportedHttpCommand),
    (408, Reason::NoBuffer),
    (411, Reason::NoBuffer),
    (413, Reason::NoBuffer),
    (503, Reason::BadState),
];

const CUTS: [Cut; 5] = [Cut::NotHttp, Cut::TooSlow, Cut::GaveWay, Cut::Waited, Cut::NotAccepted];

/// In the order of [`REASONS`], then of [`CUTS`].
const NAMES: [&str; REASONS.len() + CUTS.len()] = [
    "refused_400_parse_error",
    "refused_400_invalid_data",
    "refused_400_bad_state",
    "refused_400_unknown_host",
    "refused_403",
    "refused_404",
    "refused_405",
    "refused_408",
    "refused_411",
    "refused_413",
    "refused_503",
    "connections_not_http",
    "connections_too_slow",
    "connections_gave_way",
    "connections_waited",
    "connections_not_accepted",
];

impl Refusals {
    /// Every count with its name, for a status file or a metric.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// A request is answered with an error, here or by the core; how many were so by now.
    pub(super) fn refuse(&self, error: RestError) -> u64 {
        let is_it = |reason: &(u16, Reason)| *reason == (error.status, error.reason);
        REASONS.iter().position(is_it).map_or(0, |index| self.count(index))
    }

    /// A connection comes to this; how many did by now.
    pub(super) fn cut(&self, cut: Cut) -> u64 {
        let index = CUTS.iter().position(|known| *known == cut);
        index.map_or(0, |index| self.count(REASONS.len() + index))
    }

    fn count(&self, index: usize) -> u64 {
        self.0[index].fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_protocol_has_a_count_of_its_own() {
        let refusals = Refusals::default();
        let errors = [
            RestError::PARSE,
            RestError::INVALID_DATA,
            RestError::BAD_STATE,
            RestError::UNKNOWN_HOST,
            RestError::FORBIDDEN,
            RestError::NOT_FOUND,
            RestError::METHOD_NOT_ALLOWED,
            super::super::routes::TOO_SLOW,
            RestError::LENGTH_REQUIRED,
            RestError::TOO_LARGE,
            super::super::routes::BUSY,
        ];
        for (index, error) in errors.into_iter().enumerate() {
            assert_eq!(refusals.refuse(error), 1, "{error}");
            let (name, count) = refusals.named().nth(index).unwrap();
            assert!(name.contains(&error.status.to_string()) && count == 1, "{error}: {name}");
        }
        for (index, cut) in CUTS.into_iter().enumerate() {
            assert_eq!(refusals.cut(cut), 1, "{cut:?}");
            assert_eq!(refusals.named().nth(errors.len() + index).unwrap().1, 1, "{cut:?}");
        }
    }
}
