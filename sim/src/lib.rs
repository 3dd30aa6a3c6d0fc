//! Everything around the daemons, faked: channels with the quirks of the real one, guests, a world
//! in virtual time.
//!
//! - [`mod@bench`]: the real guestServer, measured from outside.
//! - [`channel`]: QEMU's virtio-serial channel as a pure model.
//! - [`cloud`]: several hosts, the real guestAgent, a VIM and maintenance in virtual time.
//! - [`demo`]: the real daemons in a play of faults.
//! - [`guest`]: a guest that follows a script, around the real client core.
//! - [`maintenance`]: mtcAgent, who hands the inventory of hosts to guestAgent.
//! - [`qemu`]: channels on real sockets, with such guests or real clients behind them.
//! - [`vim`]: the VIM on real sockets: its event server and its commands.
//! - [`soak`]: the real cores through hours of faults in seconds, with someone who watches.
//! - [`world`]: the host, its guests and its agent in virtual time.

pub mod background;
pub mod bench;
pub mod channel;
mod clock;
pub mod cloud;
pub mod demo;
pub mod guest;
pub mod histogram;
pub mod maintenance;
pub mod qemu;
pub mod soak;
pub mod vim;
pub mod world;
