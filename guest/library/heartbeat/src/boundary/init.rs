//! What a program registers with.

use std::ffi::{c_int, c_uint};

use protocol::application::{Init, NAME, Number};
use protocol::channel::CorrectiveAction;

use super::text;

/// `GuestHeartbeatApiInitDataT`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct InitData {
    /// With its NUL. `char` is signed on some processors and not on others; bytes it always is.
    pub application_name: [u8; NAME],
    /// Time between challenges, in milliseconds.
    pub heartbeat_interval_ms: c_int,
    /// Seconds that a vote may take.
    pub vote_secs: c_int,
    /// Seconds before a stop or reboot.
    pub shutdown_notice_secs: c_int,
    /// Seconds before a pause, suspend, resize or migration.
    pub suspend_notice_secs: c_int,
    /// Seconds after these.
    pub resume_notice_secs: c_int,
    /// `GuestHeartbeatApiActionT`: any number, C does not check it.
    pub corrective_action: c_uint,
}

impl InitData {
    /// The same for the protocol; `None` for a name without a NUL, a negative number, or an action
    /// that there is not.
    pub(super) fn checked(&self) -> Option<Init> {
        Some(Init {
            application_name: text::terminated(&self.application_name)?.as_str().into(),
            heartbeat_interval_ms: self.heartbeat_interval_ms.try_into().ok()?,
            vote_secs: self.vote_secs.try_into().ok()?,
            shutdown_notice_secs: self.shutdown_notice_secs.try_into().ok()?,
            suspend_notice_secs: self.suspend_notice_secs.try_into().ok()?,
            resume_notice_secs: self.resume_notice_secs.try_into().ok()?,
            corrective_action: known(self.corrective_action)?,
        })
    }
}

/// A number's value; `None` for a number that the enumeration does not have.
pub(super) fn known<N: Number + Copy>(number: c_uint) -> Option<N> {
    let value = N::from_number(number);
    (value.number() == number).then_some(value)
}

/// A number's corrective action; what the protocol does not have is unknown.
pub(super) fn action(number: c_uint) -> CorrectiveAction {
    CorrectiveAction::from_number(number)
}

#[cfg(test)]
mod tests {
    use protocol::channel::{EventType, NotificationType, VoteResult};

    use super::*;

    fn data() -> InitData {
        let mut application_name = [0; NAME];
        application_name[..8].copy_from_slice(b"database");
        InitData {
            application_name,
            heartbeat_interval_ms: 1000,
            vote_secs: 8,
            shutdown_notice_secs: 20,
            suspend_notice_secs: 5,
            resume_notice_secs: 6,
            corrective_action: 2,
        }
    }

    #[test]
    fn good_data_is_taken_as_it_is() {
        let init = data().checked().unwrap();
        assert_eq!(init.application_name.as_str(), "database");
        assert_eq!((init.heartbeat_interval_ms, init.vote_secs), (1000, 8));
        assert_eq!((init.shutdown_notice_secs, init.suspend_notice_secs), (20, 5));
        assert_eq!(
            (init.resume_notice_secs, init.corrective_action),
            (6, CorrectiveAction::Reboot)
        );
    }

    #[test]
    fn a_name_without_its_nul_is_refused() {
        let full = InitData { application_name: [b'a'; NAME], ..data() };
        assert_eq!(full.checked(), None);
    }

    #[test]
    fn negative_numbers_and_unknown_actions_are_refused() {
        let bad = [
            InitData { heartbeat_interval_ms: -1, ..data() },
            InitData { vote_secs: -1, ..data() },
            InitData { shutdown_notice_secs: c_int::MIN, ..data() },
            InitData { suspend_notice_secs: -1, ..data() },
            InitData { resume_notice_secs: -1, ..data() },
            InitData { corrective_action: 5, ..data() },
            InitData { corrective_action: c_uint::MAX, ..data() },
        ];
        for data in bad {
            assert_eq!(data.checked(), None, "{data:?}");
        }
    }

    #[test]
    fn only_numbers_of_the_enumeration_are_known() {
        assert_eq!(known(12), Some(EventType::ColdMigrateEnd));
        assert_eq!(known::<EventType>(13), None);
        assert_eq!(known(0), Some(None::<NotificationType>));
        assert_eq!(known::<Option<NotificationType>>(3), None);
        assert_eq!(known(3), Some(VoteResult::Complete));
        assert_eq!(known::<VoteResult>(4), None);
    }

    #[test]
    fn the_struct_is_laid_out_as_in_c() {
        assert_eq!((size_of::<InitData>(), align_of::<InitData>()), (64, 4));
        assert_eq!(std::mem::offset_of!(InitData, corrective_action), 60);
    }
}
