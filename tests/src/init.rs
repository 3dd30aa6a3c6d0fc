//! A guest whose init runs `heartbeat_init`: its files in a folder, its port a fake QEMU's.

use std::fmt::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use guest_sim::qemu::{FakeQemus, Plan};

use crate::service::{Layout, SHELLS, Service};
use crate::{ChannelHost, Scratch, binary};

/// What is in `guest/init`.
pub fn init_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/init").join(name)
}

/// Plays a scenario in a new guest for each shell.
pub fn in_each_shell(scenario: impl Fn(&InitGuest)) {
    for shell in SHELLS {
        eprintln!("in {}:", shell.join(" "));
        scenario(&InitGuest::new(shell));
    }
}

/// The guest. What runs in it ends with it.
pub struct InitGuest {
    qemus: FakeQemus,
    service: Service,
}

impl Deref for InitGuest {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl InitGuest {
    /// A guest with a port and nothing running.
    pub fn new(shell: &'static [&'static str]) -> Self {
        let scratch = Scratch::new();
        let devices = scratch.folder("dev");
        let plan = Plan { device_dir: Some(devices), ..Plan::new(scratch.folder("channels"), 1) };
        let qemus = FakeQemus::start(plan).expect("channels");
        let layout = Layout {
            script: scratch.file("heartbeat_init"),
            settings: "HEARTBEAT_SETTINGS",
            pid_file: scratch.file("run/guest-client.pid"),
            mark: qemus.device_path(0).expect("a device folder"),
        };
        let guest = Self { qemus, service: Service::new(shell, scratch, layout) };
        guest.write("settings", &guest.settings());
        let script = std::fs::read_to_string(init_file("heartbeat_init")).expect("it is there");
        guest.program("heartbeat_init", &script);
        guest
    }

    fn settings(&self) -> String {
        let mut text = String::new();
        let mut set = |key: &str, value: &Path| {
            writeln!(text, "{key}='{}'", value.display()).expect("a string takes all");
        };
        set("CLIENT", &binary("guest-client"));
        set("DEVICE", &self.port());
        set("PIDFILE", self.pid_file());
        set("LOG", &self.file("log/guest-client.log"));
        set("PLATFORM_CONF", &self.file("platform.conf"));
        set("VIRTIO_PORTS", &self.file("virtio-ports"));
        set("DEV", &self.file("dev"));
        set("LSB_FUNCTIONS", &self.file("no-lsb-functions"));
        set("SYSTEMD", &self.file("no-systemd"));
        // Other tests may have the machine meanwhile.
        text + "START_SECS=120\nSTOP_SECS=120\n" + &self.options("")
    }

    /// Where applications register.
    pub fn api_socket(&self) -> PathBuf {
        self.file("api")
    }

    fn options(&self, more: &str) -> String {
        format!("OPTIONS='--api-socket {} {more}'\n", self.api_socket().display())
    }

    /// Gives the client further options.
    pub fn set_options(&self, more: &str) {
        self.set(&self.options(more));
    }

    /// The host, connected to this guest's channel.
    pub fn host(&self) -> ChannelHost {
        let host = ChannelHost::connect(&self.qemus.channel_path(0));
        crate::until("a connection", || self.qemus.has_host(0));
        host
    }

    /// The guest's port.
    pub fn port(&self) -> PathBuf {
        self.qemus.device_path(0).expect("a device folder")
    }

    /// What the client logged.
    pub fn log(&self) -> String {
        self.text("log/guest-client.log")
    }
}
