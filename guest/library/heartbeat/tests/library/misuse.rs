//! Programs that hold the library wrongly, or in ways that are easily got wrong.

use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use protocol::application::{LOG_MSG, Message};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::client::FakeClient;
use crate::program::{Linked, Program};

const OKAY: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const TRY_AGAIN: Option<i32> = Some(3);
/// What `once.c` says in a process with more rights than who started it.
const SECURE: Option<i32> = Some(99);

#[test]
fn wrong_arguments_and_a_wrong_order_fail_and_do_no_harm() {
    let program = Program::compile("heartbeat/tests/library/c/misuse.c", Linked::Shared);
    let client = FakeClient::new();
    let running = program.start(&client.path(), &[]);
    let (mut peer, _) = client.register();
    let answer = peer.challenge(7);
    assert_eq!(answer.health, Health::Unhealthy);
    assert_eq!(answer.corrective_action, CorrectiveAction::Unknown);
    assert_eq!(answer.log_msg.as_str(), "x".repeat(LOG_MSG - 1));
    let answer = peer.ask(EventType::Stop, NotificationType::Revocable);
    assert_eq!(answer.vote_result, VoteResult::Reject, "only the right call was sent");
    assert_eq!(answer.log_msg.as_str(), "x".repeat(LOG_MSG - 1));
    drop(peer);
    running.succeeds();
}

#[test]
fn callbacks_may_call_any_function() {
    let program = Program::compile("heartbeat/tests/library/c/reentrant.c", Linked::Shared);
    let client = FakeClient::new();
    let running = program.start(&client.path(), &[]);
    let (peer, _) = client.register();
    running.await_line("registered: yes");
    drop(peer);
    running.await_line("again: 0");
    let (mut first, _) = client.register();
    first.challenge(7);
    first.send(&Message::Challenge(8));
    assert_eq!(first.receive(), Some(Message::Final("in between".into())));
    let (mut second, _) = client.register();
    // The answer to 8 belonged to the connection before.
    second.challenge(9);
    second.notify(EventType::Stop, NotificationType::Revocable);
    assert_eq!(second.receive(), None, "finalize closes without final");
    running.succeeds();
}

#[test]
fn a_client_that_is_not_there_is_a_reason_to_try_again_and_no_rights_are_a_failure() {
    let program = Program::compile("heartbeat/tests/library/c/once.c", Linked::Static);
    let mut client = FakeClient::absent();
    let status = |client: &FakeClient| program.command(&client.path()).status().unwrap().code();
    assert_eq!(status(&client), TRY_AGAIN, "no socket");
    client.start();
    assert_eq!(status(&client), OKAY);
    client.stop();
    assert_eq!(status(&client), TRY_AGAIN, "refused");
    std::fs::remove_file(client.path()).unwrap();
    std::os::unix::fs::symlink(client.path(), client.path()).unwrap();
    assert_eq!(status(&client), FAILED, "a path without end");
}

#[test]
fn with_more_rights_than_its_user_a_program_ignores_the_environment() {
    const NOGROUP: u32 = 65534;
    let program = Program::compile("heartbeat/tests/library/c/once.c", Linked::Static);
    let client = FakeClient::new();
    assert_eq!(program.command(&client.path()).status().unwrap().code(), OKAY);
    drop(client.accept());
    // Another group; the user still has all rights on the socket.
    chown(program.path(), None, Some(NOGROUP)).unwrap();
    std::fs::set_permissions(program.path(), PermissionsExt::from_mode(0o2755)).unwrap();
    if program.command(&client.path()).status().unwrap().code() != SECURE {
        eprintln!("not tested: programs get no rights of their file here (nosuid)");
        return;
    }
    assert!(!client.connected_within(Duration::ZERO), "the variable was heeded");
}
