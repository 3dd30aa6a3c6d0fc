//! The real guestAgent: its addresses, its status file, its patience with the VIM.

mod addresses;
mod errors;
mod harness;
