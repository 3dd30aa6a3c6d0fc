//! Names of the numbers of the enumerations, for people.

use std::ffi::CStr;

/// The word of a number; `other` for one that the enumeration does not have.
fn word(words: &[&'static CStr], number: u32, other: &'static CStr) -> &'static CStr {
    let index = usize::try_from(number).ok();
    index.and_then(|index| words.get(index)).copied().unwrap_or(other)
}

/// Of a `GuestHeartbeatApiActionT`.
pub(crate) fn action(number: u32) -> &'static CStr {
    word(&[c"unknown", c"none", c"reboot", c"stop", c"log"], number, c"action-???")
}

/// Of a `GuestHeartbeatApiEventT`.
pub(crate) fn event(number: u32) -> &'static CStr {
    let words = [
        c"unknown",
        c"stop",
        c"reboot",
        c"suspend",
        c"pause",
        c"unpause",
        c"resume",
        c"resize-begin",
        c"resize-end",
        c"live-migrate-begin",
        c"live-migrate-end",
        c"cold-migrate-begin",
        c"cold-migrate-end",
    ];
    word(&words, number, c"event-???")
}

/// Of a `GuestHeartbeatApiNotifyTypeT`.
pub(crate) fn notify(number: u32) -> &'static CStr {
    word(&[c"unknown", c"revocable", c"irrevocable"], number, c"notify-???")
}

/// Of a `GuestHeartbeatApiVoteResultT`.
pub(crate) fn vote_result(number: u32) -> &'static CStr {
    word(&[c"unknown", c"accept", c"reject", c"complete"], number, c"vote-result-???")
}

#[cfg(test)]
mod tests {
    use protocol::application::Number;
    use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};

    use super::*;

    #[test]
    fn words_are_those_of_the_protocol_with_hyphens() {
        let hyphens = |word: &str| word.replace('_', "-");
        for value in CorrectiveAction::ALL {
            assert_eq!(action(value.number()).to_str().unwrap(), hyphens(value.as_str()));
        }
        for value in EventType::ALL {
            assert_eq!(event(value.number()).to_str().unwrap(), hyphens(value.as_str()));
        }
        for value in NotificationType::ALL {
            assert_eq!(notify(Some(*value).number()).to_str().unwrap(), value.as_str());
        }
        for value in [VoteResult::Unknown, VoteResult::Accept, VoteResult::Reject] {
            assert_eq!(vote_result(value.number()).to_str().unwrap(), value.as_str());
        }
    }

    #[test]
    fn other_numbers_have_a_word_too() {
        for number in [5, u32::MAX] {
            assert_eq!(action(number), c"action-???");
            assert_eq!(notify(number), c"notify-???");
            assert_eq!(vote_result(number), c"vote-result-???");
        }
        for number in [13, u32::MAX] {
            assert_eq!(event(number), c"event-???");
        }
    }
}
