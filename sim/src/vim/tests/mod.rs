//! Real sockets with raw ones as the agent. Nothing here waits for time to pass, the told second of
//! a silent guest apart: each test waits for what must happen, within a limit that is only there to
//! end a broken run.

mod agent;
mod driver;
mod manners;
mod missteps;
mod server;

use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType};
use protocol::datagram::Switch;
use protocol::vim::{AlarmState, GuestResponse, VimEvent, VimRequest};

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

fn host() -> InstanceId {
    InstanceId::numbered(1)
}

fn instance() -> InstanceId {
    InstanceId::numbered(0x10)
}

/// A VIM that has a host `compute-0` with an instance, and no agent.
fn vim(mut settings: Settings) -> FakeVim {
    settings.view.put_host(host(), "compute-0".into(), Switch::Enabled);
    settings.view.put_instance(instance(), "compute-0".into(), Switch::Enabled);
    FakeVim::start(settings).unwrap()
}

fn status(heartbeating: Switch) -> VimRequest {
    VimRequest::Event(VimEvent::Status {
        uuid: instance(),
        hostname: "compute-0".into(),
        reporting: Switch::Enabled,
        heartbeating,
        restart_timeout_secs: 120,
    })
}

fn alarm(state: AlarmState, repair_action: CorrectiveAction) -> VimRequest {
    let hostname = "compute-0".into();
    VimRequest::Event(VimEvent::Alarm { uuid: instance(), hostname, state, repair_action })
}

fn answer(action: EventType, response: GuestResponse) -> VimRequest {
    VimRequest::Event(VimEvent::Answer {
        uuid: instance(),
        action,
        response,
        reason: "busy".into(),
    })
}

fn host_query() -> VimRequest {
    VimRequest::HostState { uuid: host(), hostname: "compute-0".into() }
}

/// What the VIM made of the requests that it has read.
fn consequences(vim: &FakeVim) -> Vec<Consequence> {
    let of = |record: Record| match record.what {
        What::Request { consequence, .. } => Some(consequence),
        _ => None,
    };
    vim.records(0).into_iter().filter_map(of).collect()
}

fn missteps(vim: &FakeVim) -> Vec<Misstep> {
    let of = |record: Record| match record.what {
        What::Misstep(misstep) => Some(misstep),
        _ => None,
    };
    vim.records(0).into_iter().filter_map(of).collect()
}
