//! The one place of the simulator that reads the clock. Virtual time does not pass here.

use std::time::Instant;

/// The time of the machine.
#[expect(clippy::disallowed_methods, reason = "fakes that serve real sockets live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
