//! The functions that C calls. What each is for stands in `guest_heartbeat_api.h`.

use std::ffi::{c_char, c_int, c_uint};

use protocol::application::{ActionResponse, LOG_MSG, LogText};

use super::callbacks::{Callbacks, Functions};
use super::init::{InitData, known};
use super::{environment, text};
use crate::library::{GuestApiError, Shared};
use crate::words;

/// The program's one registration.
static LIBRARY: Shared<Functions> = Shared::new();

/// `GuestApiErrorT guest_heartbeat_api_initialize(GuestHeartbeatApiCallbacksT*)`
///
/// # Safety
/// `callbacks` is null or points to such a struct, whose functions may be called until finalize.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guest_heartbeat_api_initialize(
    callbacks: *const Callbacks,
) -> GuestApiError {
    // SAFETY: the caller promises null or a struct that can be read.
    let Some(callbacks) = (unsafe { callbacks.as_ref() }) else { return GuestApiError::Failed };
    // SAFETY: the caller promises that they may be called.
    match unsafe { Functions::new(*callbacks) } {
        Some(functions) => LIBRARY.lock().initialize(functions),
        None => GuestApiError::Failed,
    }
}

/// `GuestApiErrorT guest_heartbeat_api_finalize(void)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_finalize() -> GuestApiError {
    LIBRARY.lock().finalize()
}

/// `GuestApiErrorT guest_heartbeat_api_register(GuestHeartbeatApiInitDataT*)`
///
/// # Safety
/// `init_data` is null or points to such a struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guest_heartbeat_api_register(init_data: *const InitData) -> GuestApiError {
    // SAFETY: the caller promises null or a struct that can be read.
    let Some(init_data) = (unsafe { init_data.as_ref() }) else { return GuestApiError::Failed };
    match init_data.checked() {
        Some(init) => LIBRARY.lock().register(init, &environment::socket()),
        None => GuestApiError::Failed,
    }
}

/// `GuestApiErrorT guest_heartbeat_api_deregister(char log_msg[])`
///
/// # Safety
/// `log_msg` is null, or points to a text with a NUL or to 192 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guest_heartbeat_api_deregister(log_msg: *const c_char) -> GuestApiError {
    // SAFETY: the caller promises that it can be read up to its NUL or the size.
    match unsafe { text::read(log_msg, LOG_MSG) } {
        Some(log_msg) => LIBRARY.lock().deregister(LogText::new(&log_msg)),
        None => GuestApiError::Failed,
    }
}

/// `GuestApiErrorT guest_heartbeat_api_send_action_response(int, GuestHeartbeatApiEventT,
/// GuestHeartbeatApiNotifyTypeT, GuestHeartbeatApiVoteResultT, char log_msg[])`
///
/// # Safety
/// `log_msg` is null, or points to a text with a NUL or to 192 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guest_heartbeat_api_send_action_response(
    invocation_id: c_int,
    event: c_uint,
    notify_type: c_uint,
    vote_result: c_uint,
    log_msg: *const c_char,
) -> GuestApiError {
    // SAFETY: the caller promises that it can be read up to its NUL or the size.
    let log_msg = unsafe { text::read(log_msg, LOG_MSG) };
    let checked = || {
        Some(ActionResponse {
            invocation_id: invocation_id.cast_unsigned(),
            event_type: known(event)?,
            notification_type: known(notify_type)?,
            vote_result: known(vote_result)?,
            log_msg: LogText::new(&log_msg?),
        })
    };
    match checked() {
        Some(answer) => LIBRARY.lock().answer(answer),
        None => GuestApiError::Failed,
    }
}

/// `int guest_heartbeat_api_get_selobj(void)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_get_selobj() -> c_int {
    LIBRARY.lock().selobj().unwrap_or(-1)
}

/// `void guest_heartbeat_api_dispatch(int selobj)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_dispatch(selobj: c_int) {
    LIBRARY.dispatch(selobj);
}

/// `const char* guest_heartbeat_api_action_str(GuestHeartbeatApiActionT)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_action_str(action: c_uint) -> *const c_char {
    words::action(action).as_ptr()
}

/// `const char* guest_heartbeat_api_event_str(GuestHeartbeatApiEventT)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_event_str(event: c_uint) -> *const c_char {
    words::event(event).as_ptr()
}

/// `const char* guest_heartbeat_api_notify_str(GuestHeartbeatApiNotifyTypeT)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_notify_str(notify_type: c_uint) -> *const c_char {
    words::notify(notify_type).as_ptr()
}

/// `const char* guest_heartbeat_api_vote_result_str(GuestHeartbeatApiVoteResultT)`
#[unsafe(no_mangle)]
pub extern "C" fn guest_heartbeat_api_vote_result_str(vote_result: c_uint) -> *const c_char {
    words::vote_result(vote_result).as_ptr()
}
