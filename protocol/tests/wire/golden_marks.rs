//! What our two daemons say in extra keys, byte for byte, and that nothing else of a datagram changes.

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};
use protocol::datagram::{
    Answer, Command, DATAGRAM_MAX, Event, EventId, Features, HEADER_LEN, InstanceInfo,
    MarkedCommand, MarkedEvent, Switch,
};

use crate::golden;

const SOURCE: &str = "192.168.204.1";
const HOST: &str = "b2f1c0de-1111-4222-8333-444455556666";
const OURS: Features = Features { ack: true };

fn uuid() -> InstanceId {
    InstanceId::new("3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b").unwrap()
}

fn commands() -> Vec<(&'static str, Command)> {
    let (uuid, reporting) = (uuid(), Switch::Enabled);
    vec![
        ("add_instance.txt", Command::AddInstance { uuid, reporting }),
        ("delete_instance.txt", Command::DeleteInstance { uuid }),
        ("modify_instance.txt", Command::ModifyInstance { uuid, reporting }),
        ("query_instances.txt", Command::QueryInstances),
        ("vote.txt", Command::Vote { uuid, event: "live_migrate_begin".into() }),
        ("notify.txt", Command::Notify { uuid, event: "stop".into() }),
        ("modify_host.txt", Command::ModifyHost { reporting }),
        ("loopback.txt", Command::Loopback),
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

fn answer_to_a_vote() -> Answer {
    Answer {
        hostname: "compute-0".into(),
        uuid: uuid(),
        notification_type: NotificationType::Revocable,
        event_type: EventType::LiveMigrateBegin,
        vote: VoteResult::Reject,
        reason: "say \"no\" \\ né".into(),
    }
}

fn answer_to_a_notification() -> Answer {
    Answer {
        notification_type: NotificationType::Irrevocable,
        event_type: EventType::Stop,
        vote: VoteResult::Complete,
        reason: "".into(),
        ..answer_to_a_vote()
    }
}

fn loss() -> Event {
    Event::Loss { hostname: "compute-0".into(), uuid: uuid() }
}

fn events() -> Vec<(&'static str, Event, Option<u32>)> {
    let running = info(Switch::Enabled, CorrectiveAction::Reboot);
    let unhealthy = info(Switch::Enabled, CorrectiveAction::Stop);
    let queried = info(Switch::Enabled, CorrectiveAction::None);
    vec![
        ("ready.txt", Event::Ready { hostname: "compute-0".into() }, None),
        ("heartbeat_running.txt", Event::Running(running), None),
        ("heartbeat_stopped.txt", Event::Stopped(info_before_any_init()), None),
        ("ill_health.txt", Event::IllHealth(unhealthy), Some(7)),
        ("heartbeat_loss.txt", loss(), Some(u32::MAX)),
        ("query_response.txt", Event::QueryResponse(queried), None),
        ("answer_to_a_vote.txt", Event::Answer(answer_to_a_vote()), Some(0)),
        ("answer_to_a_notification.txt", Event::Answer(answer_to_a_notification()), Some(8)),
    ]
}

fn shown(datagram: &[u8]) -> String {
    datagram.escape_ascii().to_string()
}

/// The datagram of a golden file without the keys that only ours have.
fn without_marks(folder: &str, file: &str, id: Option<u32>) -> Vec<u8> {
    let mut datagram = golden::read_dump(&golden::folder(folder), file);
    let padded = datagram.len() == DATAGRAM_MAX;
    let object = String::from_utf8(datagram.split_off(HEADER_LEN)).unwrap();
    let id = id.map(|id| format!(r#","id":"{id}""#)).unwrap_or_default();
    let marks = format!(r#"{id},"features":"ack"}}"#);
    assert!(object.contains(&marks), "{file}: {object}");
    datagram.extend(object.replacen(&marks, "}", 1).bytes());
    if padded {
        datagram.resize(DATAGRAM_MAX, 0);
    }
    datagram
}

#[test]
fn what_our_agent_sends_is_its_golden_file() {
    let folder = golden::folder("datagrams/agent-to-server/marked");
    golden::assert_files_are(&folder, commands().iter().map(|case| case.0));
    let mut datagram = b"left over from the datagram before".to_vec();
    for (file, command) in commands() {
        let golden = golden::read_dump(&folder, file);
        command.encode_marked(SOURCE, HOST, &mut datagram);
        assert_eq!(shown(&datagram), shown(&golden), "{file}");
        let marked = MarkedCommand { command, features: OURS, acknowledges: None };
        assert_eq!(Command::decode_marked(&golden), Ok(marked), "{file}");
    }
}

#[test]
fn an_acknowledgement_is_its_golden_file_and_to_others_a_loopback() {
    let folder = golden::folder("datagrams/agent-to-server/acknowledgement");
    golden::assert_files_are(&folder, ["acknowledgement.txt"]);
    let golden = golden::read_dump(&folder, "acknowledgement.txt");
    let mut datagram = Vec::new();
    Command::encode_acknowledgement(EventId(u32::MAX), SOURCE, &mut datagram);
    assert_eq!(shown(&datagram), shown(&golden));
    assert_eq!(Command::decode(&golden), Ok(Command::Loopback));
    let acknowledges = Some(EventId(u32::MAX));
    let marked = MarkedCommand { command: Command::Loopback, features: OURS, acknowledges };
    assert_eq!(Command::decode_marked(&golden), Ok(marked));
}

#[test]
fn what_our_server_sends_is_its_golden_file() {
    let folder = golden::folder("datagrams/server-to-agent/marked");
    golden::assert_files_are(&folder, events().iter().map(|case| case.0));
    let mut datagram = b"left over from the datagram before".to_vec();
    for (file, event, id) in events() {
        let (golden, id) = (golden::read_dump(&folder, file), id.map(EventId));
        event.encode_marked(id, &mut datagram);
        assert_eq!(shown(&datagram), shown(&golden), "{file}");
        let marked = MarkedEvent { event, features: OURS, id };
        assert_eq!(Event::decode_marked(&golden), Ok(marked), "{file}");
    }
}

#[test]
fn to_a_peer_ours_says_what_the_unmarked_datagram_says() {
    for (file, command) in commands() {
        let marked = golden::read_dump(&golden::folder("datagrams/agent-to-server/marked"), file);
        assert_eq!(Command::decode(&marked), Ok(command), "{file}");
    }
    for (file, event, _) in events() {
        let marked = golden::read_dump(&golden::folder("datagrams/server-to-agent/marked"), file);
        assert_eq!(Event::decode(&marked), Ok(event), "{file}");
    }
}

#[test]
fn without_its_marks_a_datagram_is_byte_for_byte_that_of_a_peer() {
    let mut datagram = Vec::new();
    for (file, command) in commands() {
        let peers = golden::read_dump(&golden::folder("datagrams/agent-to-server"), file);
        let ours = without_marks("datagrams/agent-to-server/marked", file, None);
        assert_eq!(shown(&ours), shown(&peers), "{file}");
        command.encode(SOURCE, HOST, &mut datagram);
        assert_eq!(shown(&datagram), shown(&peers), "{file}");
    }
    for (file, event, id) in events() {
        let peers = golden::read_dump(&golden::folder("datagrams/server-to-agent"), file);
        let ours = without_marks("datagrams/server-to-agent/marked", file, id);
        assert_eq!(shown(&ours), shown(&peers), "{file}");
        event.encode(&mut datagram);
        assert_eq!(shown(&datagram), shown(&peers), "{file}");
    }
}

#[test]
fn a_peer_has_no_features_and_asks_for_no_acknowledgement() {
    for (file, command) in commands() {
        let peers = golden::read_dump(&golden::folder("datagrams/agent-to-server"), file);
        let marked = MarkedCommand { command, features: Features::default(), acknowledges: None };
        assert_eq!(Command::decode_marked(&peers), Ok(marked), "{file}");
    }
    for (file, event, _) in events() {
        let peers = golden::read_dump(&golden::folder("datagrams/server-to-agent"), file);
        let marked = MarkedEvent { event, features: Features::default(), id: None };
        assert_eq!(Event::decode_marked(&peers), Ok(marked), "{file}");
    }
}

#[test]
fn the_extra_keys_of_others_are_taken_for_what_they_are() {
    let folder = golden::folder("datagrams/server-to-agent/marked/understood");
    let cases = [
        ("heartbeat_loss_with_more_features.txt", OURS, Some(EventId(9))),
        ("heartbeat_loss_of_other_features.txt", Features::default(), None),
    ];
    golden::assert_files_are(&folder, cases.map(|case| case.0));
    for (file, features, id) in cases {
        let marked = MarkedEvent { event: loss(), features, id };
        assert_eq!(Event::decode_marked(&golden::read_dump(&folder, file)), Ok(marked), "{file}");
    }

    let folder = golden::folder("datagrams/agent-to-server/marked/understood");
    let add = Command::AddInstance { uuid: uuid(), reporting: Switch::Enabled };
    let cases = [
        ("add_instance_with_an_ack.txt", add, OURS),
        ("loopback_without_features.txt", Command::Loopback, Features::default()),
    ];
    golden::assert_files_are(&folder, cases.iter().map(|case| case.0));
    for (file, command, features) in cases {
        let marked = MarkedCommand { command, features, acknowledges: None };
        assert_eq!(Command::decode_marked(&golden::read_dump(&folder, file)), Ok(marked), "{file}");
    }
}
