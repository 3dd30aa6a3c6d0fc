//! What strangers send to the ports of the daemons: refused with a reason, never a crash.

use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType, VoteResult};
use protocol::datagram::{
    Answer, BUF_MAX, Command, DATAGRAM_MAX, DatagramError, Event, HEADER_LEN, MaintenanceCommand,
};

const AGENT: &[u8] = b"guest msg header:\0";
const MAINTENANCE: &[u8] = b"cgts mtc cmd req:\0";
const SERVER: &[u8] = b"";

const UUID: &str = "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b";
const QUERY: u32 = 0x1111_0023;
const LOOPBACK: u32 = 0x0101_0101;
const ADD_INSTANCE: u32 = 0x1111_0020;
const LOSS: u32 = 0x0000_fead;
const ANSWER: u32 = 0xfeed_feed;

type Keys = &'static [(&'static str, &'static str)];

const INSTANCE: Keys = &[("uuid", UUID), ("state", "enabled")];
const ACTION: Keys = &[("uuid", UUID), ("event", "stop")];
const HOST_STATE: Keys = &[("heartbeat", "enabled")];
const INFO: Keys = &[
    ("hostname", "compute-0"),
    ("uuid", UUID),
    ("reporting", "enabled"),
    ("heartbeating", "disabled"),
    ("repair-action", "log"),
    ("restart-to", "120"),
    ("shutdown-to", "10"),
    ("suspend-to", "10"),
    ("resume-to", "10"),
    ("vote-to", "10"),
];
const ON_HOST: Keys = &[("hostname", "compute-0"), ("uuid", UUID)];
const ANSWER_KEYS: Keys = &[
    ("hostname", "compute-0"),
    ("uuid", UUID),
    ("notification_type", "revocable"),
    ("event-type", "stop"),
    ("vote", "accept"),
];
const INVENTORY: Keys = &[
    ("hostname", "compute-0"),
    ("uuid", UUID),
    ("ip", "192.168.204.23"),
    ("personality", "worker"),
];

/// Every datagram that carries keys: its signature, its command, and the keys it needs.
const DATAGRAMS: &[(&[u8], u32, Keys)] = &[
    (AGENT, ADD_INSTANCE, INSTANCE),
    (AGENT, 0x1111_0021, &[("uuid", UUID)]),
    (AGENT, 0x1111_0022, INSTANCE),
    (AGENT, 0x1111_0024, ACTION),
    (AGENT, 0x1111_0025, ACTION),
    (AGENT, 0x1111_0012, HOST_STATE),
    (SERVER, 0xf0f0_f0f0, &[("hostname", "compute-0")]),
    (SERVER, 0x0110_fead, INFO),
    (SERVER, 0x0100_fead, INFO),
    (SERVER, 0x0001_fead, INFO),
    (SERVER, LOSS, ON_HOST),
    (SERVER, QUERY, INFO),
    (SERVER, ANSWER, ANSWER_KEYS),
    (MAINTENANCE, 0x1111_0010, INVENTORY),
    (MAINTENANCE, 0x1111_0012, INVENTORY),
    (MAINTENANCE, 0x1111_0011, ON_HOST),
];

fn datagram(signature: &[u8], cmd: u32, buf: impl AsRef<[u8]>) -> Vec<u8> {
    let mut datagram = vec![0; HEADER_LEN];
    datagram[..signature.len()].copy_from_slice(signature);
    datagram[72..76].copy_from_slice(&cmd.to_le_bytes());
    datagram.extend_from_slice(buf.as_ref());
    datagram
}

