//! What holds for every datagram.

use proptest::prelude::*;
use protocol::datagram::{BUF_MAX, Command, DATAGRAM_MAX, Event, HEADER_LEN, MaintenanceCommand};
use serde_json::{Map, Value};

use crate::samples::{command, config, event, maintenance_command};

/// The JSON object of a datagram and its length in bytes, padding and its NUL left out.
fn object_of(datagram: &[u8]) -> (Map<String, Value>, usize) {
    let json = datagram[HEADER_LEN..].split(|byte| *byte == 0).next().unwrap();
    (serde_json::from_slice(json).expect("one whole JSON object"), json.len())
}

fn assert_all_strings(object: &Map<String, Value>) -> Result<(), TestCaseError> {
    for (key, value) in object {
        prop_assert!(value.is_string(), "{key}: {value}");
    }
    Ok(())
}

/// Bytes behind a header that one of the decoders accepts.
fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        command().prop_map(|command| {
            let mut datagram = Vec::new();
            command.encode("192.168.204.1", "", &mut datagram);
            datagram
        }),
        event().prop_map(|event| {
            let mut datagram = Vec::new();
            event.encode(&mut datagram);
            datagram
        }),
        maintenance_command().prop_map(|command| {
            let mut datagram = Vec::new();
            command.encode(&mut datagram);
            datagram
        }),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let noise = prop::collection::vec(any::<u8>(), 0..DATAGRAM_MAX + 100);
    prop_oneof![
        (header, changes).prop_map(|(mut datagram, changes)| {
            for (at, byte) in changes {
                let at = at.index(datagram.len());
                datagram[at] = byte;
            }
            datagram
        }),
        noise,
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_command_reads_back_and_is_a_header_and_its_object(command in command()) {
        let mut datagram = Vec::new();
        command.encode("fd00:204::1", "b2f1c0de-1111-4222-8333-444455556666", &mut datagram);
        let (object, len) = object_of(&datagram);
        prop_assert_eq!(datagram.len(), HEADER_LEN + len);
        prop_assert!(datagram.len() <= DATAGRAM_MAX);
        assert_all_strings(&object)?;
        prop_assert_eq!(Command::decode(&datagram), Ok(command));
    }

    #[test]
    fn an_event_is_1060_bytes_with_a_whole_object_and_its_nul(event in event()) {
        let mut datagram = Vec::new();
        event.encode(&mut datagram);
        prop_assert_eq!(datagram.len(), DATAGRAM_MAX);
        let (object, len) = object_of(&datagram);
        prop_assert!(len < BUF_MAX, "{len} bytes leave no room for the NUL");
        prop_assert!(datagram[HEADER_LEN + len..].iter().all(|byte| *byte == 0));
        assert_all_strings(&object)?;
    }

    #[test]
    fn an_event_reads_back_but_for_the_end_of_a_reason_too_long(event in event()) {
        let mut datagram = Vec::new();
        event.encode(&mut datagram);
        let (_, len) = object_of(&datagram);
        let mut decoded = Event::decode(&datagram).unwrap();
        if let (Event::Answer(decoded), Event::Answer(sent)) = (&mut decoded, &event)
            && decoded.reason != sent.reason
        {
            prop_assert!(sent.reason.as_str().starts_with(decoded.reason.as_str()));
            prop_assert!(len > BUF_MAX - 8, "cut to {len} bytes: more than was needed");
            decoded.reason = sent.reason.clone();
        }
        prop_assert_eq!(decoded, event);
    }

    #[test]
    fn a_command_of_maintenance_reads_back(command in maintenance_command()) {
        let mut datagram = Vec::new();
        command.encode(&mut datagram);
        let (object, len) = object_of(&datagram);
        prop_assert_eq!(datagram.len(), HEADER_LEN + len);
        prop_assert!(datagram.len() <= DATAGRAM_MAX);
        assert_all_strings(&object)?;
        prop_assert_eq!(MaintenanceCommand::decode(&datagram), Ok(command));
    }

    #[test]
    fn any_datagram_is_read_or_refused(datagram in any_datagram()) {
        if let Ok(command) = Command::decode(&datagram) {
            let mut again = Vec::new();
            command.encode("", "", &mut again);
            prop_assert_eq!(Command::decode(&again), Ok(command));
        }
        if let Ok(event) = Event::decode(&datagram) {
            let mut again = Vec::new();
            event.encode(&mut again);
            prop_assert_eq!(again.len(), DATAGRAM_MAX);
        }
        if let Ok(command) = MaintenanceCommand::decode(&datagram) {
            let mut again = Vec::new();
            command.encode(&mut again);
            prop_assert_eq!(MaintenanceCommand::decode(&again), Ok(command));
        }
    }
}
