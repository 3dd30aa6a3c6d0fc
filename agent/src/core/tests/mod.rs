//! guestAgent's core in virtual time: every rule of docs/protocol.md, "VIM REST" and the agent's part
//! of "Host-agent link", as scenarios.

mod audit;
mod commands;
mod consistency;
mod controller;
mod delivery;
mod inventory;
mod link;
mod loops;
mod peers;
mod properties;
mod questions;
mod queue;
mod repeats;
mod requests;
mod scale;
mod states;
