//! What strangers send to the agent's REST port, and what the VIM may answer in error.

use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType, VoteResult};
use protocol::vim::{
    BodyError, CommandReply, GuestResponse, HostStateReply, InstanceListReply, RestError,
    VimCommand, VimEvent, VimRequest, allowed_methods, check_user_agent,
};

const UUID: &str = "3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b";
const OTHER: &str = "00000000-0000-4000-8000-000000000002";

/// Every request that needs a body: its method, what follows the uuid in its path, its body.
const WITH_BODY: &[(&str, &str, &str, &str)] = &[
    ("PUT", "hosts", "/enable", r#"{"uuid":"U","hostname":"compute-0"}"#),
    ("PUT", "hosts", "/disable", r#"{"uuid":"U","hostname":"compute-0"}"#),
    ("POST", "hosts", "", r#"{"uuid":"U","hostname":"compute-0"}"#),
    ("POST", "instances", "", r#"{"uuid":"U","hostname":"compute-0","services":["heartbeat"]}"#),
    (
        "PATCH",
        "instances",
        "",
        r#"{"uuid":"U","hostname":"compute-0","services":[{"service":"heartbeat","state":"enabled"}]}"#,
    ),
    ("POST", "instances", "/vote", r#"{"uuid":"U","hostname":"compute-0","action":"stop"}"#),
    ("POST", "instances", "/notify", r#"{"uuid":"U","hostname":"compute-0","action":"stop"}"#),
];

/// Every path with the methods that it has.
const PATHS: &[(&str, &str, &[&str])] = &[
    ("hosts", "", &["GET", "POST", "DELETE"]),
    ("hosts", "/enable", &["PUT"]),
    ("hosts", "/disable", &["GET", "PUT"]),
    ("instances", "", &["GET", "POST", "PATCH", "DELETE"]),
    ("instances", "/vote", &["POST"]),
    ("instances", "/notify", &["POST"]),
];

fn send(method: &str, path: &str, body: impl AsRef<[u8]>) -> Result<VimCommand, RestError> {
    VimCommand::decode(method, path, body.as_ref())
}

fn path(kind: &str, verb: &str) -> String {
    format!("/v1/{kind}/{UUID}{verb}")
}

/// Sends each request whose body has `from` with `to` in its place.
fn refusals(from: &str, to: &str) -> Vec<Result<VimCommand, RestError>> {
    let with = |body: &str| body.replace('U', UUID);
    let cases = WITH_BODY.iter().filter(|(.., body)| with(body).contains(from));
    let sent = cases.map(|(method, kind, verb, body)| {
        send(method, &path(kind, verb), with(body).replacen(from, to, 1))
    });
    let sent: Vec<_> = sent.collect();
    assert!(!sent.is_empty(), "no body has {from}");
    sent
}

fn assert_all(from: &str, to: &str, refusal: RestError) {
    for result in refusals(from, to) {
        assert_eq!(result, Err(refusal), "{from} -> {to}");
    }
}

#[test]
fn only_the_vim_or_a_nameless_client_is_heard() {
    assert_eq!(check_user_agent(None), Ok(()));
    assert_eq!(check_user_agent(Some(b"vim/1.0")), Ok(()));
    for other in [&b""[..], b"curl/8.0", b"vim/1.0 ", b"VIM/1.0", b"vim/1.01", b"\xff\0"] {
        assert_eq!(check_user_agent(Some(other)), Err(RestError::FORBIDDEN));
    }
}

#[test]
fn a_method_that_a_path_does_not_have_is_405_whatever_the_uuid_and_body() {
    let all = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "", "É"];
    for (kind, verb, methods) in PATHS {
        assert_eq!(allowed_methods(&path(kind, verb)), *methods);
        for method in all.iter().filter(|method| !methods.contains(method)) {
            for uuid in [UUID, "no-uuid"] {
                let refusal = send(method, &format!("/v1/{kind}/{uuid}{verb}"), "{");
                assert_eq!(refusal, Err(RestError::METHOD_NOT_ALLOWED), "{method} {kind}{verb}");
            }
        }
    }
}

#[test]
fn a_path_that_the_agent_does_not_have_is_404() {
    let unknown = [
        String::new(),
        "/".to_owned(),
        "*".to_owned(),
        "/v1".to_owned(),
        "/v1/".to_owned(),
        "/v1/hosts".to_owned(),
        "/v1/hosts/".to_owned(),
        "/v1/instances//".to_owned(),
        "/v1/instances//vote".to_owned(),
        format!("/v1/instances/{UUID}/"),
        format!("/v1/instances/{UUID}/vote/"),
        format!("/v1/instances/{UUID}/vote/again"),
        format!("/v1/instances/{UUID}/enable"),
        format!("/v1/hosts/{UUID}/vote"),
        format!("/v1/hosts/{UUID}/Disable"),
        format!("/v1/Hosts/{UUID}"),
        format!("//v1/hosts/{UUID}"),
        format!("/v1//hosts/{UUID}"),
        format!("/v2/hosts/{UUID}"),
        format!("v1/hosts/{UUID}"),
        format!("/v1/instances/../hosts/{UUID}"),
        format!("/v1/./hosts/{UUID}"),
        format!("/v1/hosts%2f{UUID}"),
        format!("/%76%31/hosts/{UUID}"),
        format!("/v1/hosts/{UUID}/%64isable"),
        format!("http://localhost:2410/v1/hosts/{UUID}"),
        format!("?/v1/hosts/{UUID}"),
        "/".repeat(100_000),
        format!("/v1/hosts/{UUID}{}", "/x".repeat(100_000)),
    ];
    for path in &unknown {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(send(method, path, "{}"), Err(RestError::NOT_FOUND), "{path:.80}");
            assert!(allowed_methods(path).is_empty());
        }
    }
}

#[test]
fn a_uuid_that_is_none_is_400_for_an_instance_and_404_for_a_host() {
    let bad = ["..", ".", "%2e%2e", "compute-0", &UUID[1..], &format!("{UUID}0"), "é", "%00"];
    for uuid in bad {
        let instance = |method, verb| send(method, &format!("/v1/instances/{uuid}{verb}"), "{}");
        for (method, verb) in [("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/vote")] {
            assert_eq!(instance(method, verb), Err(RestError::INVALID_DATA), "{method} {uuid}");
        }
        let host = |method, verb| send(method, &format!("/v1/hosts/{uuid}{verb}"), "{}");
        for (method, verb) in [("GET", ""), ("POST", ""), ("PUT", "/enable"), ("GET", "/disable")] {
            assert_eq!(host(method, verb), Err(RestError::NOT_FOUND), "{method} {uuid}");
        }
        assert_eq!(host("DELETE", ""), Ok(VimCommand::HostDelete { uuid: None }));
    }
}

#[test]
fn a_query_string_changes_nothing() {
    let query = VimCommand::InstanceQuery { uuid: InstanceId::new(UUID).unwrap() };
    for end in ["?", "?a=b", "?/vote", "#", "?a#b", "#/../.."] {
        let path = format!("/v1/instances/{UUID}{end}");
        assert_eq!(send("GET", &path, ""), Ok(query.clone()), "{end}");
    }
}

#[test]
fn a_request_without_the_body_that_it_needs_is_411() {
    for (method, kind, verb, _) in WITH_BODY {
        let refusal = send(method, &path(kind, verb), "");
        assert_eq!(refusal, Err(RestError::LENGTH_REQUIRED), "{method} {kind}{verb}");
    }
}

#[test]
fn a_body_that_is_no_json_object_is_400() {
    let deep = "[".repeat(60_000);
    let deep_value = format!(r#"{{"uuid":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let huge = format!(r#"{{"uuid":1{}}}"#, "0".repeat(60_000));
    let bodies: &[&[u8]] = &[
        b" ",
        b"\n",
        b"\0",
        b"{",
        b"[]",
        b"7",
        b"null",
        br#""text""#,
        b"uuid=7",
        br#"{"uuid":"x"} trailing"#,
        br#"{"uuid":"x",}"#,
        br"{'uuid':'x'}",
        b"{\"uuid\":\"\xff\"}",
        b"{\"\xff\":\"uuid\"}",
        br#"{"uuid":"\ud800"}"#,
        br#"{"uuid":1e999}"#,
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
        deep_value.as_bytes(),
        huge.as_bytes(),
    ];
    for (method, kind, verb, _) in WITH_BODY {
        for body in bodies {
            let shown = &body[..body.len().min(40)].escape_ascii();
            let refusal = send(method, &path(kind, verb), body);
            assert_eq!(refusal, Err(RestError::PARSE), "{method} {kind}{verb}: {shown}");
        }
    }
}

#[test]
fn a_get_or_a_delete_reads_no_body() {
    let noise = [b"{".as_slice(), b"\xff\xff", br#"{"uuid":"another"}"#];
    for body in noise {
        for (kind, verb) in [("hosts", ""), ("hosts", "/disable"), ("instances", "")] {
            assert!(send("GET", &path(kind, verb), body).is_ok());
        }
        for kind in ["hosts", "instances"] {
            assert!(send("DELETE", &path(kind, ""), body).is_ok());
        }
    }
}

#[test]
fn a_uuid_in_the_body_that_is_not_that_of_the_path_is_400() {
    assert_all(UUID, OTHER, RestError::INVALID_DATA);
    assert_all(UUID, &UUID.to_uppercase(), RestError::INVALID_DATA);
    assert_all(UUID, "", RestError::INVALID_DATA);
    assert_all(&format!("\"{UUID}\""), "null", RestError::INVALID_DATA);
    assert_all(&format!("\"{UUID}\""), "7", RestError::INVALID_DATA);
}

#[test]
fn a_missing_uuid_or_host_name_is_400_but_for_the_creation_of_a_host() {
    for key in ["uuid", "hostname"] {
        for result in refusals(&format!("\"{key}\""), "\"other\"") {
            match result {
                Ok(VimCommand::HostCreate { .. }) => {}
                refused => assert_eq!(refused, Err(RestError::INVALID_DATA), "{key}"),
            }
        }
    }
}

#[test]
fn a_host_name_that_would_have_to_be_changed_is_400() {
    let long = "c".repeat(254);
    for name in [long.as_str(), " compute-0", "compute-0\\n", "compute\\u0000-0", "compute\\u001b"]
    {
        assert_all("compute-0", name, RestError::INVALID_DATA);
    }
    for value in ["7", "null", "[]", "{}", "true"] {
        assert_all("\"compute-0\"", value, RestError::INVALID_DATA);
    }
}

#[test]
fn another_service_is_400() {
    for value in ["\"Heartbeat\"", "\"\"", "\"telemetry\"", "7", "null", "[]", "{}"] {
        assert_all("\"heartbeat\"", value, RestError::INVALID_DATA);
    }
    assert_all("\"services\"", "\"service\"", RestError::INVALID_DATA);
    assert_all("[\"heartbeat\"]", "[]", RestError::INVALID_DATA);
    assert_all("[\"heartbeat\"]", "\"heartbeat\"", RestError::INVALID_DATA);
    assert_all("[\"heartbeat\"]", r#"["heartbeat","telemetry"]"#, RestError::INVALID_DATA);
    let entry = r#"{"service":"heartbeat","state":"enabled"}"#;
    assert_all(entry, "", RestError::INVALID_DATA);
    assert_all(entry, "\"heartbeat\"", RestError::INVALID_DATA);
    assert_all(entry, &format!("{entry},{entry}"), RestError::INVALID_DATA);
    let other = r#"{"service":"telemetry","state":"enabled"}"#;
    assert_all(entry, &format!("{entry},{other}"), RestError::INVALID_DATA);
}

#[test]
fn another_state_is_400() {
    for value in ["\"on\"", "\"Enabled\"", "\"\"", "\"enabled \"", "true", "1", "null", "[]"] {
        assert_all("\"enabled\"", value, RestError::BAD_STATE);
    }
    assert_all("\"state\"", "\"status\"", RestError::BAD_STATE);
}

#[test]
fn an_action_that_is_not_one_of_the_twelve_is_400() {
    let others =
        ["unknown", "live_migration_begin", "cold_migration_end", "Stop", "stop ", "", "\\n"];
    for action in others.iter().map(|action| format!("\"{action}\"")) {
        assert_all("\"stop\"", &action, RestError::INVALID_DATA);
    }
    for value in ["7", "null", "[\"stop\"]"] {
        assert_all("\"stop\"", value, RestError::INVALID_DATA);
    }
    assert_all("\"action\"", "\"event\"", RestError::INVALID_DATA);
    let (_, twelve) = EventType::ALL.split_last().unwrap();
    assert_eq!(twelve.len(), 12);
    for action in twelve {
        for result in refusals("\"stop\"", &format!("\"{action}\"")) {
            let (VimCommand::Vote { action: read, .. } | VimCommand::Notify { action: read, .. }) =
                result.unwrap()
            else {
                panic!("a vote or a notification")
            };
            assert_eq!(read, *action);
        }
    }
}

#[test]
fn a_reply_of_the_vim_that_is_none_is_refused() {
    let deep = "[".repeat(60_000);
    for body in ["<html>", "{", "[]", "null", " ", "\u{0}", "{\"instances\":", &deep] {
        let body = body.as_bytes();
        assert_eq!(HostStateReply::decode(body), Err(BodyError::NotAnObject));
        assert_eq!(InstanceListReply::decode(body), Err(BodyError::NotAnObject));
    }
    let host = format!(r#"{{"uuid":"{UUID}","hostname":"compute-0","state":"enabled"}}"#);
    let bad = [(UUID, "", "uuid"), ("compute-0", " ", "hostname"), ("enabled", "on", "state")];
    for (from, to, key) in bad {
        let body = host.replace(from, to);
        assert_eq!(HostStateReply::decode(body.as_bytes()), Err(BodyError::BadKey(key)));
    }
    for body in ["{}", r#"{"instances":null}"#, r#"{"instances":{}}"#, r#"{"instances":"none"}"#] {
        let refusal = Err(BodyError::BadKey("instances"));
        assert_eq!(InstanceListReply::decode(body.as_bytes()), refusal, "{body}");
    }
}

#[test]
fn a_request_that_the_vim_does_not_have_is_told_apart() {
    let instances = "/nfvi-plugins/v1/instances/";
    let unknown = [
        ("GET", instances.to_owned()),
        ("GET", format!("{instances}{UUID}")),
        ("PATCH", format!("{instances}?host_uuid={UUID}")),
        ("POST", format!("{instances}{UUID}")),
        ("PUT", format!("/nfvi-plugins/v1/hosts/{UUID}")),
        ("PATCH", format!("/v1/instances/{UUID}")),
    ];
    for (method, path) in &unknown {
        let refusal = VimRequest::decode(method, path, b"{}");
        assert_eq!(refusal, Err(BodyError::UnknownRequest), "{method} {path}");
    }
    let event = VimEvent::Answer {
        uuid: InstanceId::new(UUID).unwrap(),
        action: EventType::Stop,
        response: GuestResponse::Allow,
        reason: "".into(),
    };
    let other = VimRequest::decode("PATCH", &format!("{instances}{OTHER}"), &event.body());
    assert_eq!(other, Err(BodyError::BadKey("uuid")));
    let list = VimRequest::decode("GET", &format!("{instances}?host_uuid=compute-0"), b"");
    assert_eq!(list, Err(BodyError::BadKey("host_uuid")));
}

#[test]
fn an_event_that_the_vim_does_not_have_is_told_apart() {
    let event = |kind: &str, data: &str| {
        let body = format!(
            r#"{{"uuid":"{UUID}","hostname":"a","event-type":"{kind}","event-data":{data}}}"#
        );
        VimEvent::decode(body.as_bytes())
    };
    let service = |entry: &str| format!(r#"{{"services":[{{"service":"heartbeat",{entry}}}]}}"#);
    let cases = [
        ("other", "{}".to_owned(), "event-type"),
        ("service", "[]".to_owned(), "event-data"),
        ("service", "{}".to_owned(), "services"),
        ("service", service(r#""state":"enabled""#), "status"),
        ("service", service(r#""state":"enabled","status":"enabled""#), "restart-timeout"),
        (
            "service",
            service(r#""state":"enabled","status":"enabled","restart-timeout":121"#),
            "restart-timeout",
        ),
        ("alarm", service(r#""state":"lost","repair-action":"log""#), "state"),
        ("alarm", service(r#""state":"failed","repair-action":"Log""#), "repair-action"),
        ("action", r#"{"action":"unknown"}"#.to_owned(), "action"),
        ("action", r#"{"action":"stop","guest-response":"accept"}"#.to_owned(), "guest-response"),
        ("action", r#"{"action":"stop","guest-response":"allow"}"#.to_owned(), "reason"),
    ];
    for (kind, data, key) in cases {
        assert_eq!(event(kind, &data), Err(BodyError::BadKey(key)), "{kind} {data}");
    }
}

#[test]
fn a_reply_to_a_command_is_read_for_that_command_only() {
    let uuid = InstanceId::new(UUID).unwrap();
    let pass = CommandReply::Pass.body().unwrap();
    let create = VimCommand::HostCreate { uuid, hostname: "".into() };
    assert_eq!(CommandReply::decode(&create, &pass), Ok(CommandReply::Pass));
    let query = VimCommand::InstanceQuery { uuid };
    assert_eq!(CommandReply::decode(&query, &pass), Err(BodyError::BadKey("services")));
    let fail = RestError::NOT_FOUND.body();
    assert_eq!(CommandReply::decode(&create, &fail), Err(BodyError::BadKey("status")));
    assert_eq!(CommandReply::decode(&create, b"\n"), Err(BodyError::NotAnObject));
}

#[test]
fn a_notification_proceeds_whatever_the_guest_says_and_silence_agrees_to_a_vote() {
    for vote in VoteResult::ALL {
        let to = |asked| GuestResponse::to(asked, *vote);
        assert_eq!(to(NotificationType::Irrevocable), GuestResponse::Proceed, "{vote}");
        let rejected = *vote == VoteResult::Reject;
        let expected = if rejected { GuestResponse::Reject } else { GuestResponse::Allow };
        assert_eq!(to(NotificationType::Revocable), expected, "{vote}");
    }
}
