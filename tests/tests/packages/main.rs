//! The packages, as `make packages` built them: what is in them, and what happens when they are
//! installed, started, upgraded and purged on a Debian of the test's own.
//!
//! `make test-packages` runs these: they need the packages, root, and programs that other tests do
//! not.

mod agent;
mod client;
mod contents;
mod debian;
mod library;
mod server;
