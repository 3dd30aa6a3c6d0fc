//! The one place where the daemons read a clock: monotonic, so that setting the time of day harms
//! no guest, and not counting suspend, so that a suspended host blames none.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the shell gives the core its time")]
/// The time.
pub fn now() -> Instant {
    Instant::now()
}
