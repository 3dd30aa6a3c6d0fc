//! REST between the VIM, the orchestrator of the instances, and guestAgent (docs/protocol.md, "VIM
//! REST"): paths, bodies and statuses. No HTTP library and no sockets; headers other than the
//! `User-Agent` are the shell's.
//!
//! [`VimCommand`] goes from the VIM to the agent and is answered by a [`CommandReply`] or a
//! [`RestError`]. [`VimRequest`] goes from the agent to the VIM: an event, which is answered by
//! nothing, or a query, which is answered by a [`HostStateReply`] or an [`InstanceListReply`]. Each
//! type reads what it writes, so that the simulator can play the VIM.

mod command;
mod error;
mod event;
mod json;
mod reply;
mod request;
mod route;

pub use command::VimCommand;
pub use error::{BodyError, Reason, RestError};
pub use event::{AlarmState, GuestResponse, VimEvent};
pub use reply::{CommandReply, Services};
pub use request::{HostStateReply, InstanceListReply, ListedInstance, VimRequest};
pub use route::allowed_methods;

/// The `User-Agent` of the VIM.
pub const VIM_USER_AGENT: &str = "vim/1.0";
/// The `User-Agent` of the agent.
pub const AGENT_USER_AGENT: &str = "guest-agent/1.0";

/// The one service that instances are listed with.
const SERVICE: &str = "heartbeat";

/// Refuses a `User-Agent` header of anyone but the VIM; a request without one is taken.
pub fn check_user_agent(user_agent: Option<&[u8]>) -> Result<(), RestError> {
    match user_agent {
        Some(name) if name != VIM_USER_AGENT.as_bytes() => Err(RestError::FORBIDDEN),
        _ => Ok(()),
    }
}
