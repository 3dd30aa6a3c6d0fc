//! The heartbeat client inside a guest.
//!
//! - [`core`]: every decision of the protocol, as a struct that is given the time and its input and
//!   gives back what to do. No I/O, so the simulator runs the same code in virtual time.
//! - [`shell`]: the port, the timer, the signals, the configuration file and the log around it.

pub mod app;
pub mod core;
pub mod shell;
