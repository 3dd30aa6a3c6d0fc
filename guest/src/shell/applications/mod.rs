//! The socket on which applications register: connections, and bytes to and from them.
//!
//! Whatever an application does, it gets a bounded share of each turn of the loop; one that does not
//! read loses what it is sent. How many may be connected is the core's to say.

mod place;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use super::poller::{Poller, Source, Watch};
use super::stream::{Incoming, Sent, Stream};
use crate::core::{AppKey, Limiter};
pub(super) use place::{Place, Refused};

/// Connections that are taken in one turn.
const ACCEPTS_A_TURN: usize = 16;
/// Time without taking connections when there are no descriptors left.
const NO_DESCRIPTORS: Duration = Duration::from_secs(5);

/// The socket and its connections.
#[derive(Debug)]
pub(super) struct Applications {
    place: Place,
    /// More connections may wait: no report comes before all were taken.
    waiting: bool,
    /// When to try again after there were no descriptors.
    retry_at: Option<Instant>,
    connections: BTreeMap<AppKey, Connection>,
    /// For the next connection.
    key: u64,
    turn: Turn,
    /// Frames that an application did not take.
    dropped: u64,
    warnings: Limiter,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    /// A write found the other side gone; not told yet.
    lost: bool,
}

/// What is left to do in the present turn.
#[derive(Debug, Default)]
struct Turn {
    accepts: usize,
    reads: VecDeque<AppKey>,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// An application connected.
    Connected(AppKey),
    /// This many bytes came.
    Read(AppKey, usize),
    /// Its connection ended.
    Closed(AppKey),
}

impl Applications {
    pub(super) fn new(place: Place, poller: &Poller) -> std::io::Result<Self> {
        poller.add(place.listener(), Source::Listener, Watch::Input)?;
        Ok(Self {
            place,
            waiting: false,
            retry_at: None,
            connections: BTreeMap::new(),
            key: 0,
            turn: Turn::default(),
            dropped: 0,
            warnings: Limiter::default(),
        })
    }

    /// Connections wait.
    pub(super) fn connections_wait(&mut self) {
        self.waiting = true;
    }

