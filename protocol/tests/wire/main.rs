//! The wire formats from outside: golden bytes, properties of any value, and bad input.

#![expect(clippy::unwrap_used, reason = "in a helper of tests it fails the test, as it should")]

mod bad_application;
mod bad_datagrams;
mod bad_lines;
mod bad_rest;
mod docs;
mod golden;
mod golden_application;
mod golden_datagrams;
mod golden_lines;
mod golden_marks;
mod golden_rest;
mod lines;
mod properties_application;
mod properties_datagrams;
mod properties_lines;
mod properties_marks;
mod properties_rest;
mod samples;
mod samples_application;
mod samples_rest;
