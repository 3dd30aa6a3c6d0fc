//! Files that a test needs.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::TempDir;

use super::PATIENCE;

/// A folder that goes away with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A shell script. Another process writes it: a file that is open for writing, as here it could
    /// be in a process that another test is just starting, cannot be run.
    pub(crate) fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let mut install = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = install.stdin.take().unwrap();
        stdin.write_all(format!("#!/bin/sh\n{body}\n").as_bytes()).unwrap();
        drop(stdin);
        assert!(install.wait().unwrap().success());
        path
    }

    /// A pipe with a name, for scripts to tell how far they are.
    pub(crate) fn fifo(&self, name: &str) -> Fifo {
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Open for writing too, so that it has no end.
        let fd = rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Fifo { file: fd.into(), path }
    }
}

/// See [`Folder::fifo`].
pub(crate) struct Fifo {
    file: std::fs::File,
    path: PathBuf,
}

impl Fifo {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next line that a script wrote.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            let mut ready = [PollFd::new(&self.file, PollFlags::IN)];
            let limit = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
            assert_eq!(poll(&mut ready, Some(&limit)).unwrap(), 1, "no script writes a line");
            let mut byte = [0];
            self.file.read_exact(&mut byte).unwrap();
            if byte[0] == b'\n' {
                return String::from_utf8(line).unwrap();
            }
            line.push(byte[0]);
        }
    }

    /// The lines that scripts wrote and nobody read.
    pub(crate) fn lines_so_far(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        while poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&now)).unwrap() == 1 {
            lines.push(self.line());
        }
        lines
    }

    /// Lets a script go on that reads a line.
    pub(crate) fn release(&mut self) {
        self.file.write_all(b"\n").unwrap();
    }
}
