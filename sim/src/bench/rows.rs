//! The measurements.

use std::time::Duration;

use anyhow::Context;
use guest_client::core::State;
use rustix::process::Signal;

use super::daemon::Daemon;
use super::{Options, Report, floor, span};
use crate::clock;
use crate::guest::Act;
use crate::histogram::Stats;
use crate::qemu::{FakeQemus, Plan};

const SETTLE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(1);
const MEGABYTE: f64 = 1e6;

/// Without guests.
pub(super) fn idle(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let daemon = Daemon::start(&options.guest_server)?;
    let cpu = cpu_a_minute(&daemon, options.span, "0 guests", options.progress)?;
    report.at_most("0 guests: CPU a minute", 0.02, cpu, "s");
    Ok(())
}

/// 100 guests: CPU, memory, cadence.
pub(super) fn hundred(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let daemon = Daemon::start(&options.guest_server)?;
    let guests = guests(&daemon, 100)?;
    let cpu = cpu_a_minute(&daemon, options.span, "100 guests, 1000 ms", options.progress)?;
    report.at_most("100 guests: CPU a minute", 0.30, cpu, "s");
    report.at_most("100 guests: resident", 7.0, megabytes(daemon.resident()?), "MB");
    cadence("100 guests", guests.finish()?.challenge_gaps, report);
    Ok(())
}

/// From the first unanswered challenge to the report.
pub(super) fn loss(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    const DYING: usize = 40;
    let daemon = Daemon::start(&options.guest_server)?;
    let guests = guests(&daemon, DYING)?;
    span::pass(SETTLE, "loss: guests stop answering", options.progress);
    (0..DYING).for_each(|index| guests.act(index, Act::Mute(true)));
    span::wait_for("every loss", PATIENCE, || Ok(daemon.agent.losses().len() == DYING))?;
    let mut latest = Duration::ZERO;
    for (id, reported) in daemon.agent.losses() {
        let index = (0..DYING).find(|index| guests.id(*index) == id).context("unknown instance")?;
        let silent = guests.first_unanswered(index).context("it was never challenged")?;
        latest = latest.max(reported - silent);
    }
    report.at_most("loss after the first unanswered challenge", 2020.0, millis(latest), "ms");
    Ok(())
}

/// Many files at the same moment.
pub(super) fn thousand_at_once(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    const FILES: usize = 1000;
    let daemon = Daemon::start(&options.guest_server)?;
    let start = clock::now();
    let guests = FakeQemus::start(Plan::new(&daemon.channel_dir, FILES))?;
    let connected =
        span::wait_for("every connection", PATIENCE, || Ok(guests.summary().connected == FILES))?;
    report.at_most("1000 sockets at once: all connected", 1000.0, millis(connected - start), "ms");
    let slowest = guests.finish()?.connect_latency.max_ms;
    report.at_most("1000 sockets at once: slowest after its file", 100.0, slowest, "ms");
    Ok(())
}

/// A daemon that stands still must blame nobody.
pub(super) fn stopped_daemon(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let daemon = Daemon::start(&options.guest_server)?;
    let guests = guests(&daemon, 100)?;
    span::pass(SETTLE, "daemon stopped: before", options.progress);
    daemon.signal(Signal::STOP)?;
    span::pass(Duration::from_secs(10), "daemon stopped for 10 s", options.progress);
    daemon.signal(Signal::CONT)?;
    span::pass(Duration::from_secs(8), "daemon stopped: after", options.progress);
    daemon.wait_heartbeating(100)?;
    let losses = count(daemon.agent.losses().len());
    report.at_most("guestServer stopped for 10 s, 100 guests: losses", 0.0, losses, "");
    drop(guests);
    Ok(())
}

/// Thousands of guests, against the floor.
pub(super) fn many(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let many = options.many;
    let floor = floor::measure(&options.guest_sim, many, options.span)?;
    let daemon = Daemon::start(&options.guest_server)?;
    let guests = guests(&daemon, many)?;
    let what = format!("{many} guests");
    span::pass(SETTLE, &format!("{what}: settling"), options.progress);
    let (cpu, before) = (daemon.cpu()?, daemon.counts()?);
    span::pass(options.long_span, &format!("{what}, 1000 ms"), options.progress);
    let (cpu, after) = (daemon.cpu()?.saturating_sub(cpu), daemon.counts()?);
    let grown = |name: &str| after[name] - before[name];
    let answers = u32::try_from(grown("answers")).unwrap_or(u32::MAX).max(1);
    let each = cpu / answers;
    report.at_most(&format!("{what}: CPU a heartbeat"), 2.0 * micros(floor), micros(each), "us");
    let ratio = each.as_secs_f64() / floor.as_secs_f64();
    report.at_most(&format!("{what}: CPU a heartbeat, of the floor"), 2.0, ratio, "times");
    report.at_most(&format!("{what}: resident"), 60.0, megabytes(daemon.resident()?), "MB");
    let losses = count(daemon.agent.losses().len());
    let span = options.long_span.as_secs();
    report.at_most(&format!("{what}: losses in {span} s"), 0.0, losses, "");
    for (name, words) in [("skipped_intervals", "missed cycles"), ("misses", "misses")] {
        let grown = count(usize::try_from(grown(name))?);
        report.at_most(&format!("{what}: {words} in {span} s"), 0.0, grown, "");
    }
    cadence(&what, guests.finish()?.challenge_gaps, report);
    Ok(())
}

/// Fake guests of a daemon, named by the agent, all heartbeating.
fn guests(daemon: &Daemon, number: usize) -> anyhow::Result<FakeQemus> {
    let plan = Plan { settle: SETTLE, ..Plan::new(&daemon.channel_dir, number) };
    let guests = FakeQemus::start(plan)?;
    daemon.wait_heartbeating(number)?;
    for index in 0..number {
        daemon.agent.name(guests.id(index))?;
    }
    let enabled = |index| guests.guest_state(index) == Some(State::Enabled);
    span::wait_for("every guest to be enabled", PATIENCE, || Ok(enabled(number - 1)))?;
    Ok(guests)
}

fn cpu_a_minute(
    daemon: &Daemon,
    span: Duration,
    what: &str,
    progress: bool,
) -> anyhow::Result<f64> {
    span::pass(SETTLE, &format!("{what}: settling"), progress);
    let (start, cpu) = (clock::now(), daemon.cpu()?);
    span::pass(span, what, progress);
    let (span, cpu) = (clock::now() - start, daemon.cpu()?.saturating_sub(cpu));
    Ok(cpu.as_secs_f64() * 60.0 / span.as_secs_f64())
}

fn cadence(what: &str, gaps: Stats, report: &mut Report) {
    let off = (gaps.mean_ms - 1000.0).abs();
    report.at_most(&format!("{what}: mean cadence off 1000 ms by"), 1.0, off, "ms");
    let late = gaps.p99_ms - 1000.0;
    report.at_most(&format!("{what}: cadence p99 beyond 1000 ms"), 15.0, late, "ms");
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

#[expect(clippy::cast_precision_loss, reason = "a count for people, of fewer than 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
