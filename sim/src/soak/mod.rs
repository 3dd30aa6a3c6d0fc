//! Thousands of guests live through hours of faults in seconds: the real cores in a
//! [`World`](crate::world::World) or [`Cloud`](crate::cloud::Cloud) of virtual time, with someone who
//! watches.
//!
//! - [`run`]: one run, decided by its seed; [`run_all`]: many;
//! - `plan`, `faults`: what goes wrong when;
//! - `invariants`: what must be true all the same;
//! - `cloud`: the same with several hosts, the real guestAgent and a VIM;
//! - `report`, `trace`: what is said of it.

mod cloud;
mod faults;
mod invariants;
mod plan;
mod report;
pub mod run;
mod seeds;
mod trace;

pub use faults::Fault;
pub use invariants::Judged;
pub use report::{Summary, describe};
pub use run::{Failure, Outcome, SHORTEST, Settings, soak};
pub use seeds::{Runs, run_all};
pub use trace::Print;
