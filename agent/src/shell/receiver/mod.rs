//! The command receiver: the VIM's commands over HTTP/1.1 (docs/protocol.md, "VIM REST"; the same
//! for machines in docs/guest-agent-openapi.yaml).
//!
//! It knows sockets, limits and statuses, and nothing about hosts or instances: what a request says
//! is read by [`VimCommand::decode`], what is answered is decided by the core, to which each command
//! goes as an [`Asked`]. One request a connection; a connection never outlives its [`Limits`]. Of
//! everything that is refused there is a count in [`Refusals`].

mod connection;
mod places;
mod refusals;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::vim::{CommandReply, RestError, VimCommand};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};

use places::Places;
use refusals::Cut;
pub use refusals::Refusals;

/// Connections that the kernel holds while all places are taken.
const BACKLOG: u32 = 1024;
/// How long nothing is accepted after accepting failed, as it does without free descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// What the VIM wants.
    pub command: VimCommand,
    /// Where the answer goes. If it is closed, nobody waits any more: the VIM was told that the
    /// command failed, so it must not be obeyed.
    pub reply: oneshot::Sender<Result<CommandReply, RestError>>,
}

/// What one client may take. Every test of a limit brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are served at once; one more is accepted and waits for its place, others in
    /// the listener's backlog.
    pub connections: usize,
    /// How long a connection without a whole request keeps its place while another one waits; so
    /// does one that was answered and is not closed.
    pub fair: Duration,
    /// From the connection to the last byte of the request.
    pub receive: Duration,
    /// From the request to the core's answer; after that the VIM gets a 503.
    pub answer: Duration,
    /// A whole connection, also one whose client does not read the reply.
    pub whole: Duration,
    /// After the reply: how long the client may take to close.
    pub linger: Duration,
}

impl Default for Limits {
    /// The VIM itself gives up after 20 s.
    fn default() -> Self {
        Self {
            connections: 64,
            fair: Duration::from_millis(100),
            receive: Duration::from_secs(10),
            answer: Duration::from_secs(5),
            whole: Duration::from_secs(20),
            linger: Duration::from_secs(1),
        }
    }
}

/// Listens where the VIM sends its commands.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until it is dropped; it never returns. Connections under way go on without it.
pub async fn serve(
    listener: TcpListener,
    commands: mpsc::Sender<Asked>,
    limits: Limits,
    refusals: Arc<Refusals>,
) {
    let places = Places::new(limits.connections, limits.fair);
    let routes = routes::Routes::new(commands, limits.answer, Arc::clone(&refusals));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = match places.try_take() {
                    Some(place) => place,
                    None => wait_for_place(&places, &refusals).await,
                };
                tokio::spawn(connection::serve(stream, routes.clone(), limits, place));
            }
            Err(error) => {
                let failures = refusals.cut(Cut::NotAccepted);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "cannot accept a connection of the VIM");
                }
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn wait_for_place(places: &Arc<Places>, refusals: &Refusals) -> places::Place {
    let waited = refusals.cut(Cut::Waited);
    if waited.is_power_of_two() {
        tracing::warn!(waited, "all places for connections of the VIM are taken");
    }
    let (place, gave_way) = places.take().await;
    if gave_way {
        refusals.cut(Cut::GaveWay);
    }
    place
}
