//! The command receiver and the event transmitter over real sockets on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

mod bad_requests;
mod bad_vim;
mod commands;
mod events;
mod golden;
mod limits;
mod openapi;
mod receiver;
mod refusals;
mod vim;
