//! Cuts a script's output into lines of bounded length.

/// Bytes of a line that are kept.
const LINE_MAX: usize = 4096;

/// The beginning of a line that is not complete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes what was read, and hands over each line that is complete now.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            take(&self.line);
            self.line.clear();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// What came after the last newline.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_MAX - self.line.len();
        self.line.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece, |line| found.push(line.to_vec()));
        }
        (found, lines.rest())
    }

    #[test]
    fn lines_in_any_pieces() {
        let expected = (vec![b"one".to_vec(), Vec::new(), b"two".to_vec()], b"three".to_vec());
        let text: &[u8] = b"one\n\ntwo\nthree";
        assert_eq!(split(&[text]), expected);
        assert_eq!(split(&text.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn of_a_long_line_the_beginning_is_kept() {
        let long = vec![b'x'; 3 * LINE_MAX];
        let (lines, rest) = split(&[&long, &long, b"\nnext\n", &long]);
        assert_eq!(lines, [vec![b'x'; LINE_MAX], b"next".to_vec()]);
        assert_eq!(rest.len(), LINE_MAX);
    }
}
