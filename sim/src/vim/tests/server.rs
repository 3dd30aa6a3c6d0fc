//! What the event server does with requests as they should be.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use protocol::vim::{HostStateReply, InstanceListReply, ListedInstance};

use super::agent::{Back, Receiver, bytes, connect, read, request};
use super::*;

#[test]
fn a_status_is_taken_without_a_byte_and_changes_the_view() {
    let vim = vim(Settings::default());
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING);
    let seen = vim.view().instances()[&instance()].clone();
    assert_eq!((seen.heartbeating, seen.restart_timeout_secs), (Switch::Enabled, 120));
    assert_eq!(request(&vim, &status(Switch::Disabled)), Back::NOTHING);
    assert_eq!(vim.view().instances()[&instance()].heartbeating, Switch::Disabled);
    assert_eq!(consequences(&vim), [Consequence::Noted; 2]);
    assert_eq!((vim.counts().statuses, vim.counts().missteps), (2, 0));
}

#[test]
fn an_answer_of_a_guest_is_taken_without_a_byte() {
    let vim = vim(Settings::default());
    let action = EventType::LiveMigrateBegin;
    for response in [GuestResponse::Allow, GuestResponse::Reject, GuestResponse::Proceed] {
        assert_eq!(request(&vim, &answer(action, response)), Back::NOTHING);
    }
    let told: Vec<_> = consequences(&vim).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "live_migrate_begin is allowed",
            "live_migrate_begin is called off",
            "live_migrate_begin proceeds"
        ]
    );
    assert_eq!(vim.counts().answers, 3);
}

#[test]
fn an_alarm_is_answered_by_a_body_that_only_the_close_ends() {
    let vim = vim(Settings::default());
    let back = request(&vim, &alarm(AlarmState::Failed, CorrectiveAction::Reboot));
    let (head, body) = back.parts();
    assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
    assert!(!head.to_lowercase().contains("content-length"), "{head}");
    assert!(!body.is_empty() && !back.was_reset);
    assert_eq!(vim.view().instances()[&instance()].alarm, Some(AlarmState::Failed));
    request(&vim, &status(Switch::Enabled));
    assert_eq!(vim.view().instances()[&instance()].alarm, None);
}

#[test]
fn reboot_and_stop_are_acted_on_and_everything_else_is_logged() {
    let vim = vim(Settings::default());
    for action in CorrectiveAction::ALL {
        request(&vim, &alarm(AlarmState::Unhealthy, *action));
    }
    let by_action: Vec<_> = CorrectiveAction::ALL.iter().zip(consequences(&vim)).collect();
    for (action, consequence) in by_action {
        let expected = match action {
            CorrectiveAction::Reboot => Consequence::Reboots,
            CorrectiveAction::Stop => Consequence::Stops,
            _ => Consequence::Logs,
        };
        assert_eq!(consequence, expected, "{action}");
    }
}

#[test]
fn a_host_and_its_instances_are_told() {
    let vim = vim(Settings::default());
    vim.with_view(|view| {
        view.put_host(InstanceId::numbered(2), "compute-1".into(), Switch::Disabled);
        view.put_instance(InstanceId::numbered(0x11), "compute-1".into(), Switch::Disabled);
    });
    let (head, body) = request(&vim, &host_query()).parts();
    assert!(head.starts_with("HTTP/1.0 200 ") && !head.contains("ength"), "{head}");
    let reply = HostStateReply::decode(&body).unwrap().unwrap();
    assert_eq!((reply.hostname.as_str(), reply.state), ("compute-0", Switch::Enabled));

    let list = VimRequest::InstanceList { host_uuid: InstanceId::numbered(2) };
    let (_, body) = request(&vim, &list).parts();
    let only = ListedInstance {
        uuid: InstanceId::numbered(0x11),
        hostname: "compute-1".into(),
        reporting: Switch::Disabled,
    };
    let reply = InstanceListReply { instances: vec![only], skipped: 0 };
    assert_eq!(InstanceListReply::decode(&body).unwrap().unwrap(), reply);
    assert_eq!(vim.counts().queries, 2);
}

#[test]
fn what_the_vim_does_not_have_gets_nothing() {
    let vim = vim(Settings::default());
    vim.with_view(|view| *view = View::default());
    assert_eq!(request(&vim, &host_query()), Back::NOTHING);
    assert_eq!(request(&vim, &VimRequest::InstanceList { host_uuid: host() }), Back::NOTHING);
    let lost = alarm(AlarmState::Failed, CorrectiveAction::Reboot);
    assert_eq!(request(&vim, &lost), Back::NOTHING);
    assert_eq!(consequences(&vim), [Consequence::Unknown; 3]);
    assert_eq!((vim.counts().unknown, vim.counts().alarms), (1, 0));
    assert!(vim.records(0).iter().all(|record| record.event().is_none()));
}

