//! The status file: `ok`, then the counts, then a line an instance.

use std::fmt::Write;
use std::time::Duration;

use crate::core::{GuestServer, InstanceState, InstanceView};

/// The text of the status file.
pub(super) fn text(server: &GuestServer, uptime: Duration, dropped_sends: u64) -> String {
    let instances: Vec<InstanceView> = server.instances().collect();
    let beating = |view: &&InstanceView| view.state == InstanceState::Heartbeating;
    let mut text = String::from("ok\n");
    let mut count = |name: &str, value: u64| writeln!(text, "{name} {value}").unwrap_or(());
    count("uptime_s", uptime.as_secs());
    count("instances", instances.len() as u64);
    count("heartbeating", instances.iter().filter(beating).count() as u64);
    count("host_reporting", server.host_reporting().into());
    for (name, value) in server.counters().named() {
        count(name, value);
    }
    count("dropped_sends", dropped_sends);
    for view in instances {
        line(&mut text, &view);
    }
    text
}

fn line(text: &mut String, view: &InstanceView) {
    let interval = view.interval.map_or(0, |interval| interval.as_millis());
    let reporting = if view.reporting { "enabled" } else { "disabled" };
    let name = view.name.clone().unwrap_or_default();
    writeln!(
        text,
        "instance {} {} interval_ms={interval} misses={} reporting={reporting} name={name:?}",
        view.id,
        view.state.as_str(),
        view.misses,
    )
    .unwrap_or(());
}
