//! Between C and Rust: the functions that C calls, the callbacks that are called in C, and the texts
//! and structs that pass. What C gives is checked here; nothing of it is trusted further in.

#![expect(unsafe_code, reason = "a boundary to C: each block says why it is sound")]

mod callbacks;
mod environment;
mod exports;
mod init;
mod text;

pub use callbacks::Callbacks;
pub use exports::{
    guest_heartbeat_api_action_str, guest_heartbeat_api_deregister, guest_heartbeat_api_dispatch,
    guest_heartbeat_api_event_str, guest_heartbeat_api_finalize, guest_heartbeat_api_get_selobj,
    guest_heartbeat_api_initialize, guest_heartbeat_api_notify_str, guest_heartbeat_api_register,
    guest_heartbeat_api_send_action_response, guest_heartbeat_api_vote_result_str,
};
pub use init::InitData;
