//! Something that an init script starts: the script in one of the shells that it has to run in, its
//! files in a folder, and the processes it leaves.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

use crate::{Process, Scratch, mentioning};

/// The shells that scripts have to run in.
pub const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash"]];

/// Where a service has its things; all but the variable below the folder of its own.
#[derive(Debug)]
pub struct Layout {
    /// The init script; its own folder may be another one.
    pub script: PathBuf,
    /// The variable that names the script's settings, which are the file `settings`.
    pub settings: &'static str,
    /// The pid file.
    pub pid_file: PathBuf,
    /// What each process of the service has in its command line.
    pub mark: PathBuf,
}

/// The service. What runs in its folder ends with it.
#[derive(Debug)]
pub struct Service {
    shell: &'static [&'static str],
    layout: Layout,
    /// Processes that were seen: what has ended is a zombie until it is waited for.
    seen: RefCell<Vec<Pid>>,
    scratch: Scratch,
}

/// How a script ended.
#[derive(Debug)]
pub struct Said {
    /// The exit status.
    pub status: i32,
    /// Standard output and standard error.
    pub text: String,
}

impl Said {
    /// Checks the status, and that the text has this in it.
    #[track_caller]
    pub fn is(&self, status: i32, text: &str) {
        assert!(self.status == status && self.text.contains(text), "{self:?}");
    }
}

impl Service {
    /// One that has not been started.
    pub fn new(shell: &'static [&'static str], scratch: Scratch, layout: Layout) -> Self {
        // What runs in the background is an orphan when the script has ended: without this somebody
        // else would have to wait for it.
        set_child_subreaper(Some(getpid())).expect("a process may collect its orphans");
        Self { shell, layout, seen: RefCell::default(), scratch }
    }

    /// The init script.
    pub fn script(&self) -> &Path {
        &self.layout.script
    }

    /// The pid file.
    pub fn pid_file(&self) -> &Path {
        &self.layout.pid_file
    }

    /// What the pid file says.
    pub fn pid(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.pid_file()).ok()?;
        let number: u32 = text.trim().parse().ok()?;
        Pid::from_raw(number.try_into().ok()?)
    }

    /// Its processes.
    pub fn running(&self) -> Vec<Pid> {
        mentioning(&self.layout.mark)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    /// What is in a file; nothing if it is not there.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name);
        let folder = path.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Writes a program.
    pub fn program(&self, name: &str, content: &str) -> PathBuf {
        let path = self.write(name, content);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("it is our file");
        path
    }

    /// Lets everybody look into the folder and those in it, and read the settings.
    pub fn open_to_all(&self) {
        let inside = std::fs::read_dir(self.folder()).expect("it is our folder");
        let inside = inside.map(|entry| entry.expect("it can be read").path());
        for folder in inside.filter(|path| path.is_dir()).chain([self.folder().to_owned()]) {
            let all = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder, all).expect("it is our folder");
        }
        let read = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(self.file("settings"), read).expect("there are settings");
    }

    /// Adds lines to the settings; the last of a key holds.
    pub fn set(&self, lines: &str) {
        let before = std::fs::read_to_string(self.file("settings")).expect("there are settings");
        self.write("settings", &format!("{before}{lines}\n"));
    }

    /// A script in this service's shell.
    pub fn shell_command(&self, script: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]).arg(script).args(arguments);
        self.within(&mut command);
        command
    }

    /// Gives a command the service's environment.
    pub fn within(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = vec![self.file("bin")];
        paths.extend(std::env::split_paths(&path));
        command.env_clear();
        command.env("PATH", std::env::join_paths(paths).expect("no colons in it"));
        command.env(self.layout.settings, self.file("settings"));
        command.stdin(Stdio::null());
    }

    /// The command of an action of the init script.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.shell_command(self.script(), arguments)
    }

    /// Runs an action of the init script to its end.
    pub fn does(&self, action: &str) -> Said {
        self.ends(&mut self.command(&[action]))
    }

    /// Runs a command to its end. What it leaves running may keep its output open.
    pub fn ends(&self, command: &mut Command) -> Said {
        let path = self.file("said");
        let output = std::fs::File::create(&path).expect("a file can be written");
        let errors = output.try_clone().expect("a descriptor can be copied");
        let status = Process::start(command.stdout(output).stderr(errors)).wait();
        let text = std::fs::read_to_string(&path).expect("text in UTF-8");
        self.see();
        Said { status: status.code().expect("no signal ended it"), text }
    }

    /// Remembers the process that the pid file names, so that it is waited for.
    pub fn see(&self) {
        self.seen.borrow_mut().extend(self.pid());
    }

    /// Starts it by its init script, which has to succeed.
    pub fn starts(&self) -> Pid {
        self.does("start").is(0, "started (pid ");
        self.pid().expect("a pid file")
    }

    /// Signals a process of the service.
    pub fn signal(&self, pid: Pid, signal: Signal) {
        kill_process(pid, signal).expect("it runs");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        for pid in mentioning(self.scratch.path()) {
            // Errors: it has ended.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
        for pid in self.seen.take() {
            // Errors: it was waited for, or was never one of the service.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}
