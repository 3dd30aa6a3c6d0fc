//! guestServer: heartbeats the virtual machines of a compute host and reports to guestAgent those
//! that stop answering or say that they are unhealthy.
//!
//! - [`core`]: all decisions, pure: no I/O, no clock, no randomness of its own.
//! - [`config`]: flags, environment and ini file.
//! - [`shell`]: sockets, timers, inotify, signals, files.

pub mod config;
pub mod core;
pub mod shell;
