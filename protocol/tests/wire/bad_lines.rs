//! What strangers put on a guest channel: refused with a reason or dropped, never a crash.

use protocol::channel::{GuestMessage, HostMessage, LineDecoder, Refusal, Refused};
use protocol::limits::LINE_MAX;

use crate::lines;

/// What a key's value must be.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// An integer that must come back as it was sent: 0..=2147483647.
    Id,
    /// A length of time: a larger one is taken as 2147483647.
    Amount,
    /// A string; a word that is not in the protocol is `unknown`.
    Str,
    /// One of the protocol's words.
    Word,
    /// A string that may be left out.
    OptionalStr,
}
use Kind::{Amount, Id, OptionalStr, Str, Word};

/// The keys of an object after `version` and `msg_type`, each with a good value as JSON.
type Keys = &'static [(&'static str, &'static str, Kind)];

const FROM_GUESTS: &[(&str, Keys)] = &[
    (
        "init",
        &[
            ("invocation_id", "7", Id),
            ("name", r#""vm""#, Str),
            ("heartbeat_interval_ms", "1000", Amount),
            ("vote_secs", "11", Amount),
            ("shutdown_notice_secs", "11", Amount),
            ("suspend_notice_secs", "11", Amount),
            ("resume_notice_secs", "11", Amount),
            ("restart_secs", "121", Amount),
            ("corrective_action", r#""reboot""#, Str),
        ],
    ),
    (
        "challenge_response",
        &[
            ("heartbeat_response", "7", Id),
            ("heartbeat_health", r#""healthy""#, Word),
            ("corrective_action", r#""reboot""#, OptionalStr),
            ("log_msg", r#""""#, OptionalStr),
        ],
    ),
    (
        "action_response",
        &[
            ("invocation_id", "7", Id),
            ("event_type", r#""stop""#, Str),
            ("notification_type", r#""revocable""#, Word),
            ("vote_result", r#""accept""#, Str),
            ("log_msg", r#""""#, OptionalStr),
        ],
    ),
    ("exit", &[("log_msg", r#""""#, OptionalStr)]),
];

const FROM_HOSTS: &[(&str, Keys)] = &[
    ("init_ack", &[("invocation_id", "7", Id)]),
    ("challenge", &[("heartbeat_challenge", "7", Id)]),
    (
        "action_notify",
        &[
            ("invocation_id", "7", Id),
            ("event_type", r#""stop""#, Str),
            ("notification_type", r#""revocable""#, Word),
            ("timeout_ms", "11000", Amount),
        ],
    ),
    ("exit", &[("log_msg", r#""""#, OptionalStr)]),
    ("nack", &[("log_msg", r#""""#, OptionalStr)]),
];

/// A line with `key`'s value replaced, or without `key`.
fn line(msg_type: &str, keys: Keys, key: &str, value: Option<&str>) -> String {
    let mut entries = vec![format!(r#""version":3,"msg_type":"{msg_type}""#)];
    for (name, good, _) in keys {
        if let Some(value) = if *name == key { value } else { Some(*good) } {
            entries.push(format!(r#""{name}":{value}"#));
        }
    }
    format!("{{{}}}", entries.join(","))
}

/// `ok`, or what the nack says.
fn verdict<M>(read: Result<M, Refused>) -> String {
    read.map_or_else(|refused| refused.refusal.to_string(), |_| "ok".to_owned())
}

fn by_host(line: impl AsRef<[u8]>) -> String {
    verdict(GuestMessage::decode(line.as_ref()))
}

fn by_guest(line: impl AsRef<[u8]>) -> String {
    verdict(HostMessage::decode(line.as_ref()))
}

/// One end of the channel: its verdict on a line.
type Read = fn(String) -> String;

/// Calls `check` with each key of each object, and with the decoder that reads it.
fn for_each_key(mut check: impl FnMut(Read, &str, Keys, &str, Kind)) {
    let ends: [(Read, _); 2] = [(by_host, FROM_GUESTS), (by_guest, FROM_HOSTS)];
    for (read, objects) in ends {
        for (msg_type, keys) in objects {
            for (key, _, kind) in *keys {
                check(read, msg_type, keys, key, *kind);
            }
        }
    }
}

#[test]
fn a_missing_key_is_named() {
    for_each_key(|read, msg_type, keys, key, kind| {
        let refusal = if kind == OptionalStr { "ok".into() } else { failed(key) };
        assert_eq!(read(line(msg_type, keys, key, None)), refusal, "{msg_type} without {key}");
    });
}

fn failed(key: &str) -> String {
    format!("failed to parse {key}")
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let wrong_for_all = ["true", "null", "[]", "[7]", "{}", r#"{"a":7}"#, "1.5", "7.0", "1e3"];
    for_each_key(|read, msg_type, keys, key, kind| {
        let wrong = if matches!(kind, Id | Amount) { r#""7""# } else { "7" };
        for value in wrong_for_all.into_iter().chain([wrong]) {
            let line = line(msg_type, keys, key, Some(value));
            assert_eq!(read(line.clone()), failed(key), "{line}");
        }
    });
}

#[test]
fn a_number_out_of_range_is_refused_as_an_id_and_clamped_as_a_length_of_time() {
    let always_refused = ["-1", "-9223372036854775808", "99999999999999999999"];
    let too_large = ["2147483648", "4294967296", "9223372036854775808", "18446744073709551615"];
    for_each_key(|read, msg_type, keys, key, kind| {
        if !matches!(kind, Id | Amount) {
            return;
        }
        let verdict = |value| read(line(msg_type, keys, key, Some(value)));
        for value in ["0", "2147483647"] {
            assert_eq!(verdict(value), "ok", "{key} {value}");
        }
        for value in always_refused {
            assert_eq!(verdict(value), failed(key), "{key} {value}");
        }
        for value in too_large {
            let expected = if kind == Amount { "ok".into() } else { failed(key) };
            assert_eq!(verdict(value), expected, "{key} {value}");
        }
    });
}

#[test]
fn a_number_beyond_any_float_makes_the_line_no_json() {
    assert_eq!(by_host(r#"{"version":3,"msg_type":"exit","log_msg":1e999}"#), "not a JSON object");
}

#[test]
fn a_word_that_the_protocol_does_not_have_is_refused_only_where_it_decides() {
    for_each_key(|read, msg_type, keys, key, kind| {
        let line = line(msg_type, keys, key, Some(r#""Revocable""#));
        match kind {
            Word => assert_eq!(read(line.clone()), failed(key), "{line}"),
            Str | OptionalStr => assert_eq!(read(line.clone()), "ok", "{line}"),
            Id | Amount => {}
        }
    });
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_counts() {
    let twice = |first: &str, last: &str| {
        let line = format!(
            r#"{{"version":3,"msg_type":"init_ack","invocation_id":{first},"invocation_id":{last}}}"#
        );
        HostMessage::decode(line.as_bytes())
    };
    assert_eq!(twice("1", "2"), Ok(HostMessage::InitAck { invocation_id: 2 }));
    assert_eq!(twice(r#""one""#, "2"), Ok(HostMessage::InitAck { invocation_id: 2 }));
    assert_eq!(verdict(twice("1", r#""two""#)), failed("invocation_id"));
    assert_eq!(by_host(r#"{"version":3,"msg_type":"reboot","msg_type":"exit"}"#), "ok");
}

#[test]
fn a_host_takes_version_3_and_later_a_guest_only_3() {
    let cases = [
        ("3", "ok", "ok"),
        ("4", "ok", "Bad version: 4, expect version: 3"),
        ("9223372036854775807", "ok", "Bad version: 9223372036854775807, expect version: 3"),
        ("2", "Bad version: 2, expect version: 3", "Bad version: 2, expect version: 3"),
        ("0", "Bad version: 0, expect version: 3", "Bad version: 0, expect version: 3"),
        ("-3", "Bad version: -3, expect version: 3", "Bad version: -3, expect version: 3"),
        (r#""3""#, "failed to parse version", "failed to parse version"),
        ("3.0", "failed to parse version", "failed to parse version"),
        ("null", "failed to parse version", "failed to parse version"),
    ];
    for (version, host, guest) in cases {
        let line = format!(r#"{{"version":{version},"msg_type":"exit"}}"#);
        assert_eq!((by_host(&line), by_guest(&line)), (host.into(), guest.into()), "{line}");
    }
    assert_eq!(by_host(r#"{"msg_type":"exit"}"#), "failed to parse version");
}

#[test]
fn a_version_that_is_not_spoken_is_named_before_anything_else() {
    let line = r#"{"version":2,"msg_type":"nonsense"}"#;
    assert_eq!(by_host(line), "Bad version: 2, expect version: 3");
}

#[test]
fn an_unknown_type_is_repeated_within_the_limit() {
    let long = "ä".repeat(2000);
    let cases = [
        ("reboot_now", "reboot_now"),
        ("", ""),
        ("Init", "Init"),
        (r"in\u0000it\n\u001b[31m", "init[31m"),
        (r#"say \"hi\" \\"#, r#"say "hi" \"#),
        (long.as_str(), &long[..30]),
    ];
    for (msg_type, repeated) in cases {
        let line = format!(r#"{{"version":3,"msg_type":"{msg_type}"}}"#);
        let refusal = format!("unsupported message type: {repeated}");
        let refused = GuestMessage::decode(line.as_bytes()).unwrap_err();
        assert_eq!(refused.refusal.to_string(), refusal, "{line}");
        assert_eq!(refused.msg_type.as_str(), repeated, "{line}");
    }
}

#[test]
fn an_object_that_goes_the_other_way_is_an_unknown_type() {
    for (msg_type, keys) in FROM_HOSTS.iter().filter(|(msg_type, _)| *msg_type != "exit") {
        let refusal = format!("unsupported message type: {msg_type}");
        assert_eq!(by_host(line(msg_type, keys, "", None)), refusal);
    }
    for (msg_type, keys) in FROM_GUESTS.iter().filter(|(msg_type, _)| *msg_type != "exit") {
        let refusal = format!("unsupported message type: {msg_type}");
        assert_eq!(by_guest(line(msg_type, keys, "", None)), refusal);
    }
}

#[test]
fn a_type_that_is_no_string_is_named() {
    for msg_type in ["7", "null", "[]", r#"["init"]"#] {
        let line = format!(r#"{{"version":3,"msg_type":{msg_type}}}"#);
        assert_eq!(by_host(line), failed("msg_type"));
    }
    assert_eq!(by_host(r#"{"version":3}"#), failed("msg_type"));
}

#[test]
fn a_refusal_carries_what_a_nack_repeats() {
    let refused = |line: &str| GuestMessage::decode(line.as_bytes()).unwrap_err();
    let with_id = refused(r#"{"version":3,"msg_type":"action_response","invocation_id":77}"#);
    assert_eq!(with_id.msg_type.as_str(), "action_response");
    assert_eq!(with_id.invocation_id, Some(77));
    for id in ["-1", "2147483648", "\"77\"", "7.5"] {
        let line = format!(r#"{{"version":3,"msg_type":"init","invocation_id":{id}}}"#);
        assert_eq!(refused(&line).invocation_id, None, "{line}");
    }
    let nothing = refused("noise");
    assert_eq!((nothing.msg_type.as_str(), nothing.invocation_id), ("", None));
}

#[test]
fn what_is_no_json_object_is_told_apart() {
    let lines: &[&[u8]] = &[
        b"\x00\x01\x02\xff\xfe\x80",
        b"\0",
        b"{",
        b"}",
        b"[]",
        br#"[{"version":3,"msg_type":"exit"}]"#,
        b"7",
        b"null",
        b"true",
        br#""exit""#,
        b"{\"version\":3,\"msg_type\":\"exit\"",
        b"{\"version\":3,\"msg_type\":\"exit\"}}",
        b"{\"version\":3,\"msg_type\":\"exit\"}{\"version\":3,\"msg_type\":\"exit\"}",
        b"{\"version\":3,\"msg_type\":\"exit\"}\0",
        b"{\"version\":3,\"msg_type\":\"exit\",}",
        b"{'version':3,'msg_type':'exit'}",
        b"{\"version\":03,\"msg_type\":\"exit\"}",
        b"{\"version\":3,\"msg_type\":\"exit\xff\"}",
        b"{\"version\":3,\"msg_type\":\"exit\",\"log_msg\":\"\xc3\"}",
        b"{\"version\":3,\"msg_type\":\"exit\",\"unknown\":\"\xed\xa0\x80\"}",
        b"{\"version\":3,\"msg_type\":\"exit\",\"\xff\":1}",
        br#"{"version":3,"msg_type":"exit","log_msg":"\ud800"}"#,
        b"{\"version\":3,\"msg_type\":\"exit\",\"log_msg\":\"raw \x01 control\"}",
        b"\xef\xbb\xbf{\"version\":3,\"msg_type\":\"exit\"}",
    ];
    for line in lines {
        let shown = line.escape_ascii();
        let refusals = (GuestMessage::decode(line), HostMessage::decode(line));
        assert_eq!(refusals.0.unwrap_err().refusal, Refusal::NotAnObject, "{shown}");
        assert_eq!(refusals.1.unwrap_err().refusal, Refusal::NotAnObject, "{shown}");
    }
}

/// An exit of [`LINE_MAX`] bytes with `key` nested as deeply as fits.
fn nested(key: &str, open: &str, inner: &str, close: &str) -> String {
    let (start, end) = (format!(r#"{{"version":3,"msg_type":"exit","{key}":"#), "}");
    let room = LINE_MAX - start.len() - end.len() - inner.len();
    let depth = room / (open.len() + close.len());
    let line = start + &open.repeat(depth) + inner + &close.repeat(depth) + end;
    assert!(depth >= 600 && line.len() <= LINE_MAX);
    line
}

#[test]
fn deep_nesting_costs_nothing_under_any_key() {
    for (open, inner, close) in [("[", "", "]"), (r#"{"a":"#, "1", "}")] {
        assert_eq!(by_host(nested("unknown", open, inner, close)), "ok");
        assert_eq!(by_host(nested("log_msg", open, inner, close)), failed("log_msg"));
        assert_eq!(by_host(nested("version", open, inner, close)), failed("version"));
    }
    assert_eq!(by_host(nested("unknown", "[", "", "")), "not a JSON object");
    assert_eq!(by_host(nested("log_msg", "[", "", "")), "not a JSON object");
    assert_eq!(by_host("[".repeat(LINE_MAX)), "not a JSON object");
    assert_eq!(by_host(r#"{"version":"#.repeat(LINE_MAX / 11)), "not a JSON object");
}

#[test]
fn texts_beyond_their_limits_are_cut_not_refused() {
    let long = "é".repeat(1500);
    let exit_log_of = |line: String| match GuestMessage::decode(line.as_bytes()) {
        Ok(GuestMessage::Exit(exit)) => exit.log_msg,
        other => panic!("{other:?}"),
    };
    let cut = exit_log_of(format!(r#"{{"version":3,"msg_type":"exit","log_msg":"{long}"}}"#));
    assert_eq!(cut.as_str(), "é".repeat(111));
    let name = format!(r#""{long}""#);
    let init = line("init", FROM_GUESTS[0].1, "name", Some(&name));
    let Ok(GuestMessage::Init(init)) = GuestMessage::decode(init.as_bytes()) else { panic!() };
    assert_eq!(init.name.as_str(), "é".repeat(31));
}

#[test]
fn good_objects_between_bad_lines_are_all_read() {
    let good = br#"{"version":3,"msg_type":"exit"}"#;
    let bad: [&[u8]; 6] =
        [b"\xff\xfe\0", b"{\"half\":", b"{}", &[b'x'; LINE_MAX + 1], &[b'['; LINE_MAX], b"]"];
    let mut stream = Vec::new();
    for bad in bad {
        stream.extend([bad, b"\n", good, b"\n"].concat());
    }
    let lines = lines::of(&stream);
    let read = lines.iter().filter(|line| GuestMessage::decode(line).is_ok()).count();
    assert_eq!(read, bad.len());
    assert_eq!(lines.len(), 2 * bad.len() - 1, "the line beyond the cap is not given out");
}

#[test]
fn of_a_megabyte_without_newline_no_more_than_the_cap_is_ever_copied() {
    for read in [1, 33, 4096, 32768, 1 << 20] {
        let mut decoder = LineDecoder::default();
        let mut copied = 0;
        for read in vec![b'{'; 1 << 20].chunks(read) {
            let before = decoder.held();
            assert!(lines::feed(&mut decoder, read).is_empty());
            copied += decoder.held().saturating_sub(before);
            assert!(decoder.held() <= LINE_MAX);
        }
        assert!(copied <= LINE_MAX, "{copied} bytes copied");
        assert_eq!(lines::feed(&mut decoder, b"}\n{}\n"), [b"{}"]);
        assert_eq!(decoder.overlong(), 1);
    }
}
