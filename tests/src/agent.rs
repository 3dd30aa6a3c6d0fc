//! A guestAgent as small as can be, and the guestServer that it commands.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use protocol::InstanceId;
use protocol::datagram::{Command as ToServer, DATAGRAM_MAX, Event, Switch};

use crate::{LIMIT, Process, Scratch, binary};

/// The agent's end of the host-agent link, and a guestServer that was started for it.
#[derive(Debug)]
pub struct Agent {
    socket: UdpSocket,
    server: SocketAddr,
    /// It ends with the agent.
    _process: Process,
}

impl Agent {
    /// Starts guestServer for a folder of channels and waits until it says that it is ready.
    pub fn with_server(scratch: &Scratch, channels: &Path) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("127.0.0.1 is there");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit above zero");
        let address = socket.local_addr().expect("a bound socket has an address").to_string();
        let mut command = guest_server(scratch, "compute-0", channels);
        command.args(["--listen", "127.0.0.1:0", "--agent", &address]);
        let process = Process::start(&mut command);
        let (event, server) = receive(&socket);
        assert!(matches!(event, Event::Ready { .. }), "{event:?}");
        Self { socket, server, _process: process }
    }

    /// The next event of guestServer.
    pub fn event(&self) -> Event {
        receive(&self.socket).0
    }

    /// Sends a command.
    pub fn send(&self, command: &ToServer) {
        let mut datagram = Vec::new();
        command.encode("127.0.0.1", "", &mut datagram);
        self.socket.send_to(&datagram, self.server).expect("datagrams can be sent to 127.0.0.1");
    }

    /// Names an instance whose failures are to be reported.
    pub fn add(&self, uuid: InstanceId) {
        self.send(&ToServer::AddInstance { uuid, reporting: Switch::Enabled });
    }
}

/// guestServer with files in a folder; nothing of this machine changes it. Where it listens and where
/// its agent is are still to be said.
pub(crate) fn guest_server(scratch: &Scratch, hostname: &str, channels: &Path) -> Command {
    let file = |extension: &str| scratch.file(&format!("{hostname}.{extension}"));
    std::fs::write(file("ini"), "").expect("a file can be written in a new folder");
    let mut command = Command::new(binary("guestServer"));
    // A GUEST_SERVER_DAEMON of the caller would send it to the background, out of reach.
    command.env_clear();
    command.args(["--hostname", hostname]).arg("--config").arg(file("ini"));
    command.arg("--channel-dir").arg(channels);
    command.arg("--pid-file").arg(file("pid"));
    command.arg("--status-file").arg(file("info"));
    command.args(["--pulse-period-ms", "400", "--failure-threshold", "1"]);
    command.args(["--start-delay", "0", "--log-format", "text", "--log-level", "warn"]);
    command
}

fn receive(socket: &UdpSocket) -> (Event, SocketAddr) {
    let mut buffer = [0; DATAGRAM_MAX];
    let (length, from) = socket.recv_from(&mut buffer).expect("an event comes");
    (Event::decode(&buffer[..length]).expect("guestServer sends events"), from)
}
