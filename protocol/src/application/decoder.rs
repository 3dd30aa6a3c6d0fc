//! Cuts a byte stream into frames. It never fails: what is no frame is searched for the next one.

use super::{FRAME, Frame, HEADER, MAGIC, Message, VERSION};

/// Longest frame of another version, or of a later revision, that is skipped by its own word for its
/// size. A longer one is noise, which is searched.
const SKIP_MAX: usize = 4096;

/// Reassembles frames that arrive in pieces. Holds at most [`FRAME`] bytes, and those only while a
/// frame is incomplete.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    partial: Vec<u8>,
    /// Bytes to come that belong to a frame that was dealt with.
    skip: usize,
    skipped: u64,
    noise: u64,
}

/// What the first bytes of a frame say.
enum Start {
    /// Not enough of it is there.
    Incomplete { wanted: usize },
    /// It is none.
    Noise,
    /// It is of another version; this long.
    Foreign { size: usize },
    /// It is whole, and this long together with what a later revision added.
    Whole { size: usize },
}

impl FrameDecoder {
    /// Takes what was read, and hands over each frame that is complete now.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Frame)) {
        loop {
            let over = self.skip.min(bytes.len());
            self.skip -= over;
            bytes = &bytes[over..];
            match self.start() {
                Start::Incomplete { .. } if bytes.is_empty() => break,
                Start::Incomplete { wanted } => {
                    let more = (wanted - self.partial.len()).min(bytes.len());
                    self.partial.extend_from_slice(&bytes[..more]);
                    bytes = &bytes[more..];
                }
                Start::Noise => self.search(),
                Start::Foreign { size } => {
                    self.skipped += 1;
                    self.leave(size);
                }
                Start::Whole { size } => {
                    match self.decode() {
                        Some(frame) => take(frame),
                        None => self.skipped += 1,
                    }
                    self.leave(size);
                }
            }
        }
        if self.partial.is_empty() {
            self.partial = Vec::new(); // Nothing is held for a stream that says nothing.
        }
    }

    /// Frames that were passed over: of another version, or of a type that is not known.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Bytes that belonged to no frame.
    pub fn noise(&self) -> u64 {
        self.noise
    }

    fn start(&self) -> Start {
        let held = self.partial.len();
        let beginning = held.min(MAGIC.len());
        if self.partial[..beginning] != MAGIC[..beginning] {
            return Start::Noise;
        }
        if held < HEADER {
            // The magic is judged as soon as it is there, so that noise is never waited for.
            let wanted = if held < MAGIC.len() { MAGIC.len() } else { HEADER };
            return Start::Incomplete { wanted };
        }
        let size = self.number(16) as usize;
        if self.partial[8] != VERSION {
            let skips = (HEADER..=SKIP_MAX).contains(&size);
            return if skips { Start::Foreign { size } } else { Start::Noise };
        }
        match size {
            FRAME..=SKIP_MAX if held < FRAME => Start::Incomplete { wanted: FRAME },
            FRAME..=SKIP_MAX => Start::Whole { size },
            _ => Start::Noise,
        }
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.partial[at..].first_chunk().expect("the header is whole");
        u32::from_le_bytes(*bytes)
    }

    fn decode(&self) -> Option<Frame> {
        let msg_type = u16::from_le_bytes([self.partial[10], self.partial[11]]);
        let body = self.partial[HEADER..].first_chunk().expect("the frame is whole");
        Some(Frame { sequence: self.number(12), message: Message::decode(msg_type, body)? })
    }

    /// Goes on behind a frame of which the beginning is held.
    fn leave(&mut self, size: usize) {
        let held = self.partial.len().min(size);
        self.partial.drain(..held);
        self.skip = size - held;
    }

    /// Goes on where the next frame may begin.
    fn search(&mut self) {
        let may_begin = |at: &usize| {
            let rest = &self.partial[*at..];
            let compared = rest.len().min(MAGIC.len());
            rest[..compared] == MAGIC[..compared]
        };
        let held = self.partial.len();
        let at = (1..held).find(may_begin).unwrap_or(held);
        self.partial.drain(..at);
        self.noise += at as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: u32) -> [u8; FRAME] {
        Message::Challenge(value).encode(value)
    }

    /// The values of the challenges that are found.
    fn read(decoder: &mut FrameDecoder, bytes: &[u8]) -> Vec<u32> {
        let mut found = Vec::new();
        decoder.feed(bytes, |frame| match frame.message {
            Message::Challenge(value) => found.push(value),
            other => panic!("{other:?}"),
        });
        found
    }

    #[test]
    fn frames_in_any_pieces() {
        let stream = [challenge(1), challenge(2), challenge(3)].concat();
        for piece in 1..stream.len() {
            let mut decoder = FrameDecoder::default();
            let found = stream.chunks(piece).flat_map(|piece| read(&mut decoder, piece));
            assert_eq!(found.collect::<Vec<_>>(), [1, 2, 3], "pieces of {piece}");
            assert_eq!((decoder.noise(), decoder.partial.capacity()), (0, 0));
        }
    }

    #[test]
    fn noise_is_searched_for_the_next_frame() {
        for noise in [&b"x"[..], b"FDFDFDFDA5A", b"FDFDA5A4", b"FFDFDA5", &[0; 5000]] {
            let mut decoder = FrameDecoder::default();
            let stream = [noise, &challenge(1), noise, &challenge(2)].concat();
            assert_eq!(read(&mut decoder, &stream), [1, 2], "{noise:?}");
            assert_eq!(decoder.noise(), 2 * noise.len() as u64);
        }
    }

    #[test]
    fn half_a_frame_costs_no_more_than_the_frame_that_it_swallowed() {
        let mut decoder = FrameDecoder::default();
        let stream = [&challenge(1)[..100], &challenge(2), &challenge(3), &challenge(4)].concat();
        let found = read(&mut decoder, &stream);
        assert!(found.ends_with(&[3, 4]), "{found:?}");
    }

    #[test]
    fn a_size_that_cannot_be_is_noise() {
        for size in [0, 20, 227, 4097, u32::MAX] {
            let mut decoder = FrameDecoder::default();
            let mut bad = challenge(1);
            bad[16..20].copy_from_slice(&size.to_le_bytes());
            let stream = [bad, challenge(2)].concat();
            assert_eq!(read(&mut decoder, &stream), [2], "size {size}");
            assert_eq!(decoder.noise(), FRAME as u64);
        }
    }

    #[test]
    fn frames_of_another_version_or_type_are_skipped_by_their_size() {
        let mut decoder = FrameDecoder::default();
        let mut other_version = challenge(1).to_vec();
        other_version[8] = 3;
        other_version[16..20].copy_from_slice(&300_u32.to_le_bytes());
        other_version.extend_from_slice(&challenge(9)[..72]); // No frame of its own.
        let mut other_type = challenge(2);
        other_type[10] = 7;
        let stream = [&other_version[..], &other_type, &challenge(3)].concat();
        assert_eq!(read(&mut decoder, &stream), [3]);
        assert_eq!((decoder.skipped(), decoder.noise()), (2, 0));
    }

    #[test]
    fn what_a_later_revision_added_is_left_out() {
        let mut decoder = FrameDecoder::default();
        let mut longer = challenge(1).to_vec();
        longer[9] = 2;
        longer[16..20].copy_from_slice(&240_u32.to_le_bytes());
        longer.extend_from_slice(&[7; 12]);
        let stream = [&longer[..], &challenge(2)].concat();
        assert_eq!(read(&mut decoder, &stream), [1, 2]);
        assert_eq!((decoder.skipped(), decoder.noise()), (0, 0));
    }

    #[test]
    fn nothing_more_than_a_frame_is_ever_held() {
        let mut decoder = FrameDecoder::default();
        let mut endless = challenge(1);
        endless[8] = 9;
        endless[16..20].copy_from_slice(&4096_u32.to_le_bytes());
        for _ in 0..1000 {
            decoder.feed(&endless, |frame| panic!("{frame:?}"));
            assert!(decoder.partial.capacity() <= 2 * FRAME);
        }
    }
}
