//! The callbacks of a program.

use std::ffi::{c_char, c_int, c_uint};

use guest_application::HealthReport;
use protocol::application::{ActionNotify, LOG_MSG, LogText, Number};
use protocol::channel::{CorrectiveAction, Health};

use super::init;
use crate::library::Program;

/// `GuestHeartbeatApiCallbacksT`: three functions of C. A null pointer is `None`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Callbacks {
    /// `void (bool registered)`
    pub register_state: Option<unsafe extern "C" fn(bool)>,
    /// `void (bool* healthy, GuestHeartbeatApiActionT* corrective_action, char log_msg[])`. The
    /// `bool` is passed as the byte that it is: C may write anything to it.
    pub health_check: Option<unsafe extern "C" fn(*mut u8, *mut c_uint, *mut c_char)>,
    /// `void (int invocation_id, GuestHeartbeatApiEventT, GuestHeartbeatApiNotifyTypeT)`
    pub action_notify: Option<unsafe extern "C" fn(c_int, c_uint, c_uint)>,
}

/// The same with none missing. There is one only where a program promised that the functions may be
/// called with what their types say, for as long as the library is initialized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Functions {
    register_state: unsafe extern "C" fn(bool),
    health_check: unsafe extern "C" fn(*mut u8, *mut c_uint, *mut c_char),
    action_notify: unsafe extern "C" fn(c_int, c_uint, c_uint),
}

impl Functions {
    /// `None` if one is missing.
    ///
    /// # Safety
    /// Each function may be called with what its type says.
    pub(super) unsafe fn new(callbacks: Callbacks) -> Option<Self> {
        Some(Self {
            register_state: callbacks.register_state?,
            health_check: callbacks.health_check?,
            action_notify: callbacks.action_notify?,
        })
    }
}

impl Program for Functions {
    fn register_state(&self, registered: bool) {
        // SAFETY: promised to `Functions::new`.
        unsafe { (self.register_state)(registered) }
    }

    /// What the callback leaves untouched says that all is well.
    fn health_check(&self) -> HealthReport {
        let mut healthy = 1_u8;
        let mut action = CorrectiveAction::None.number();
        let mut log_msg = [0_u8; LOG_MSG];
        // SAFETY: promised to `Functions::new`; each pointer is to as much as the header says that
        // may be written there, and no longer used after the call.
        unsafe { (self.health_check)(&raw mut healthy, &raw mut action, (&raw mut log_msg).cast()) }
        let text = log_msg.split(|byte| *byte == 0).next().unwrap_or_default();
        HealthReport {
            health: if healthy == 0 { Health::Unhealthy } else { Health::Healthy },
            corrective_action: init::action(action),
            log_msg: LogText::new(&String::from_utf8_lossy(text)),
        }
    }

    fn action_notify(&self, question: ActionNotify) {
        let (event, kind) = (question.event_type.number(), question.notification_type.number());
        // SAFETY: promised to `Functions::new`.
        unsafe { (self.action_notify)(question.invocation_id.cast_signed(), event, kind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn no_state(_: bool) {}
    unsafe extern "C" fn no_question(_: c_int, _: c_uint, _: c_uint) {}
    unsafe extern "C" fn untouched(_: *mut u8, _: *mut c_uint, _: *mut c_char) {}
    unsafe extern "C" fn all_of_it(healthy: *mut u8, action: *mut c_uint, log_msg: *mut c_char) {
        // SAFETY: the library passes what its header says.
        unsafe {
            healthy.write(0);
            action.write(77);
            log_msg.write_bytes(b'x', LOG_MSG);
        }
    }

    fn asked(
        health_check: unsafe extern "C" fn(*mut u8, *mut c_uint, *mut c_char),
    ) -> HealthReport {
        let functions =
            Functions { register_state: no_state, health_check, action_notify: no_question };
        functions.health_check()
    }

    #[test]
    fn a_callback_that_says_nothing_says_that_all_is_well() {
        assert_eq!(asked(untouched), HealthReport::healthy());
    }

    #[test]
    fn a_text_without_its_nul_and_an_action_that_there_is_not_are_taken_as_they_can_be() {
        let report = asked(all_of_it);
        let text = "x".repeat(LOG_MSG - 1);
        assert_eq!(report, HealthReport::unhealthy(CorrectiveAction::Unknown, &text));
    }
}
