//! The status file: `ok`, then the counts, then a line a host and an instance.

use std::fmt::{self, Write};
use std::time::Duration;

use super::receiver::Refusals;
use crate::core::GuestAgent;

/// How much there is, for the service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    hosts: usize,
    instances: usize,
    waiting: usize,
}

impl Summary {
    pub(super) fn of(agent: &GuestAgent) -> Self {
        let (hosts, instances) = agent.known();
        Self { hosts, instances, waiting: agent.waiting() }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hosts, instances, waiting } = self;
        write!(f, "{instances} instances on {hosts} hosts, {waiting} events wait for the VIM")
    }
}

/// The text of the status file.
pub(super) fn text(
    agent: &GuestAgent,
    uptime: Duration,
    not_sent: u64,
    refusals: &Refusals,
) -> String {
    let mut text = String::from("ok\n");
    let mut count = |name: &str, value: u64| writeln!(text, "{name} {value}").unwrap_or(());
    let beating = agent.instances().filter(|instance| instance.heartbeating).count();
    count("uptime_s", uptime.as_secs());
    count("hosts", agent.hosts().count() as u64);
    count("instances", agent.instances().count() as u64);
    count("heartbeating", beating as u64);
    count("waiting_for_vim", agent.waiting() as u64);
    for (name, value) in agent.counters().named() {
        count(name, value);
    }
    count("datagrams_not_sent", not_sent);
    for (name, value) in refusals.named() {
        count(name, value);
    }
    list(&mut text, agent);
    text
}

fn list(text: &mut String, agent: &GuestAgent) {
    for host in agent.hosts() {
        let _ = writeln!(
            text,
            "host {} {} ip={} reporting={} unanswered_audits={} instances={}",
            host.uuid,
            host.hostname,
            host.ip,
            switch(host.reporting),
            host.unanswered,
            host.instances
        );
    }
    for instance in agent.instances() {
        let _ = writeln!(
            text,
            "instance {} host={} reporting={} heartbeating={}",
            instance.id,
            instance.hostname,
            switch(instance.reporting),
            switch(instance.heartbeating)
        );
    }
}

fn switch(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
