//! The subcommands: what each is asked for and what it prints. The work is in the library.

pub(crate) mod bench;
mod console;
pub(crate) mod demo;
pub(crate) mod guests;
mod hosts;
pub(crate) mod maintenance;
pub(crate) mod soak;
pub(crate) mod vim;
