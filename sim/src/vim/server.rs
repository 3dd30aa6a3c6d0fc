//! The event server: one connection at a time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::vim::VimRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::http::{self, ReadError};
use super::manner::Manner;
use super::record::{Misstep, What};
use super::shared::{Presence, Shared};

/// Connections that wait; the real one has five.
const BACKLOG: u32 = 5;

/// A port that stays ours while nobody listens on it: connections are refused, and the kernel gives
/// it to nobody who asks for a free one.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    pub(super) fn hold(address: SocketAddr) -> io::Result<Self> {
        let held = socket(address)?;
        Ok(Self { address: held.local_addr()?, _held: held })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Needs a reactor.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        socket(self.address)?.listen(BACKLOG)
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until it is dropped.
pub(super) async fn serve(shared: Arc<Shared>, port: Port, mut listener: TcpListener) {
    loop {
        tokio::select! {
            () = until_away(&shared) => {}
            never = attend_all(&shared, &listener) => match never {},
        }
        drop(listener);
        shared.record(What::Away);
        shared.listening.send_replace(false);
        until_back(&shared).await;
        match port.listen() {
            Ok(again) => listener = again,
            Err(error) => return shared.record(What::Down(error.kind())),
        }
        shared.record(What::Back);
        shared.listening.send_replace(true);
    }
}

async fn until_away(shared: &Shared) {
    let mut presence = shared.presence.subscribe();
    // An error is the end of the VIM, which drops this.
    let _ = presence.wait_for(|presence| *presence != Presence::Here).await;
}

async fn until_back(shared: &Shared) {
    let mut presence = shared.presence.subscribe();
    loop {
        let now = *presence.borrow_and_update();
        match now {
            Presence::Here => return,
            Presence::Away { until: None } => drop(presence.changed().await),
            Presence::Away { until: Some(until) } => {
                // Whichever comes first; another order in the meantime holds.
                if tokio::time::timeout_at(until.into(), presence.changed()).await.is_err() {
                    shared.presence.send_if_modified(|order| end(order, now));
                }
            }
        }
    }
}

/// The time of this order is over.
fn end(order: &mut Presence, over: Presence) -> bool {
    let holds = *order == over;
    if holds {
        *order = Presence::Here;
    }
    holds
}

async fn attend_all(shared: &Shared, listener: &TcpListener) -> Infallible {
    loop {
        // An error is a connection that went while it waited.
        if let Ok((stream, _)) = listener.accept().await {
            attend(shared, stream).await;
        }
    }
}

async fn attend(shared: &Shared, mut stream: TcpStream) {
    match read(shared, &mut stream).await {
        Err(misstep) => shared.record(What::Misstep(misstep)),
        Ok(request) => {
            let (manner, answer) = shared.take(request);
            // An agent that has gone does not get its answer.
            let _ = respond(shared, stream, manner, answer).await;
        }
    }
}

async fn read(shared: &Shared, stream: &mut TcpStream) -> Result<VimRequest, Misstep> {
    let request = timeout(shared.settings.idle_limit, http::read_request(stream)).await;
    let request = request.map_err(|_| Misstep::Idle)?.map_err(Misstep::from)?;
    for misstep in &request.missteps {
        shared.record(What::Misstep(*misstep));
    }
    VimRequest::decode(&request.method, &request.path, &request.body)
        .map_err(Misstep::NotUnderstood)
}

async fn respond(
    shared: &Shared,
    mut stream: TcpStream,
    manner: Manner,
    answer: Option<Vec<u8>>,
) -> io::Result<()> {
    match manner {
        Manner::Normal => {}
        Manner::Slow(time) => tokio::time::sleep(time).await,
        Manner::Garbage => return stream.write_all(b"\0\xff{ not HTTP").await,
        Manner::WrongTypes => {
            let body = br#"{"uuid":7,"hostname":[],"state":{},"instances":"none"}"#;
            return http::write_answer(&mut stream, "200 OK", body).await;
        }
        Manner::Fail => {
            return http::write_answer(&mut stream, "500 Internal Server Error", b"{}").await;
        }
        Manner::Hang => return hang(shared, stream).await,
        Manner::Reset => return reset(&stream),
    }
    let Some(body) = answer else { return Ok(()) };
    http::write_answer(&mut stream, "200 OK", &body).await?;
    if shared.settings.resets { reset(&stream) } else { Ok(()) }
}

/// The close that follows is a reset.
fn reset(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    Ok(())
}

async fn hang(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    let mut manner = shared.manner.subscribe();
    let mut rest = [0; 1024];
    loop {
        tokio::select! {
            _ = manner.changed() => return Ok(()),
            read = stream.read(&mut rest) => if read? == 0 { return Ok(()) },
        }
    }
}

impl From<ReadError> for Misstep {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Empty => Self::Empty,
            ReadError::Cut => Self::Cut,
            ReadError::Io(error) => Self::Broke(error.kind()),
            ReadError::NotHttp => Self::NotHttp,
            ReadError::TooLong => Self::TooLong,
            ReadError::Chunked => Self::Chunked,
        }
    }
}
