//! The event server on a bad day.

use protocol::vim::HostStateReply;

use super::agent::{Back, bytes, connect, read, request};
use super::*;

#[test]
fn slow_is_right_in_the_end() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Slow(Duration::from_millis(1)));
    assert!(HostStateReply::decode(&request(&vim, &host_query()).parts().1).unwrap().is_some());
    let line = vim.records(0)[0].to_json(vim.started());
    assert_eq!(line["manner"], "slow 0.001");
}

#[test]
fn garbage_is_not_http_and_the_event_is_taken() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Garbage);
    let back = request(&vim, &status(Switch::Enabled));
    assert!(!back.bytes.is_empty() && !back.bytes.starts_with(b"HTTP"));
    assert_eq!(vim.counts().statuses, 1);
}

#[test]
fn wrong_types_are_http_and_json_but_no_answer() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::WrongTypes);
    let (head, body) = request(&vim, &host_query()).parts();
    assert!(head.starts_with("HTTP/1.0 200 "));
    assert!(matches!(HostStateReply::decode(&body), Err(BodyError::BadKey(_))));
}

#[test]
fn a_500_takes_nothing() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Fail);
    let (head, _) = request(&vim, &status(Switch::Enabled)).parts();
    assert!(head.starts_with("HTTP/1.0 500 "), "{head}");
    assert_eq!(vim.view().instances()[&instance()].heartbeating, Switch::Disabled);
    assert_eq!((vim.counts().refused, vim.counts().statuses), (1, 0));
    assert!(vim.records(0)[0].event().is_none());
}

#[test]
fn a_reset_takes_the_event_all_the_same() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Reset);
    let back = request(&vim, &status(Switch::Enabled));
    assert_eq!(back, Back { bytes: Vec::new(), was_reset: true });
    assert_eq!(vim.counts().statuses, 1);
}

#[test]
fn a_connection_that_is_never_closed_blocks_until_the_agent_gives_up() {
    let vim = vim(Settings::default());
    vim.answer_next([Manner::Hang]);
    let mut stream = connect(&vim);
    std::io::Write::write_all(&mut stream, &bytes(&status(Switch::Enabled))).unwrap();
    vim.wait_for(0, LIMIT, |record| record.event().is_some()).wait().unwrap();
    drop(stream);
    assert_eq!(request(&vim, &status(Switch::Disabled)), Back::NOTHING);
}

#[test]
fn a_connection_that_is_never_closed_is_closed_by_another_manner() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Hang);
    let mut stream = connect(&vim);
    std::io::Write::write_all(&mut stream, &bytes(&status(Switch::Enabled))).unwrap();
    vim.wait_for(0, LIMIT, |record| record.event().is_some()).wait().unwrap();
    vim.set_manner(Manner::Normal);
    assert_eq!(read(&mut stream), Back::NOTHING);
}

#[test]
fn manners_for_the_next_requests_come_first() {
    let vim = vim(Settings::default());
    vim.set_manner(Manner::Garbage);
    vim.answer_next([Manner::Fail, Manner::Normal]);
    assert!(request(&vim, &status(Switch::Enabled)).bytes.starts_with(b"HTTP/1.0 500"));
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING);
    assert!(request(&vim, &status(Switch::Enabled)).bytes.starts_with(b"\0"));
}
