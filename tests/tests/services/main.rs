//! guestServer and guestAgent as services: everything of `packaging` with the real binaries.

mod files;
mod notify;
mod ocf;
mod scripts;
mod units;
