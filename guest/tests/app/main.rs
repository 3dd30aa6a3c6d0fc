//! A program in Rust is an application.

#![expect(clippy::unwrap_used, reason = "a failure here is the failure of the test")]

#[path = "../../library/heartbeat/tests/library/client.rs"]
#[allow(dead_code, reason = "shared with the tests of the C library, which use all of it")]
mod client;
mod command;
#[path = "../../library/heartbeat/tests/library/program.rs"]
#[allow(dead_code, reason = "shared with the tests of the C library, which use all of it")]
mod program;

use std::time::Duration;

use client::{FakeClient, PATIENCE, Peer};
use guest_client::app::{Application, CorrectiveAction, Error, EventType, NotificationType};
use protocol::application::{Init, Message};
use protocol::channel::{Health, VoteResult};

const LIVE_MIGRATE: EventType = EventType::LiveMigrateBegin;
const VOTE: NotificationType = NotificationType::Revocable;
const NOTIFICATION: NotificationType = NotificationType::Irrevocable;

/// The client has no runtime: it does this on a thread of its own, beside what else is done.
async fn apart<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act).await.unwrap()
}

/// Fails instead of waiting for ever.
async fn soon<T>(act: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, act).await.expect("it takes too long")
}

/// A registered program and the client's end.
async fn registered(client: FakeClient) -> (Application, FakeClient, Peer) {
    let path = client.path();
    let accepted = tokio::task::spawn_blocking(move || {
        let (peer, _) = client.register();
        (client, peer)
    });
    let application = soon(Application::builder("program").connect(path)).await.unwrap();
    let (client, peer) = accepted.await.unwrap();
    (application, client, peer)
}

#[tokio::test]
async fn it_registers_with_what_it_was_built_with() {
    let client = FakeClient::new();
    let path = client.path();
    let accepted = tokio::task::spawn_blocking(move || client.register());
    let builder = Application::builder("database")
        .interval(Duration::from_millis(500))
        .vote_time(Duration::from_secs(1))
        .shutdown_notice(Duration::from_secs(2))
        .suspend_notice(Duration::from_secs(3))
        .resume_notice(Duration::from_millis(3001))
        .corrective_action(CorrectiveAction::Reboot);
    let application = soon(builder.connect(path)).await.unwrap();
    assert!(application.is_registered());
    let (_peer, init) = accepted.await.unwrap();
    let expected = Init {
        application_name: "database".into(),
        heartbeat_interval_ms: 500,
        vote_secs: 1,
        shutdown_notice_secs: 2,
        suspend_notice_secs: 3,
        resume_notice_secs: 4,
        corrective_action: CorrectiveAction::Reboot,
    };
    assert_eq!(init, expected);
}

/// The client's end does something, and is given back.
async fn client_does<T: Send + 'static>(
    mut peer: Peer,
    act: impl FnOnce(&mut Peer) -> T + Send + 'static,
) -> (Peer, T) {
    let done = tokio::task::spawn_blocking(move || {
        let result = act(&mut peer);
        (peer, result)
    });
    done.await.unwrap()
}

#[tokio::test]
async fn challenges_are_answered_with_the_health_that_was_last_set() {
    let (application, _client, peer) = registered(FakeClient::new()).await;
    let health = application.health();
    let (peer, answer) = client_does(peer, |peer| peer.challenge(1)).await;
    assert_eq!(answer.health, Health::Healthy);
    health.set_unhealthy(CorrectiveAction::Stop, "disk full");
    let (peer, answer) = client_does(peer, |peer| peer.challenge(2)).await;
    let said = (answer.health, answer.corrective_action, answer.log_msg.as_str());
    assert_eq!(said, (Health::Unhealthy, CorrectiveAction::Stop, "disk full"));
    health.clone().set_healthy();
    let (_, answer) = client_does(peer, |peer| peer.challenge(3)).await;
    assert_eq!(answer.health, Health::Healthy);
}

