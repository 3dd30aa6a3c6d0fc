//! guestServer's core in virtual time: every rule of docs/protocol.md, "Host side" and the server's
//! part of "Host-agent link", as scenarios.

mod absence;
mod agent;
mod bad_input;
mod channels;
mod files;
mod guest;
mod heartbeat;
mod host;
mod loss;
mod properties;
mod requests;
mod stalls;
