//! What a service manager wants to hear: ready, still alive, how it goes, ending. The protocol of
//! `sd_notify(3)`: datagrams to the socket that `NOTIFY_SOCKET` names.
//!
//! The loop that does the daemon's work calls [`Notifier::turned`] once a turn, and from nowhere else:
//! a loop that is stuck keeps no watchdog quiet. Without `NOTIFY_SOCKET` nothing is done and nothing
//! wakes up. The variables stay in the environment; no daemon hands them to a process that it starts.

use std::ffi::OsStr;
use std::fmt::Display;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The variable that names the socket.
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";
/// How often at most the status is told.
const STATUS_PAUSE: Duration = Duration::from_secs(2);
/// The watchdog is fed this often within its time, so that one meal may be late or lost.
const MEALS: u32 = 3;

/// Tells the service manager, if there is one, about a daemon whose status is an `S`.
#[derive(Debug)]
pub struct Notifier<S> {
    manager: Option<Manager>,
    watchdog: Option<Watchdog>,
    said: Option<S>,
    /// A status that is to be told waits until then.
    status_from: Option<Instant>,
    status_waits: bool,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

#[derive(Debug)]
struct Watchdog {
    pause: Duration,
    feed_at: Instant,
}

impl<S: Copy + PartialEq + Display> Notifier<S> {
    /// As the environment says. A socket that cannot be used is logged and otherwise as none.
    pub fn from_environment(now: Instant) -> Self {
        let variable = |name| std::env::var(name).ok();
        let socket = std::env::var_os(SOCKET).filter(|name| !name.is_empty());
        let manager = socket.and_then(|name| match Manager::at(&name) {
            Ok(manager) => Some(manager),
            Err(error) => {
                tracing::warn!(?name, %error, "cannot notify the service manager");
                None
            }
        });
        let time = watchdog_time(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        Self::new(now, manager, time)
    }

    fn new(now: Instant, manager: Option<Manager>, watchdog: Option<Duration>) -> Self {
        let watchdog = watchdog.filter(|_| manager.is_some());
        let watchdog = watchdog.map(|time| Watchdog { pause: time / MEALS, feed_at: now });
        Self { manager, watchdog, said: None, status_from: None, status_waits: false }
    }

    /// It listens.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The loop has turned once more. `status` must be cheap: it is asked each time.
    pub fn turned(&mut self, now: impl FnOnce() -> Instant, status: impl FnOnce() -> S) {
        if self.manager.is_none() {
            return;
        }
        let now = now();
        self.feed(now);
        let status = status();
        self.status_waits = self.said != Some(status);
        if self.status_waits && self.status_from.is_none_or(|from| from <= now) {
            self.tell(&format!("STATUS={status}"));
            self.said = Some(status);
            self.status_from = Some(now + STATUS_PAUSE);
            self.status_waits = false;
        }
    }

    /// When the loop has to turn for this, if nothing else makes it.
    pub fn next_wake(&self) -> Option<Instant> {
        let status = self.status_from.filter(|_| self.status_waits);
        self.watchdog.iter().map(|watchdog| watchdog.feed_at).chain(status).min()
    }

    fn feed(&mut self, now: Instant) {
        let Some(watchdog) = self.watchdog.as_mut().filter(|w| w.feed_at <= now) else { return };
        watchdog.feed_at = now + watchdog.pause;
        self.tell("WATCHDOG=1");
    }

    /// The daemon does its work whether or not somebody listens.
    fn tell(&self, message: &str) {
        let Some(Manager { socket, address }) = &self.manager else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::debug!(%error, message, "the service manager was not told");
        }
    }
}

impl Manager {
    fn at(name: &OsStr) -> std::io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(std::io::Error::other("neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }
}

/// The watchdog's time, unless another process is meant.
fn watchdog_time(usec: Option<String>, pid: Option<String>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let usec: u64 = usec.filter(|_| ours)?.parse().ok()?;
    (usec > 0).then(|| Duration::from_micros(usec))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
mod tests {
    use super::*;

    struct Scene {
        start: Instant,
        inbox: UnixDatagram,
        notifier: Notifier<u32>,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        fn new(watchdog: Option<Duration>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let inbox = UnixDatagram::bind(&path).unwrap();
            inbox.set_nonblocking(true).unwrap();
            let manager = Manager::at(path.as_os_str()).unwrap();
            let start = Instant::now();
            let notifier = Notifier::new(start, Some(manager), watchdog);
            Self { start, inbox, notifier, _folder: folder }
        }

        fn turn(&mut self, second: u64, status: u32) -> Vec<String> {
            let now = self.start + Duration::from_secs(second);
            self.notifier.turned(|| now, || status);
            self.told()
        }

        fn told(&self) -> Vec<String> {
            let mut buffer = [0; 100];
            std::iter::from_fn(|| {
                let length = self.inbox.recv(&mut buffer).ok()?;
                Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
            })
            .collect()
        }

        fn wake(&self) -> Option<u64> {
            self.notifier.next_wake().map(|at| (at - self.start).as_secs())
        }
    }

    #[test]
    fn a_status_is_told_when_it_changes_and_not_too_often() {
        let mut scene = Scene::new(None);
        assert_eq!(scene.turn(0, 1), ["STATUS=1"]);
        assert_eq!((scene.turn(0, 1).len(), scene.wake()), (0, None));
        assert_eq!((scene.turn(1, 2).len(), scene.wake()), (0, Some(2)));
        assert_eq!((scene.turn(1, 1).len(), scene.wake()), (0, None));
        assert_eq!((scene.turn(1, 3).len(), scene.wake()), (0, Some(2)));
        assert_eq!(scene.turn(2, 3), ["STATUS=3"]);
        assert_eq!((scene.turn(100, 3).len(), scene.wake()), (0, None));
    }

    #[test]
    fn the_watchdog_is_fed_three_times_within_its_time_and_only_by_a_turn() {
        let mut scene = Scene::new(Some(Duration::from_secs(30)));
        assert_eq!(scene.wake(), Some(0));
        assert_eq!(scene.turn(0, 1), ["WATCHDOG=1", "STATUS=1"]);
        assert_eq!(scene.wake(), Some(10));
        assert!(scene.turn(9, 1).is_empty());
        assert_eq!(scene.turn(10, 1), ["WATCHDOG=1"]);
        assert_eq!(scene.turn(25, 1), ["WATCHDOG=1"]);
        assert_eq!(scene.wake(), Some(35));
    }

    #[test]
    fn without_a_manager_nothing_wakes_it_and_no_time_is_asked_for() {
        let watchdog = Some(Duration::from_secs(30));
        let mut notifier = Notifier::<u32>::new(Instant::now(), None, watchdog);
        notifier.ready();
        notifier.turned(|| unreachable!("the time"), || unreachable!("the status"));
        assert_eq!(notifier.next_wake(), None);
    }

    #[test]
    fn a_manager_that_is_gone_or_does_not_read_does_no_harm() {
        let mut scene = Scene::new(None);
        for second in 0..10_000 {
            scene.notifier.turned(
                || scene.start + Duration::from_secs(second * 10),
                || u32::try_from(second).unwrap(),
            );
        }
        assert_eq!(scene.told()[0], "STATUS=0");
        drop(std::mem::replace(&mut scene.inbox, UnixDatagram::unbound().unwrap()));
        scene.notifier.stopping();
    }

    #[test]
    fn a_name_that_is_no_socket_is_refused() {
        for name in ["notify", "vsock:2:1234"] {
            assert!(Manager::at(OsStr::new(name)).is_err(), "{name}");
        }
        assert!(Manager::at(OsStr::new("@a-name")).is_ok());
        assert!(Manager::at(OsStr::new(&format!("/{}", "x".repeat(200)))).is_err());
    }

    #[test]
    fn a_watchdog_that_is_another_process_s_is_left_to_it() {
        let text = |text: &str| Some(text.to_owned());
        let us = std::process::id().to_string();
        let time = Some(Duration::from_secs(30));
        assert_eq!(watchdog_time(text("30000000"), None), time);
        assert_eq!(watchdog_time(text("30000000"), Some(us)), time);
        assert_eq!(watchdog_time(text("30000000"), text("1")), None);
        for no_time in [None, text(""), text("0"), text("-1"), text("soon")] {
            assert_eq!(watchdog_time(no_time, None), None);
        }
    }
}
