//! `guest-sim vim`: a fake VIM until a signal or `quit`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use guest_sim::vim::order::{self, HELP, Order};
use guest_sim::vim::{FakeVim, Settings, View};
use protocol::datagram::Switch;
use protocol::vim::AlarmState;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::console::{self, Console, Said};
use super::hosts::{NamedHost, PlacedInstance, named_host, placed_instance, read_file};

/// Options of `guest-sim vim`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the event server listens.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:30002")]
    listen: SocketAddr,
    /// guestAgent's command receiver.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:2410")]
    agent: SocketAddr,
    /// Hosts, as in guestAgent's --hosts.
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// A host; repeatable. All given at the start are enabled.
    #[arg(long, value_name = "NAME=UUID", value_parser = named_host)]
    host: Vec<NamedHost>,
    /// An instance on a host; repeatable. All given at the start are enabled.
    #[arg(long, value_name = "UUID=HOST", value_parser = placed_instance)]
    instance: Vec<PlacedInstance>,
    /// Refuse connections for S seconds, T seconds after the start; repeatable.
    #[arg(long, value_name = "S@T", value_parser = away)]
    away: Vec<Away>,
    /// How long a connection without a request blocks everything, in seconds.
    #[arg(long, value_name = "S", default_value_t = 15)]
    idle_seconds: u64,
    /// Reset connections behind the body of an answer.
    #[arg(long)]
    resets: bool,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    lasts: Duration,
    after: Duration,
}

fn away(text: &str) -> Result<Away, String> {
    let seconds = |text: &str| text.parse::<u32>().ok().map(|it| Duration::from_secs(it.into()));
    text.split_once('@')
        .and_then(|(lasts, after)| Some(Away { lasts: seconds(lasts)?, after: seconds(after)? }))
        .ok_or_else(|| format!("`{text}` is not SECONDS@SECONDS, as in 10@30"))
}

impl Args {
    fn view(&self) -> anyhow::Result<View> {
        let mut view = View::default();
        let from_file = self.hosts.as_deref().map(read_file).transpose()?.unwrap_or_default();
        for host in from_file.into_iter().chain(self.host.iter().cloned()) {
            view.put_host(host.uuid, host.hostname, Switch::Enabled);
        }
        for PlacedInstance { uuid, hostname } in &self.instance {
            let name = hostname.as_str();
            view.host_named(name).with_context(|| format!("--instance {uuid}={name}: no host"))?;
            view.put_instance(*uuid, hostname.clone(), Switch::Enabled);
        }
        Ok(view)
    }
}

/// Serves and drives until it is told to end.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))?;
    // The console's thread may be reading still, and ends with the process.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let mut console = Console::open()?;
    let vim = FakeVim::start(Settings {
        listen: args.listen,
        agent: Some(args.agent),
        idle_limit: Duration::from_secs(args.idle_seconds),
        resets: args.resets,
        view: args.view()?,
        ..Settings::default()
    })
    .with_context(|| format!("cannot listen on {}", args.listen))?;
    eprintln!("VIM on {}, guestAgent on {}; `help` lists orders", vim.address(), args.agent);
    let mut records = vim.follow(0);
    let mut absences = Absences::new(&args.away);
    let mut ordered = JoinSet::new();
    let mut goes_on = true;
    while goes_on || !ordered.is_empty() {
        tokio::select! {
            Some(record) = records.next() => {
                if console::print(&record.to_json(vim.started())).is_err() {
                    return Ok(());
                }
            }
            lasts = absences.next() => drop(vim.go_away(Some(lasts))),
            Some(_) = ordered.join_next() => {}
            said = console.next() => match said {
                Said::End => break,
                Said::Line(line) if goes_on => goes_on = take(&vim, &line, &mut ordered)?,
                Said::Line(_) => {}
            }
        }
    }
    while let Some(record) = records.try_next() {
        console::print(&record.to_json(vim.started()))?;
    }
    Ok(())
}

/// When the VIM is away: the times given, in their order.
struct Absences {
    begun: tokio::time::Instant,
    to_come: Vec<Away>,
}

impl Absences {
    fn new(away: &[Away]) -> Self {
        let mut to_come = away.to_vec();
        to_come.sort_by_key(|away| std::cmp::Reverse(away.after));
        Self { begun: tokio::time::Instant::now(), to_come }
    }

    /// How long the one that begins now lasts. Cancelling it loses none.
    async fn next(&mut self) -> Duration {
        let Some(next) = self.to_come.last().copied() else { return std::future::pending().await };
        tokio::time::sleep_until(self.begun + next.after).await;
        self.to_come.pop();
        next.lasts
    }
}

/// Carries a line out; what takes longer is `ordered`. `false` ends the program once that is done.
fn take(vim: &FakeVim, line: &str, ordered: &mut JoinSet<()>) -> anyhow::Result<bool> {
    let order = vim.with_view(|view| order::parse(line, view));
    match order {
        Err(error) => eprintln!("{error}"),
        Ok(None) => {}
        // What comes of these is in the records.
        Ok(Some(Order::Command(command))) => {
            let call = vim.command(command);
            ordered.spawn(async { drop(call.await) });
        }
        Ok(Some(Order::Ask(command))) => {
            let call = vim.ask(command);
            ordered.spawn(async { drop(call.await) });
        }
        Ok(Some(Order::Away(time))) => drop(vim.go_away(time)),
        Ok(Some(Order::Back)) => drop(vim.come_back()),
        Ok(Some(Order::Manner(manner))) => vim.set_manner(manner),
        Ok(Some(Order::Show)) => console::print(&describe(&vim.view()))?,
        Ok(Some(Order::Help)) => eprintln!("{HELP}"),
        Ok(Some(Order::Quit)) => return Ok(false),
    }
    Ok(true)
}

fn describe(view: &View) -> Value {
    let hosts = view.hosts().iter().map(|(uuid, host)| {
        json!({"uuid": uuid.as_str(), "hostname": host.hostname.as_str(), "state": host.state})
    });
    let instances = view.instances().iter().map(|(uuid, instance)| {
        json!({"uuid": uuid.as_str(), "hostname": instance.hostname.as_str(),
            "reporting": instance.reporting, "heartbeating": instance.heartbeating,
            "alarm": instance.alarm.map(AlarmState::as_str)})
    });
    json!({"what": "view", "hosts": hosts.collect::<Vec<_>>(),
        "instances": instances.collect::<Vec<_>>()})
}
