//! Commands to an agent that is a raw socket.

use std::io::{Read, Write};

use protocol::vim::{CommandReply, Services};

use super::agent::{Back, Receiver, request};
use super::*;
use crate::vim::server::Port;

fn driving() -> (FakeVim, Receiver) {
    let receiver = Receiver::bind();
    let vim = vim(Settings { agent: Some(receiver.address()), ..Settings::default() });
    (vim, receiver)
}

const PASS: &[u8] = br#"{"status":"pass"}"#;

#[test]
fn a_command_looks_like_the_real_vims() {
    let (vim, receiver) = driving();
    let call = vim.enable_host(host());
    let (head, body) = receiver.reply(200, PASS);
    assert_eq!(call.wait(), Ok(CommandReply::Pass));
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], format!("PUT /v1/hosts/{}/enable HTTP/1.1", host()));
    let length = format!("Content-Length: {}", body.len());
    let port = format!("Host: localhost:{}", receiver.address().port());
    for header in [
        "Connection: close",
        "User-Agent: vim/1.0",
        "Accept: application/json",
        "Content-Type: application/json",
        &port,
        &length,
    ] {
        assert!(lines.contains(&header), "{header}: {head}");
    }
    assert!(lines.iter().any(|line| line.starts_with("X-Auth-Token: ")));
    assert_eq!(body, format!(r#"{{"uuid":"{}","hostname":"compute-0"}}"#, host()).as_bytes());
}

#[test]
fn a_query_of_a_host_is_a_get_with_a_body_and_one_of_an_instance_is_not() {
    let (vim, receiver) = driving();
    let call = vim.query_host(host());
    let reply = format!(r#"{{"uuid":"{}","hostname":"compute-0","state":"disabled"}}"#, host());
    let (head, body) = receiver.reply(200, reply.as_bytes());
    assert!(head.starts_with(&format!("GET /v1/hosts/{}/disable ", host())) && !body.is_empty());
    let (uuid, hostname, state) = (host(), "compute-0".into(), Switch::Disabled);
    assert_eq!(call.wait(), Ok(CommandReply::Host { uuid, hostname, state }));

    let call = vim.query_instance(instance());
    let services = CommandReply::Services(Services {
        uuid: instance(),
        hostname: "compute-0".into(),
        reporting: Switch::Enabled,
        heartbeating: Switch::Enabled,
        restart_timeout_secs: 120,
    });
    let (head, body) = receiver.reply(200, &services.body().unwrap());
    assert!(head.starts_with("GET ") && !head.contains("Content-Length") && body.is_empty());
    assert_eq!(call.wait(), Ok(services));
}

#[test]
fn what_the_vim_decides_is_in_its_view_whatever_the_agent_says() {
    let (vim, receiver) = driving();
    let new = InstanceId::numbered(0x20);
    let commands = [
        vim.create_host(InstanceId::numbered(2), "compute-1".into()),
        vim.disable_host(host()),
        vim.create_instance(new, "compute-1".into()),
        vim.set_instance(instance(), Switch::Disabled),
        vim.delete_instance(new),
        vim.delete_host(InstanceId::numbered(2)),
    ];
    for _ in &commands {
        receiver.reply(404, br#"{"status":"fail","reason":"entity not found"}"#);
    }
    for call in commands {
        let reason = "entity not found".to_owned();
        assert_eq!(call.wait(), Err(Error::Refused { status: 404, reason }));
    }
    let view = vim.view();
    assert_eq!(view.hosts().len(), 1);
    assert_eq!(view.hosts()[&host()].state, Switch::Disabled);
    assert_eq!(view.instances().len(), 1);
    assert_eq!(view.instances()[&instance()].reporting, Switch::Disabled);
    assert_eq!((vim.counts().commands, vim.counts().failed), (6, 6));
}

#[test]
fn any_2xx_without_a_body_passes_and_one_with_only_a_newline_fails() {
    let (vim, receiver) = driving();
    for status in [200, 202, 204] {
        let call = vim.enable_host(host());
        receiver.reply(status, b"");
        assert_eq!(call.wait(), Ok(CommandReply::Pass), "{status}");
    }
    let newline = Err(Error::NotUnderstood { status: 200, error: BodyError::NotAnObject });
    for call in [vim.enable_host(host()), vim.delete_instance(instance())] {
        receiver.reply(200, b"\n");
        assert_eq!(call.wait(), newline);
    }
    let call = vim.query_host(host());
    receiver.reply(200, b"");
    assert_eq!(call.wait(), newline);
}

#[test]
fn a_refusal_without_a_reason_is_one_all_the_same() {
    let (vim, receiver) = driving();
    let call = vim.enable_host(host());
    receiver.reply(500, b"<html>");
    assert_eq!(call.wait(), Err(Error::Refused { status: 500, reason: String::new() }));
}

#[test]
fn an_agent_that_does_not_reply_is_given_up_and_not_asked_again() {
    let receiver = Receiver::bind();
    let vim = vim(Settings {
        agent: Some(receiver.address()),
        give_up: Duration::from_millis(100),
        ..Settings::default()
    });
    let call = vim.enable_host(host());
    let (_, _, mut stream) = receiver.next();
    assert_eq!(call.wait(), Err(Error::GaveUp));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed");
    assert_eq!(vim.counts().commands, 1);
}

#[test]
fn an_agent_that_is_not_there_or_unknown_is_told_apart() {
    let nobody = Port::hold((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let vim = vim(Settings::default());
    assert_eq!(vim.enable_host(host()).wait(), Err(Error::NoAgent));
    vim.set_agent(nobody.address());
    let refused = Error::Unreachable(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(vim.enable_host(host()).wait(), Err(refused));
}

#[test]
fn a_reply_that_breaks_off_or_is_no_http_is_unreadable() {
    let (vim, receiver) = driving();
    for reply in
        ["", "HTTP/1.1 200", "SMTP ready\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
    {
        let call = vim.enable_host(host());
        let (_, _, mut stream) = receiver.next();
        stream.write_all(reply.as_bytes()).unwrap();
        drop(stream);
        assert_eq!(call.wait(), Err(Error::Unreadable), "{reply}");
    }
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let (vim, receiver) = driving();
    let call = vim.enable_host(host());
    let (_, _, mut stream) = receiver.next();
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    stream.write_all(PASS).unwrap();
    drop(stream);
    assert_eq!(call.wait(), Ok(CommandReply::Pass));
}

fn action(timeout_secs: u32) -> Vec<u8> {
    let (uuid, hostname) = (instance(), "compute-0".into());
    let action = EventType::Reboot;
    CommandReply::Action { uuid, hostname, action, timeout_secs }.body().unwrap()
}

#[test]
fn a_vote_waits_for_the_guests_answer_as_long_as_the_agent_says() {
    let (vim, receiver) = driving();
    let call = vim.vote(instance(), EventType::Reboot);
    let (head, _) = receiver.reply(200, &action(10));
    assert!(head.starts_with(&format!("POST /v1/instances/{}/vote ", instance())));
    // Those about something else are not the answer.
    request(&vim, &answer(EventType::Stop, GuestResponse::Allow));
    request(&vim, &answer(EventType::Reboot, GuestResponse::Reject));
    let asked = call.wait().unwrap();
    assert_eq!(asked.timeout, Duration::from_secs(10));
    let given = asked.answer.unwrap();
    assert_eq!((given.response, given.reason.as_str()), (GuestResponse::Reject, "busy"));
}

#[test]
fn an_answer_that_overtakes_the_reply_counts() {
    let (vim, receiver) = driving();
    let call = vim.notify(instance(), EventType::Reboot);
    let (head, _, mut stream) = receiver.next();
    assert!(head.contains("/notify "));
    let overtaking = answer(EventType::Reboot, GuestResponse::Proceed);
    assert_eq!(request(&vim, &overtaking), Back::NOTHING);
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    stream.write_all(&action(10)).unwrap();
    drop(stream);
    assert_eq!(call.wait().unwrap().answer.unwrap().response, GuestResponse::Proceed);
}

#[test]
fn a_guest_that_is_not_asked_is_not_waited_for() {
    let (vim, receiver) = driving();
    let call = vim.vote(instance(), EventType::Reboot);
    receiver.reply(200, &action(0));
    assert_eq!(call.wait(), Ok(Asked { timeout: Duration::ZERO, answer: None }));
    assert_eq!(vim.counts().silences, 0);
}

#[test]
fn a_guest_that_is_silent_is_noticed_when_the_time_told_is_over() {
    let (vim, receiver) = driving();
    request(&vim, &answer(EventType::Reboot, GuestResponse::Allow));
    let call = vim.vote(instance(), EventType::Reboot);
    receiver.reply(200, &action(1));
    let timeout = Duration::from_secs(1);
    assert_eq!(call.wait(), Ok(Asked { timeout, answer: None }), "an older answer is none");
    assert_eq!(vim.counts().silences, 1);
}

#[test]
fn a_call_ends_with_the_vim() {
    let (vim, receiver) = driving();
    let call = vim.enable_host(host());
    let unanswered = receiver.next();
    drop(vim);
    assert_eq!(call.wait(), Err(Error::Ended(Ended)));
    drop(unanswered);
}

#[test]
fn a_call_can_be_awaited() {
    let (vim, receiver) = driving();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let call = vim.enable_host(host());
    receiver.reply(200, PASS);
    assert_eq!(runtime.block_on(call), Ok(CommandReply::Pass));
}
