//! Programs in C: compiled against the libraries of this build, and run.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(2);
/// The libraries, by the names that linkers know them by.
pub(crate) const LIBRARIES: [&str; 2] = ["guest_heartbeat_api", "guest_common_api"];

/// How a program is linked with the libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    Shared,
    Static,
}

/// A compiled program, and what it needs to run.
pub(crate) struct Program {
    folder: TempDir,
}

/// A running one; killed when the test ends.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

/// A file below `guest/library`. Tests of more than one crate compile programs.
pub(crate) fn file(name: &str) -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let library = folders.find_map(|folder| {
        let library = folder.join("guest/library");
        library.is_dir().then_some(library)
    });
    library.expect("this is in the workspace").join(name)
}

/// A library of this build. Cargo leaves them beside the tests.
pub(crate) fn built(library: &str, extension: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().join(format!("lib{library}.{extension}"))
}

/// The value of a key in a library's pkg-config file.
pub(crate) fn pkg_config(library: &str, key: &str) -> String {
    let text = std::fs::read_to_string(file(&format!("pkgconfig/{library}.pc"))).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {key} for {library}")).to_owned()
}

/// The standard output of a command that succeeds.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

impl Program {
    /// Compiles a file of `guest/library` as strictly as the compiler can.
    pub(crate) fn compile(source: &str, linked: Linked) -> Self {
        let folder = TempDir::new().unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-D_GNU_SOURCE"]);
        cc.arg("-I").arg(file("include")).arg(file(source));
        match linked {
            Linked::Shared => {
                cc.args(LIBRARIES.map(|library| built(library, "so")));
                for library in LIBRARIES {
                    let soname = folder.path().join(format!("lib{library}.so.3"));
                    symlink(built(library, "so"), soname).unwrap();
                }
            }
            Linked::Static => {
                cc.args(LIBRARIES.map(|library| built(library, "a")));
                cc.args(pkg_config("guest_heartbeat_api", "Libs.private").split_whitespace());
            }
        }
        output(cc.arg("-o").arg(folder.path().join("program")));
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// How to run it as an application of the client at this socket.
    pub(crate) fn command(&self, client: &Path) -> Command {
        let mut command = Command::new(self.path());
        command.env("GUEST_HEARTBEAT_API_SOCKET", client);
        command.env("LD_LIBRARY_PATH", self.folder.path());
        command
    }

    pub(crate) fn start(&self, client: &Path, arguments: &[&str]) -> Running {
        Running::start(self.command(client).args(arguments))
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        // It ends with the program's output, and the program ends with the test.
        std::thread::spawn(move || {
            for line in stdout.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a line of its output.
    pub(crate) fn await_line(&self, wanted: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            if line.unwrap_or_else(|error| panic!("{error}, no {wanted:?}")) == wanted {
                return;
            }
        }
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// How it ended, when it has: its output ends with it.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.rest().for_each(drop);
        self.child.wait().unwrap()
    }

    /// Waits for its end, which must be a success; what it printed says why it was none.
    pub(crate) fn succeeds(mut self) {
        let lines: Vec<String> = self.rest().collect();
        assert!(self.child.wait().unwrap().success(), "{lines:?}");
    }

    /// Its output until it ends.
    fn rest(&self) -> impl Iterator<Item = String> {
        std::iter::from_fn(|| match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
