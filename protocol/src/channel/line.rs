//! Cuts a byte stream into lines. It never fails: what is too long is discarded up to the next
//! newline and counted, and every byte is looked at once.

use memchr::{memchr, memrchr};

use crate::limits::LINE_MAX;

/// Reassembles lines that arrive in pieces. Holds memory only while a line is incomplete, at most
/// [`LINE_MAX`] bytes.
#[derive(Debug, Default)]
pub struct LineDecoder {
    partial: Vec<u8>,
    discarding: bool,
    overlong: u64,
    #[cfg(test)]
    searched: usize,
}

impl LineDecoder {
    /// Takes what was read; [`Lines::next`] gives the lines that are complete now. Lines not asked
    /// for when [`Lines`] is dropped are lost; the incomplete one at the end is not.
    pub fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> Lines<'a> {
        let (mut whole, tail) = self.split_after_last_newline(bytes);
        let mut first = Vec::new();
        if (self.discarding || !self.partial.is_empty())
            && let Some(end) = self.newline(whole)
        {
            self.hold(&whole[..end]);
            first = std::mem::take(&mut self.partial);
            self.discarding = false;
            whole = &whole[end + 1..];
        }
        self.hold(tail);
        Lines { decoder: self, first, first_given: false, whole }
    }

    /// Forgets an incomplete line: the peer hung up, the rest will not come.
    pub fn reset(&mut self) {
        self.partial = Vec::new();
        self.discarding = false;
    }

    /// Lines discarded so far because they were longer than [`LINE_MAX`].
    pub fn overlong(&self) -> u64 {
        self.overlong
    }

    /// Bytes held of an incomplete line.
    pub fn held(&self) -> usize {
        self.partial.len()
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.discarding {
            return;
        }
        let len = self.partial.len() + bytes.len();
        if len > LINE_MAX {
            self.reset();
            self.discarding = true;
            self.overlong += 1;
            return;
        }
        if len > self.partial.capacity() {
            let room = len.next_power_of_two().min(LINE_MAX);
            self.partial.reserve_exact(room - self.partial.len());
        }
        self.partial.extend_from_slice(bytes);
    }

    /// The lines that end in `bytes`, and the start of one that does not.
    fn split_after_last_newline<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let end = memrchr(b'\n', bytes).map_or(0, |last| last + 1);
        self.count(bytes.len() - end);
        bytes.split_at(end)
    }

    /// Where the first newline is.
    fn newline(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', bytes);
        self.count(end.map_or(bytes.len(), |end| end + 1));
        end
    }

    /// Counts the bytes looked at, for the test that this work is linear.
    #[cfg(test)]
    fn count(&mut self, bytes: usize) {
        self.searched += bytes;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counts in tests only")]
    fn count(&mut self, _: usize) {}
}

/// The complete lines of what was fed, without their newlines and without blank ones.
#[derive(Debug)]
pub struct Lines<'a> {
    decoder: &'a mut LineDecoder,
    /// The line that began in an earlier read; empty if there is none.
    first: Vec<u8>,
    first_given: bool,
    /// Lines that came as a whole, each with its newline.
    whole: &'a [u8],
}

impl Lines<'_> {
    /// The next complete line. (No `Iterator`: a line may borrow memory of this struct.)
    #[expect(clippy::should_implement_trait, reason = "a lending iterator")]
    pub fn next(&mut self) -> Option<&[u8]> {
        if !std::mem::replace(&mut self.first_given, true) && !blank(&self.first) {
            return Some(&self.first);
        }
        while let Some(end) = self.decoder.newline(self.whole) {
            let (line, rest) = (&self.whole[..end], &self.whole[end + 1..]);
            self.whole = rest;
            if line.len() > LINE_MAX {
                self.decoder.overlong += 1;
            } else if !blank(line) {
                return Some(line);
            }
        }
        None
    }
}