/// The object of `keys` with `key`'s value replaced, or without `key`.
fn object(keys: Keys, key: &str, value: Option<&str>) -> String {
    let pairs: Vec<String> = keys
        .iter()
        .map(|(name, good)| (name, if *name == key { value } else { Some(*good) }))
        .filter_map(|(name, value)| Some(format!(r#""{name}":{}"#, quoted(value?))))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// A value that begins like JSON of another type stays what it is.
fn quoted(value: &str) -> String {
    match value.strip_prefix("raw ") {
        Some(raw) => raw.to_owned(),
        None => format!("\"{value}\""),
    }
}

/// What the receiver of this kind of datagram says to it.
fn read(signature: &[u8], datagram: &[u8]) -> Result<(), DatagramError> {
    match signature {
        AGENT => Command::decode(datagram).map(drop),
        MAINTENANCE => MaintenanceCommand::decode(datagram).map(drop),
        _ => Event::decode(datagram).map(drop),
    }
}

#[test]
fn a_missing_key_is_named() {
    for (signature, cmd, keys) in DATAGRAMS {
        let whole = datagram(signature, *cmd, object(keys, "", None));
        assert_eq!(read(signature, &whole), Ok(()), "{cmd:#x}");
        for (key, _) in *keys {
            let without = datagram(signature, *cmd, object(keys, key, None));
            let refusal = Err(DatagramError::BadKey(key));
            assert_eq!(read(signature, &without), refusal, "{cmd:#x} without {key}");
        }
    }
}

#[test]
fn a_value_that_is_no_string_is_named() {
    for (signature, cmd, keys) in DATAGRAMS {
        for (key, _) in *keys {
            for value in ["raw 7", "raw null", "raw true", "raw []", r#"raw {"a":"b"}"#] {
                let bad = datagram(signature, *cmd, object(keys, key, Some(value)));
                let refusal = Err(DatagramError::BadKey(key));
                assert_eq!(read(signature, &bad), refusal, "{cmd:#x} {key} {value}");
            }
        }
    }
}

#[test]
fn a_value_that_the_protocol_does_not_have_is_named() {
    let cases: &[(&str, &[&str])] = &[
        ("uuid", &["", "3e7a3d5e", "../../../../../../../../etc/passwd..", &UUID[1..]]),
        ("uuid", &["3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b0", "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4aé"]),
        ("state", &["", "on", "Enabled", "enabled "]),
        ("heartbeat", &["on", "true"]),
        ("reporting", &["yes"]),
        ("heartbeating", &["running"]),
        ("restart-to", &["", "-1", "ten", "1.5", "4294967296", " 10"]),
        ("vote-to", &["-1", "0x10"]),
        ("notification_type", &["", "Revocable", "unknown"]),
        ("ip", &["", "controller", "192.168.204", "192.168.204.256"]),
    ];
    for (signature, cmd, keys) in DATAGRAMS {
        for (key, values) in cases {
            for value in values.iter().filter(|_| keys.iter().any(|(name, _)| name == key)) {
                let bad = datagram(signature, *cmd, object(keys, key, Some(value)));
                let refusal = Err(DatagramError::BadKey(key));
                assert_eq!(read(signature, &bad), refusal, "{cmd:#x} {key} {value:?}");
            }
        }
    }
}

#[test]
fn only_100_to_1060_bytes_are_a_datagram() {
    for signature in [AGENT, SERVER, MAINTENANCE] {
        for len in (0..HEADER_LEN).chain([DATAGRAM_MAX + 1, 65507]) {
            let mut bytes = datagram(signature, QUERY, "{}");
            bytes.resize(len, 0);
            assert_eq!(read(signature, &bytes), Err(DatagramError::BadLength(len)));
        }
    }
    for len in [HEADER_LEN, DATAGRAM_MAX] {
        let mut bytes = datagram(AGENT, QUERY, "");
        bytes.resize(len, 0);
        assert_eq!(Command::decode(&bytes), Ok(Command::QueryInstances), "{len} bytes");
    }
}

#[test]
fn a_wrong_signature_is_refused() {
    let almost: &[&[u8]] = &[
        b"guest msg header:x",
        b"guest msg header\0",
        b"Guest msg header:\0",
        b" guest msg header:\0",
        b"\0guest msg header:",
        b"guest msg header: \0",
        b"cgts mtc cmd req:x",
        b"\xff",
    ];
    for (right, cmd, keys) in DATAGRAMS {
        for wrong in [AGENT, SERVER, MAINTENANCE].iter().filter(|s| *s != right).chain(almost) {
            // A NUL in front is the empty string that servers sign with.
            if *right == SERVER && wrong.first() == Some(&0) {
                continue;
            }
            let bytes = datagram(wrong, *cmd, object(keys, "", None));
            let shown = wrong.escape_ascii();
            assert_eq!(read(right, &bytes), Err(DatagramError::BadSignature), "{shown}");
        }
    }
}

#[test]
fn an_unknown_command_is_refused() {
    for signature in [AGENT, SERVER, MAINTENANCE] {
        let known = |cmd: &u32| {
            DATAGRAMS.iter().any(|(s, c, _)| *s == signature && c == cmd)
                || (signature == AGENT && [QUERY, LOOPBACK].contains(cmd))
        };
        let others = DATAGRAMS.iter().map(|(_, cmd, _)| *cmd);
        let strange = [0, 1, 0x1111_0026, 0x2000_1111, u32::MAX];
        for cmd in others.chain(strange).filter(|cmd| !known(cmd)) {
            let bytes = datagram(signature, cmd, object(INFO, "", None));
            assert_eq!(read(signature, &bytes), Err(DatagramError::UnknownCommand(cmd)));
        }
    }
}

#[test]
fn a_buffer_that_is_no_json_object_is_refused() {
    let deep = "[".repeat(BUF_MAX);
    let deep_value = format!(r#"{{"uuid":{}{}}}"#, "[".repeat(400), "]".repeat(400));
    let noise = [0xff_u8; BUF_MAX];
    let buffers: &[&[u8]] = &[
        b" ",
        b"\x01\x02\x03",
        b"{",
        b"[]",
        b"7",
        b"null",
        br#""text""#,
        br#"{"uuid":"x"} trailing"#,
        b"{\"uuid\":\"cut by a\0NUL\"}",
        b"{\"uuid\":\"\xff\"}",
        b"{\"\xff\":\"uuid\"}",
        deep.as_bytes(),
        deep_value.as_bytes(),
        &noise,
    ];
    let queries = [(AGENT, QUERY, INFO), (AGENT, LOOPBACK, INFO)];
    for (signature, cmd, _) in DATAGRAMS.iter().chain(&queries) {
        for buffer in buffers {
            let bytes = datagram(signature, *cmd, buffer);
            let shown = buffer.escape_ascii();
            assert_eq!(read(signature, &bytes), Err(DatagramError::NotAnObject), "{shown}");
        }
    }
    for (signature, cmd, _) in DATAGRAMS {
        let empty = datagram(signature, *cmd, "");
        assert_eq!(read(signature, &empty), Err(DatagramError::NotAnObject), "{cmd:#x}");
    }
}

#[test]
fn a_buffer_full_to_the_last_byte_needs_no_nul() {
    let mut buf = object(INSTANCE, "", None);
    buf += &" ".repeat(BUF_MAX - buf.len());
    let full = datagram(AGENT, ADD_INSTANCE, &buf);
    assert_eq!(full.len(), DATAGRAM_MAX);
    assert_eq!(read(AGENT, &full), Ok(()));
    buf.replace_range(BUF_MAX - 1.., "x");
    let bad = datagram(AGENT, ADD_INSTANCE, &buf);
    assert_eq!(read(AGENT, &bad), Err(DatagramError::NotAnObject));
}

#[test]
fn what_follows_the_nul_is_ignored() {
    let mut bytes = datagram(SERVER, LOSS, object(ON_HOST, "", None));
    bytes.push(0);
    bytes.resize(DATAGRAM_MAX, 0xff);
    assert_eq!(read(SERVER, &bytes), Ok(()));
}

/// An answer whose object is too long by a little or by much, depending on `quotes`.
fn long_answer(quotes: usize, end: &str) -> Answer {
    Answer {
        hostname: "\"".repeat(quotes).as_str().into(),
        uuid: InstanceId::new(UUID).unwrap(),
        notification_type: NotificationType::Irrevocable,
        event_type: EventType::ColdMigrateBegin,
        vote: VoteResult::Complete,
        reason: format!("{}{end}", "\\".repeat(200)).as_str().into(),
    }
}

#[test]
fn the_longest_answer_is_cut_in_its_reason_and_its_object_stays_whole() {
    for end in ["", "e", "end", "and an end"] {
        for quotes in 150..=253 {
            let answer = long_answer(quotes, end);
            let mut bytes = Vec::new();
            Event::Answer(answer.clone()).encode(&mut bytes);
            assert_eq!((bytes.len(), bytes.last()), (DATAGRAM_MAX, Some(&0)), "{quotes} {end}");
            let Ok(Event::Answer(read)) = Event::decode(&bytes) else { panic!("an answer") };
            assert!(read.reason.as_str().len() > 100, "{quotes} {end}: {}", read.reason);
            assert!(answer.reason.as_str().starts_with(read.reason.as_str()));
            assert_eq!(Answer { reason: answer.reason.clone(), ..read }, answer);
        }
    }
}

#[test]
fn an_event_name_beyond_its_limit_is_cut() {
    let long = "live_migrate_begin_".repeat(20);
    let bytes = datagram(AGENT, 0x1111_0024, object(ACTION, "event", Some(&long)));
    let Ok(Command::Vote { event, .. }) = Command::decode(&bytes) else { panic!("a vote") };
    assert_eq!(event.as_str(), &long[..31]);
}
