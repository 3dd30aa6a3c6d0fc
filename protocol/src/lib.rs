//! The wire formats of guest-heartbeat and nothing else: no I/O, no clock, no tasks.
//!
//! - [`channel`]: JSON lines between guestServer and the client in the guest
//!   (docs/protocol.md, "Guest channel").
//! - [`datagram`]: UDP between guestServer and guestAgent (docs/protocol.md, "Host-agent link").
//! - [`application`]: frames between the client and programs in the guest
//!   (docs/protocol.md, "Application API").
//! - [`vim`]: REST between guestAgent and the VIM (docs/protocol.md, "VIM REST").
//! - [`InstanceId`], [`Text`]: what they carry, kept within the limits that deployed peers survive.

pub mod application;
pub mod channel;
pub mod datagram;
mod id;
pub mod limits;
mod text;
pub mod vim;

pub use id::{InstanceId, NotAnInstanceId};
pub use text::Text;

/// Where a core gets its random numbers from: the operating system in a daemon, a seeded generator
/// in the simulator. Each call gives 32 fresh bits.
pub type Random = Box<dyn FnMut() -> u32 + Send>;
