//! Every datagram of the host-agent link and of maintenance, byte for byte.

use std::fmt::Debug;

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};
use protocol::datagram::{
    Answer, Command, DatagramError, Event, Host, InstanceInfo, MaintenanceCommand, Switch,
    encode_maintenance_ready,
};

use crate::golden;

const SOURCE: &str = "192.168.204.1";
const INSTANCE: &str = "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b";
const HOST: &str = "b2f1c0de-1111-4222-8333-444455556666";

type Case<M> = (&'static str, M);

fn uuid() -> InstanceId {
    InstanceId::new(INSTANCE).unwrap()
}

fn sent_by_agents() -> Vec<Case<Command>> {
    use Switch::{Disabled, Enabled};
    let uuid = uuid();
    vec![
        ("add_instance.txt", Command::AddInstance { uuid, reporting: Enabled }),
        ("add_instance_disabled.txt", Command::AddInstance { uuid, reporting: Disabled }),
        ("delete_instance.txt", Command::DeleteInstance { uuid }),
        ("modify_instance.txt", Command::ModifyInstance { uuid, reporting: Enabled }),
        ("modify_instance_disabled.txt", Command::ModifyInstance { uuid, reporting: Disabled }),
        ("query_instances.txt", Command::QueryInstances),
        ("vote.txt", Command::Vote { uuid, event: "live_migrate_begin".into() }),
        ("notify.txt", Command::Notify { uuid, event: "stop".into() }),
        ("modify_host.txt", Command::ModifyHost { reporting: Enabled }),
        ("modify_host_disabled.txt", Command::ModifyHost { reporting: Disabled }),
        ("loopback.txt", Command::Loopback),
    ]
}

fn understood_from_agents() -> Vec<Case<Command>> {
    let uuid = uuid();
    vec![
        ("loopback_without_object.txt", Command::Loopback),
        ("query_without_object.txt", Command::QueryInstances),
        ("modify_host_without_uuid.txt", Command::ModifyHost { reporting: Switch::Disabled }),
        ("add_instance_padded.txt", Command::AddInstance { uuid, reporting: Switch::Enabled }),
        (
            "modify_instance_duplicate_key.txt",
            Command::ModifyInstance { uuid, reporting: Switch::Disabled },
        ),
    ]
}

fn info(heartbeating: Switch, repair_action: CorrectiveAction) -> InstanceInfo {
    InstanceInfo {
        hostname: "compute-0".into(),
        uuid: uuid(),
        reporting: Switch::Enabled,
        heartbeating,
        repair_action,
        restart_secs: 121,
        shutdown_secs: 12,
        suspend_secs: 13,
        resume_secs: 14,
        vote_secs: 11,
    }
}

fn info_before_any_init() -> InstanceInfo {
    InstanceInfo {
        reporting: Switch::Disabled,
        restart_secs: 120,
        shutdown_secs: 10,
        suspend_secs: 10,
        resume_secs: 10,
        vote_secs: 10,
        ..info(Switch::Disabled, CorrectiveAction::Log)
    }
}

fn answer(
    notification_type: NotificationType,
    event_type: EventType,
    vote: VoteResult,
    reason: &str,
) -> Event {
    Event::Answer(Answer {
        hostname: "compute-0".into(),
        uuid: uuid(),
        notification_type,
        event_type,
        vote,
        reason: reason.into(),
    })
}

fn sent_by_servers() -> Vec<Case<Event>> {
    use Switch::Enabled;
    use {EventType as E, NotificationType as N, VoteResult as V};
    let rejected = answer(N::Revocable, E::LiveMigrateBegin, V::Reject, "say \"no\" \\ né");
    vec![
        ("ready.txt", Event::Ready { hostname: "compute-0".into() }),
        ("heartbeat_running.txt", Event::Running(info(Enabled, CorrectiveAction::Reboot))),
        ("heartbeat_stopped.txt", Event::Stopped(info_before_any_init())),
        ("ill_health.txt", Event::IllHealth(info(Enabled, CorrectiveAction::Stop))),
        ("heartbeat_loss.txt", Event::Loss { hostname: "compute-0".into(), uuid: uuid() }),
        ("query_response.txt", Event::QueryResponse(info(Enabled, CorrectiveAction::None))),
        ("answer_to_a_vote.txt", rejected),
        ("answer_to_a_notification.txt", answer(N::Irrevocable, E::Stop, V::Complete, "")),
    ]
}

fn understood_from_servers() -> Vec<Case<Event>> {
    let unknown_words =
        answer(NotificationType::Revocable, EventType::Unknown, VoteResult::Unknown, "");
    vec![
        ("answer_without_reason.txt", unknown_words),
        ("heartbeat_loss_unpadded.txt", Event::Loss { hostname: "compute-0".into(), uuid: uuid() }),
    ]
}

fn host(ip: &str) -> Host {
    Host {
        hostname: "compute-0".into(),
        uuid: InstanceId::new(HOST).unwrap(),
        ip: ip.parse().unwrap(),
        personality: "worker".into(),
    }
}

fn sent_by_maintenance() -> Vec<Case<MaintenanceCommand>> {
    let Host { hostname, uuid, .. } = host(SOURCE);
    vec![
        ("add_host.txt", MaintenanceCommand::AddHost(host("192.168.204.23"))),
        ("modify_host.txt", MaintenanceCommand::ModifyHost(host("fd00:204::17"))),
        ("delete_host.txt", MaintenanceCommand::DeleteHost { hostname, uuid }),
    ]
}

fn understood_from_maintenance() -> Vec<Case<MaintenanceCommand>> {
    vec![("add_host_padded.txt", MaintenanceCommand::AddHost(host("192.168.204.23")))]
}

fn check_decoding<M: Debug + PartialEq>(
    folder: &str,
    cases: &[Case<M>],
    decode: fn(&[u8]) -> Result<M, DatagramError>,
) {
    let folder = golden::folder(folder);
    golden::assert_files_are(&folder, cases.iter().map(|case| case.0));
    for (file, message) in cases {
        let datagram = golden::read_dump(&folder, file);
        assert_eq!(decode(&datagram).as_ref(), Ok(message), "{file}");
    }
}

fn check_encoding<M>(folder: &str, cases: &[Case<M>], encode: fn(&M, &mut Vec<u8>)) {
    let folder = golden::folder(folder);
    let mut datagram = b"left over from the datagram before".to_vec();
    for (file, message) in cases {
        encode(message, &mut datagram);
        assert!(datagram == golden::read_dump(&folder, file), "{file}: {}", shown(&datagram));
    }
}

fn shown(datagram: &[u8]) -> String {
    datagram.escape_ascii().to_string()
}

#[test]
fn what_an_agent_sends_is_its_golden_file() {
    let cases = sent_by_agents();
    check_encoding("datagrams/agent-to-server", &cases, |command, out| {
        command.encode(SOURCE, HOST, out);
    });
    check_decoding("datagrams/agent-to-server", &cases, Command::decode);
}

#[test]
fn what_other_agents_send_is_understood() {
    let cases = understood_from_agents();
    check_decoding("datagrams/agent-to-server/understood", &cases, Command::decode);
}

#[test]
fn what_a_server_sends_is_its_golden_file() {
    let cases = sent_by_servers();
    check_encoding("datagrams/server-to-agent", &cases, Event::encode);
    check_decoding("datagrams/server-to-agent", &cases, Event::decode);
}

#[test]
fn what_other_servers_send_is_understood() {
    let cases = understood_from_servers();
    check_decoding("datagrams/server-to-agent/understood", &cases, Event::decode);
}

#[test]
fn what_maintenance_sends_is_its_golden_file() {
    let cases = sent_by_maintenance();
    check_encoding("datagrams/maintenance-to-agent", &cases, MaintenanceCommand::encode);
    check_decoding("datagrams/maintenance-to-agent", &cases, MaintenanceCommand::decode);
}

#[test]
fn what_other_maintenance_sends_is_understood() {
    let cases = understood_from_maintenance();
    let folder = "datagrams/maintenance-to-agent/understood";
    check_decoding(folder, &cases, MaintenanceCommand::decode);
}

#[test]
fn the_request_for_the_inventory_is_its_golden_file_and_no_command() {
    let folder = golden::folder("datagrams/agent-to-maintenance");
    golden::assert_files_are(&folder, ["ready.txt"]);
    let mut datagram = Vec::new();
    encode_maintenance_ready(&mut datagram);
    assert_eq!(shown(&datagram), shown(&golden::read_dump(&folder, "ready.txt")));
    assert_eq!(MaintenanceCommand::decode(&datagram), Err(DatagramError::BadSignature));
    assert_eq!(Command::decode(&datagram), Err(DatagramError::NotAnObject));
    assert_eq!(Event::decode(&datagram), Err(DatagramError::BadSignature));
}
