//! A throwaway Debian in which packages are installed for real: namespaces of its own over a base
//! that `packaging/bookworm` made and nobody writes to. It has no network but its own loopback, and
//! its processes, mounts and files end with it.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Pid;

use crate::{Process, Scratch, until};

/// Lays a writable layer in memory over the base, and runs a shell in it that only collects orphans.
const SETUP: &str = r#"
set -e
umask 022
mount -t tmpfs tmpfs "$2"
cd "$2"
mkdir upper work root
mount -t overlay -o "lowerdir=$1,upperdir=upper,workdir=work" overlay root
mount -t proc proc root/proc
mount -t tmpfs tmpfs root/dev
mkdir root/dev/shm
for device in null zero full random urandom; do
    touch "root/dev/$device"
    mount --bind "/dev/$device" "root/dev/$device"
done
ln -s /proc/self/fd root/dev/fd
busybox ip link set lo up
cd root
mkdir packages
exec chroot . /bin/sh -c 'touch /ready; sleep infinity & wait'
"#;

/// How a command in it ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status.
    pub status: i32,
    /// Standard output and standard error.
    pub text: String,
}

impl Outcome {
    /// Checks that it succeeded, and gives what it said.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!(self.status, 0, "{}", self.text);
        self.text
    }

    /// Checks that it failed, and gives what it said.
    #[track_caller]
    pub fn fails(self) -> String {
        assert_ne!(self.status, 0, "{}", self.text);
        self.text
    }
}

/// The machine; it ends when this is dropped.
#[derive(Debug)]
pub struct Debian {
    _unshare: Process,
    init: Pid,
    scratch: Scratch,
}

impl Debian {
    /// A new one over a base.
    pub fn new(base: &Path) -> Self {
        let scratch = Scratch::new();
        let layer = scratch.folder("layer");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]);
        command.args(["--propagation", "private", "sh", "-c", SETUP, "sh"]).args([base, &layer]);
        command.stdin(Stdio::null()).current_dir("/");
        let unshare = Process::start(&mut command);
        let children = format!("/proc/{0}/task/{0}/children", unshare.pid().as_raw_nonzero());
        let child = || std::fs::read_to_string(&children).ok()?.trim().parse().ok();
        until("a machine", || child().is_some_and(|pid: u32| inside(pid, "ready").exists()));
        let pid: i32 = child().expect("it was there").try_into().expect("a pid is below 2^22");
        let init = Pid::from_raw(pid).expect("a child's number is not 0");
        Self { _unshare: unshare, init, scratch }
    }

    /// A path of it, as seen from here.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        inside(self.init.as_raw_nonzero().get().unsigned_abs(), path)
    }

    /// Whether something is there.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// What is there.
    pub fn metadata(&self, path: impl AsRef<Path>) -> Metadata {
        let seen = self.path(&path).symlink_metadata();
        seen.unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
    }

    /// A file's content, or nothing.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file can be written");
    }

    /// Copies a file into it, with its mode.
    pub fn copy(&self, from: &Path, to: &str) {
        std::fs::copy(from, self.path(to)).expect("a file can be copied");
    }

    /// Runs a command line in it, to its end. What it leaves running may keep its output open.
    pub fn run(&self, line: &str) -> Outcome {
        let output = self.scratch.file("output");
        let file = std::fs::File::create(&output).expect("a file can be written");
        let errors = file.try_clone().expect("a descriptor can be copied");
        let mut command = self.command();
        command.args(["sh", "-c", line]).stdout(file).stderr(errors);
        let status = Process::start(&mut command).wait();
        let text = std::fs::read(output).expect("the output was written");
        let text = String::from_utf8_lossy(&text).into_owned();
        eprintln!("$ {line}\n{text}");
        Outcome { status: status.code().expect("no signal ended it"), text }
    }

    /// A command that runs in it; to be given the program.
    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.init.as_raw_nonzero().to_string());
        command.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--root", "--wd"]);
        command.env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").env("HOME", "/root");
        command
    }
}

fn inside(pid: u32, path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    let path = path.strip_prefix("/").unwrap_or(path);
    Path::new(&format!("/proc/{pid}/root")).join(path)
}
