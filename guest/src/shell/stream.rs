//! A descriptor that carries objects: reading what is there, sending an object whole or not at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, read, retry_on_intr, write};

/// A non-blocking descriptor that carries objects.
#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
    /// There may be more to read: no report comes before all was read.
    readable: bool,
    /// What is left of an object of which the channel took a part.
    rest: Vec<u8>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way, or will be as soon as there is room for the rest of it.
    Taken,
    /// The other side does not read, and it was left out.
    Dropped,
}

/// What is there to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// This many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other side is gone.
    End,
}

impl Stream {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd, readable: false, rest: Vec::new() }
    }

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(crate) fn readable(&self) -> bool {
        self.readable
    }

    /// Whether room for output is awaited.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Forgets what is left of an object: the host for which it was is gone.
    pub(crate) fn forget_rest(&mut self) {
        self.rest = Vec::new();
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Incoming, Errno> {
        if !self.readable {
            return Ok(Incoming::Nothing);
        }
        match retry_on_intr(|| read(&self.fd, &mut *buffer)) {
            Ok(0) => self.readable = false,
            Ok(len) => return Ok(Incoming::Bytes(len)),
            Err(Errno::AGAIN) => {
                self.readable = false;
                return Ok(Incoming::Nothing);
            }
            Err(error) => return Err(error),
        }
        Ok(Incoming::End)
    }

    /// Sends an object in one write, or drops it if the channel is full: the protocol repeats what
    /// matters. Of an object that was taken in part the rest is kept, so that the host never sees
    /// half of one.
    pub(crate) fn send(&mut self, object: &[u8]) -> Result<Sent, Errno> {
        if self.has_rest() {
            return Ok(Sent::Dropped);
        }
        match retry_on_intr(|| write(&self.fd, object)) {
            Ok(sent) => {
                self.rest.extend_from_slice(&object[sent..]);
                Ok(Sent::Taken)
            }
            Err(Errno::AGAIN) => Ok(Sent::Dropped),
            Err(error) => Err(error),
        }
    }

    /// Sends more of what is left of an object.
    pub(crate) fn flush(&mut self) -> Result<(), Errno> {
        while self.has_rest() {
            match retry_on_intr(|| write(&self.fd, &self.rest)) {
                Ok(sent) => drop(self.rest.drain(..sent)),
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;

    use rustix::io::ioctl_fionbio;

    use super::*;

    const OBJECT: usize = 1056;

    /// A stream into a pipe, the other end of it, and how much the pipe holds.
    fn piped() -> (Stream, OwnedFd, usize) {
        let (reader, writer) = pipe().unwrap();
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        for end in [&reader, &writer] {
            ioctl_fionbio(end, true).unwrap();
        }
        while write(&writer, &[0; 4096]).is_ok() {}
        let holds = received(&reader).len();
        (Stream::new(writer), reader, holds)
    }

    fn received(reader: &OwnedFd) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(len) = read(reader, &mut buffer) {
            all.extend_from_slice(&buffer[..len]);
        }
        all
    }

    #[test]
    fn a_full_channel_drops_objects_and_takes_them_again_when_there_is_room() {
        let (mut stream, reader, holds) = piped();
        let fits = holds / 4096;
        let sent: Vec<Sent> = (0..fits + 2).map(|_| stream.send(&[b'a'; 4096]).unwrap()).collect();
        assert!(sent[..fits].iter().all(|sent| *sent == Sent::Taken));
        assert!(sent[fits..].iter().all(|sent| *sent == Sent::Dropped));
        assert!(!stream.has_rest(), "nothing is kept of an object that was not taken at all");
        assert_eq!(received(&reader).len(), fits * 4096);
        assert_eq!(stream.send(&[b'b'; OBJECT]), Ok(Sent::Taken));
        assert_eq!(received(&reader), [b'b'; OBJECT]);
    }

    #[test]
    fn of_an_object_that_was_taken_in_part_the_rest_follows_before_any_other() {
        let (mut stream, reader, holds) = piped();
        let object = vec![b'a'; holds + OBJECT];
        assert_eq!(stream.send(&object), Ok(Sent::Taken));
        assert!(stream.has_rest());
        assert_eq!(stream.send(b"between"), Ok(Sent::Dropped));
        stream.flush().unwrap();
        assert!(stream.has_rest(), "there is no room yet");
        let mut all = received(&reader);
        stream.flush().unwrap();
        assert!(!stream.has_rest());
        assert_eq!(stream.send(b"next"), Ok(Sent::Taken));
        all.extend(received(&reader));
        assert_eq!(all, [&object[..], b"next"].concat());
    }

    #[test]
    fn the_rest_for_a_host_that_went_is_not_for_the_next_one() {
        let (mut stream, reader, holds) = piped();
        stream.send(&vec![b'a'; holds + OBJECT]).unwrap();
        stream.forget_rest();
        received(&reader);
        assert_eq!(stream.send(b"next"), Ok(Sent::Taken));
        assert_eq!(received(&reader), b"next");
    }

    #[test]
    fn what_is_there_is_read_until_nothing_is() {
        let (reader, writer) = pipe().unwrap();
        ioctl_fionbio(&reader, true).unwrap();
        let (mut stream, mut buffer) = (Stream::new(reader.into()), [0; 3]);
        assert_eq!(stream.read(&mut buffer), Ok(Incoming::Nothing), "nothing was reported");
        write(&writer, b"abcde").unwrap();
        stream.set_readable();
        assert_eq!(stream.read(&mut buffer), Ok(Incoming::Bytes(3)));
        assert_eq!(stream.read(&mut buffer), Ok(Incoming::Bytes(2)));
        assert!(stream.readable());
        assert_eq!(stream.read(&mut buffer), Ok(Incoming::Nothing));
        assert!(!stream.readable());
        drop(writer);
        stream.set_readable();
        assert_eq!(stream.read(&mut buffer), Ok(Incoming::End));
    }
}
