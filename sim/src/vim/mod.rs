//! A fake VIM on real sockets, with the quirks of the real one (docs/protocol.md, "VIM REST").
//!
//! [`FakeVim`] is both of its ends. Its event server takes one connection at a time while others
//! wait, so that an idle one blocks everything; it closes without a byte for what it has taken,
//! answers with HTTP/1.0 that only the close ends, reads a chunked body as empty, and says nothing
//! about what it does not know. Its driver sends commands as the real one does. What the VIM
//! believes and makes of an event is in [`View`], without sockets; what happened is in [`Record`]s.

mod call;
mod driver;
mod fake;
mod http;
mod manner;
pub mod order;
mod record;
mod server;
mod shared;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use protocol::vim::BodyError;

use crate::background::Ended;

pub use call::{Asked, GuestAnswer};
pub use driver::send;
pub use fake::FakeVim;
pub use manner::Manner;
pub use record::{Counts, Misstep, Record, What};
pub use shared::Records;
pub use view::{Consequence, Host, Instance, Reaction, View};

/// Something that a fake VIM is doing.
pub type Call<T> = crate::background::Call<T, Error>;

/// A VIM.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the event server listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// The agent's command receiver; may be told later.
    pub agent: Option<SocketAddr>,
    /// How long a connection may take to bring its request. It blocks everything as long.
    pub idle_limit: Duration,
    /// How long a command may take.
    pub give_up: Duration,
    /// How much longer than the agent says the VIM waits for a guest's answer.
    pub grace: Duration,
    /// Whether a reset follows the body of an answer. Meant for short ones: it may take back what
    /// the agent's buffer had no room for.
    pub resets: bool,
    /// Whether the agent is told when an event disagrees with the view.
    pub corrects: bool,
    /// What the VIM believes in the beginning.
    pub view: View,
}

impl Default for Settings {
    /// The real one's times, a free port, no agent, nothing known.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            agent: None,
            idle_limit: Duration::from_secs(15),
            give_up: Duration::from_secs(20),
            grace: Duration::ZERO,
            resets: false,
            corrects: true,
            view: View::default(),
        }
    }
}

/// What comes of a call that fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The VIM was dropped meanwhile.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// Nobody said where the agent is.
    #[error("the VIM was not told where the agent is")]
    NoAgent,
    /// No connection.
    #[error("cannot reach the agent: {0}")]
    Unreachable(io::ErrorKind),
    /// No whole reply in the time that the VIM takes for it.
    #[error("the agent did not reply in time")]
    GaveUp,
    /// The connection broke before the reply was there.
    #[error("the connection to the agent broke: {0}")]
    Broken(io::ErrorKind),
    /// Something else than an HTTP reply with a length or a close at its end.
    #[error("the agent's reply is not the HTTP that the VIM reads")]
    Unreadable,
    /// Another status than 2xx.
    #[error("the agent refuses: {status} {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// The reason in its body; empty if it has none.
        reason: String,
    },
    /// A 2xx with a body that does not belong there.
    #[error("the agent's reply with status {status} is not understood: {error}")]
    NotUnderstood {
        /// The status.
        status: u16,
        /// Why.
        error: BodyError,
    },
    /// What was waited for did not happen within the limit.
    #[error("it did not happen in time")]
    TimedOut,
}
