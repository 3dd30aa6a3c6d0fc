//! What holds for every frame and every stream of the application API.

use proptest::prelude::*;
use protocol::application::{FRAME, Frame, FrameDecoder, MAGIC, Message};

use crate::samples::config;
use crate::samples_application::message;

fn messages() -> impl Strategy<Value = Vec<Message>> {
    prop::collection::vec(message(), 0..8)
}

fn frames(messages: &[Message]) -> Vec<Frame> {
    let count = (1..).zip(messages);
    count.map(|(sequence, message)| Frame { sequence, message: message.clone() }).collect()
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.message.encode(frame.sequence)).collect()
}

/// Bytes in which no frame can begin: none of them is the first one of the magic.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("may begin a frame", |byte| *byte != MAGIC[0]);
    prop::collection::vec(byte, 0..400)
}

/// Anything at all, and frames that were changed in a few places.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    let changed = (messages(), places).prop_map(|(messages, places)| {
        let mut stream = bytes_of(&frames(&messages));
        for (at, byte) in places.into_iter().filter(|_| !messages.is_empty()) {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    });
    prop_oneof![changed, prop::collection::vec(any::<u8>(), 0..3000)]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_message_reads_back_from_a_frame_of_228_bytes(message in message(), sequence: u32) {
        let bytes = message.encode(sequence);
        prop_assert_eq!(bytes.len(), 228);
        let (mut decoder, mut frames) = (FrameDecoder::default(), Vec::new());
        decoder.feed(&bytes, |frame| frames.push(frame));
        prop_assert_eq!(frames, [Frame { sequence, message }]);
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_split(
        messages in messages(),
        pieces in prop::collection::vec(1..600_usize, 1..20),
    ) {
        let sent = frames(&messages);
        let (mut decoder, mut found) = (FrameDecoder::default(), Vec::new());
        let stream = bytes_of(&sent);
        let mut rest = &stream[..];
        for piece in pieces.iter().cycle().take_while(|_| !stream.is_empty()) {
            let (bytes, later) = rest.split_at((*piece).min(rest.len()));
            decoder.feed(bytes, |frame| found.push(frame));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, sent);
        prop_assert_eq!((decoder.noise(), decoder.skipped()), (0, 0));
    }

    #[test]
    fn noise_between_frames_costs_no_frame_and_is_counted(
        parts in prop::collection::vec((noise(), message()), 0..6),
    ) {
        let (mut decoder, mut found) = (FrameDecoder::default(), Vec::new());
        for (noise, message) in &parts {
            decoder.feed(noise, |frame| found.push(frame.message));
            decoder.feed(&message.encode(1), |frame| found.push(frame.message));
        }
        let sent: Vec<Message> = parts.iter().map(|(_, message)| message.clone()).collect();
        prop_assert_eq!(found, sent);
        let noise: usize = parts.iter().map(|(noise, _)| noise.len()).sum();
        prop_assert_eq!(decoder.noise(), noise as u64);
    }

    #[test]
    fn any_bytes_give_at_most_a_frame_for_each_228_and_the_next_frames_are_found(
        stream in any_stream(),
        pieces in 1..500_usize,
    ) {
        let (mut decoder, mut count) = (FrameDecoder::default(), 0);
        for piece in stream.chunks(pieces) {
            decoder.feed(piece, |_| count += 1);
        }
        prop_assert!(count * FRAME <= stream.len());
        // Zeros end whatever frame was still believed to come.
        decoder.feed(&[0; 4096], |_| {});
        let mut found = Vec::new();
        decoder.feed(&Message::Challenge(7).encode(1), |frame| found.push(frame.message));
        prop_assert_eq!(found, [Message::Challenge(7)]);
    }
}
