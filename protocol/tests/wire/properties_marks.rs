//! What holds for every datagram with extra keys.

use proptest::prelude::*;
use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType, VoteResult};
use protocol::datagram::{
    Answer, BUF_MAX, Command, DATAGRAM_MAX, DatagramError, Event, EventId, Features, HEADER_LEN,
    MarkedCommand, MarkedEvent,
};

use crate::samples::{command, config, event};

const OURS: Features = Features { ack: true };
/// How every object of ours ends.
const MARK: &[u8] = br#","features":"ack"}"#;

fn object_of(datagram: &[u8]) -> &[u8] {
    datagram[HEADER_LEN..].split(|byte| *byte == 0).next().unwrap()
}

/// An event whose reason is cut differently is the same event for the rest.
fn with_reason_of(mut event: Event, other: &Event) -> Event {
    if let (Event::Answer(event), Event::Answer(other)) = (&mut event, other) {
        event.reason = other.reason.clone();
    }
    event
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_marked_command_reads_back(command in command()) {
        let mut datagram = Vec::new();
        command.encode_marked("fd00:204::1", "b2f1c0de-1111-4222-8333-444455556666", &mut datagram);
        prop_assert!(datagram.len() < DATAGRAM_MAX);
        prop_assert!(object_of(&datagram).ends_with(MARK));
        prop_assert_eq!(Command::decode(&datagram), Ok(command.clone()));
        let marked = MarkedCommand { command, features: OURS, acknowledges: None };
        prop_assert_eq!(Command::decode_marked(&datagram), Ok(marked));
    }

    #[test]
    fn an_acknowledgement_reads_back(id in any::<u32>().prop_map(EventId)) {
        let mut datagram = Vec::new();
        Command::encode_acknowledgement(id, "fd00:204::1", &mut datagram);
        let marked = Command::decode_marked(&datagram).unwrap();
        prop_assert_eq!(marked.acknowledges, Some(id));
    }

    #[test]
    fn a_marked_event_keeps_its_marks_and_its_nul_whatever_it_carries(
        event in event(),
        id in prop::option::of(any::<u32>().prop_map(EventId)),
    ) {
        let mut datagram = Vec::new();
        event.encode_marked(id, &mut datagram);
        prop_assert_eq!(datagram.len(), DATAGRAM_MAX);
        let object = object_of(&datagram);
        prop_assert!(object.len() < BUF_MAX, "{} bytes leave no room for the NUL", object.len());
        prop_assert!(object.ends_with(MARK));
        let MarkedEvent { event: read, features, id: read_id } =
            Event::decode_marked(&datagram).unwrap();
        prop_assert_eq!((features, read_id), (OURS, id));
        prop_assert_eq!(with_reason_of(read, &event), event);
    }
}

/// A datagram with an object that the encoder would not write.
fn datagram(signature: &[u8], cmd: u32, object: &str) -> Vec<u8> {
    let mut datagram = signature.to_vec();
    datagram.resize(HEADER_LEN, 0);
    datagram[72..76].copy_from_slice(&cmd.to_le_bytes());
    datagram.extend(object.bytes());
    datagram
}

#[test]
fn an_id_that_is_none_is_refused_where_it_counts() {
    let uuid = InstanceId::numbered(1);
    for id in ["\"\"", "\"-1\"", "\"4294967296\"", "\"seven\"", "\" 7\"", "7", "null", "[]"] {
        let loss = format!(r#"{{"hostname":"a","uuid":"{uuid}","id":{id},"features":"ack"}}"#);
        let loss = datagram(b"", 0x0000_fead, &loss);
        assert_eq!(Event::decode_marked(&loss), Err(DatagramError::BadKey("id")), "{id}");
        assert!(Event::decode(&loss).is_ok(), "to a peer {id} is nothing");
        let ack = format!(r#"{{"ack":{id},"features":"ack"}}"#);
        let ack = datagram(b"guest msg header:\0", 0x0101_0101, &ack);
        assert_eq!(Command::decode_marked(&ack), Err(DatagramError::BadKey("ack")), "{id}");
        assert_eq!(Command::decode(&ack), Ok(Command::Loopback), "to a peer {id} is nothing");
    }
}

#[test]
fn features_that_are_no_string_are_none() {
    for features in ["7", "null", "true", "[\"ack\"]", "\"\"", "\"ACK\"", "\"acknowledge\""] {
        let query = format!(r#"{{"source":"a","features":{features}}}"#);
        let query = datagram(b"guest msg header:\0", 0x1111_0023, &query);
        let marked = Command::decode_marked(&query).unwrap();
        assert_eq!(marked.features, Features::default(), "{features}");
    }
}

#[test]
fn the_longest_answer_is_cut_in_its_reason_and_keeps_its_marks() {
    for quotes in 150..=253 {
        let answer = Answer {
            hostname: "\"".repeat(quotes).as_str().into(),
            uuid: InstanceId::numbered(1),
            notification_type: NotificationType::Irrevocable,
            event_type: EventType::ColdMigrateBegin,
            vote: VoteResult::Complete,
            reason: "\\".repeat(223).as_str().into(),
        };
        let mut datagram = Vec::new();
        Event::Answer(answer.clone()).encode_marked(Some(EventId(u32::MAX)), &mut datagram);
        assert_eq!((datagram.len(), datagram.last()), (DATAGRAM_MAX, Some(&0)), "{quotes}");
        let marked = Event::decode_marked(&datagram).unwrap();
        assert_eq!((marked.id, marked.features), (Some(EventId(u32::MAX)), OURS));
        let Event::Answer(read) = marked.event else { panic!("an answer") };
        assert!(answer.reason.as_str().starts_with(read.reason.as_str()));
        assert!(read.reason.as_str().len() > 50, "{quotes}: {}", read.reason);
    }
}

#[test]
fn ids_go_on_after_the_last_one() {
    assert_eq!(EventId(7).next(), EventId(8));
    assert_eq!(EventId(u32::MAX).next(), EventId(0));
}
