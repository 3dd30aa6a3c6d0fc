//! guestAgent as a process, with the test as its VIM and as the servers of its hosts.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::CorrectiveAction;
use protocol::datagram::{
    Command as ToServer, DATAGRAM_MAX, Event, EventId, InstanceInfo, MarkedCommand, Switch,
};
use protocol::vim::{VimCommand, VimEvent, VimRequest};
use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing takes this long unless it never ends.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running agent; ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    events: mpsc::Receiver<VimEvent>,
}

/// The guestServer of one host.
pub(crate) struct Server {
    socket: UdpSocket,
    number: u64,
}

impl Server {
    /// On this address, if it is free; all servers of a test are on one port.
    pub(crate) fn on(number: u64, address: SocketAddr) -> Option<Self> {
        let socket = UdpSocket::bind(address).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(Self { socket, number })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The next command like this one, who sent it, and its text.
    pub(crate) fn command(&self, wanted: impl Fn(&MarkedCommand) -> bool) -> (SocketAddr, String) {
        let mut buffer = [0; DATAGRAM_MAX];
        loop {
            let (length, from) = self.socket.recv_from(&mut buffer).expect("such a command comes");
            let datagram = &buffer[..length];
            if wanted(&ToServer::decode_marked(datagram).unwrap()) {
                return (from, String::from_utf8_lossy(&datagram[100..]).into_owned());
            }
        }
    }

    /// The next command that is exactly this one, and who sent it.
    pub(crate) fn hears(&self, wanted: &ToServer) -> (SocketAddr, String) {
        self.command(|marked| marked.command == *wanted)
    }

    /// Who acknowledges the event.
    pub(crate) fn acknowledged(&self, id: EventId) -> SocketAddr {
        self.command(|marked| marked.acknowledges == Some(id)).0
    }

    /// Says something to the agent.
    pub(crate) fn say(&self, to: SocketAddr, event: &Event, id: Option<EventId>) {
        let mut datagram = Vec::new();
        event.encode_marked(id, &mut datagram);
        self.socket.send_to(&datagram, to).unwrap();
    }

    /// What it says of its instance.
    pub(crate) fn info(&self) -> InstanceInfo {
        InstanceInfo {
            hostname: self.hostname().as_str().into(),
            uuid: self.instance(),
            reporting: Switch::Enabled,
            heartbeating: Switch::Enabled,
            repair_action: CorrectiveAction::Reboot,
            restart_secs: 121,
            shutdown_secs: 11,
            suspend_secs: 11,
            resume_secs: 11,
            vote_secs: 11,
        }
    }

    /// Its instance is lost.
    pub(crate) fn loss(&self) -> Event {
        Event::Loss { hostname: self.hostname().as_str().into(), uuid: self.instance() }
    }

    /// The one instance of its host.
    pub(crate) fn instance(&self) -> InstanceId {
        InstanceId::numbered(self.number)
    }

    fn host(&self) -> InstanceId {
        InstanceId::numbered(1000 + self.number)
    }

    fn hostname(&self) -> String {
        format!("compute-{}", self.number)
    }
}

impl Daemon {
    /// An agent that listens there, for these servers, all on one port. `reply` is how the VIM
    /// answers each of its requests: with these bytes, and a close.
    pub(crate) fn start(
        listen: &[&str],
        servers: &[&Server],
        reply: impl FnMut(&VimRequest) -> &'static [u8] + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hosts.toml"), inventory(servers)).unwrap();
        let vim = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_guestAgent"));
        // A GUEST_AGENT_DAEMON of the caller would send it to the background, out of reach.
        command.env_clear().stdin(Stdio::null());
        command.args(["--config", "/dev/null", "--mtc-conf", "/dev/null"]);
        command.args(["--vim-config", "/dev/null", "--listen-vim", "127.0.0.1:0"]);
        command.args(["--maintenance-listen", "127.0.0.1:0"]);
        command.args(["--vim", &vim.local_addr().unwrap().to_string()]);
        command.args(["--server-port", &servers[0].address().port().to_string()]);
        for address in listen {
            command.args(["--listen", address]);
        }
        for (flag, file) in [
            ("--hosts", "hosts.toml"),
            ("--pid-file", "pid"),
            ("--status-file", "status"),
            ("--log-file", "log"),
        ] {
            command.arg(flag).arg(folder.path().join(file));
        }
        let (heard, events) = mpsc::channel();
        std::thread::spawn(move || be_the_vim(&vim, &heard, reply));
        let daemon = Self { child: command.spawn().unwrap(), folder, events };
        daemon.file("pid");
        daemon
    }

