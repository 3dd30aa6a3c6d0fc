//! A program in C, guest-client and guestServer together, through a fake channel.

use std::path::PathBuf;
use std::process::Command;

use end_to_end::{Agent, Process, Scratch, binary, until};
use guest_sim::qemu::{FakeQemus, Plan};
use protocol::channel::{CorrectiveAction, EventType, VoteResult};
use protocol::datagram::{Answer, Command as ToServer, Event};

#[path = "../../guest/library/heartbeat/tests/library/program.rs"]
#[allow(dead_code, reason = "shared with the tests of the C library, which use all of it")]
#[expect(clippy::unwrap_used, reason = "in a helper of tests it fails the test, as it should")]
mod program;

use program::{Linked, Program};

/// A guest whose client heartbeats, and an agent that wants to know.
struct Guest {
    agent: Agent,
    qemus: FakeQemus,
    socket: PathBuf,
    _client: Process,
    _scratch: Scratch,
}

impl Guest {
    fn heartbeating() -> Self {
        let scratch = Scratch::new();
        let channels = scratch.folder("channels");
        let devices = Some(scratch.folder("devices"));
        let plan = Plan { device_dir: devices, ..Plan::new(&channels, 1) };
        let qemus = FakeQemus::start(plan).expect("channels");
        let agent = Agent::with_server(&scratch, &channels);
        agent.add(qemus.id(0));
        until("a connection", || qemus.has_host(0));
        let (config, socket) = (scratch.file("guest_heartbeat.conf"), scratch.file("api"));
        std::fs::write(&config, "HB_INTERVAL=400\n").expect("a file");
        let mut command = Command::new(binary("guest-client"));
        command.arg("--device").arg(qemus.device_path(0).expect("a device folder"));
        command.arg("--config").arg(config).arg("--api-socket").arg(&socket);
        let client = Process::start(command.args(["--name", "guest", "--log-level", "warn"]));
        let event = agent.event();
        assert!(matches!(&event, Event::Running(_)), "{event:?}");
        Self { agent, qemus, socket, _client: client, _scratch: scratch }
    }

    /// The answer to a vote.
    fn vote(&self, event: EventType) -> Answer {
        let (uuid, event) = (self.qemus.id(0), event.as_str().into());
        self.agent.send(&ToServer::Vote { uuid, event });
        match self.agent.event() {
            Event::Answer(answer) => answer,
            other => panic!("not an answer: {other:?}"),
        }
    }

    /// What is to be done about the ill health that is reported next.
    fn ill_health(&self) -> CorrectiveAction {
        match self.agent.event() {
            Event::IllHealth(info) => info.repair_action,
            other => panic!("no ill health: {other:?}"),
        }
    }
}

fn sample() -> Program {
    Program::compile("examples/sample.c", Linked::Shared)
}

#[test]
fn a_program_in_c_decides_a_vote_until_it_leaves() {
    let (guest, sample) = (Guest::heartbeating(), sample());
    let arguments = ["--name", "database", "--interval", "400", "--reject", "a backup runs"];
    let running = sample.start(&guest.socket, &arguments);
    running.await_line("registered: yes");
    running.await_line("asked how it is: healthy");
    let answer = guest.vote(EventType::LiveMigrateBegin);
    assert_eq!(answer.vote, VoteResult::Reject, "{answer:?}");
    assert!(answer.reason.as_str().contains("a backup runs"), "{answer:?}");

    running.terminate();
    running.await_line("deregistered: okay");
    assert!(running.end().success());
    assert_eq!(guest.vote(EventType::LiveMigrateBegin).vote, VoteResult::Accept);
}

#[test]
fn the_ill_health_of_a_program_in_c_is_reported() {
    let (guest, sample) = (Guest::heartbeating(), sample());
    let _running = sample.start(&guest.socket, &["--interval", "400", "--unhealthy", "disk full"]);
    assert_eq!(guest.ill_health(), CorrectiveAction::Log);
}

#[test]
fn the_crash_of_a_program_in_c_is_reported_and_its_vote_is_not_waited_for() {
    let (guest, sample) = (Guest::heartbeating(), sample());
    let running = sample.start(&guest.socket, &["--interval", "400", "--crash-at", "stop"]);
    running.await_line("registered: yes");
    assert_eq!(guest.vote(EventType::Stop).vote, VoteResult::Accept);
    assert_eq!(guest.ill_health(), CorrectiveAction::Log);
}
