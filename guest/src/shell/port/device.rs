//! A virtio-serial port.
//!
//! The descriptor outlives the host's connections. While none is there the port reports a hang-up,
//! reads give nothing and writes are refused; all that clears with the next connection.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Event;
use crate::shell::Error;
use crate::shell::poller::{Poller, Source, Watch};
use crate::shell::stream::{Incoming, Sent, Stream};

/// How often the port is looked at while no host is there, should its return not be reported.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Reads for what a host left behind when it hung up; more is read as if it were the next one's.
const LEFTOVER_READS: usize = 64;

/// An open virtio-serial port.
#[derive(Debug)]
pub(super) struct Device {
    path: PathBuf,
    stream: Stream,
    host: Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// Nothing was reported since the port was opened.
    Unknown,
    Present,
    Absent {
        look_again_at: Instant,
    },
}

impl Device {
    pub(super) fn open(path: &Path, poller: &Poller) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| open_error(path, error))?;
        let device = Self { path: path.to_owned(), stream: Stream::new(fd), host: Host::Unknown };
        // A character device that cannot be waited for, such as /dev/null, is no port.
        poller.add(&device.stream, Source::Port, Watch::InputAndOutput).map_err(
            |error| match error.kind() {
                std::io::ErrorKind::PermissionDenied => Error::NotAChannel(path.to_owned()),
                _ => Error::Runtime(error),
            },
        )?;
        Ok(device)
    }

    pub(super) fn next_event(
        &mut self,
        now: Instant,
        report: Option<EventFlags>,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        if self.retry_at().is_some_and(|at| at <= now) {
            self.host = Host::Absent { look_again_at: now + LOOK_AGAIN };
            self.watch(poller)?;
        }
        if let Some(flags) = report
            && let Some(event) = self.reported(now, flags, poller, buffer)?
        {
            return Ok(Some(event));
        }
        match self.stream.read(buffer) {
            Ok(Incoming::Bytes(len)) => Ok(Some(Event::Read(len))),
            Ok(Incoming::Nothing) => Ok(None),
            Ok(Incoming::End) => self.hung_up(now, poller),
            Err(error) => Err(self.error(error)),
        }
    }

    fn reported(
        &mut self,
        now: Instant,
        flags: EventFlags,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
            self.discard_leftovers(buffer)?;
            return self.hung_up(now, poller);
        }
        if flags.contains(EventFlags::IN) {
            self.stream.set_readable();
        }
        let came = self.host != Host::Present;
        self.host = Host::Present;
        if flags.contains(EventFlags::OUT) {
            self.stream.flush().map_err(|error| self.error(error))?;
            self.watch(poller)?;
        }
        Ok(came.then_some(Event::Up))
    }

    fn hung_up(&mut self, now: Instant, poller: &Poller) -> Result<Option<Event>, Error> {
        if matches!(self.host, Host::Absent { .. }) {
            return Ok(None);
        }
        self.host = Host::Absent { look_again_at: now + LOOK_AGAIN };
        self.stream.forget_rest();
        self.watch(poller)?;
        Ok(Some(Event::Down))
    }

    /// What a host sent before it hung up is no longer of use. Reading it also tells a port that
    /// was unplugged from one whose host is gone.
    fn discard_leftovers(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.stream.set_readable();
        for _ in 0..LEFTOVER_READS {
            match self.stream.read(buffer).map_err(|error| self.error(error))? {
                Incoming::Bytes(_) => {}
                Incoming::Nothing | Incoming::End => break,
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, object: &[u8], poller: &Poller) -> Result<Sent, Error> {
        let sent = self.stream.send(object).map_err(|error| self.error(error))?;
        if self.stream.has_rest() {
            self.watch(poller)?;
        }
        Ok(sent)
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.host {
            Host::Absent { look_again_at } => Some(look_again_at),
            Host::Unknown | Host::Present => None,
        }
    }

    pub(super) fn unfinished(&self) -> bool {
        self.stream.readable()
    }

    /// Room for output is what a port reports when its host is back.
    fn watch(&self, poller: &Poller) -> Result<(), Error> {
        let watch = match self.host {
            Host::Present if !self.stream.has_rest() => Watch::Input,
            _ => Watch::InputAndOutput,
        };
        poller.change(&self.stream, Source::Port, watch).map_err(Error::Runtime)
    }

    fn error(&self, error: Errno) -> Error {
        match error {
            Errno::NODEV => Error::Unplugged(self.path.clone()),
            error => device_error(&self.path, error),
        }
    }
}

fn open_error(path: &Path, error: Errno) -> Error {
    match error {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => Error::NoDevice(path.to_owned()),
        Errno::BUSY => Error::Busy(path.to_owned()),
        error => device_error(path, error),
    }
}

fn device_error(path: &Path, error: Errno) -> Error {
    Error::Device { path: path.to_owned(), source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::shell::stream::Sent;

    /// A port whose other side is a socket. Unlike a real one it does not come back.
    struct Scene {
        device: Device,
        host: UnixStream,
        poller: Poller,
        now: Instant,
    }

    impl Scene {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to count from")]
        fn new() -> Self {
            let (port, host) = UnixStream::pair().unwrap();
            for end in [&port, &host] {
                end.set_nonblocking(true).unwrap();
            }
            let poller = Poller::new().unwrap();
            poller.add(&port, Source::Port, Watch::InputAndOutput).unwrap();
            let stream = Stream::new(port.into());
            let device = Device { path: "/dev/port".into(), stream, host: Host::Unknown };
            Self { device, host, poller, now: Instant::now() }
        }

        /// What happens until nothing more does; received bytes as text.
        fn events(&mut self) -> Vec<String> {
            let (mut events, mut buffer) = (Vec::new(), [0; 64]);
            loop {
                let mut reports = Vec::new();
                self.poller.wait(Some(Duration::ZERO), &mut reports).unwrap();
                let report = reports.first().map(|report| report.flags);
                let event =
                    self.device.next_event(self.now, report, &self.poller, &mut buffer).unwrap();
                match event {
                    None if reports.is_empty() => return events,
                    None => {}
                    Some(Event::Read(len)) => {
                        events.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
                    }
                    Some(event) => events.push(format!("{event:?}")),
                }
            }
        }
    }

    #[test]
    fn a_host_is_there_when_the_port_takes_output_and_gone_when_it_hangs_up() {
        let mut scene = Scene::new();
        assert_eq!(scene.events(), ["Up"]);
        scene.host.write_all(b"challenge\n").unwrap();
        assert_eq!(scene.events(), ["challenge\n"]);
        scene.host.shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(scene.events(), ["Down"]);
    }

    #[test]
    fn what_a_host_left_behind_is_not_read_as_the_next_ones() {
        let mut scene = Scene::new();
        scene.events();
        scene.host.write_all(b"{\"half").unwrap();
        scene.host.shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(scene.events(), ["Down"]);
        assert_eq!(scene.events(), [""; 0], "and it is told once");
    }

    #[test]
    fn without_a_host_it_is_looked_at_now_and_then_and_not_all_the_time() {
        let mut scene = Scene::new();
        scene.events();
        scene.host.shutdown(std::net::Shutdown::Both).unwrap();
        scene.events();
        assert!(!scene.device.unfinished());
        assert_eq!(scene.device.retry_at(), Some(scene.now + LOOK_AGAIN));
        scene.now += LOOK_AGAIN;
        assert_eq!(scene.events(), [""; 0]);
        assert_eq!(scene.device.retry_at(), Some(scene.now + LOOK_AGAIN));
    }

    #[test]
    fn the_rest_of_an_object_follows_when_there_is_room() {
        let mut scene = Scene::new();
        scene.events();
        let object = vec![b'a'; 4_000_000];
        assert_eq!(scene.device.send(&object, &scene.poller).unwrap(), Sent::Taken);
        let mut received = Vec::new();
        while received.len() < object.len() {
            assert!(scene.host.read_to_end(&mut received).is_err(), "the port is open");
            assert_eq!(scene.events(), [""; 0]);
        }
        assert_eq!(received, object);
        assert_eq!(scene.device.send(b"next", &scene.poller).unwrap(), Sent::Taken);
    }

    #[test]
    fn what_the_kernel_says_is_told_in_words_with_a_status() {
        let path = Path::new("/dev/port");
        for (error, text, status) in [
            (open_error(path, Errno::NOENT), "no such device", 6),
            (open_error(path, Errno::BUSY), "another client has it", 1),
            (open_error(path, Errno::ACCESS), "Permission denied", 1),
            (Scene::new().device.error(Errno::NODEV), "the device was unplugged", 1),
            (Scene::new().device.error(Errno::IO), "Input/output error", 1),
        ] {
            assert!(error.to_string().starts_with("/dev/port: "), "{error}");
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(error.exit_status(), status, "{error}");
        }
    }
}