fn blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(decoder: &mut LineDecoder, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = decoder.feed(bytes);
        while let Some(line) = lines.next() {
            found.push(String::from_utf8_lossy(line).into_owned());
        }
        found
    }

    #[test]
    fn several_lines_in_one_read_and_blank_ones_between() {
        let mut decoder = LineDecoder::default();
        assert_eq!(lines(&mut decoder, b" \n\n{1}\n\r\n\n{2}\n{3"), ["{1}", "{2}"]);
        assert_eq!(lines(&mut decoder, b"}\n"), ["{3}"]);
        assert_eq!(decoder.held(), 0);
    }

    #[test]
    fn a_line_byte_by_byte() {
        let mut decoder = LineDecoder::default();
        for byte in b"{abc}" {
            assert!(lines(&mut decoder, &[*byte]).is_empty());
        }
        assert_eq!(lines(&mut decoder, b"\n"), ["{abc}"]);
    }

    #[test]
    fn an_overlong_line_is_counted_and_the_next_one_is_read() {
        let mut decoder = LineDecoder::default();
        for _ in 0..1024 {
            assert!(lines(&mut decoder, &[b'x'; 1024]).is_empty());
            assert!(decoder.held() <= LINE_MAX);
        }
        assert_eq!(lines(&mut decoder, b"tail\n{next}\n"), ["{next}"]);
        assert_eq!(decoder.overlong(), 1);
    }

    #[test]
    fn an_overlong_line_in_one_read_is_counted_too() {
        let mut decoder = LineDecoder::default();
        let mut bytes = vec![b'x'; LINE_MAX + 1];
        bytes.extend_from_slice(b"\nok\n");
        assert_eq!(lines(&mut decoder, &bytes), ["ok"]);
        bytes[LINE_MAX] = b'\n';
        assert_eq!(lines(&mut decoder, &bytes)[0].len(), LINE_MAX);
        assert_eq!(decoder.overlong(), 1);
    }

    #[test]
    fn a_megabyte_without_newline_is_looked_at_once_and_never_held() {
        const BYTES: usize = 1 << 20;
        for piece in [1, 7, 4096, BYTES] {
            let mut decoder = LineDecoder::default();
            for piece in vec![b'x'; BYTES].chunks(piece) {
                assert!(lines(&mut decoder, piece).is_empty());
                assert!(decoder.partial.capacity() <= LINE_MAX);
            }
            assert_eq!(decoder.searched, BYTES);
            assert_eq!(lines(&mut decoder, b"tail\n{next}\n"), ["{next}"]);
            assert_eq!(decoder.overlong(), 1);
        }
    }

    #[test]
    fn many_lines_in_one_read_are_looked_at_once_each() {
        let mut decoder = LineDecoder::default();
        let bytes = b"{}\n".repeat(100_000);
        assert_eq!(lines(&mut decoder, &bytes).len(), 100_000);
        assert_eq!(decoder.searched, bytes.len());
    }

    #[test]
    fn a_blank_line_in_two_reads_is_blank() {
        let mut decoder = LineDecoder::default();
        assert!(lines(&mut decoder, b" ").is_empty());
        assert!(lines(&mut decoder, b"\n").is_empty());
        assert_eq!(lines(&mut decoder, b"{1}\n"), ["{1}"]);
    }

    #[test]
    fn a_reader_that_stops_early_loses_whole_lines_only() {
        let mut decoder = LineDecoder::default();
        assert!(lines(&mut decoder, b"{be").is_empty());
        assert_eq!(decoder.feed(b"gun}\n{lost}\n{go").next(), Some(&b"{begun}"[..]));
        assert_eq!(lines(&mut decoder, b"es on}\n"), ["{goes on}"]);
    }

    #[test]
    fn a_hang_up_forgets_half_a_line() {
        let mut decoder = LineDecoder::default();
        assert!(lines(&mut decoder, b"{\"half").is_empty());
        decoder.reset();
        assert_eq!(lines(&mut decoder, b"{whole}\n"), ["{whole}"]);
    }
}
