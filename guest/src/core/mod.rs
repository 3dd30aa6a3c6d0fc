//! What the client decides: when to announce itself, what to answer, whom to ask, when to begin
//! anew.
//!
//! [`Guest`] is all of it. Hand every happening to [`Guest::handle`] and [`Guest::handle_deadline`],
//! drain [`Guest::poll_output`] after each, and call again no later than [`Guest::next_deadline`].
//! Before a deadline is handled, hand in what was already readable: a challenge that waited in the
//! channel while the client was not scheduled is not a missing one.
//!
//! Where to look: the channel's life is in `client`, `silence` and `action`; the health script in
//! `check`, applications in `apps` and `app`, how they all make one health in `health`; whom an
//! event is asked and how the answers make one in `question`.
//!
//! Time is that of `CLOCK_MONOTONIC`, which stands still while the guest is suspended or paused: a
//! time in which nobody in the guest could do anything is nobody's silence. (`CLOCK_BOOTTIME` would
//! count hours of suspension and have them all excused again.)

mod action;
mod app;
mod apps;
mod check;
mod client;
mod config;
mod counters;
pub mod guest;
mod health;
mod io;
mod limiter;
mod pace;
mod question;
mod silence;
mod timer;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use apps::{ApplicationCrash, CONNECTIONS_MAX};
pub use check::ScriptEnd;
pub use client::Client;
pub use config::{Config, INTERVAL_MIN, TIME_MAX};
pub use counters::{Counters, Dropped};
pub use guest::{AppKey, Guest, RunId, Settings};
pub use health::HealthReport;
pub use io::{Ask, AskId, Cause, Input, Note, Output, State};
pub(crate) use limiter::Limiter;
