//! `libguest_common_api`: what the C libraries of the guest have in common (`guest_api_debug.h`,
//! docs/application-api.md).

use std::ffi::{CStr, c_char, c_uint};

/// The word for a `GuestApiErrorT`.
fn error_word(error: c_uint) -> &'static CStr {
    match error {
        0 => c"okay",
        1 => c"failed",
        2 => c"interrupted",
        3 => c"try-again",
        _ => c"error-???",
    }
}

/// `const char* guest_api_error_str(GuestApiErrorT)`: a word for people, which is never freed.
#[expect(
    unsafe_code,
    reason = "a symbol that C finds; nothing else of that name is linked with it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn guest_api_error_str(error: c_uint) -> *const c_char {
    error_word(error).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_word_and_other_numbers_have_one_too() {
        let words: Vec<_> = (0..5).map(|error| error_word(error).to_str().unwrap()).collect();
        assert_eq!(words, ["okay", "failed", "interrupted", "try-again", "error-???"]);
        assert_eq!(error_word(c_uint::MAX), c"error-???");
    }
}
