//! Sizes that both ends of a wire rely on. Deployed peers copy what they receive into buffers of
//! these sizes, so what we send never exceeds them.

/// Longest line that is looked at, in bytes without its newline. A longer one is discarded up to
/// the next newline and counted.
pub const LINE_MAX: usize = 4096;
/// Longest object that we put on a guest channel, its two newlines included, in bytes.
pub const OBJECT_MAX: usize = 1056;
/// Shortest write that a deployed host takes from a guest channel, in bytes.
pub const WRITE_MIN: usize = 32;
/// `name` of an init, in bytes.
pub const NAME_MAX: usize = 63;
/// `log_msg` of any object, in bytes.
pub const LOG_MSG_MAX: usize = 223;
/// Any other string, in bytes: event names, echoed message types.
pub const WORD_MAX: usize = 31;
/// Largest integer that we send; a peer clamps larger ones.
pub const INT_MAX: u32 = i32::MAX as u32;
/// Host names on the host-agent link, in bytes: the longest that DNS allows.
pub const HOSTNAME_MAX: usize = 253;
