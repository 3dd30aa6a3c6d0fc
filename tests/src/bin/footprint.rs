//! What a guest pays for its heartbeat: size, memory and wake-ups of a client binary, within a
//! minute.
//!
//! Usage: `footprint CLIENT [ARGUMENT...]`, as `make guest-footprint` does. The client heartbeats
//! at its usual interval with a fake QEMU, then its host goes. All numbers are the kernel's. The
//! exit status is 1 if a target was missed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use end_to_end::{ChannelHost, Process, Scratch, until};
use guest_sim::qemu::{FakeQemus, Plan};

/// Time between challenges: the client's default.
const INTERVAL: Duration = Duration::from_secs(1);
/// Heartbeats before anything is measured.
const WARM_UP: u32 = 3;
const HEARTBEATS: u32 = 20;
/// Until the client looks for its host no more often than it does for good.
const HOST_GONE: Duration = Duration::from_secs(15);
const WITHOUT_HOST: Duration = Duration::from_secs(20);

/// A row of the table.
struct Row {
    what: String,
    /// The most that is allowed, and what was measured.
    target: Option<f64>,
    measured: f64,
    unit: &'static str,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(binary) = arguments.next().map(PathBuf::from) else {
        eprintln!("Usage: footprint CLIENT [ARGUMENT...]");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&binary);
    command.args(arguments).env_clear().stdin(Stdio::null());
    let rows = measure(&binary, &mut command);
    println!("| what | target | measured | |\n| --- | --- | --- | --- |");
    rows.iter().for_each(Row::print);
    ExitCode::from(u8::from(rows.iter().any(Row::missed)))
}

fn measure(binary: &Path, command: &mut Command) -> Vec<Row> {
    let scratch = Scratch::new();
    let devices = Some(scratch.folder("dev"));
    let plan = Plan { device_dir: devices, ..Plan::new(scratch.folder("channels"), 1) };
    let qemus = FakeQemus::start(plan).expect("a channel");
    let host = ChannelHost::connect(&qemus.channel_path(0));
    until("a connection", || qemus.has_host(0));
    command.arg("--device").arg(qemus.device_path(0).expect("a device folder"));
    command.arg("--api-socket").arg(scratch.file("api"));
    let client = Process::start(command);

    let mut rows = vec![Row {
        what: "binary".to_owned(),
        target: Some(2.0),
        measured: megabytes(binary.metadata().expect("it was started").len()),
        unit: "MB",
    }];
    rows.extend(heartbeating(&client, host));
    rows.push(without_host(&client));
    rows
}

fn heartbeating(client: &Process, mut host: ChannelHost) -> [Row; 3] {
    host.enable();
    let mut beat = |value| {
        host.heartbeat(value);
        let more = host.next_within(INTERVAL);
        assert!(more.is_none(), "nothing was asked: {more:?}");
    };
    (0..WARM_UP).for_each(&mut beat);
    let before = Usage::of(client);
    (0..HEARTBEATS).for_each(&mut beat);
    let used = Usage::of(client).since(&before);
    let each = f64::from(HEARTBEATS);
    [
        Row {
            what: "resident while heartbeating".to_owned(),
            target: Some(2.5),
            measured: resident(client),
            unit: "MB",
        },
        Row {
            what: "context switches a heartbeat".to_owned(),
            target: Some(3.0),
            measured: used.switches / each,
            unit: "",
        },
        Row {
            what: "CPU a heartbeat".to_owned(),
            target: None,
            measured: used.cpu_micros / each,
            unit: "us",
        },
    ]
}

/// The host of before has gone.
fn without_host(client: &Process) -> Row {
    wait(HOST_GONE);
    let before = Usage::of(client);
    wait(WITHOUT_HOST);
    let used = Usage::of(client).since(&before);
    Row {
        what: "wake-ups a second without a host".to_owned(),
        // It looks every 5 s; one more may fall into the time.
        target: Some(0.25),
        measured: used.switches / WITHOUT_HOST.as_secs_f64(),
        unit: "",
    }
}

impl Row {
    fn missed(&self) -> bool {
        self.target.is_some_and(|most| self.measured > most)
    }

    fn print(&self) {
        let Self { what, target, measured, unit } = self;
        let measured = (measured * 1000.0).round() / 1000.0;
        let (target, verdict) = match target {
            Some(most) if self.missed() => (format!("at most {most} {unit}"), "MISSED"),
            Some(most) => (format!("at most {most} {unit}"), "reached"),
            None => ("-".to_owned(), ""),
        };
        println!(
            "| {what} | {} | {} | {verdict} |",
            target.trim(),
            format!("{measured} {unit}").trim()
        );
    }
}

/// What all threads of a process have used so far.
struct Usage {
    /// Voluntary and involuntary context switches.
    switches: f64,
    cpu_micros: f64,
}

impl Usage {
    fn of(process: &Process) -> Self {
        let mut usage = Self { switches: 0.0, cpu_micros: 0.0 };
        let tasks = proc(process, "task").read_dir().expect("it runs");
        for task in tasks.filter_map(Result::ok).map(|task| task.path()) {
            let status = std::fs::read_to_string(task.join("status")).expect("it runs");
            usage.switches += number(&status, "\nvoluntary_ctxt_switches:");
            usage.switches += number(&status, "\nnonvoluntary_ctxt_switches:");
            let nanos = std::fs::read_to_string(task.join("schedstat")).expect("it runs");
            usage.cpu_micros += number(&nanos, "") / 1000.0;
        }
        usage
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            switches: self.switches - before.switches,
            cpu_micros: self.cpu_micros - before.cpu_micros,
        }
    }
}

/// The resident set in MB, counted page by page: the sum that `status` shows is not exact.
fn resident(process: &Process) -> f64 {
    let sums = std::fs::read_to_string(proc(process, "smaps_rollup")).expect("it runs");
    number(&sums, "\nRss:") * 1024.0 / 1e6
}

fn proc(process: &Process, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{file}", process.pid().as_raw_nonzero()))
}

/// The number after a key.
fn number(text: &str, key: &str) -> f64 {
    let value = text.split_once(key).and_then(|(_, rest)| rest.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).expect("the kernel tells it")
}

#[expect(clippy::cast_precision_loss, reason = "files have less than 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::disallowed_methods, reason = "what is measured is what happens in this time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
