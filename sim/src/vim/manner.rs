//! How the event server behaves towards a request that it has read.

use std::fmt;
use std::time::Duration;

/// A manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As the real VIM on a good day.
    #[default]
    Normal,
    /// The same, so much later.
    Slow(Duration),
    /// Takes the request and answers with bytes that are not HTTP.
    Garbage,
    /// Takes the request and answers 200 with JSON of other types than those expected.
    WrongTypes,
    /// Answers 500 and has not taken the request.
    Fail,
    /// Takes the request, says nothing and never closes; the agent's close or another manner ends
    /// it. Meanwhile everything is blocked.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
}

impl Manner {
    /// Whether the VIM takes what it answers in this manner.
    pub fn takes(self) -> bool {
        self != Self::Fail
    }
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Slow(time) => write!(f, "slow {}", time.as_secs_f64()),
            Self::Garbage => f.write_str("garbage"),
            Self::WrongTypes => f.write_str("wrong-types"),
            Self::Fail => f.write_str("fail"),
            Self::Hang => f.write_str("hang"),
            Self::Reset => f.write_str("reset"),
        }
    }
}
