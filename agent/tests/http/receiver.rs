//! A command receiver on a port of its own, and a client that sends bytes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use guest_agent::core::{GuestAgent, Input};
use guest_agent::shell::receiver::{Asked, Limits, Refusals, listen, serve};
use protocol::InstanceId;
use protocol::channel::CorrectiveAction;
use protocol::datagram::{Event, Host, Hostname, InstanceInfo, Switch};
use protocol::vim::VimCommand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Nothing takes this long unless it never ends.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const HOST: &str = "b2f1c0de-1111-4222-8333-444455556666";
pub(crate) const OTHER_HOST: &str = "b2f1c0de-1111-4222-8333-444455557777";
pub(crate) const NO_HOST: &str = "b2f1c0de-1111-4222-8333-000000000000";
/// Heartbeats on [`HOST`], which is called compute-0.
pub(crate) const INSTANCE: &str = "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b";
pub(crate) const NO_INSTANCE: &str = "3e7a3d5e-0f2c-4b7a-9a55-000000000000";

/// A receiver whose commands go to the test.
pub(crate) fn start(limits: Limits) -> (SocketAddr, mpsc::Receiver<Asked>) {
    start_counting(limits, Arc::default())
}

/// The same, where what it refuses is counted.
pub(crate) fn start_counting(
    limits: Limits,
    refusals: Arc<Refusals>,
) -> (SocketAddr, mpsc::Receiver<Asked>) {
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (commands, asked) = mpsc::channel(1024);
    tokio::spawn(serve(listener, commands, limits, refusals));
    (address, asked)
}

/// One of the counts.
pub(crate) fn count(refusals: &Refusals, name: &str) -> u64 {
    refusals.named().find(|(known, _)| *known == name).expect(name).1
}

/// A receiver in front of a core that knows two hosts, compute-0 and compute-1, and one instance.
pub(crate) fn start_agent() -> SocketAddr {
    start_agent_counting(Limits::default(), Arc::default())
}

/// The same, with other limits, where what is refused is counted.
pub(crate) fn start_agent_counting(limits: Limits, refusals: Arc<Refusals>) -> SocketAddr {
    let (address, mut asked) = start_counting(limits, refusals);
    let mut core = core();
    tokio::spawn(async move {
        while let Some(Asked { command, reply }) = asked.recv().await {
            let answer = core.command(Instant::now().into_std(), command);
            while core.poll_output().is_some() {}
            // A client of these tests may have gone away.
            let _ = reply.send(answer);
        }
    });
    address
}

fn core() -> GuestAgent {
    let now = Instant::now().into_std();
    let mut core = GuestAgent::new(now, Box::new(|| 0));
    let ip = |last| IpAddr::from([127, 0, 0, last]);
    let hosts = [(HOST, "compute-0", 2), (OTHER_HOST, "compute-1", 3)];
    let hosts = hosts.map(|(uuid, name, last)| Host {
        hostname: Hostname::from(name),
        uuid: InstanceId::new(uuid).unwrap(),
        ip: ip(last),
        personality: "worker".into(),
    });
    core.handle(now, Input::HostsFile(hosts.to_vec()));
    let info = info();
    let (uuid, hostname) = (info.uuid, info.hostname.clone());
    core.command(now, VimCommand::InstanceCreate { uuid, hostname }).unwrap();
    let mut datagram = Vec::new();
    Event::Running(info).encode(&mut datagram);
    core.handle(now, Input::Datagram { from: ip(2), bytes: &datagram });
    core
}

fn info() -> InstanceInfo {
    InstanceInfo {
        hostname: Hostname::from("compute-0"),
        uuid: InstanceId::new(INSTANCE).unwrap(),
        reporting: Switch::Enabled,
        heartbeating: Switch::Enabled,
        repair_action: CorrectiveAction::Reboot,
        restart_secs: 121,
        shutdown_secs: 31,
        suspend_secs: 21,
        resume_secs: 16,
        vote_secs: 11,
    }
}

/// A reply as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head that ends");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status: status.parse().unwrap(), headers: headers.collect(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Status and body of what a well-behaved VIM gets.
pub(crate) async fn ask(
    agent: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> (u16, String) {
    let reply = exchange(agent, &request(method, path, body)).await;
    (reply.status, reply.body)
}

/// A request with the headers of the VIM.
pub(crate) fn request(method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
    let length = body.map(|body| format!("Content-Length: {}\r\n", body.len()));
    format!(
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nHost: localhost:2410\r\n\
         User-Agent: vim/1.0\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         X-Auth-Token: 0123456789abcdef\r\n{}\r\n{}",
        length.unwrap_or_default(),
        body.unwrap_or_default(),
    )
    .into_bytes()
}

/// Sends bytes and reads the reply until the agent closes, while the client's side stays open.
pub(crate) async fn exchange(agent: SocketAddr, bytes: &[u8]) -> Reply {
    let raw = exchange_raw(agent, bytes).await;
    assert!(!raw.is_empty(), "closed without a reply: {}", String::from_utf8_lossy(bytes));
    Reply::parse(&raw)
}

/// The same, when there may be no reply.
pub(crate) async fn exchange_raw(agent: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(agent).await.unwrap();
    // An agent that has heard enough may close before it has read all.
    let _ = stream.write_all(bytes).await;
    read_all(&mut stream).await
}

/// What comes until the agent closes.
pub(crate) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the agent closes");
    read
}

/// The same as a reply.
pub(crate) async fn read_reply(stream: &mut TcpStream) -> Reply {
    Reply::parse(&read_all(stream).await)
}

/// The next command that the receiver asks about.
pub(crate) async fn next(asked: &mut mpsc::Receiver<Asked>) -> Asked {
    timeout(PATIENCE, asked.recv()).await.expect("a command comes").expect("the receiver lives")
}
