//! The measurements.

use std::time::Duration;

use anyhow::{Context, bail};
use protocol::vim::{AlarmState, VimEvent};

use super::daemon::Controller;
use super::{AgentOptions, load};
use crate::bench::process::own_cpu;
use crate::bench::{Report, span};
use crate::clock;
use crate::histogram::Histogram;
use crate::vim::Error;

/// Between two audits of a host.
const ROUND: Duration = Duration::from_secs(10);
/// After the start: whatever was caused by it has passed.
const SETTLE: Duration = Duration::from_secs(5);
/// A server repeats a loss that was not acknowledged after that long; twice as long, and so on.
const REPEAT: Duration = Duration::from_secs(1);
const REPEATS: u32 = 8;
/// Between two losses, so that they are spread over rounds of the audit.
const PAUSE: Duration = Duration::from_millis(20);
/// Of the idle agent.
const IDLE_HOSTS: usize = 10;
const IDLE_INSTANCES: usize = 100;

/// 10 hosts, whose instances are well.
pub(super) fn idle(options: &AgentOptions, report: &mut Report) -> anyhow::Result<()> {
    let controller = Controller::start(&options.guest_agent, IDLE_HOSTS, IDLE_INSTANCES)?;
    let what = format!("idle, {IDLE_HOSTS} hosts x {IDLE_INSTANCES} instances");
    span::pass(SETTLE, &format!("{what}: settling"), options.progress);
    let (start, cpu) = (clock::now(), controller.agent.cpu()?);
    span::pass(options.idle_span, &what, options.progress);
    let (span, cpu) = (clock::now() - start, controller.agent.cpu()?.saturating_sub(cpu));
    let a_minute = cpu.as_secs_f64() * 60.0 / span.as_secs_f64();
    report.at_most(&format!("{what}: CPU a minute"), 0.05, a_minute, "s");
    Ok(())
}

/// All that is measured with many hosts and instances.
pub(super) fn large(options: &AgentOptions, report: &mut Report) -> anyhow::Result<()> {
    let (hosts, instances) = (options.hosts, options.instances);
    let what = format!("{hosts} hosts x {instances} instances");
    if options.progress {
        eprintln!("{what}: starting; the VIM is told of each instance");
    }
    let begun = clock::now();
    let controller = Controller::start(&options.guest_agent, hosts, instances)?;
    let took = clock::now() - begun;
    report.note(format!(
        "{what}: {:.0} s from the start until the VIM had been told of every instance",
        took.as_secs_f64()
    ));
    span::pass(SETTLE, &format!("{what}: settling"), options.progress);
    audit(&controller, &what, options, report)?;
    queries(&controller, options, report)?;
    losses(&controller, options, report)?;
    let resident = controller.agent.resident()?;
    report.at_most(&format!("{what}: resident"), 150.0, megabytes(resident), "MB");
    Ok(())
}

/// CPU of a round: the hosts have their turns within every 10 s, each once.
fn audit(
    controller: &Controller,
    what: &str,
    options: &AgentOptions,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (cpu, own) = (controller.agent.cpu()?, own_cpu()?);
    let (queries, sent) = (controller.fleet.queries(), controller.fleet.sent());
    let lost = controller.fleet.lost()?;
    let rounds = options.rounds;
    span::pass(ROUND * rounds, &format!("{what}: audit"), options.progress);
    let cpu = controller.agent.cpu()?.saturating_sub(cpu).as_secs_f64() / f64::from(rounds);
    let own = own_cpu()?.saturating_sub(own).as_secs_f64() / f64::from(rounds);
    report.at_most(&format!("{what}: CPU of one round of the audit"), 1.0, cpu, "s");
    let lost = controller.fleet.lost()? - lost;
    report.at_most(&format!("{what}: answers lost in {rounds} rounds"), 0.0, count(lost), "");
    let (queries, sent) = (controller.fleet.queries() - queries, controller.fleet.sent() - sent);
    report.note(format!(
        "audit, {rounds} rounds: {queries} queries, {sent} answers; the hosts took {own:.2} s of CPU \
         a round on the same cores"
    ));
    Ok(())
}

/// How long the VIM waits for an answer while the audit goes on.
fn queries(
    controller: &Controller,
    options: &AgentOptions,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (count, span) = (options.hosts * options.instances, options.load_span);
    let (cpu, own) = (controller.agent.cpu()?, own_cpu()?);
    let begun = clock::now();
    if options.progress {
        eprintln!("{} queries a second for {} s", load::RATE, span.as_secs());
    }
    let took = load::query(controller.address, count, span)?;
    let whole = (clock::now() - begun).as_secs_f64();
    let rate = load::RATE;
    let what = format!("GET instance p99 at {rate} a second while an audit runs");
    report.at_most(&what, 5.0, took.p99_ms, "ms");
    let cpu = controller.agent.cpu()?.saturating_sub(cpu).as_secs_f64() / whole;
    let own = own_cpu()?.saturating_sub(own).as_secs_f64() / whole;
    report.note(format!(
        "GET instance: {} in {whole:.1} s, mean {} ms, p50 {} ms, longest {} ms; guestAgent took \
         {cpu:.2}, the load with the hosts {own:.2} CPU s a second",
        took.count, took.mean_ms, took.p50_ms, took.max_ms
    ));
    Ok(())
}

/// From a server's loss to the last byte of the alarm at the VIM, while the audit goes on.
fn losses(
    controller: &Controller,
    options: &AgentOptions,
    report: &mut Report,
) -> anyhow::Result<()> {
    if options.progress {
        eprintln!("{} losses, one after the other", options.losses);
    }
    let mut took = Histogram::default();
    let stride = (options.hosts * options.instances / options.losses).max(1);
    for index in (0..options.hosts * options.instances).step_by(stride).take(options.losses) {
        span::pass(PAUSE, "", false);
        took.record(lose(controller, index)?);
    }
    let stats = took.stats();
    report.at_most("loss datagram to the alarm at the VIM, p99", 10.0, stats.p99_ms, "ms");
    report.note(format!(
        "losses: {} one after the other while the audit ran, mean {} ms, p50 {} ms, longest {} ms",
        stats.count, stats.mean_ms, stats.p50_ms, stats.max_ms
    ));
    Ok(())
}

/// The status that says the same goes before the alarm, and the VIM answers it first.
fn lose(controller: &Controller, index: usize) -> anyhow::Result<Duration> {
    let since = controller.vim.mark();
    let loss = controller.fleet.lose(index)?;
    let id = loss.instance();
    for repeat in 0..REPEATS {
        let is_alarm = move |event: &VimEvent| matches!(event, VimEvent::Alarm { uuid, state: AlarmState::Failed, .. } if *uuid == id);
        let wait = REPEAT * (1 << repeat);
        let found = controller
            .vim
            .wait_for(since, wait, move |record| record.event().is_some_and(is_alarm));
        match found.wait() {
            Ok(record) => return Ok(record.at.saturating_duration_since(loss.at)),
            Err(Error::TimedOut) => loss.send()?,
            Err(error) => return Err(error).context("the fake VIM failed"),
        }
    }
    bail!("the loss of {id} did not reach the VIM")
}

#[expect(clippy::cast_precision_loss, reason = "a count for people, of fewer than 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