#[tokio::test]
async fn it_votes_no_and_completes_notifications() {
    let (mut application, _client, peer) = registered(FakeClient::new()).await;
    let asked = tokio::spawn(client_does(peer, |peer| peer.ask(LIVE_MIGRATE, VOTE)));
    let question = soon(application.next()).await.unwrap();
    assert_eq!((question.event(), question.is_vote()), (LIVE_MIGRATE, true));
    assert_eq!(question.time(), Duration::from_secs(10));
    question.reject("a backup runs");
    let (peer, answer) = asked.await.unwrap();
    let said = (answer.vote_result, answer.log_msg.as_str());
    assert_eq!(said, (VoteResult::Reject, "a backup runs"));

    let asked = tokio::spawn(client_does(peer, |peer| peer.ask(EventType::Stop, NOTIFICATION)));
    let question = soon(application.next()).await.unwrap();
    assert!(!question.is_vote());
    question.accept();
    let (peer, answer) = asked.await.unwrap();
    assert_eq!(answer.vote_result, VoteResult::Complete);

    let asked = tokio::spawn(client_does(peer, |peer| peer.ask(EventType::Pause, VOTE)));
    soon(application.next()).await.unwrap().accept();
    assert_eq!(asked.await.unwrap().1.vote_result, VoteResult::Accept);
}

#[tokio::test]
async fn questions_that_nobody_takes_do_not_keep_challenges_from_being_answered() {
    let (mut application, _client, peer) = registered(FakeClient::new()).await;
    let (_, answer) = client_does(peer, |peer| {
        for _ in 0..40 {
            peer.notify(LIVE_MIGRATE, VOTE);
        }
        peer.challenge(7)
    })
    .await;
    assert_eq!(answer.health, Health::Healthy);
    // Dropped, it is left to silence.
    drop(soon(application.next()).await.unwrap());
}

#[tokio::test]
async fn deregistering_says_why_and_dropping_says_nothing() {
    let (application, _client, peer) = registered(FakeClient::new()).await;
    soon(application.deregister("done")).await;
    let (peer, said) = client_does(peer, Peer::receive).await;
    assert_eq!(said, Some(Message::Final("done".into())));
    assert_eq!(client_does(peer, Peer::receive).await.1, None);

    let (application, _client, peer) = registered(FakeClient::new()).await;
    drop(application);
    assert_eq!(client_does(peer, Peer::receive).await.1, None);
}

#[tokio::test]
async fn it_registers_again_when_the_client_restarts() {
    let (mut application, mut client, peer) = registered(FakeClient::new()).await;
    application.health().set_unhealthy(CorrectiveAction::Log, "still warming up");
    client.stop();
    std::fs::remove_file(client.path()).unwrap();
    drop(peer);
    client.start();
    let (peer, _) = apart(move || client.register()).await;
    soon(application.registered()).await;
    let (_, answer) = client_does(peer, |peer| peer.challenge(1)).await;
    assert_eq!(answer.log_msg.as_str(), "still warming up");
}

#[tokio::test]
async fn a_program_may_start_before_the_client() {
    let mut client = FakeClient::absent();
    let mut application = Application::builder("early").start(client.path());
    assert!(!application.is_registered());
    client.start();
    let (_peer, init) = apart(move || client.register()).await;
    assert_eq!(init.application_name.as_str(), "early");
    soon(application.registered()).await;
    assert!(application.is_registered());
}

#[tokio::test]
async fn a_program_that_leaves_before_the_client_is_there_does_not_wait_for_it() {
    let client = FakeClient::absent();
    let application = Application::builder("hasty").start(client.path());
    soon(application.deregister("changed my mind")).await;
}

#[tokio::test]
async fn why_it_cannot_register_is_told() {
    let mut client = FakeClient::absent();
    let connect = |path| soon(Application::builder("refused").connect(path));
    assert!(matches!(connect(client.path()).await, Err(Error::NotReached(_))));

    client.start();
    let path = client.path();
    let refuses = tokio::task::spawn_blocking(move || {
        let mut peer = client.accept();
        peer.receive_init();
        peer.send(&Message::InitAck { accepted: false });
        assert_eq!(peer.receive(), None);
        client
    });
    assert!(matches!(connect(path).await, Err(Error::Refused)));
    let client = refuses.await.unwrap();

    let path = client.path();
    let closes = tokio::task::spawn_blocking(move || drop(client.accept()));
    assert!(matches!(connect(path).await, Err(Error::NoAnswer | Error::NotReached(_))));
    closes.await.unwrap();
}
