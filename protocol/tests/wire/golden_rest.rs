//! Every request and reply between the VIM and the agent, byte for byte.

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType};
use protocol::datagram::Switch::{self, Disabled, Enabled};
use protocol::vim::{
    AlarmState, CommandReply, GuestResponse, HostStateReply, InstanceListReply, ListedInstance,
    RestError, Services, VimCommand, VimEvent, VimRequest,
};

use crate::golden;

type Case<M> = (&'static str, M);

fn uuid() -> InstanceId {
    InstanceId::new("3e7a3d5e-0f2c-4b7a-9a55-0c1d2e3f4a5b").unwrap()
}

fn host_uuid() -> InstanceId {
    InstanceId::new("b2f1c0de-1111-4222-8333-444455556666").unwrap()
}

fn sent_by_the_vim() -> Vec<Case<VimCommand>> {
    use VimCommand as C;
    let (uuid, host, hostname) = (uuid(), host_uuid(), || "compute-0".into());
    let set = |reporting| C::InstanceSet { uuid, hostname: hostname(), reporting };
    let vote = EventType::LiveMigrateBegin;
    let notify = EventType::ResizeEnd;
    vec![
        ("host_create.http", C::HostCreate { uuid: host, hostname: hostname() }),
        ("host_create_without_name.http", C::HostCreate { uuid: host, hostname: "".into() }),
        ("host_enable.http", C::HostEnable { uuid: host, hostname: hostname() }),
        ("host_disable.http", C::HostDisable { uuid: host, hostname: hostname() }),
        ("host_query.http", C::HostQuery { uuid: host }),
        ("host_delete.http", C::HostDelete { uuid: Some(host) }),
        ("instance_create.http", C::InstanceCreate { uuid, hostname: hostname() }),
        ("instance_set_enabled.http", set(Enabled)),
        ("instance_set_disabled.http", set(Disabled)),
        ("instance_query.http", C::InstanceQuery { uuid }),
        ("instance_delete.http", C::InstanceDelete { uuid }),
        ("vote.http", C::Vote { uuid, hostname: hostname(), action: vote }),
        ("notify.http", C::Notify { uuid, hostname: hostname(), action: notify }),
    ]
}

fn understood_from_the_vim() -> Vec<Case<VimCommand>> {
    use VimCommand as C;
    let (uuid, host, hostname) = (uuid(), host_uuid(), || "compute-0".into());
    let stop = C::Vote { uuid, hostname: hostname(), action: EventType::Stop };
    let set = C::InstanceSet { uuid, hostname: hostname(), reporting: Enabled };
    vec![
        ("host_query_at_its_own_path.http", C::HostQuery { uuid: host }),
        ("host_query_with_the_name.http", C::HostQuery { uuid: host }),
        ("host_query_with_noise_for_a_body.http", C::HostQuery { uuid: host }),
        ("host_create_of_an_empty_object.http", C::HostCreate { uuid: host, hostname: "".into() }),
        ("host_delete_of_no_uuid.http", C::HostDelete { uuid: None }),
        ("instance_query_with_a_body.http", C::InstanceQuery { uuid }),
        ("instance_delete_with_a_query_string.http", C::InstanceDelete { uuid }),
        ("instance_set_in_another_order_with_unknown_keys.http", set),
        ("vote_of_a_key_that_comes_twice.http", stop),
    ]
}

fn services(reporting: Switch, heartbeating: Switch, restart_timeout_secs: u32) -> CommandReply {
    let hostname = "compute-0".into();
    let uuid = uuid();
    CommandReply::Services(Services {
        uuid,
        hostname,
        reporting,
        heartbeating,
        restart_timeout_secs,
    })
}

fn sent_by_the_agent() -> Vec<Case<CommandReply>> {
    let host =
        |state| CommandReply::Host { uuid: host_uuid(), hostname: "compute-0".into(), state };
    let action = |action, timeout_secs| CommandReply::Action {
        uuid: uuid(),
        hostname: "compute-0".into(),
        action,
        timeout_secs,
    };
    vec![
        ("pass.http", CommandReply::Pass),
        ("deleted.http", CommandReply::Deleted),
        ("host_enabled.http", host(Enabled)),
        ("host_disabled.http", host(Disabled)),
        ("services_heartbeating.http", services(Enabled, Enabled, 121)),
        ("services_silent.http", services(Disabled, Disabled, 121)),
        ("vote.http", action(EventType::LiveMigrateBegin, 10)),
        ("notify_of_a_silent_instance.http", action(EventType::Stop, 0)),
    ]
}

const REFUSALS: &[Case<RestError>] = &[
    ("not_found.http", RestError::NOT_FOUND),
    ("unknown_host.http", RestError::UNKNOWN_HOST),
    ("parse.http", RestError::PARSE),
    ("invalid_data.http", RestError::INVALID_DATA),
    ("bad_state.http", RestError::BAD_STATE),
    ("forbidden.http", RestError::FORBIDDEN),
    ("method_not_allowed.http", RestError::METHOD_NOT_ALLOWED),
    ("length_required.http", RestError::LENGTH_REQUIRED),
    ("too_large.http", RestError::TOO_LARGE),
];

fn status(reporting: Switch, heartbeating: Switch, restart_timeout_secs: u32) -> VimEvent {
    let (uuid, hostname) = (uuid(), "compute-0".into());
    VimEvent::Status { uuid, hostname, reporting, heartbeating, restart_timeout_secs }
}

fn alarm(state: AlarmState, repair_action: CorrectiveAction) -> VimEvent {
    VimEvent::Alarm { uuid: uuid(), hostname: "compute-0".into(), state, repair_action }
}

fn answer(action: EventType, response: GuestResponse, reason: &str) -> VimEvent {
    VimEvent::Answer { uuid: uuid(), action, response, reason: reason.into() }
}

fn sent_to_the_vim() -> Vec<Case<VimRequest>> {
    use {EventType as E, GuestResponse as R};
    let host_state = VimRequest::HostState { uuid: host_uuid(), hostname: "compute-0".into() };
    let events = [
        ("status_heartbeating.http", status(Enabled, Enabled, 121)),
        ("status_silent.http", status(Disabled, Disabled, 0)),
        ("ill_health.http", alarm(AlarmState::Unhealthy, CorrectiveAction::Log)),
        ("heartbeat_loss.http", alarm(AlarmState::Failed, CorrectiveAction::Reboot)),
        ("answer_allow.http", answer(E::LiveMigrateBegin, R::Allow, "")),
        ("answer_reject.http", answer(E::Suspend, R::Reject, "say \"no\" \\ né")),
        ("answer_proceed.http", answer(E::ColdMigrateBegin, R::Proceed, "no answer in time")),
    ];
    let mut cases = vec![
        ("host_state.http", host_state),
        ("instance_list.http", VimRequest::InstanceList { host_uuid: host_uuid() }),
    ];
    cases.extend(events.map(|(file, event)| (file, VimRequest::Event(event))));
    cases
}

fn host_state(state: Switch) -> HostStateReply {
    HostStateReply { uuid: host_uuid(), hostname: "compute-0".into(), state }
}

fn listed(uuid: InstanceId, reporting: Switch) -> ListedInstance {
    ListedInstance { uuid, hostname: "compute-0".into(), reporting }
}

/// The first line of a request's file and the bytes behind it.
fn request(folder: &str, file: &str) -> (String, String, Vec<u8>) {
    let (line, body) = golden::read_http(&golden::folder(folder), file);
    let (method, path) = line.split_once(' ').unwrap();
    (method.to_owned(), path.to_owned(), body)
}

fn text(body: Option<Vec<u8>>) -> String {
    String::from_utf8(body.unwrap_or_default()).unwrap()
}

#[test]
fn what_the_vim_sends_is_its_golden_file() {
    let folder = "vim/vim-to-agent";
    golden::assert_files_are(&golden::folder(folder), sent_by_the_vim().iter().map(|case| case.0));
    for (file, command) in sent_by_the_vim() {
        let (method, path, body) = request(folder, file);
        assert_eq!((command.method(), command.path()), (method.as_str(), path.clone()), "{file}");
        assert_eq!(text(command.body()), text(Some(body.clone())), "{file}");
        assert_eq!(VimCommand::decode(&method, &path, &body), Ok(command), "{file}");
    }
}

#[test]
fn what_the_vim_may_send_besides_is_understood() {
    let folder = "vim/vim-to-agent/understood";
    let cases = understood_from_the_vim();
    golden::assert_files_are(&golden::folder(folder), cases.iter().map(|case| case.0));
    for (file, command) in cases {
        let (method, path, body) = request(folder, file);
        assert_eq!(VimCommand::decode(&method, &path, &body), Ok(command), "{file}");
    }
}

#[test]
fn what_the_agent_replies_is_its_golden_file() {
    let folder = golden::folder("vim/agent-replies");
    golden::assert_files_are(&folder, sent_by_the_agent().iter().map(|case| case.0));
    for (file, reply) in sent_by_the_agent() {
        let (line, body) = golden::read_http(&folder, file);
        assert_eq!(reply.status().to_string(), line, "{file}");
        assert_eq!(text(reply.body()), text(Some(body)), "{file}");
    }
}

#[test]
fn what_the_agent_refuses_with_is_its_golden_file() {
    let folder = golden::folder("vim/agent-refusals");
    golden::assert_files_are(&folder, REFUSALS.iter().map(|case| case.0));
    for (file, refusal) in REFUSALS {
        let (line, body) = golden::read_http(&folder, file);
        assert_eq!(refusal.status.to_string(), line, "{file}");
        assert_eq!(text(Some(refusal.body())), text(Some(body)), "{file}");
    }
}

#[test]
fn what_the_agent_sends_is_its_golden_file() {
    let folder = "vim/agent-to-vim";
    golden::assert_files_are(&golden::folder(folder), sent_to_the_vim().iter().map(|case| case.0));
    for (file, sent) in sent_to_the_vim() {
        let (method, path, body) = request(folder, file);
        assert_eq!((sent.method(), sent.path()), (method.as_str(), path.clone()), "{file}");
        assert_eq!(text(sent.body()), text(Some(body.clone())), "{file}");
        assert_eq!(VimRequest::decode(&method, &path, &body), Ok(sent), "{file}");
    }
}

#[test]
fn what_the_vim_answers_is_its_golden_file() {
    let folder = golden::folder("vim/vim-replies");
    let hosts = [("host_enabled.http", Enabled), ("host_disabled.http", Disabled)];
    let two = vec![listed(uuid(), Enabled), listed(InstanceId::numbered(2), Disabled)];
    let lists = [("instances.http", two), ("no_instances.http", vec![])];
    let files = hosts.iter().map(|case| case.0).chain(lists.iter().map(|case| case.0));
    golden::assert_files_are(&folder, files);
    for (file, state) in hosts {
        let (_, body) = golden::read_http(&folder, file);
        assert_eq!(text(Some(host_state(state).encode())), text(Some(body.clone())), "{file}");
        assert_eq!(HostStateReply::decode(&body), Ok(Some(host_state(state))), "{file}");
    }
    for (file, instances) in lists {
        let (_, body) = golden::read_http(&folder, file);
        let reply = InstanceListReply { instances, skipped: 0 };
        assert_eq!(text(Some(reply.encode())), text(Some(body.clone())), "{file}");
        assert_eq!(InstanceListReply::decode(&body), Ok(Some(reply)), "{file}");
    }
}

#[test]
fn what_the_vim_may_answer_besides_is_understood() {
    let folder = golden::folder("vim/vim-replies/understood");
    let (some_bad, host, nothing) =
        ("instances_of_which_some_are_bad.http", "host_with_unknown_keys.http", "nothing.http");
    golden::assert_files_are(&folder, [some_bad, host, nothing]);
    let (_, body) = golden::read_http(&folder, some_bad);
    let instances = vec![listed(uuid(), Enabled), listed(InstanceId::numbered(10), Disabled)];
    let reply = InstanceListReply { instances, skipped: 9 };
    assert_eq!(InstanceListReply::decode(&body), Ok(Some(reply)));
    let (_, body) = golden::read_http(&folder, host);
    assert_eq!(HostStateReply::decode(&body), Ok(Some(host_state(Enabled))));
    let (_, body) = golden::read_http(&folder, nothing);
    assert_eq!(HostStateReply::decode(&body), Ok(None));
    assert_eq!(InstanceListReply::decode(&body), Ok(None));
}

#[test]
fn an_instance_that_does_not_heartbeat_has_a_restart_timeout_of_0() {
    let silent = status(Enabled, Disabled, 121);
    assert!(text(Some(silent.body())).contains(r#""restart-timeout":"0""#));
    let silent = services(Enabled, Disabled, 121);
    assert!(text(silent.body()).contains(r#""restart-timeout":"0""#));
}
