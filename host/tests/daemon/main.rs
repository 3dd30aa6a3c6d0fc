//! The real guestServer on real sockets, seen by its guests, its agent and its operator.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

mod agent;
mod background;
mod bad_datagrams;
mod bad_files;
mod bad_guests;
mod discovery;
mod flags;
mod guests;
mod harness;
mod lifecycle;
mod load;
