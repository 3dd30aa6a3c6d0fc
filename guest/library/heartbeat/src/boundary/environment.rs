//! Where the client's socket is.

use std::ffi::{CStr, c_char};

/// The socket of every client.
const SOCKET: &[u8] = b"/var/run/.guest_heartbeat_api";
/// Names another one, for tests.
const VARIABLE: &CStr = c"GUEST_HEARTBEAT_API_SOCKET";

unsafe extern "C" {
    /// The C library's: `getenv`, but nothing in a process that has more rights than who started it.
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// The path of the socket.
pub(super) fn socket() -> Vec<u8> {
    // SAFETY: the name is a C string, and secure_getenv keeps no pointer to it.
    let value = unsafe { secure_getenv(VARIABLE.as_ptr()) };
    if value.is_null() {
        return SOCKET.to_vec();
    }
    // SAFETY: what is not null is a C string in the environment. It is copied at once; that no other
    // thread changes the environment meanwhile is the rule for every program with getenv.
    let path = unsafe { CStr::from_ptr(value) }.to_bytes().to_vec();
    if path.is_empty() { SOCKET.to_vec() } else { path }
}
