//! The libraries as C sees them: programs in C against a client, and the files that are installed.

#![expect(clippy::unwrap_used, reason = "in a helper of tests it fails the test, as it should")]

mod client;
mod files;
mod misuse;
mod program;
mod sample;
