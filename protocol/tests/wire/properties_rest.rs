//! What holds for every request and reply of REST.

use proptest::prelude::*;
use protocol::vim::{
    CommandReply, HostStateReply, InstanceListReply, VimCommand, VimEvent, VimRequest,
    allowed_methods,
};

use crate::samples::{any_text, config};
use crate::samples_rest::{command_and_reply, host_state, instance_list, vim_command, vim_request};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", ""];

/// Bytes that someone may send: noise, or `good` with a few of its bytes changed.
fn spoilt(good: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let spoilt = (good, changes).prop_map(|(mut body, changes)| {
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        body
    });
    prop_oneof![3 => spoilt, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

fn any_path() -> impl Strategy<Value = String> {
    let uuid = "[0-9a-f-]{35,37}|\\.\\.|%2e%2e|";
    prop_oneof![
        vim_command().prop_map(|command| command.path()),
        vim_request().prop_map(|request| request.path()),
        (uuid, "(/(enable|disable|vote|notify|\\.\\.|))?[?#/]?[a-z=]{0,5}")
            .prop_map(|(uuid, rest)| format!("/v1/instances/{uuid}{rest}")),
        "/?(v1|v2)?/{0,2}(hosts|instances)?/{0,3}[a-z.%]{0,8}",
        any_text(),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_command_of_the_vim_reads_back(command in vim_command()) {
        let body = command.body().unwrap_or_default();
        let read = VimCommand::decode(command.method(), &command.path(), &body);
        prop_assert_eq!(read, Ok(command));
    }

    #[test]
    fn a_reply_of_the_agent_reads_back((command, reply) in command_and_reply()) {
        let body = reply.body().unwrap_or_default();
        prop_assert_eq!(CommandReply::decode(&command, &body), Ok(reply));
    }

    #[test]
    fn a_request_of_the_agent_reads_back(request in vim_request()) {
        let body = request.body().unwrap_or_default();
        let read = VimRequest::decode(request.method(), &request.path(), &body);
        prop_assert_eq!(read, Ok(request));
    }

    #[test]
    fn a_reply_of_the_vim_reads_back(host in host_state(), list in instance_list()) {
        prop_assert_eq!(HostStateReply::decode(&host.encode()), Ok(Some(host)));
        prop_assert_eq!(InstanceListReply::decode(&list.encode()), Ok(Some(list)));
    }

    #[test]
    fn any_request_to_the_agent_is_read_or_refused_with_a_body(
        method in prop::sample::select(METHODS),
        path in any_path(),
        body in spoilt(vim_command().prop_map(|command| command.body().unwrap_or_default())),
    ) {
        match VimCommand::decode(method, &path, &body) {
            Ok(command) => {
                prop_assert!(allowed_methods(&path).contains(&method));
                let body = command.body().unwrap_or_default();
                let again = VimCommand::decode(command.method(), &command.path(), &body);
                prop_assert_eq!(again, Ok(command));
            }
            Err(error) => {
                prop_assert!([400, 404, 405, 411].contains(&error.status), "{error}");
                let known = !allowed_methods(&path).is_empty();
                prop_assert_eq!(error.status == 405, known && !allowed_methods(&path).contains(&method));
            }
        }
    }

    #[test]
    fn any_reply_of_the_vim_is_read_or_refused(
        host in spoilt(host_state().prop_map(|host| host.encode())),
        list in spoilt(instance_list().prop_map(|list| list.encode())),
    ) {
        if let Ok(Some(host)) = HostStateReply::decode(&host) {
            prop_assert_eq!(HostStateReply::decode(&host.encode()), Ok(Some(host)));
        }
        if let Ok(Some(list)) = InstanceListReply::decode(&list) {
            prop_assert!(list.instances.len() + list.skipped <= 20);
        }
    }

    #[test]
    fn any_request_to_the_vim_is_read_or_refused(
        method in prop::sample::select(METHODS),
        path in any_path(),
        body in spoilt(vim_request().prop_map(|request| request.body().unwrap_or_default())),
    ) {
        if let Ok(request) = VimRequest::decode(method, &path, &body) {
            prop_assert_eq!(request.method(), method);
            prop_assert_eq!(request.path(), path);
        }
        if let Ok(event) = VimEvent::decode(&body) {
            prop_assert!(VimEvent::decode(&event.body()).is_ok());
        }
    }
}
