//! The commands `guest-sim vim` and `guest-sim maintenance`.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use protocol::InstanceId;
use protocol::datagram::{DATAGRAM_MAX, MaintenanceCommand, encode_maintenance_ready};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const HOST: &str = "00000000-0000-4000-8000-000000000001";
const INSTANCE: &str = "00000000-0000-4000-8000-000000000010";

/// A running fake; killed if a test fails.
struct Fake {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
}

impl Fake {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_guest-sim"))
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        // "VIM on 127.0.0.1:PORT, guestAgent on ..."
        let first = errors.next().unwrap().unwrap();
        let address = first.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
        Self { child, out, errors, address }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn printed(&mut self) -> Value {
        serde_json::from_str(&self.out.next().unwrap().unwrap()).unwrap()
    }

    fn complains(&mut self) -> String {
        self.errors.next().unwrap().unwrap()
    }

    fn succeeds(mut self) {
        assert!(self.child.wait().unwrap().success());
        assert!(self.out.next().is_none() && self.errors.next().is_none());
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn vim(agent: SocketAddr) -> Fake {
    let (agent, host) = (agent.to_string(), format!("compute-0={HOST}"));
    let instance = format!("{INSTANCE}=compute-0");
    Fake::start(&["vim", "--agent", &agent, "--host", &host, "--instance", &instance])
}

fn nobody() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

#[test]
fn what_the_vim_understood_is_printed_as_json_lines() {
    let mut vim = vim(nobody());
    let body = format!(
        r#"{{"uuid":"{INSTANCE}","hostname":"compute-0","event-type":"alarm","event-data":{{"services":[{{"service":"heartbeat","state":"failed","repair-action":"reboot"}}]}}}}"#
    );
    let mut agent = TcpStream::connect(vim.address).unwrap();
    write!(
        agent,
        "PATCH /nfvi-plugins/v1/instances/{INSTANCE} HTTP/1.1\r\nConnection: close\r\n\
         User-Agent: guest-agent/1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    agent.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    let line = vim.printed();
    for (key, value) in [
        ("what", "alarm"),
        ("uuid", INSTANCE),
        ("hostname", "compute-0"),
        ("state", "failed"),
        ("repair_action", "reboot"),
        ("so", "reboots the instance"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    assert!(line["at"].as_f64().unwrap() >= 0.0);

    vim.say("show");
    let view = vim.printed();
    assert_eq!(view["hosts"][0]["hostname"], "compute-0");
    assert_eq!(view["instances"][0]["alarm"], "failed");
    vim.say("quit");
    vim.succeeds();
}

#[test]
fn a_line_becomes_a_command_and_its_outcome_a_line_also_before_the_end() {
    let receiver = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut vim = vim(receiver.local_addr().unwrap());
    vim.say("enable compute-0\nquit");
    let (stream, _) = receiver.accept().unwrap();
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).unwrap();
    assert_eq!(first, format!("PUT /v1/hosts/{HOST}/enable HTTP/1.1\r\n"));
    let reply = "HTTP/1.1 404 No\r\nContent-Length: 29\r\n\r\n{\"reason\":\"entity not found\"}";
    stream.get_mut().write_all(reply.as_bytes()).unwrap();
    let line = vim.printed();
    assert_eq!(line["what"], "command");
    assert_eq!(line["request"], format!("PUT /v1/hosts/{HOST}/enable"));
    assert_eq!(line["error"], "the agent refuses: 404 entity not found");
    vim.succeeds();
}

#[test]
fn bad_lines_are_complained_about_and_the_vim_goes_on() {
    let mut vim = vim(nobody());
    vim.say("explode");
    assert_eq!(vim.complains(), "`explode` is no order; `help` lists them");
    vim.say("enable compute-9");
    assert!(vim.complains().contains("`compute-9` is neither a host nor an instance"));
    vim.say("");
    vim.say("away");
    assert_eq!(vim.printed()["what"], "away");
    assert!(TcpStream::connect(vim.address).is_err());
    vim.say("back");
    assert_eq!(vim.printed()["what"], "back");
    vim.say("help");
    assert!(vim.complains().starts_with("create NAME=UUID"));
}

#[test]
fn it_goes_away_when_it_was_told_to_and_ends_with_a_signal() {
    let mut vim = Fake::start(&["vim", "--away", "0@0"]);
    assert_eq!(vim.printed()["what"], "away");
    assert_eq!(vim.printed()["what"], "back");
    // The end of standard input ends nothing.
    drop(vim.child.stdin.take());
    TcpStream::connect(vim.address).unwrap();
    kill_process(Pid::from_child(&vim.child), Signal::TERM).unwrap();
    assert!(vim.child.wait().unwrap().success());
}

#[test]
fn hosts_come_from_the_agents_file_and_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hosts.toml");
    std::fs::write(&file, format!("[[host]]\nhostname = \"compute-7\"\nuuid = \"{HOST}\"\n"))
        .unwrap();
    let mut vim = Fake::start(&["vim", "--hosts", file.to_str().unwrap()]);
    vim.say("show");
    assert_eq!(vim.printed()["hosts"][0]["hostname"], "compute-7");
    drop(vim);

    std::fs::write(&file, "[[host]]\nhostname = \"compute-7\"\n").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_guest-sim"))
        .args(["vim", "--listen", "127.0.0.1:0", "--hosts"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("hosts.toml") && said.contains("lacks its hostname or uuid"), "{said}");
}

#[test]
fn maintenance_hands_out_its_inventory_and_takes_orders() {
    let agent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = agent.local_addr().unwrap().to_string();
    let host = format!("compute-0={HOST}=127.0.0.2");
    let mut maintenance = Fake::start(&["maintenance", "--agent", &address, "--host", &host]);
    let next = || {
        let mut buffer = [0; DATAGRAM_MAX];
        let length = agent.recv(&mut buffer).unwrap();
        MaintenanceCommand::decode(&buffer[..length]).unwrap()
    };
    let uuid = InstanceId::new(HOST).unwrap();
    let mut ready = Vec::new();
    encode_maintenance_ready(&mut ready);
    agent.send_to(&ready, maintenance.address).unwrap();
    assert!(matches!(next(), MaintenanceCommand::AddHost(host) if host.uuid == uuid));
    maintenance.say(&format!("modify compute-0={HOST}=127.0.0.3"));
    let moved = IpAddr::from([127, 0, 0, 3]);
    assert!(matches!(next(), MaintenanceCommand::ModifyHost(host) if host.ip == moved));
    maintenance.say("delete compute-9");
    assert!(maintenance.complains().contains("`compute-9` is no host here"));
    maintenance.say("delete compute-0");
    assert!(matches!(next(), MaintenanceCommand::DeleteHost { uuid: gone, .. } if gone == uuid));
    maintenance.say("add nonsense");
    assert!(maintenance.complains().contains("NAME=UUID=IP"));
    maintenance.say("quit");
    assert!(maintenance.child.wait().unwrap().success());
    let last = maintenance.out.by_ref().last().unwrap().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["ready"], &last["sent"]), (&1.into(), &3.into()));
}
