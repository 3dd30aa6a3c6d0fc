//! How the tests feed a stream.

use protocol::channel::LineDecoder;

/// The lines that are complete after `bytes`.
pub(crate) fn feed(decoder: &mut LineDecoder, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut lines = decoder.feed(bytes);
    while let Some(line) = lines.next() {
        found.push(line.to_vec());
    }
    found
}

/// The lines of a whole stream.
pub(crate) fn of(bytes: &[u8]) -> Vec<Vec<u8>> {
    feed(&mut LineDecoder::default(), bytes)
}
