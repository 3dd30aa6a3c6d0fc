//! A machine on which one of the daemons runs as a service: the files of its package, with paths of a
//! folder, and the real binary.

use std::fmt::Write as _;
use std::ops::Deref;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::service::{Layout, SHELLS, Service};
use crate::{LIMIT, Scratch, binary};

/// The services.
pub const DAEMONS: [&str; 2] = ["guestServer", "guestAgent"];

/// What is in `packaging`.
pub fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name)
}

/// The text of what is in `packaging`.
pub fn packaged_text(name: &str) -> String {
    std::fs::read_to_string(packaged(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Plays a scenario with each daemon in each shell.
pub fn in_each_shell(scenario: impl Fn(&Machine)) {
    for daemon in DAEMONS {
        for shell in SHELLS {
            eprintln!("{daemon} in {}:", shell.join(" "));
            scenario(&Machine::new(daemon, shell));
        }
    }
}

/// The machine. What runs on it ends with it.
#[derive(Debug)]
pub struct Machine {
    /// The daemon's name.
    pub daemon: &'static str,
    service: Service,
}

impl Machine {
    /// A machine with nothing running.
    pub fn new(daemon: &'static str, shell: &'static [&'static str]) -> Self {
        let scratch = Scratch::new();
        for folder in ["run", "log", "channels"] {
            scratch.folder(folder);
        }
        let layout = Layout {
            script: scratch.file("init.d"),
            settings: "GUEST_SERVICE_SETTINGS",
            pid_file: scratch.file("run/pid"),
            mark: scratch.file("etc/service.ini"),
        };
        let machine = Self { daemon, service: Service::new(shell, scratch, layout) };
        machine.write("etc/service.ini", &packaged_text(&format!("etc/{daemon}.ini")));
        machine.write("settings", &machine.settings());
        machine.program("service.sh", &packaged_text("init.d/service.sh"));
        machine.install("init.d");
        machine.install("ocf");
        machine
    }

    fn settings(&self) -> String {
        let mut text = String::new();
        let mut set = |key: &str, value: &str| {
            writeln!(text, "{key}='{value}'").expect("a string takes all");
        };
        let path = |name: &str| self.file(name).display().to_string();
        set("DAEMON", &binary(self.daemon).display().to_string());
        set("PIDFILE", &path("run/pid"));
        set("PLATFORM", &path("platform"));
        set("GO_FILES", &format!("{} {}", path("platform/configured"), path("goenabled")));
        set("LSB_FUNCTIONS", &path("no-lsb-functions"));
        set("SYSTEMD", &path("no-systemd"));
        set("OPTIONS", &self.options().join(" "));
        text
    }

    /// The script of a kind, if this daemon has one, with the library where it is here.
    fn install(&self, kind: &str) {
        let Ok(script) = std::fs::read_to_string(packaged(&format!("{kind}/{}", self.daemon)))
        else {
            return;
        };
        let line = script.lines().find(|line| line.starts_with("LIBRARY=")).expect("a library");
        let here = format!("LIBRARY={}", self.file("service.sh").display());
        self.program(kind, &script.replace(line, &here));
    }

    /// Options that keep the daemon within this machine.
    pub fn options(&self) -> Vec<String> {
        let path = |name: &str| self.file(name).display().to_string();
        let mut options = vec![
            format!("--config={}", path("etc/service.ini")),
            format!("--status-file={}", path("run/info")),
        ];
        options.extend(self.more_options());
        options
    }

    /// Those of them that the OCF agent has no parameters for.
    pub fn more_options(&self) -> Vec<String> {
        let path = |name: &str| self.file(name).display().to_string();
        let mut options = vec![format!("--log-file={}", path("log/log"))];
        options.extend(match self.daemon {
            "guestServer" => vec![
                format!("--channel-dir={}", path("channels")),
                "--listen=127.0.0.1:0".to_owned(),
                "--agent=127.0.0.1:9".to_owned(),
                "--start-delay=0".to_owned(),
            ],
            _ => vec![
                format!("--mtc-conf={}", path("no-mtc.conf")),
                format!("--vim-config={}", path("no-vim.ini")),
                "--listen-vim=127.0.0.1:0".to_owned(),
                "--listen=127.0.0.1:0".to_owned(),
                "--maintenance-listen=127.0.0.1:0".to_owned(),
                "--maintenance=127.0.0.1:9".to_owned(),
                "--vim=127.0.0.1:9".to_owned(),
            ],
        });
        options
    }

    /// The daemon itself, as a unit starts it: in the foreground. Options replace those of the same
    /// name.
    pub fn foreground(&self, options: &[String]) -> Command {
        let name = |option: &str| option.split('=').next().unwrap_or(option).to_owned();
        let mut usual = self.options();
        usual.push("--daemon=false".to_owned());
        usual.push(format!("--pid-file={}", self.pid_file().display()));
        usual.retain(|usual| options.iter().all(|option| name(option) != name(usual)));
        let mut command = Command::new(binary(self.daemon));
        command.args(usual).args(options);
        self.within(&mut command);
        command
    }
}

impl Deref for Machine {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

/// The service manager's end of the notification socket.
#[derive(Debug)]
pub struct ServiceManager(UnixDatagram);

impl ServiceManager {
    /// One that listens at a path.
    pub fn at(path: &Path) -> Self {
        Self(UnixDatagram::bind(path).expect("a short path in a new folder"))
    }

    /// One that listens at an abstract address.
    pub fn at_abstract(name: &str) -> Self {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name);
        let address = address.expect("a short name");
        Self(UnixDatagram::bind_addr(&address).expect("a name of the test's own"))
    }

    /// What a daemon says next.
    pub fn next(&self) -> String {
        self.next_within(LIMIT).expect("the daemon says something")
    }

    /// What a daemon says next, if it does within this time.
    pub fn next_within(&self, limit: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(limit)).expect("a limit above zero");
        let mut buffer = [0; 1000];
        match self.0.recv(&mut buffer) {
            Ok(length) => Some(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot receive: {error}"),
        }
    }

    /// Waits until a daemon says this.
    pub fn until(&self, wanted: &str) {
        while self.next() != wanted {}
    }
}
