//! Signals, as bytes in pipes that the loop waits for.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::io::{ioctl_fionbio, read};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::poller::{Poller, Source, Watch};

/// The signals that this process takes, while this lives and for good.
#[derive(Debug)]
pub(crate) struct Signals {
    stop: UnixStream,
    reload: UnixStream,
    child: UnixStream,
    /// Something came that was not taken.
    any: bool,
}

/// Which signals came since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// SIGTERM or SIGINT.
    pub(crate) stop: bool,
    /// SIGHUP.
    pub(crate) reload: bool,
    /// SIGCHLD: a process that we started ended.
    pub(crate) child: bool,
}

impl Signals {
    pub(crate) fn new(poller: &Poller) -> io::Result<Self> {
        Ok(Self {
            stop: register(&[SIGTERM, SIGINT], poller)?,
            reload: register(&[SIGHUP], poller)?,
            child: register(&[SIGCHLD], poller)?,
            any: false,
        })
    }

    /// Takes what the poller says.
    pub(crate) fn reported(&mut self) {
        self.any = true;
    }

    /// Takes what came.
    pub(crate) fn take(&mut self) -> Came {
        if !std::mem::take(&mut self.any) {
            return Came::default();
        }
        Came {
            stop: drained(&self.stop),
            reload: drained(&self.reload),
            child: drained(&self.child),
        }
    }
}

fn register(signals: &[i32], poller: &Poller) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    ioctl_fionbio(&reader, true)?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    poller.add(&reader, Source::Signals, Watch::Input)?;
    Ok(reader)
}

/// Whether there was anything; nothing is left of it.
fn drained(reader: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    let mut any = false;
    while read(reader, &mut bytes).is_ok_and(|len| len > 0) {
        any = true;
    }
    any
}
