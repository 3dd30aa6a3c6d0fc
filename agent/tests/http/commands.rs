//! What the VIM asks for, each over a connection of its own.

use guest_agent::shell::receiver::Limits;
use protocol::channel::EventType;
use protocol::datagram::{Hostname, Switch};
use protocol::vim::{CommandReply, RestError, Services, VimCommand, allowed_methods};

use crate::golden;
use crate::receiver::{
    HOST, INSTANCE, NO_HOST, NO_INSTANCE, OTHER_HOST, ask, exchange, next, request, start,
    start_agent,
};

const PASS: &str = r#"{"status":"pass"}"#;
const NOT_FOUND: &str = r#"{"status":"fail","reason":"entity not found"}"#;
const INVALID: &str = r#"{"status":"fail","reason":"invalid data"}"#;

fn named(uuid: &str, hostname: &str) -> String {
    format!(r#"{{"uuid":"{uuid}","hostname":"{hostname}"}}"#)
}

fn host_state(state: &str) -> (u16, String) {
    (200, format!(r#"{{"uuid":"{HOST}","hostname":"compute-0","state":"{state}"}}"#))
}

fn services(uuid: &str, host: &str, state: &str, timeout: &str, status: &str) -> (u16, String) {
    let service = format!(
        r#"{{"service":"heartbeat","state":"{state}","restart-timeout":"{timeout}","status":"{status}"}}"#
    );
    (200, format!(r#"{{"uuid":"{uuid}","hostname":"{host}","services":[{service}]}}"#))
}

fn set(uuid: &str, host: &str, service: &str, state: &str) -> String {
    format!(
        r#"{{"uuid":"{uuid}","hostname":"{host}","services":[{{"service":"{service}","state":"{state}"}}]}}"#
    )
}

#[tokio::test]
async fn every_request_of_the_vim_becomes_its_command() {
    let (agent, mut asked) = start(Limits::default());
    for golden in golden::all("vim-to-agent").iter().chain(&golden::all("vim-to-agent/understood"))
    {
        let (method, path) = golden.target();
        let body = golden.body.as_deref().map(|body| std::str::from_utf8(body).unwrap());
        let bytes = request(method, path, body);
        let client = tokio::spawn(async move { exchange(agent, &bytes).await });
        let asked = next(&mut asked).await;
        let command = VimCommand::decode(method, path, golden.body());
        assert_eq!(Ok(asked.command), command, "{}", golden.name);
        asked.reply.send(Ok(CommandReply::Pass)).unwrap();
        assert_eq!(client.await.unwrap().body, PASS, "{}", golden.name);
    }
}

#[tokio::test]
async fn every_answer_of_the_core_becomes_its_reply() {
    let (agent, mut asked) = start(Limits::default());
    let uuid = protocol::InstanceId::new(INSTANCE).unwrap();
    let hostname = Hostname::from("compute-0");
    let of_host = protocol::InstanceId::new(HOST).unwrap();
    let silent = Services {
        uuid,
        hostname: hostname.clone(),
        reporting: Switch::Disabled,
        heartbeating: Switch::Disabled,
        restart_timeout_secs: 121,
    };
    let answers = [
        ("pass", CommandReply::Pass),
        ("deleted", CommandReply::Deleted),
        (
            "host_enabled",
            CommandReply::Host {
                uuid: of_host,
                hostname: hostname.clone(),
                state: Switch::Enabled,
            },
        ),
        ("services_silent", CommandReply::Services(silent)),
        (
            "vote",
            CommandReply::Action {
                uuid,
                hostname,
                action: EventType::LiveMigrateBegin,
                timeout_secs: 10,
            },
        ),
    ];
    let files = golden::all("agent-replies");
    for (name, answer) in answers {
        let client = tokio::spawn(async move {
            exchange(agent, &request("GET", &format!("/v1/instances/{INSTANCE}"), None)).await
        });
        next(&mut asked).await.reply.send(Ok(answer)).unwrap();
        let (reply, file) = (client.await.unwrap(), files.iter().find(|file| file.name == name));
        let file = file.unwrap();
        assert_eq!(reply.status.to_string(), file.first_line, "{name}");
        assert_eq!(reply.body.as_bytes(), file.body(), "{name}");
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(reply.header("transfer-encoding"), None);
        let has_body = file.body.is_some();
        let length = has_body.then(|| reply.body.len().to_string());
        assert_eq!(reply.header("content-length"), length.as_deref(), "{name}");
        assert_eq!(reply.header("content-type"), has_body.then_some("application/json"), "{name}");
    }
}

#[tokio::test]
async fn every_refusal_of_the_core_becomes_its_reply() {
    let (agent, mut asked) = start(Limits::default());
    for error in [RestError::NOT_FOUND, RestError::UNKNOWN_HOST, RestError::TOO_LARGE] {
        let client = tokio::spawn(async move {
            exchange(agent, &request("GET", &format!("/v1/instances/{INSTANCE}"), None)).await
        });
        next(&mut asked).await.reply.send(Err(error)).unwrap();
        let reply = client.await.unwrap();
        assert_eq!(reply.status, error.status);
        assert_eq!(reply.body.as_bytes(), error.body());
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("allow"), None);
    }
}

#[tokio::test]
async fn a_known_host_is_created_with_or_without_its_name() {
    let agent = start_agent();
    let path = format!("/v1/hosts/{HOST}");
    for body in [named(HOST, "compute-0"), named(HOST, "")] {
        assert_eq!(ask(agent, "POST", &path, Some(&body)).await, (200, PASS.into()));
    }
    let (path, body) = (format!("/v1/hosts/{NO_HOST}"), named(NO_HOST, "compute-9"));
    assert_eq!(ask(agent, "POST", &path, Some(&body)).await, (404, NOT_FOUND.into()));
}

#[tokio::test]
async fn a_host_is_enabled_disabled_and_queried_on_both_paths() {
    let agent = start_agent();
    let path = format!("/v1/hosts/{HOST}");
    let body = named(HOST, "compute-0");
    for (verb, state) in [("enable", "enabled"), ("disable", "disabled"), ("enable", "enabled")] {
        let switch = format!("{path}/{verb}");
        assert_eq!(ask(agent, "PUT", &switch, Some(&body)).await, (200, PASS.into()));
        assert_eq!(ask(agent, "GET", &path, None).await, host_state(state));
        let odd = format!("{path}/disable");
        assert_eq!(ask(agent, "GET", &odd, Some(&named(HOST, ""))).await, host_state(state));
        assert_eq!(ask(agent, "GET", &odd, None).await, host_state(state));
    }
    let (unknown, body) = (format!("/v1/hosts/{NO_HOST}"), named(NO_HOST, "compute-9"));
    for (method, path, body) in [
        ("PUT", format!("{unknown}/enable"), Some(body.as_str())),
        ("PUT", format!("{unknown}/disable"), Some(body.as_str())),
        ("GET", format!("{unknown}/disable"), Some(body.as_str())),
        ("GET", unknown, None),
    ] {
        assert_eq!(ask(agent, method, &path, body).await, (404, NOT_FOUND.into()), "{path}");
    }
}

#[tokio::test]
async fn deleting_a_host_always_works() {
    let agent = start_agent();
    for host in [HOST, HOST, NO_HOST, "none"] {
        let reply = exchange(agent, &request("DELETE", &format!("/v1/hosts/{host}"), None)).await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{host}");
        assert_eq!(reply.header("content-length"), None);
    }
    assert_eq!(ask(agent, "GET", &format!("/v1/instances/{INSTANCE}"), None).await.0, 404);
}

#[tokio::test]
async fn an_instance_is_created_on_a_known_host_only() {
    let agent = start_agent();
    let create = |uuid: &str, host: &str| {
        format!(r#"{{"uuid":"{uuid}","hostname":"{host}","services":["heartbeat"]}}"#)
    };
    let path = format!("/v1/instances/{NO_INSTANCE}");
    let body = create(NO_INSTANCE, "compute-9");
    assert_eq!(ask(agent, "POST", &path, Some(&body)).await, (400, NOT_FOUND.into()));
    let body = create(NO_INSTANCE, "compute-1");
    assert_eq!(ask(agent, "POST", &path, Some(&body)).await, (200, PASS.into()));
    let body = create("short", "compute-1");
    assert_eq!(ask(agent, "POST", "/v1/instances/short", Some(&body)).await, (400, INVALID.into()));
}

#[tokio::test]
async fn setting_an_instance_adds_moves_and_switches_it() {
    let agent = start_agent();
    let path = format!("/v1/instances/{NO_INSTANCE}");
    for (host, state) in
        [("compute-0", "enabled"), ("compute-0", "disabled"), ("compute-1", "enabled")]
    {
        let body = set(NO_INSTANCE, host, "heartbeat", state);
        let expected = services(NO_INSTANCE, host, state, "0", "disabled");
        assert_eq!(ask(agent, "PATCH", &path, Some(&body)).await, expected);
        assert_eq!(ask(agent, "GET", &path, None).await, expected);
    }
    let path = format!("/v1/instances/{INSTANCE}");
    let body = set(INSTANCE, "compute-0", "heartbeat", "enabled");
    let expected = services(INSTANCE, "compute-0", "enabled", "121", "enabled");
    assert_eq!(ask(agent, "PATCH", &path, Some(&body)).await, expected);
}

#[tokio::test]
async fn setting_an_instance_to_nonsense_changes_nothing() {
    let agent = start_agent();
    let path = format!("/v1/instances/{INSTANCE}");
    let before = ask(agent, "GET", &path, None).await;
    let bad_state = r#"{"status":"fail","reason":"bad state"}"#;
    for (body, status, reply) in [
        (set(INSTANCE, "compute-9", "heartbeat", "enabled"), 404, NOT_FOUND),
        (set(INSTANCE, "compute-0", "watchdog", "enabled"), 400, INVALID),
        (set(INSTANCE, "compute-0", "heartbeat", "on"), 400, bad_state),
        (set(NO_INSTANCE, "compute-0", "heartbeat", "enabled"), 400, INVALID),
    ] {
        assert_eq!(ask(agent, "PATCH", &path, Some(&body)).await, (status, reply.into()), "{body}");
    }
    assert_eq!(ask(agent, "GET", &path, None).await, before);
}

#[tokio::test]
async fn an_instance_is_deleted_once() {
    let agent = start_agent();
    let path = format!("/v1/instances/{INSTANCE}");
    assert_eq!(ask(agent, "DELETE", &path, None).await, (204, String::new()));
    assert_eq!(ask(agent, "DELETE", &path, None).await, (404, NOT_FOUND.into()));
    assert_eq!(ask(agent, "GET", &path, None).await, (404, NOT_FOUND.into()));
}

#[tokio::test]
async fn votes_and_notifications_tell_how_long_the_answer_may_take() {
    let agent = start_agent();
    let body = |uuid: &str, action: &str| {
        format!(r#"{{"uuid":"{uuid}","hostname":"compute-0","action":"{action}"}}"#)
    };
    for (verb, action, timeout) in [
        ("vote", "stop", "11"),
        ("notify", "stop", "31"),
        ("notify", "reboot", "31"),
        ("notify", "live_migrate_begin", "21"),
        ("notify", "resize_end", "16"),
    ] {
        let path = format!("/v1/instances/{INSTANCE}/{verb}");
        let expected = format!(
            r#"{{"uuid":"{INSTANCE}","hostname":"compute-0","action":"{action}","timeout":"{timeout}"}}"#
        );
        let reply = ask(agent, "POST", &path, Some(&body(INSTANCE, action))).await;
        assert_eq!(reply, (200, expected), "{verb}");
        for nonsense in ["unknown", "dance", ""] {
            let reply = ask(agent, "POST", &path, Some(&body(INSTANCE, nonsense))).await;
            assert_eq!(reply, (400, INVALID.into()), "{nonsense}");
        }
        let path = format!("/v1/instances/{NO_INSTANCE}/{verb}");
        let reply = ask(agent, "POST", &path, Some(&body(NO_INSTANCE, action))).await;
        assert_eq!(reply, (404, NOT_FOUND.into()));
    }
}

#[tokio::test]
async fn an_instance_that_does_not_heartbeat_is_not_asked() {
    let agent = start_agent();
    let path = format!("/v1/instances/{NO_INSTANCE}");
    let body = set(NO_INSTANCE, "compute-1", "heartbeat", "enabled");
    ask(agent, "PATCH", &path, Some(&body)).await;
    let body =
        format!(r#"{{"uuid":"{NO_INSTANCE}","hostname":"compute-1","action":"resize_begin"}}"#);
    for verb in ["vote", "notify"] {
        let reply = ask(agent, "POST", &format!("{path}/{verb}"), Some(&body)).await;
        assert!(reply.1.ends_with(r#""action":"resize_begin","timeout":"0"}"#), "{reply:?}");
    }
}

#[tokio::test]
async fn only_the_vim_and_the_nameless_are_served() {
    let agent = start_agent();
    let path = format!("/v1/hosts/{OTHER_HOST}");
    let with = |headers: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    for (headers, status) in [
        ("", 200),
        ("User-Agent: vim/1.0\r\n", 200),
        ("user-agent:vim/1.0\r\n", 200),
        ("User-Agent: curl/8.5.0\r\n", 403),
        ("User-Agent: vim/1.0x\r\n", 403),
        ("User-Agent: VIM/1.0\r\n", 403),
        ("User-Agent:\r\n", 403),
        ("User-Agent: vim/1.0\r\nUser-Agent: curl/8.5.0\r\n", 403),
    ] {
        let reply = exchange(agent, with(headers).as_bytes()).await;
        assert_eq!(reply.status, status, "{headers}");
        assert!(status == 200 || reply.body == INVALID);
    }
    let mut odd = with("User-Agent: vim/1.0?\r\n").into_bytes();
    *odd.iter_mut().find(|byte| **byte == b'?').unwrap() = 0xff;
    assert_eq!(exchange(agent, &odd).await.status, 403);
}

#[tokio::test]
async fn a_method_that_a_path_lacks_is_answered_with_those_it_has() {
    let agent = start_agent();
    let host = format!("/v1/hosts/{HOST}");
    let instance = format!("/v1/instances/{INSTANCE}");
    for path in [
        host.clone(),
        format!("{host}/enable"),
        format!("{host}/disable"),
        instance.clone(),
        format!("{instance}/vote"),
        format!("{instance}/notify"),
    ] {
        let allowed = allowed_methods(&path);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
        {
            if allowed.contains(&method) {
                continue;
            }
            let reply = exchange(agent, &request(method, &path, Some("{}"))).await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(reply.header("allow"), Some(allowed.join(", ").as_str()));
            let reason = r#"{"status":"fail","reason":"unsupported http command"}"#;
            assert_eq!(reply.body, if method == "HEAD" { "" } else { reason });
        }
    }
}
