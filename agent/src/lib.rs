//! guestAgent: takes the orchestrator's (VIM's) commands, sends it events, and audits the state of
//! every instance against every guestServer. The VIM decides about reporting and does the repair.
//!
//! - [`core`]: all decisions, pure: no I/O, no clock, no randomness of its own.
//! - [`config`]: flags, environment and ini files.
//! - [`shell`]: sockets, HTTP, timers, signals, files.

pub mod config;
pub mod core;
pub mod shell;