#[test]
fn a_reset_may_follow_the_body() {
    let vim = vim(Settings { resets: true, ..Settings::default() });
    let back = request(&vim, &host_query());
    assert!(back.was_reset);
    assert!(HostStateReply::decode(&back.parts().1).unwrap().is_some());
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING, "no body, no reset");
}

#[test]
fn an_idle_connection_keeps_all_others_waiting() {
    let vim = vim(Settings { idle_limit: LIMIT, ..Settings::default() });
    let mut idle = connect(&vim);
    let mut waiting = connect(&vim);
    waiting.write_all(&bytes(&status(Switch::Enabled))).unwrap();
    idle.write_all(&bytes(&alarm(AlarmState::Failed, CorrectiveAction::Stop))).unwrap();
    assert_eq!(read(&mut waiting), Back::NOTHING);
    assert_eq!(consequences(&vim), [Consequence::Stops, Consequence::Noted]);
}

#[test]
fn an_idle_connection_is_cut_when_its_time_is_over() {
    let vim = vim(Settings { idle_limit: Duration::from_millis(20), ..Settings::default() });
    let mut idle = connect(&vim);
    assert_eq!(read(&mut idle), Back::NOTHING);
    assert_eq!(missteps(&vim), [Misstep::Idle]);
}

#[test]
fn an_event_that_is_wrong_about_host_or_reporting_is_answered_by_a_command() {
    let receiver = Receiver::bind();
    let vim = vim(Settings { agent: Some(receiver.address()), ..Settings::default() });
    request(&vim, &status(Switch::Disabled));
    for (hostname, reporting) in [("compute-1", Switch::Enabled), ("compute-0", Switch::Disabled)] {
        request(
            &vim,
            &VimRequest::Event(VimEvent::Status {
                uuid: instance(),
                hostname: hostname.into(),
                reporting,
                heartbeating: Switch::Enabled,
                restart_timeout_secs: 120,
            }),
        );
        let (head, body) = receiver.reply(200, b"");
        assert!(head.starts_with(&format!("PATCH /v1/instances/{} HTTP/1.1", instance())));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["hostname"], "compute-0");
        assert_eq!(body["services"][0]["state"], "enabled");
    }
    let both = |record: &Record| matches!(record.what, What::Command { correction: true, .. });
    let first = vim.wait_for(0, LIMIT, both).wait().unwrap();
    vim.wait_for(first.number + 1, LIMIT, both).wait().unwrap();
    assert_eq!((vim.counts().corrections, vim.counts().commands), (2, 2));
}

#[test]
fn away_means_refused_and_back_means_the_same_port() {
    let vim = vim(Settings::default());
    let mut broken = connect(&vim);
    vim.go_away(None).wait().unwrap();
    read(&mut broken);
    assert!(TcpStream::connect(vim.address()).is_err());
    vim.come_back().wait().unwrap();
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING);
    let (away, back) = (What::Away, What::Back);
    let order: Vec<_> = vim.records(0).into_iter().map(|record| record.what).collect();
    assert_eq!(order[..2], [away, back]);
}

#[test]
fn away_for_a_time_ends_by_itself() {
    let vim = vim(Settings::default());
    vim.go_away(Some(Duration::from_millis(10))).wait().unwrap();
    vim.wait_for(0, LIMIT, |record| record.what == What::Back).wait().unwrap();
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING);
}

#[test]
fn a_newer_absence_outlives_the_end_of_an_older_one() {
    let vim = vim(Settings::default());
    let longer = Duration::from_millis(40);
    vim.go_away(Some(Duration::from_millis(10))).wait().unwrap();
    let at_least = crate::clock::now() + longer;
    vim.go_away(Some(longer)).wait().unwrap();
    let in_the_end = move |record: &Record| record.what == What::Back && record.at >= at_least;
    vim.wait_for(0, LIMIT, in_the_end).wait().unwrap();
    assert_eq!(request(&vim, &status(Switch::Enabled)), Back::NOTHING);
}

#[test]
fn the_port_is_free_once_the_vim_is_dropped() {
    let vim = vim(Settings::default());
    let address = vim.address();
    let mut open = connect(&vim);
    drop(vim);
    read(&mut open);
    TcpListener::bind(address).unwrap();
}

#[test]
fn records_can_be_followed_to_the_end() {
    let vim = vim(Settings::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut records = vim.follow(0);
    assert_eq!(records.try_next(), None);
    request(&vim, &status(Switch::Enabled));
    let first = runtime.block_on(records.next()).unwrap();
    assert_eq!((first.number, first.event().map(VimEvent::uuid)), (0, Some(instance())));
    let line = first.to_json(vim.started());
    assert_eq!((&line["what"], &line["so"]), (&"status".into(), &"noted".into()));
    drop(vim);
    assert_eq!(runtime.block_on(records.next()), None);
}
