//! `guest-sim maintenance`: a fake mtcAgent until a signal or `quit`.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use guest_sim::maintenance::{Counts, FakeMaintenance, Settings};
use protocol::datagram::Host;
use serde_json::{Value, json};

use super::console::{self, Console, Said};
use super::hosts::inventory_host;

const HELP: &str = "\
add NAME=UUID=IP       take a host into the inventory and send an add
modify NAME=UUID=IP    change a host and send a modify
delete NAME            take a host out and send a delete
silent, speak          leave requests for the inventory without an answer, or not
show                   print the inventory
help, quit";

/// Options of `guest-sim maintenance`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it listens for guestAgent.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:2107")]
    listen: SocketAddr,
    /// Where guestAgent listens for maintenance.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:2108")]
    agent: SocketAddr,
    /// A host of the inventory; repeatable.
    #[arg(long, value_name = "NAME=UUID=IP", value_parser = inventory_host)]
    host: Vec<Host>,
}

/// Serves until it is told to end.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))?;
    // The console's thread may be reading still, and ends with the process.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let mut console = Console::open()?;
    let Args { listen, agent, host: hosts } = args;
    let maintenance = FakeMaintenance::start(Settings { listen, agent: Some(agent), hosts })
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = maintenance.address();
    eprintln!("maintenance on {address}, guestAgent on {agent}; `help` lists orders");
    let mut counts = maintenance.follow();
    let mut printed = Counts::default();
    loop {
        tokio::select! {
            Ok(()) = counts.changed() => {
                printed = *counts.borrow_and_update();
                if console::print(&describe(printed)).is_err() {
                    return Ok(());
                }
            }
            said = console.next() => match said {
                Said::End => break,
                Said::Line(line) => match take(&maintenance, &line) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => eprintln!("{error}"),
                },
            }
        }
    }
    // What it is in the midst of is counted as well.
    drop(maintenance);
    let last = *counts.borrow();
    if last != printed {
        console::print(&describe(last))?;
    }
    Ok(())
}

/// Carries a line out; `false` ends the program.
fn take(maintenance: &FakeMaintenance, line: &str) -> Result<bool, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [] => {}
        ["add", host] => maintenance.add(inventory_host(host)?),
        ["modify", host] => maintenance.modify(inventory_host(host)?),
        ["delete", name] => delete(maintenance, name)?,
        ["silent"] => maintenance.set_silent(true),
        ["speak"] => maintenance.set_silent(false),
        ["show"] => console::print(&inventory(maintenance)).map_err(|error| error.to_string())?,
        ["help"] => eprintln!("{HELP}"),
        ["quit"] => return Ok(false),
        ["add" | "modify", ..] => return Err(format!("expected `{} NAME=UUID=IP`", words[0])),
        ["delete", ..] => return Err("expected `delete NAME`".to_owned()),
        [word, ..] => return Err(format!("`{word}` is no order; `help` lists them")),
    }
    Ok(true)
}

fn delete(maintenance: &FakeMaintenance, name: &str) -> Result<(), String> {
    let host = maintenance.hosts().into_iter().find(|host| host.hostname.as_str() == name);
    let host = host.ok_or_else(|| format!("`{name}` is no host here; `show` lists them"))?;
    maintenance.delete(host.uuid);
    Ok(())
}

fn describe(counts: Counts) -> Value {
    let Counts { ready, bad_signature, other, sent, not_sent } = counts;
    json!({"what": "counts", "ready": ready, "bad_signature": bad_signature, "other": other,
        "sent": sent, "not_sent": not_sent})
}

fn inventory(maintenance: &FakeMaintenance) -> Value {
    let hosts = maintenance.hosts().into_iter().map(|host| {
        json!({"hostname": host.hostname.as_str(), "uuid": host.uuid.as_str(), "ip": host.ip})
    });
    json!({"what": "inventory", "hosts": hosts.collect::<Vec<_>>()})
}
