//! What holds for every object and every stream of the guest channel.

use proptest::prelude::*;
use protocol::channel::{GuestMessage, HostMessage, LineDecoder, LogMsg, Nack, Refused};
use protocol::limits::{INT_MAX, LINE_MAX, LOG_MSG_MAX, NAME_MAX, OBJECT_MAX, WORD_MAX, WRITE_MIN};
use serde_json::Value;

use crate::lines;
use crate::samples::{any_int, any_text, config, guest_message, host_message, wire_int};

/// The one line of an encoded object, checked for what a deployed peer survives.
fn the_line(wire: &[u8]) -> Result<Vec<u8>, TestCaseError> {
    prop_assert!((WRITE_MIN..=OBJECT_MAX).contains(&wire.len()), "{} bytes", wire.len());
    let delimited = wire.starts_with(b"\n{") && wire.ends_with(b"}\n");
    prop_assert!(delimited, "{}", wire.escape_ascii());
    let mut found = lines::of(wire);
    prop_assert_eq!(found.len(), 1);
    Ok(found.remove(0))
}

fn assert_within_limits(wire: &[u8]) -> Result<(), TestCaseError> {
    let object: serde_json::Map<String, Value> = serde_json::from_slice(&the_line(wire)?).unwrap();
    for (key, value) in &object {
        match value {
            Value::String(text) => {
                let limit = match key.as_str() {
                    "name" => NAME_MAX,
                    "log_msg" => LOG_MSG_MAX,
                    _ => WORD_MAX,
                };
                prop_assert!(text.len() <= limit, "{key}: {} bytes", text.len());
                prop_assert!(!text.chars().any(char::is_control), "{key}: {text:?}");
            }
            Value::Number(number) if key == "sequence" => prop_assert!(number.is_u64()),
            Value::Number(number) => {
                prop_assert!(number.as_u64().is_some_and(|n| n <= u64::from(INT_MAX)), "{key}");
            }
            other => prop_assert!(false, "{key}: {other}"),
        }
    }
    Ok(())
}

/// The nack that a host makes of a refused line.
fn nack_of(refused: &Refused) -> HostMessage {
    HostMessage::Nack(Nack {
        invocation_id: refused.invocation_id.unwrap_or(0),
        orig_msg_type: refused.msg_type.clone(),
        log_msg: LogMsg::new(&refused.refusal.to_string()),
    })
}

/// A stream of objects, blank lines and noise, with lines of every length up to beyond the cap.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (guest_message(wire_int), any::<u32>()).prop_map(|(object, sequence)| {
            let mut wire = Vec::new();
            object.encode(sequence, &mut wire);
            wire
        }),
        2 => prop::collection::vec(any::<u8>(), 0..200),
        2 => "[ \t\r\n]{0,5}".prop_map(String::into_bytes),
        1 => (LINE_MAX - 2..LINE_MAX + 3).prop_map(|len| vec![b'x'; len]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// An object's line of which some bytes are others.
fn almost_an_object() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        guest_message(wire_int).prop_map(|object| encoded(|out| object.encode(1, out))),
        host_message(wire_int).prop_map(|object| encoded(|out| object.encode(1, out))),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (line, changes).prop_map(|(mut line, changes)| {
        for (at, byte) in changes {
            let at = at.index(line.len());
            line[at] = byte;
        }
        line
    })
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut wire = Vec::new();
    encode(&mut wire);
    wire
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_guests_object_reads_back(object in guest_message(wire_int), sequence: u32) {
        let wire = encoded(|out| object.encode(sequence, out));
        prop_assert_eq!(GuestMessage::decode(&the_line(&wire)?), Ok(object));
    }

    #[test]
    fn a_hosts_object_reads_back(object in host_message(wire_int), sequence: u32) {
        let wire = encoded(|out| object.encode(sequence, out));
        prop_assert_eq!(HostMessage::decode(&the_line(&wire)?), Ok(object));
    }

    #[test]
    fn no_object_exceeds_what_a_peer_survives(
        guest in guest_message(any_int),
        host in host_message(any_int),
        sequence: u32,
    ) {
        assert_within_limits(&encoded(|out| guest.encode(sequence, out)))?;
        assert_within_limits(&encoded(|out| host.encode(sequence, out)))?;
    }

    #[test]
    fn no_nack_of_an_unknown_type_exceeds_what_a_peer_survives(msg_type in any_text(), id: u64) {
        let line = serde_json::json!({"version": 3, "msg_type": &msg_type, "invocation_id": id});
        let refused = GuestMessage::decode(line.to_string().as_bytes());
        if let Err(refused) = refused {
            assert_within_limits(&encoded(|out| nack_of(&refused).encode(1, out)))?;
        }
    }

    #[test]
    fn a_stream_gives_the_same_lines_however_it_is_split(
        stream in any_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut whole = LineDecoder::default();
        let expected = lines::feed(&mut whole, &stream);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut pieces = LineDecoder::default();
        let mut found = Vec::new();
        for cut in cuts.windows(2) {
            found.extend(lines::feed(&mut pieces, &stream[cut[0]..cut[1]]));
        }

        prop_assert_eq!(found, expected);
        prop_assert_eq!(pieces.overlong(), whole.overlong());
        prop_assert_eq!(pieces.held(), whole.held());
    }

    #[test]
    fn any_bytes_are_lines_or_dropped_and_never_held_beyond_the_cap(
        reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..8),
    ) {
        let mut decoder = LineDecoder::default();
        for read in &reads {
            for line in lines::feed(&mut decoder, read) {
                prop_assert!((1..=LINE_MAX).contains(&line.len()) && !line.contains(&b'\n'));
                let _ = (GuestMessage::decode(&line), HostMessage::decode(&line));
            }
            prop_assert!(decoder.held() <= LINE_MAX);
        }
    }

    #[test]
    fn an_object_with_flipped_bytes_is_read_or_refused(stream in almost_an_object()) {
        for line in lines::of(&stream) {
            if let Ok(object) = GuestMessage::decode(&line) {
                assert_within_limits(&encoded(|out| object.encode(1, out)))?;
            }
            if let Ok(object) = HostMessage::decode(&line) {
                assert_within_limits(&encoded(|out| object.encode(1, out)))?;
            }
        }
    }
}
