//! The same for a whole cloud: the real core of guestAgent between some hosts and a VIM, in a
//! [`Cloud`](crate::cloud::Cloud). Each host is watched as if it were alone; [`Watch`] sees to what
//! reaches the VIM.
//!
//! - `plan`, `moves`: what goes wrong when, and what the VIM decides meanwhile;
//! - `watch`; `decisions`: what the VIM wants of whom, as far as that is watched;
//! - what it judges: `alarms`, `answers`, `order`, `view`, `bounds`;
//! - `run`: one run.

mod alarms;
mod answers;
mod bounds;
mod decisions;
mod moves;
mod order;
mod plan;
mod run;
mod view;
mod watch;

pub(super) use run::soak;
