//! The status file: `ok`, then the counts, then a line a host and an instance.

use std::fmt::Write;
use std::time::Duration;

use crate::core::GuestAgent;

/// The text of the status file.
pub(super) fn text(agent: &GuestAgent, uptime: Duration, not_sent: u64) -> String {
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
    text
}

fn switch(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
