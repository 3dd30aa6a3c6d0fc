//! `libguest_heartbeat_api`: programs in C register with the client, and have a say in what happens
//! to the guest (`guest_heartbeat_api.h`, docs/application-api.md).
//!
//! - `boundary`: the functions that C calls and the callbacks that are called in C. The only module
//!   with unsafe code: what comes from C is checked there and is safe everywhere else.
//! - `library`: what these functions do. The protocol is `guest_application`'s.
//! - `connection`: the socket, which never blocks.
//! - `words`: names of the numbers, for people.
//!
//! A panic never unwinds into C: each function is `extern "C"`, which aborts instead, and the release
//! profile aborts at the panic. None is known that a program or a client could cause.

mod boundary;
mod connection;
mod library;
mod words;

pub use boundary::{
    Callbacks, InitData, guest_heartbeat_api_action_str, guest_heartbeat_api_deregister,
    guest_heartbeat_api_dispatch, guest_heartbeat_api_event_str, guest_heartbeat_api_finalize,
    guest_heartbeat_api_get_selobj, guest_heartbeat_api_initialize, guest_heartbeat_api_notify_str,
    guest_heartbeat_api_register, guest_heartbeat_api_send_action_response,
    guest_heartbeat_api_vote_result_str,
};
pub use library::GuestApiError;
