//! `guest-sim guests`: fake channels until a signal or the time given.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use guest_client::core::Config;
use guest_sim::histogram::Stats;
use guest_sim::qemu::{FakeQemus, Fault, Plan, Summary};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Options of `guest-sim guests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the sockets cgcs.heartbeat.UUID.sock go; it must exist.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Channels. Each needs two descriptors, or four with --device-dir.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: usize,
    /// Heartbeat interval of the guests, in milliseconds.
    #[arg(
        long,
        value_name = "I",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u64).range(400..=3_600_000)
    )]
    interval_ms: u64,
    /// Seed of the guests' random numbers.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Number of the first guest: several processes can share a directory.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..1 << 40)
    )]
    first: u64,
    /// What goes wrong, as WHAT@TIME or WHAT@TIME/N for every Nth guest; separated by commas or
    /// given several times. WHAT: hang, recover, die, leave, start, reboot=TIME, unhealthy=ACTION,
    /// healthy, late=TIME, lie, honest, mute, speak, reject, ignore, agree, babble=RATE, quiet,
    /// app, app-hang, app-recover, app-crash, app-quit, app-reject, app-ignore, app-agree, check,
    /// check-hang, check-break, check-off;
    /// qemu-stop, qemu-cont, qemu-kill, qemu-quit, qemu-start.
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    faults: Vec<Fault>,
    /// No scripted guests: sockets UUID.sock here for real clients (`guest-client --device`).
    #[arg(long, value_name = "DIR")]
    device_dir: Option<PathBuf>,
    /// End after this many seconds; otherwise at SIGTERM or Ctrl-C.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    seconds: Option<u64>,
    /// Leave the first seconds out of the statistics of gaps.
    #[arg(
        long,
        value_name = "S",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    settle_seconds: u64,
    /// Print the summary as a JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn plan(&self) -> Plan {
        let mut plan = Plan::new(&self.dir, self.count);
        plan.device_dir.clone_from(&self.device_dir);
        plan.first = self.first;
        plan.guest =
            Config { interval: Duration::from_millis(self.interval_ms), ..plan.guest.clone() };
        plan.seed = self.seed;
        plan.faults.clone_from(&self.faults);
        plan.settle = Duration::from_secs(self.settle_seconds);
        plan
    }
}

/// Serves the channels, removes them, prints what happened.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let summary = runtime.block_on(serve(args))?;
    if args.json {
        say!("{}", serde_json::to_string(&summary)?);
    } else {
        print(&summary);
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &Args) -> anyhow::Result<Summary> {
    // Before the first file: whatever ends this process removes them.
    let mut ends = Ends::new()?;
    let qemus = FakeQemus::start(args.plan())?;
    eprintln!("serving {} channels in {}", args.count, args.dir.display());
    ends.wait(args.seconds.map(Duration::from_secs)).await;
    qemus.finish().context("the channels were not served to the end")
}

/// The signals that end this process.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Ends {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self, at_most: Option<Duration>) {
        let over = async {
            match at_most {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
            () = over => {}
        }
    }
}

fn print(summary: &Summary) {
    say!(
        "channels             {} ({} connected, {} connections served, {} ended by the host)",
        summary.channels,
        summary.connected,
        summary.connects,
        summary.host_hang_ups
    );
    say!("file to connection   {}", line(&summary.connect_latency));
    say!("guests enabled       {} ({} inits sent)", summary.enabled, summary.inits);
    say!("challenges answered  {}", summary.challenges_answered);
    say!("gaps between them    {}", line(&summary.challenge_gaps));
    say!("votes answered       {}", summary.action_responses);
    say!("challenges ignored   {}", summary.muted);
    say!("noise written        {}", summary.noise);
    say!("writes not taken     {}", summary.writes_dropped);
}

fn line(stats: &Stats) -> String {
    if stats.count == 0 {
        return "none".to_owned();
    }
    format!(
        "{}: mean {:.3} ms, p50 {:.1}, p99 {:.1}, max {:.1}",
        stats.count, stats.mean_ms, stats.p50_ms, stats.p99_ms, stats.max_ms
    )
}
