//! What the client decides: when to announce itself, what to answer, when to begin anew.
//!
//! Hand every happening to [`Client::handle`] and [`Client::handle_deadline`], drain
//! [`Client::poll_output`] after each, and call again no later than [`Client::next_deadline`].
//! Before a deadline is handled, hand in what was already readable: a challenge that waited in the
//! channel while the client was not scheduled is not a missing one.

mod action;
mod client;
mod config;
mod counters;
mod health;
mod io;
mod limiter;
mod silence;
mod timer;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use config::{Config, INTERVAL_MIN, TIME_MAX};
pub use counters::{Counters, Dropped};
pub use health::HealthReport;
pub use io::{Ask, AskId, Cause, Input, Note, Output, State};
pub(crate) use limiter::Limiter;
