//! The application's side of the application API (docs/protocol.md, "Application API"), without I/O.
//!
//! An [`Application`] is given what was read and what the program answers; it gives back what to
//! send and what to ask the program. The C library and the Rust API of the client are shells around
//! it: they own the socket, and decide how a program is asked.
//!
//! The contract, as a shell sees it:
//! 1. Connect, then [`Application::register`].
//! 2. After each call: send what [`Application::poll_frame`] gives until it gives nothing, then deal
//!    with what [`Application::poll_event`] gives until it gives nothing.
//! 3. What was read goes into [`Application::receive`]; an end of the connection, and a frame that
//!    could not be sent, is [`Application::connection_lost`].
//! 4. Answers go into [`Application::answer_health`] and [`Application::answer`] whenever they are
//!    ready.

mod application;
#[cfg(test)]
mod tests;

pub use application::{Application, Event, HealthReport, NotConnected};
