//! The channel directories: what is in them, and what inotify tells of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

use super::readiness::Readiness;
use crate::core::{ChannelFile, FileIdentity, instance_of};

/// Reads of events before everything else has its turn.
const READS_A_TURN: usize = 16;

/// One file event.
#[derive(Debug)]
pub(super) enum FileEvent {
    Appeared(ChannelFile),
    Touched(PathBuf),
    Vanished(PathBuf),
    /// Events were lost.
    Lost,
}

/// The watched directories.
#[derive(Debug)]
pub(super) struct Directories {
    inotify: Inotify,
    directories: Vec<Directory>,
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    watch: Option<WatchDescriptor>,
    /// What was said last about why it cannot be watched, so that it is said once.
    trouble: Option<String>,
}

impl Directories {
    pub(super) fn new(paths: &[PathBuf]) -> std::io::Result<Self> {
        let directories = (paths.iter())
            .map(|path| Directory { path: path.clone(), watch: None, trouble: None })
            .collect();
        Ok(Self { inotify: Inotify::init()?, directories })
    }

    /// Watches every directory; whether one cannot be watched. A directory that was replaced tells
    /// nothing of it while a socket in the old one is open, so what the path leads to now counts.
    pub(super) fn watch(&mut self) -> bool {
        let mut watches = self.inotify.watches();
        for directory in &mut self.directories {
            let old = match watches.add(&directory.path, mask()) {
                Ok(watch) => directory.watched(watch),
                Err(error) => {
                    directory.in_trouble(&error.to_string());
                    directory.watch.take()
                }
            };
            if let Some(old) = old {
                // It fails only if the kernel has removed the watch already.
                let _ = watches.remove(old);
            }
        }
        self.directories.iter().any(|directory| directory.watch.is_none())
    }

    /// Every directory that can be read, with its channel files.
    pub(super) fn scan(&mut self) -> Vec<(PathBuf, Vec<ChannelFile>)> {
        let mut scanned = Vec::new();
        for directory in &mut self.directories {
            match scan(&directory.path) {
                Ok(files) => scanned.push((directory.path.clone(), files)),
                Err(error) => directory.in_trouble(&error.to_string()),
            }
        }
        scanned
    }

    /// For the reactor to wait on.
    pub(super) fn readiness(&self) -> std::io::Result<Readiness> {
        Readiness::of(&self.inotify)
    }

    /// What happened since the last call, and whether there may be more.
    pub(super) fn events(&mut self) -> (Vec<FileEvent>, bool) {
        let mut changes = Changes::default();
        let more = self.read_changes(&mut changes);
        (changes.into_events(), more)
    }

    fn read_changes(&mut self, changes: &mut Changes) -> bool {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..READS_A_TURN {
            let events = match self.inotify.read_events(&mut buffer) {
                Ok(events) => events,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    tracing::error!(%error, "cannot read inotify");
                    return false;
                }
            };
            for event in events {
                self.directories.iter_mut().for_each(|d| d.forget_lost_watch(&event));
                let directory =
                    self.directories.iter().find(|d| d.watch.as_ref() == Some(&event.wd));
                changes.add(event.mask, directory, event.name);
            }
        }
        true
    }
}

/// What several events say together. An event tells of a time that is over: the file that it names
/// may have been replaced since, and must not be taken for gone when the old one's end is read.
#[derive(Debug, Default)]
struct Changes {
    files: BTreeMap<PathBuf, Change>,
    lost: bool,
}

/// The greater one says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Touched,
    Appeared,
    /// Whatever stands under the name now is another file.
    Vanished,
}

impl Changes {
    fn add(&mut self, mask: EventMask, directory: Option<&Directory>, name: Option<&OsStr>) {
        let lost =
            EventMask::Q_OVERFLOW | EventMask::IGNORED | EventMask::UNMOUNT | EventMask::MOVE_SELF;
        self.lost |= mask.intersects(lost);
        let (Some(directory), Some(name)) = (directory, name) else { return };
        let path = directory.path.join(name);
        if instance_of(&path).is_none() {
            return;
        }
        let change = if mask.intersects(EventMask::DELETE | EventMask::MOVED_FROM) {
            Change::Vanished
        } else if mask.contains(EventMask::ATTRIB) {
            Change::Touched
        } else {
            Change::Appeared
        };
        let known = self.files.entry(path).or_insert(change);
        *known = change.max(*known);
    }

    fn into_events(self) -> Vec<FileEvent> {
        let mut events = Vec::new();
        for (path, change) in self.files {
            if change == Change::Touched {
                events.push(FileEvent::Touched(path));
                continue;
            }
            let file = channel_file(&path);
            if change == Change::Vanished || file.is_none() {
                events.push(FileEvent::Vanished(path));
            }
            events.extend(file.map(FileEvent::Appeared));
        }
        events.extend(self.lost.then_some(FileEvent::Lost));
        events
    }
}

impl Directory {
    /// Takes the watch, which may be the one that it had; returns another one that it had.
    fn watched(&mut self, watch: WatchDescriptor) -> Option<WatchDescriptor> {
        let old = self.watch.replace(watch).filter(|old| self.watch.as_ref() != Some(old));
        if self.trouble.take().is_some() {
            tracing::info!(directory = %self.path.display(), "channel directory is there now");
        }
        old
    }

    fn in_trouble(&mut self, why: &str) {
        if self.trouble.as_deref() != Some(why) {
            let directory = self.path.display();
            tracing::warn!(
                %directory,
                "cannot watch the channel directory: {why}; trying again (does it exist, may this user read it?)"
            );
            self.trouble = Some(why.to_owned());
        }
    }

    fn forget_lost_watch(&mut self, event: &inotify::Event<&OsStr>) {
        if event.mask.contains(EventMask::IGNORED) && self.watch.as_ref() == Some(&event.wd) {
            self.watch = None;
        }
    }
}

fn mask() -> WatchMask {
    WatchMask::CREATE
        | WatchMask::MOVED_TO
        | WatchMask::MOVED_FROM
        | WatchMask::DELETE
        | WatchMask::ATTRIB
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
        | WatchMask::ONLYDIR
}

fn scan(directory: &Path) -> std::io::Result<Vec<ChannelFile>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => Ok(entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| instance_of(path).is_some())
            .filter_map(|path| channel_file(&path))
            .collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Looks at a file without following a symbolic link; `None` if it is gone.
fn channel_file(path: &Path) -> Option<ChannelFile> {
    let metadata = path.symlink_metadata().ok()?;
    Some(ChannelFile {
        path: Arc::from(path),
        identity: identity(&metadata),
        is_socket: metadata.file_type().is_socket(),
    })
}

fn identity(metadata: &Metadata) -> FileIdentity {
    let made_ns = metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec());
    FileIdentity { inode: metadata.ino(), made_ns }
}
