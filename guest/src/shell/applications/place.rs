//! The socket's file: who had it before, who may use it, and its end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Gid, Mode, Stat, chmod, chown, lstat, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

/// Connections that may wait to be taken.
const BACKLOG: i32 = 64;
const GROUPS: &str = "/etc/group";

/// A listening socket with its file.
#[derive(Debug)]
pub(in super::super) struct Place {
    listener: OwnedFd,
    path: PathBuf,
    /// Device and inode of the file, to know it again.
    file: (u64, u64),
}

/// Why there is no such socket.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Refused {
    /// Someone listens there.
    #[error("another client serves applications there; stop that one, or name another socket")]
    Live,
    /// The path is taken by something else.
    #[error("there is a file that is no socket")]
    NoSocket,
    /// There is no such group.
    #[error("{GROUPS} has no group {0:?}")]
    NoGroup(String),
    /// What the kernel says.
    #[error("{0}")]
    System(#[from] Errno),
    /// The file of groups cannot be read.
    #[error("{GROUPS}: {0}")]
    Groups(io::Error),
}

impl Place {
    /// Listens at `path`, for root and the members of `group`, by name or number. A file that a
    /// client left behind is replaced.
    pub(in super::super) fn take(path: &Path, group: Option<&str>) -> Result<Self, Refused> {
        let group = group.map(group_number).transpose()?;
        let address = SocketAddrUnix::new(path)?;
        clear(path, &address)?;
        let listener = socket()?;
        bind(&listener, &address)?;
        let stat = lstat(path)?;
        let place = Self { listener, path: path.to_owned(), file: identity(&stat) };
        // Nobody can connect before it listens, whatever the file's mode is until then.
        chmod(path, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP)?;
        if let Some(group) = group {
            chown(path, None, Some(group))?;
        }
        listen(&place.listener, BACKLOG)?;
        Ok(place)
    }

    pub(super) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Place {
    /// Another client may have the path by now.
    fn drop(&mut self) {
        if lstat(&self.path).is_ok_and(|stat| identity(&stat) == self.file) {
            // If it cannot be removed, the next client replaces it.
            let _ = unlink(&self.path);
        }
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// Removes a socket's file that nobody listens on.
fn clear(path: &Path, address: &SocketAddrUnix) -> Result<(), Refused> {
    let stat = match lstat(path) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(Refused::NoSocket);
    }
    match connect(&socket()?, address) {
        Err(Errno::CONNREFUSED) => Ok(unlink(path)?),
        // Its queue of connections is full, so there is one.
        Ok(()) | Err(Errno::AGAIN) => Err(Refused::Live),
        Err(error) => Err(error.into()),
    }
}

/// A static binary cannot ask the system's databases of groups, only read the file.
fn group_number(group: &str) -> Result<Gid, Refused> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let bytes = std::fs::read(GROUPS).map_err(Refused::Groups)?;
    in_groups(&String::from_utf8_lossy(&bytes), group)
        .ok_or_else(|| Refused::NoGroup(group.to_owned()))
}

/// Lines are `name:password:number:members`.
fn in_groups(groups: &str, name: &str) -> Option<Gid> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let named = fields.next() == Some(name);
        let number = fields.nth(1).filter(|_| named)?;
        number.parse().ok().map(Gid::from_raw)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api");
        (folder, path)
    }

    #[test]
    fn the_file_is_for_root_and_the_group() {
        let (_folder, path) = folder();
        let group = rustix::process::getegid().as_raw().to_string();
        let _place = Place::take(&path, Some(&group)).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
        assert_eq!(metadata.gid().to_string(), group);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_file_that_nobody_listens_on_is_replaced() {
        let (_folder, path) = folder();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _place = Place::take(&path, None).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_live_socket_and_other_files_stay() {
        let (_folder, path) = folder();
        let live = UnixListener::bind(&path).unwrap();
        assert!(matches!(Place::take(&path, None), Err(Refused::Live)));
        drop(live);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Place::take(&path, None), Err(Refused::NoSocket)));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn the_file_goes_with_it_unless_another_took_its_place() {
        let (_folder, path) = folder();
        drop(Place::take(&path, None).unwrap());
        assert!(!path.exists());
        let first = Place::take(&path, None).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = Place::take(&path, None).unwrap();
        drop(first);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn groups_are_found_by_name() {
        let groups = "root:x:0:\nheart:x:117:alice,bob\nbroken\nheartless:x:many:\n";
        assert_eq!(in_groups(groups, "heart"), Some(Gid::from_raw(117)));
        assert_eq!(in_groups(groups, "root"), Some(Gid::ROOT));
        for name in ["hear", "x", "broken", "heartless", ""] {
            assert_eq!(in_groups(groups, name), None, "{name}");
        }
    }
}
