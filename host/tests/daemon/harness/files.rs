//! Folders, and waiting for files.

use std::path::{Path, PathBuf};

use inotify::{Inotify, WatchMask};
use rustix::event::{PollFd, PollFlags, poll};
use tempfile::TempDir;

use super::limit;

/// What a folder for temporary files may have, in bytes, so that sockets fit below it.
const PARENT_MAX: usize = 23;

/// A new folder in the usual place, or in /tmp if sockets there would have too long a path.
pub(crate) fn temporary_folder() -> TempDir {
    let usual = std::env::temp_dir();
    let fits = usual.as_os_str().len() <= PARENT_MAX;
    TempDir::new_in(if fits { usual } else { PathBuf::from("/tmp") }).unwrap()
}

/// Waits until `done` gives something, looking anew whenever the directory changes.
pub(crate) fn await_in<T>(directory: &Path, mut done: impl FnMut() -> Option<T>) -> T {
    let mut inotify = Inotify::init().unwrap();
    let events = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::DELETE | WatchMask::MODIFY;
    inotify.watches().add(directory, events).unwrap();
    loop {
        if let Some(found) = done() {
            return found;
        }
        let mut ready = [PollFd::new(&inotify, PollFlags::IN)];
        let changed = poll(&mut ready, Some(&limit())).unwrap();
        assert_eq!(changed, 1, "nothing happens in {}", directory.display());
        let _ = inotify.read_events(&mut [0; 4096]).unwrap();
    }
}
