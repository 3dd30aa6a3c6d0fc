//! An event server of which a test writes every byte.

use std::net::Ipv4Addr;
use std::time::Duration;

use guest_agent::core::Outcome;
use guest_agent::shell::transmitter::{Limits, Transmitter};
use protocol::InstanceId;
use protocol::channel::CorrectiveAction;
use protocol::datagram::Hostname;
use protocol::vim::{AlarmState, VimEvent, VimRequest};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const UUID: &str = "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b";
/// Nothing takes this long unless it never ends.
const PATIENCE: Duration = Duration::from_mins(1);

/// A listener on a port of its own, and a transmitter to it.
pub(crate) struct Vim {
    pub(crate) listener: TcpListener,
    pub(crate) transmitter: Transmitter,
}

impl Vim {
    pub(crate) async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let transmitter = transmitter(&listener, limits);
        Self { listener, transmitter }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> TcpStream {
        timeout(PATIENCE, self.listener.accept()).await.expect("a connection comes").unwrap().0
    }

    /// What becomes of `request` while `script` plays the VIM with its connection.
    pub(crate) async fn outcome_of<F: Future<Output = ()>>(
        &self,
        request: &VimRequest,
        script: impl FnOnce(TcpStream) -> F,
    ) -> Outcome {
        let played = async { script(self.accept().await).await };
        let both = async { tokio::join!(self.transmitter.send(request), played) };
        timeout(PATIENCE, both).await.expect("the request comes to an end").0
    }
}

pub(crate) fn transmitter(listener: &TcpListener, limits: Limits) -> Transmitter {
    let address = listener.local_addr().unwrap();
    Transmitter::new(&format!("http://{address}"), limits).unwrap()
}

/// An event.
pub(crate) fn alarm() -> VimRequest {
    VimRequest::Event(VimEvent::Alarm {
        uuid: InstanceId::new(UUID).unwrap(),
        hostname: Hostname::from("compute-0"),
        state: AlarmState::Failed,
        repair_action: CorrectiveAction::Reboot,
    })
}

/// A request as its bytes.
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Reads a request as the VIM does: a body has a `Content-Length` or is none.
pub(crate) async fn receive(stream: &mut TcpStream) -> Received {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut received = Received { head, body: Vec::new() };
    let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    received.body = vec![0; length];
    stream.read_exact(&mut received.body).await.unwrap();
    received
}
