//! The real client: a UNIX socket stands for its port.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

mod applications;
mod channel;
mod events;
mod harness;
mod health;
mod settings;
