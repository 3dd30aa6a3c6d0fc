//! Texts of C.

use std::ffi::c_char;

/// The text in `bytes`, up to its NUL; `None` without one.
pub(super) fn terminated(bytes: &[u8]) -> Option<String> {
    let len = bytes.iter().position(|byte| *byte == 0)?;
    bytes.get(..len).map(|text| String::from_utf8_lossy(text).into_owned())
}

/// The text at `text`, up to its NUL or `size` bytes; `None` if there is no text.
///
/// # Safety
/// `text` is null, or points to bytes of which each up to the first NUL, or to the `size`th, can be
/// read.
pub(super) unsafe fn read(text: *const c_char, size: usize) -> Option<String> {
    if text.is_null() {
        return None;
    }
    let mut bytes = Vec::new();
    for at in 0..size {
        // SAFETY: no byte before this one was a NUL and it is within `size`, so the caller promises
        // that it can be read.
        let byte = unsafe { text.add(at).cast::<u8>().read() };
        if byte == 0 {
            break;
        }
        bytes.push(byte);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_nul_and_is_none_without_one() {
        assert_eq!(terminated(b"abc\0def").as_deref(), Some("abc"));
        assert_eq!(terminated(b"\0").as_deref(), Some(""));
        assert_eq!(terminated(b"a\xff\0").as_deref(), Some("a\u{fffd}"));
        assert_eq!(terminated(b"abc"), None);
        assert_eq!(terminated(b""), None);
    }

    #[test]
    fn nothing_behind_the_nul_or_the_size_is_read() {
        // Exactly as long as they may be read: one byte more would be found by a checked run.
        let (short, full): (Box<[u8]>, Box<[u8]>) = (Box::from(*b"ab\0"), Box::from(*b"abcd"));
        // SAFETY: a NUL is within the bytes, or they are as long as the size.
        let read = unsafe { [read(short.as_ptr().cast(), 192), read(full.as_ptr().cast(), 4)] };
        assert_eq!(read, ["ab", "abcd"].map(|text| Some(text.to_owned())));
    }

    #[test]
    fn no_pointer_is_no_text() {
        // SAFETY: null is allowed.
        assert_eq!(unsafe { read(std::ptr::null(), 192) }, None);
    }
}