    /// Takes what the poller says of a connection.
    pub(super) fn reported(&mut self, number: u64, flags: EventFlags, poller: &Poller) {
        let Some(connection) = self.connections.get_mut(&AppKey(number)) else { return };
        let stream = &mut connection.stream;
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            stream.set_readable();
        }
        if flags.contains(EventFlags::OUT) {
            let flushed = stream.flush().is_ok();
            let watched = stream.has_rest()
                || poller.change(&*stream, Source::Application(number), Watch::Input).is_ok();
            connection.lost |= !flushed || !watched;
        }
        let read = connection.busy().then_some(AppKey(number));
        self.turn.reads.extend(read.filter(|key| !self.turn.reads.contains(key)));
    }

    /// Gives everyone their share of a new turn. Who is reported after it has one as well.
    pub(super) fn begin_turn(&mut self, now: Instant) {
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.waiting = true;
        }
        let busy = |(key, connection): (&AppKey, &Connection)| connection.busy().then_some(*key);
        self.turn.accepts = ACCEPTS_A_TURN;
        self.turn.reads.clear();
        self.turn.reads.extend(self.connections.iter().filter_map(busy));
    }

    /// The next thing that happened; `None` if nothing more has, or not in this turn. Bytes are put
    /// into `buffer`.
    pub(super) fn next_event(
        &mut self,
        now: Instant,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Option<Event> {
        while self.waiting && self.turn.accepts > 0 {
            self.turn.accepts -= 1;
            if let Some(key) = self.accept(now, poller) {
                self.turn.reads.push_back(key);
                return Some(Event::Connected(key));
            }
        }
        while let Some(key) = self.turn.reads.pop_front() {
            let Some(connection) = self.connections.get_mut(&key) else { continue };
            match connection.read(buffer) {
                Incoming::Bytes(len) => return Some(Event::Read(key, len)),
                Incoming::Nothing => {}
                Incoming::End => {
                    self.close(key);
                    return Some(Event::Closed(key));
                }
            }
        }
        None
    }

    fn accept(&mut self, now: Instant, poller: &Poller) -> Option<AppKey> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match accept_with(self.place.listener(), flags) {
            Ok(socket) => {
                self.key += 1;
                poller.add(&socket, Source::Application(self.key), Watch::Input).ok()?;
                let mut stream = Stream::new(socket);
                stream.set_readable();
                self.connections.insert(AppKey(self.key), Connection { stream, lost: false });
                return Some(AppKey(self.key));
            }
            Err(Errno::AGAIN) => self.waiting = false,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.waiting = false;
                self.retry_at = Some(now + NO_DESCRIPTORS);
                if self.warnings.admit(now).is_some() {
                    tracing::warn!("no descriptor left for an application that connects");
                }
            }
            // The one that connected is gone.
            Err(_) => {}
        }
        None
    }

    /// Sends a frame, or drops it if the application does not read.
    pub(super) fn send(&mut self, now: Instant, to: AppKey, frame: &[u8], poller: &Poller) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let stream = &mut connection.stream;
        match stream.send(frame) {
            Ok(Sent::Taken) if stream.has_rest() => {
                let source = Source::Application(to.0);
                let watched = poller.change(&*stream, source, Watch::InputAndOutput);
                connection.lost |= watched.is_err();
            }
            Ok(Sent::Taken) => {}
            Ok(Sent::Dropped) => {
                self.dropped += 1;
                if self.warnings.admit(now).is_some() {
                    tracing::warn!(dropped = self.dropped, "an application does not read");
                }
            }
            Err(_) => connection.lost = true,
        }
    }

    /// Closes a connection; what was sent is still received.
    pub(super) fn close(&mut self, key: AppKey) {
        let closed = self.connections.remove(&key).is_some();
        // There is a descriptor again.
        self.waiting |= closed && self.retry_at.take().is_some();
    }

    /// Whether there is something to do without a report.
    pub(super) fn unfinished(&self) -> bool {
        self.waiting || self.connections.values().any(Connection::busy)
    }

    /// When there is something to do without a report.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Connection {
    /// What it said before it went is read first: its last word may be that it leaves on purpose.
    fn read(&mut self, buffer: &mut [u8]) -> Incoming {
        if self.lost {
            self.stream.set_readable();
        }
        match self.stream.read(buffer) {
            Ok(Incoming::Nothing) if self.lost => Incoming::End,
            Ok(incoming) => incoming,
            Err(_) => Incoming::End,
        }
    }

    fn busy(&self) -> bool {
        self.lost || self.stream.readable()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// The socket with one application connected, which is known.
    struct Scene {
        applications: Applications,
        poller: Poller,
        app: UnixStream,
        now: Instant,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to count from")]
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("api");
            let poller = Poller::new().unwrap();
            let place = Place::take(&path, None).unwrap();
            let applications = Applications::new(place, &poller).unwrap();
            let app = UnixStream::connect(&path).unwrap();
            let now = Instant::now();
            let mut scene = Self { applications, poller, app, now, _folder: folder };
            assert_eq!(scene.turn(), [Event::Connected(AppKey(1))]);
            scene
        }

        /// What happens in one turn of the loop.
        fn turn(&mut self) -> Vec<Event> {
            self.applications.begin_turn(self.now);
            let mut reports = Vec::new();
            self.poller.wait(Some(Duration::ZERO), &mut reports).unwrap();
            for report in reports {
                match report.source {
                    Source::Application(number) => {
                        self.applications.reported(number, report.flags, &self.poller);
                    }
                    _ => self.applications.connections_wait(),
                }
            }
            self.events()
        }

        fn events(&mut self) -> Vec<Event> {
            let mut buffer = [0; 64];
            std::iter::from_fn(|| self.applications.next_event(self.now, &self.poller, &mut buffer))
                .collect()
        }
    }

    #[test]
    fn what_is_reported_in_a_turn_is_read_in_it() {
        let mut scene = Scene::new();
        scene.app.write_all(b"answer").unwrap();
        assert_eq!(scene.turn(), [Event::Read(AppKey(1), 6)]);
        assert_eq!(scene.turn(), []);
    }

    #[test]
    fn the_last_words_of_one_that_went_are_read_before_its_end() {
        let mut scene = Scene::new();
        scene.app.write_all(b"final").unwrap();
        scene.app.shutdown(std::net::Shutdown::Both).unwrap();
        scene.applications.send(scene.now, AppKey(1), b"question", &scene.poller);
        assert_eq!(scene.turn(), [Event::Read(AppKey(1), 5)]);
        assert_eq!(scene.turn(), [Event::Closed(AppKey(1))]);
        assert_eq!(scene.turn(), []);
        assert!(!scene.applications.unfinished());
    }
}
