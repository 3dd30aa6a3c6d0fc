//! The numbers that decide, in one place.

use std::time::Duration;

/// Between two audits of a host.
pub(super) const AUDIT: Duration = Duration::from_secs(10);
/// From the start, or from the moment a host becomes known, to the first questions about it.
pub(super) const FIRST_QUERY: Duration = Duration::from_secs(2);
/// Until a question that the VIM did not answer is asked again.
pub(super) const QUERY_AGAIN: Duration = Duration::from_secs(10);
/// Least time between two requests for the inventory.
pub(super) const INVENTORY: Duration = Duration::from_secs(5);
/// Longest wait between requests for the inventory while no host is known.
pub(super) const INVENTORY_WAIT_MAX: Duration = Duration::from_mins(1);
/// Longest wait between requests for the inventory once hosts are known: the answer to one may have
/// been lost in part.
pub(super) const INVENTORY_AGAIN_MAX: Duration = Duration::from_mins(5);
/// How long after the guest's own time the agent answers a vote or notification for a host that
/// does not.
pub(super) const ANSWER_GRACE: Duration = Duration::from_millis(850);
/// After that time, for what has come by then: a controller that was held up must not answer for a
/// guest whose answer it has not read yet.
pub(super) const LAST_LOOK: Duration = Duration::from_millis(50);
/// First wait after a delivery that failed; it doubles.
pub(super) const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a delivery that failed.
pub(super) const RETRY_MAX: Duration = Duration::from_secs(30);
/// Longest time that an instance stands aside after the VIM failed over an event of it.
pub(super) const ASIDE_MAX: Duration = Duration::from_secs(10);
/// How long an event is sent that the VIM answers with an error of its own while it takes others.
pub(super) const REFUSED_FOR: Duration = Duration::from_mins(10);
/// Events that wait for the VIM; beyond it the oldest status goes first.
pub(super) const QUEUE_MAX: usize = 100_000;
/// Instances that a server which is not known to be ours is told about: one more kills it.
pub(super) const PEER_INSTANCES_MAX: usize = 100;
/// Rounds without an answer after which a server that is not ours is taken for one that was started
/// anew and knows nothing.
pub(super) const SILENT: u32 = 3;
/// Deleted hosts of which is remembered what their servers have reported.
pub(super) const FORMER_HOSTS_MAX: usize = 1000;
/// Instances that are known at once; more are refused.
pub(super) const INSTANCES_MAX: usize = 200_000;
/// Votes and notifications of one instance that wait for an answer at once.
pub(super) const REQUESTS_MAX: usize = 16;
/// Repeated events that are recognised without a gap between them, for each host.
pub(super) const SEEN_IDS_MAX: u32 = 1 << 16;
/// Gaps between these; a server with ten thousand instances may lose them all at once.
pub(super) const SEEN_RANGES_MAX: usize = 1 << 14;
/// Rounds in which a server is asked again after something was deleted there.
pub(super) const LINGER: u8 = 2;
/// Longest time that a guest gets for an answer, in seconds: what our server allows.
pub(super) const ANSWER_SECS_MAX: u32 = 3600;
