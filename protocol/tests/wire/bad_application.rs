//! What strangers write to the socket of the application API: skipped and counted, never a crash.

use protocol::application::{FRAME, FrameDecoder, Message};

fn challenge(value: u32) -> [u8; FRAME] {
    Message::Challenge(value).encode(1)
}

/// A challenge with other bytes at an offset of its header.
fn changed(offset: usize, bytes: &[u8]) -> [u8; FRAME] {
    let mut frame = challenge(1);
    frame[offset..offset + bytes.len()].copy_from_slice(bytes);
    frame
}

/// Reads what is bad and then a good frame, which must be found; what was skipped and was noise.
fn read_before_a_good_frame(bad: &[u8]) -> (u64, u64) {
    let (mut decoder, mut found) = (FrameDecoder::default(), Vec::new());
    decoder.feed(bad, |frame| found.push(frame.message));
    decoder.feed(&challenge(2), |frame| found.push(frame.message));
    assert_eq!(found, [Message::Challenge(2)], "{}", bad.escape_ascii());
    (decoder.skipped(), decoder.noise())
}

#[test]
fn a_frame_whose_version_is_not_2_is_skipped() {
    for version in [0, 1, 3, 255] {
        assert_eq!(read_before_a_good_frame(&changed(8, &[version])), (1, 0), "{version}");
    }
}

#[test]
fn a_frame_of_another_version_is_skipped_by_its_own_size() {
    let header = &changed(8, &[3, 1])[..20];
    for size in [20_u32, 21, 227, 4096] {
        let mut frame = header.to_vec();
        frame[16..20].copy_from_slice(&size.to_le_bytes());
        frame.resize(size as usize, b'F');
        assert_eq!(read_before_a_good_frame(&frame), (1, 0), "{size}");
    }
}

#[test]
fn a_type_that_the_protocol_does_not_have_is_skipped() {
    for msg_type in [7_u16, 8, 256, u16::MAX] {
        assert_eq!(read_before_a_good_frame(&changed(10, &msg_type.to_le_bytes())), (1, 0));
    }
}

#[test]
fn a_size_that_no_frame_has_makes_it_noise() {
    for size in [0_u32, 1, 20, 227, 4097, 0xe400_0000, u32::MAX] {
        let read = read_before_a_good_frame(&changed(16, &size.to_le_bytes()));
        assert_eq!(read, (0, FRAME as u64), "{size}");
    }
}

#[test]
fn what_is_almost_the_magic_is_noise() {
    for noise in
        [&b"F"[..], b"FD", b"FDFDA5A4", b"fdfda5a5", b"FDFDFDFDA5A", b"\0FDFDA5A5"[..8].as_ref()]
    {
        assert_eq!(read_before_a_good_frame(noise), (0, noise.len() as u64));
    }
}

#[test]
fn after_a_frame_that_broke_off_the_second_next_is_found_at_the_latest() {
    for kept in 1..FRAME {
        let (mut decoder, mut found) = (FrameDecoder::default(), Vec::new());
        decoder.feed(&challenge(1)[..kept], |frame| found.push(frame.message));
        for value in [2, 3] {
            decoder.feed(&challenge(value), |frame| found.push(frame.message));
        }
        assert_eq!(found.last(), Some(&Message::Challenge(3)), "{kept} bytes");
    }
}

#[test]
fn lines_of_the_guest_channel_are_noise() {
    let line = b"\n{\"version\":3,\"revision\":1,\"msg_type\":\"challenge\",\"sequence\":1}\n";
    assert_eq!(read_before_a_good_frame(line), (0, line.len() as u64));
}
