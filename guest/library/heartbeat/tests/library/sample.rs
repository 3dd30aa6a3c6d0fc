//! The sample program lives an application's life.

use std::os::unix::process::ExitStatusExt;

use protocol::application::{Init, Message};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::client::FakeClient;
use crate::program::{Linked, Program};

const SAMPLE: &str = "examples/sample.c";

fn sample(linked: Linked) -> Program {
    Program::compile(SAMPLE, linked)
}

/// Both kinds of libraries hold a whole life.
fn lives_from_init_to_final(linked: Linked) {
    let (client, program) = (FakeClient::new(), sample(linked));
    let arguments = ["--name", "database", "--interval", "400", "--reject", "a backup runs"];
    let running = program.start(&client.path(), &arguments);
    let (mut peer, init) = client.register();
    let expected = Init {
        application_name: "database".into(),
        heartbeat_interval_ms: 400,
        vote_secs: 5,
        shutdown_notice_secs: 5,
        suspend_notice_secs: 5,
        resume_notice_secs: 5,
        corrective_action: CorrectiveAction::Log,
    };
    assert_eq!(init, expected);
    running.await_line("registered: yes");

    for value in [0, 7, u32::MAX] {
        let answer = peer.challenge(value);
        assert_eq!(
            (answer.health, answer.corrective_action),
            (Health::Healthy, CorrectiveAction::None)
        );
    }
    let vote = peer.ask(EventType::LiveMigrateBegin, NotificationType::Revocable);
    assert_eq!((vote.vote_result, vote.log_msg.as_str()), (VoteResult::Reject, "a backup runs"));
    running.await_line("asked about live-migrate-begin (revocable): reject, okay");
    let notification = peer.ask(EventType::Stop, NotificationType::Irrevocable);
    assert_eq!(notification.vote_result, VoteResult::Complete);

    running.terminate();
    assert_eq!(peer.receive(), Some(Message::Final("told to stop".into())));
    assert_eq!(peer.receive(), None);
    running.await_line("deregistered: okay");
    assert!(running.end().success());
}

#[test]
fn with_shared_libraries_it_registers_is_challenged_votes_no_and_leaves() {
    lives_from_init_to_final(Linked::Shared);
}

#[test]
fn with_static_libraries_it_registers_is_challenged_votes_no_and_leaves() {
    lives_from_init_to_final(Linked::Static);
}

#[test]
fn ill_health_reaches_the_client_with_its_action_and_reason() {
    let (client, program) = (FakeClient::new(), sample(Linked::Shared));
    let _running = program.start(&client.path(), &["--unhealthy", "disk full"]);
    let (mut peer, _) = client.register();
    let answer = peer.challenge(7);
    assert_eq!(
        (answer.health, answer.corrective_action),
        (Health::Unhealthy, CorrectiveAction::Log)
    );
    assert_eq!(answer.log_msg.as_str(), "disk full");
}

#[test]
fn a_crash_closes_without_final() {
    let (client, program) = (FakeClient::new(), sample(Linked::Shared));
    let running = program.start(&client.path(), &["--crash-at", "suspend"]);
    let (mut peer, _) = client.register();
    peer.notify(EventType::Suspend, NotificationType::Irrevocable);
    assert_eq!(peer.receive(), None);
    assert_eq!(running.end().signal(), Some(9));
}

#[test]
fn it_waits_for_a_client_that_is_not_there_yet_and_finds_a_restarted_one() {
    let (mut client, program) = (FakeClient::absent(), sample(Linked::Shared));
    let running = program.start(&client.path(), &[]);
    client.start();
    let (peer, _) = client.register();
    running.await_line("registered: yes");

    client.stop();
    drop(peer);
    running.await_line("registered: no");
    std::fs::remove_file(client.path()).unwrap();
    client.start();
    let (mut peer, _) = client.register();
    assert_eq!(peer.challenge(7).health, Health::Healthy);
    running.terminate();
    assert!(running.end().success());
}

#[test]
fn one_that_is_refused_hears_it_and_asks_again() {
    let (client, program) = (FakeClient::new(), sample(Linked::Shared));
    let running = program.start(&client.path(), &[]);
    let mut peer = client.accept();
    peer.receive_init();
    peer.send(&Message::InitAck { accepted: false });
    running.await_line("registered: no");
    assert_eq!(peer.receive(), None, "a connection that is of no use is closed");
    let (mut peer, _) = client.register();
    assert_eq!(peer.challenge(7).health, Health::Healthy);
}

#[test]
fn what_comes_in_pieces_with_noise_between_is_understood() {
    let (client, program) = (FakeClient::new(), sample(Linked::Shared));
    let _running = program.start(&client.path(), &[]);
    let (mut peer, _) = client.register();
    let challenge = Message::Challenge(7).encode(9);
    peer.send_bytes(b"noise FDFDA5A4");
    for byte in challenge {
        peer.send_bytes(&[byte]);
    }
    let Some(Message::ChallengeResponse(answer)) = peer.receive() else { panic!("no answer") };
    assert_eq!(answer.heartbeat_response, 7);
}