    /// Where it takes events of servers, in the order of its addresses.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listens_for("guestServers' events")
    }

    /// The VIM sends a request of its own making; the status of the answer.
    pub(crate) fn asked(&self, request: &str) -> u16 {
        let mut stream = TcpStream::connect(self.listens_for("the VIM")[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The VIM commands something, which is obeyed.
    pub(crate) fn command(&self, command: &VimCommand) {
        let body = command.body().map(|body| String::from_utf8(body).unwrap()).unwrap_or_default();
        let (method, path) = (command.method(), command.path());
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(self.asked(&(head + &body)), 200, "{command:?}");
    }

    /// The VIM wants failures of a server's instance reported.
    pub(crate) fn report(&self, server: &Server) {
        let hostname: protocol::datagram::Hostname = server.hostname().as_str().into();
        let (uuid, reporting) = (server.instance(), Switch::Enabled);
        self.command(&VimCommand::HostEnable { uuid: server.host(), hostname: hostname.clone() });
        self.command(&VimCommand::InstanceSet { uuid, hostname, reporting });
    }

    /// The next event about the instance of a server.
    pub(crate) fn event(&self, server: &Server) -> VimEvent {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event comes");
            if event.uuid() == server.instance() {
                return event;
            }
        }
    }

    /// The lines of the status file, freshly written.
    pub(crate) fn status(&self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::USR1).unwrap();
        self.file("status").lines().map(str::to_owned).collect()
    }

    /// The text of a file, as soon as it is there.
    fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let a_moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        let moments = PATIENCE.as_millis() / 2;
        for _ in 0..moments {
            if let Ok(text) = std::fs::read_to_string(&path) {
                return text;
            }
            // A signal that ends it early does no harm.
            let _ = poll(&mut [], Some(&a_moment));
        }
        panic!("no {name}; the log is:\n{}", self.log());
    }

    fn listens_for(&self, whom: &str) -> Vec<SocketAddr> {
        let (log, words) = (self.log(), format!("listening for {whom} address="));
        let found = log.split(&words).skip(1);
        found.map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap()).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Errors: it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn inventory(servers: &[&Server]) -> String {
    let entry = |server: &&Server| {
        let (name, uuid) = (server.hostname(), server.host());
        let ip: IpAddr = server.address().ip();
        format!("[[host]]\nhostname = \"{name}\"\nuuid = \"{uuid}\"\nip = \"{ip}\"\n")
    };
    servers.iter().map(entry).collect()
}

/// Until the test, and with it this process or the listener's other end, is gone.
fn be_the_vim(
    vim: &TcpListener,
    heard: &mpsc::Sender<VimEvent>,
    mut reply: impl FnMut(&VimRequest) -> &'static [u8],
) {
    for stream in vim.incoming() {
        let Ok(mut stream) = stream else { return };
        let request = read(&stream);
        // An agent that was ended does not get its answer.
        let _ = stream.write_all(reply(&request));
        if let VimRequest::Event(event) = request
            && heard.send(event).is_err()
        {
            return;
        }
    }
}

fn read(stream: &TcpStream) -> VimRequest {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "half a request: {head}");
    }
    let length = head.lines().find_map(|line| {
        line.to_lowercase().strip_prefix("content-length: ").map(|n| n.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut words = head.split(' ');
    VimRequest::decode(words.next().unwrap(), words.next().unwrap(), &body).unwrap()
}
