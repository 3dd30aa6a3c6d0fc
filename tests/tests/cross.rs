//! guestServer and guest-client together, through a fake channel.

use std::process::Command;

use end_to_end::{Agent, Process, Scratch, binary, until};
use guest_sim::guest::Act;
use guest_sim::qemu::{FakeQemus, Plan};
use protocol::channel::{EventType, NotificationType, VoteResult, Word};
use protocol::datagram::{Answer, Command as ToServer, Event};

/// Channels, guestServer and an agent that was told "ready".
struct Host {
    agent: Agent,
    qemus: FakeQemus,
    scratch: Scratch,
}

impl Host {
    fn new(plan: impl FnOnce(Plan, &Scratch) -> Plan) -> Self {
        let scratch = Scratch::new();
        let channels = scratch.folder("channels");
        let qemus = FakeQemus::start(plan(Plan::new(&channels, 1), &scratch)).expect("channels");
        let agent = Agent::with_server(&scratch, &channels);
        Self { agent, qemus, scratch }
    }

    /// A real client in the first guest, named to guestServer and heartbeating.
    fn client(&self) -> Process {
        let uuid = self.qemus.id(0);
        self.agent.add(uuid);
        until("a connection", || self.qemus.has_host(0));
        let config = self.scratch.file("guest_heartbeat.conf");
        std::fs::write(&config, "HB_INTERVAL=400\n").expect("a file");
        let mut command = Command::new(binary("guest-client"));
        command.arg("--device").arg(self.qemus.device_path(0).expect("a device folder"));
        command.args(["--name", "guest", "--log-level", "warn", "--api-socket", "none"]);
        command.arg("--config").arg(config);
        let client = Process::start(&mut command);
        let event = self.agent.event();
        assert!(matches!(&event, Event::Running(info) if info.uuid == uuid), "{event:?}");
        client
    }

    fn answer(&self) -> Answer {
        match self.agent.event() {
            Event::Answer(answer) => answer,
            other => panic!("not an answer: {other:?}"),
        }
    }
}

fn devices(plan: Plan, scratch: &Scratch) -> Plan {
    Plan { device_dir: Some(scratch.folder("devices")), ..plan }
}

#[test]
fn a_client_accepts_a_vote_and_completes_a_notification_itself() {
    let host = Host::new(devices);
    let _client = host.client();
    let uuid = host.qemus.id(0);
    for word in ["stop", "live_migrate_begin", "resize_begin"] {
        let event = Word::new(word);
        host.agent.send(&ToServer::Vote { uuid, event: event.clone() });
        let vote = host.answer();
        host.agent.send(&ToServer::Notify { uuid, event });
        let notification = host.answer();
        let asked = EventType::from_word(word).unwrap();
        for (answer, kind, result) in [
            (vote, NotificationType::Revocable, VoteResult::Accept),
            (notification, NotificationType::Irrevocable, VoteResult::Complete),
        ] {
            assert_eq!((answer.uuid, answer.event_type), (uuid, asked));
            assert_eq!((answer.notification_type, answer.vote), (kind, result));
            assert!(!answer.reason.as_str().contains("did not answer"), "{answer:?}");
        }
    }
}

#[test]
fn a_client_that_is_told_to_leave_is_stopped_and_not_lost() {
    let host = Host::new(devices);
    let mut client = host.client();
    client.signal(rustix::process::Signal::TERM);
    assert!(client.wait().success());
    let event = host.agent.event();
    assert!(matches!(event, Event::Stopped(_)), "{event:?}");
    // It comes back: had there been a loss in between it would be the next event.
    let _client = host.client();
}

#[test]
fn a_frozen_client_is_stopped_and_lost() {
    let host = Host::new(devices);
    let client = host.client();
    client.signal(rustix::process::Signal::STOP);
    let (first, second) = (host.agent.event(), host.agent.event());
    assert!(matches!(first, Event::Stopped(_)), "{first:?}");
    assert!(matches!(second, Event::Loss { .. }), "{second:?}");
}

#[test]
fn nothing_is_said_about_an_instance_that_was_never_named() {
    const NAMED: usize = 0;
    const SILENT: usize = 1;
    const ENDING: usize = 2;
    let host = Host::new(|mut plan, _| {
        plan.guest.interval = std::time::Duration::from_millis(400);
        Plan { count: 3, ..plan }
    });
    let (agent, qemus) = (&host.agent, &host.qemus);
    agent.add(qemus.id(NAMED));
    until("all heartbeats", || qemus.summary().enabled == 3);
    until("heartbeats", || qemus.summary().challenges_answered >= 9);
    qemus.kill(ENDING);
    // The one that was not named falls silent first: what would be said of it would come before the
    // other's loss.
    for guest in [SILENT, NAMED] {
        qemus.act(guest, Act::Mute(true));
        until("a challenge", || qemus.first_unanswered(guest).is_some());
    }
    let mut events = vec![agent.event()];
    while !matches!(events.last(), Some(Event::Loss { .. })) {
        events.push(agent.event());
    }
    agent.send(&ToServer::QueryInstances);
    events.push(agent.event());

    let named = qemus.id(NAMED);
    let about_named = |event: &Event| match event {
        Event::Running(info) | Event::Stopped(info) | Event::QueryResponse(info) => {
            info.uuid == named
        }
        Event::Loss { uuid, .. } => *uuid == named,
        _ => false,
    };
    assert!(events.iter().all(about_named), "{events:?}");
    assert_eq!(events.len(), 4, "running, stopped, loss, response: {events:?}");
}
