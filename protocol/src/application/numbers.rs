//! The enumerations of the application API, as the numbers that they are there.

use crate::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};

/// A value that goes as a number. 0 is `unknown` in each enumeration; what has no number of its own
/// goes as 0.
pub trait Number: Sized {
    /// The number on the wire.
    fn number(self) -> u32;

    /// What a number stands for.
    fn from_number(number: u32) -> Self;
}

impl Number for CorrectiveAction {
    fn number(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::None => 1,
            Self::Reboot => 2,
            Self::Stop => 3,
            Self::Log => 4,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::None,
            2 => Self::Reboot,
            3 => Self::Stop,
            4 => Self::Log,
            _ => Self::Unknown,
        }
    }
}

impl Number for EventType {
    fn number(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Stop => 1,
            Self::Reboot => 2,
            Self::Suspend => 3,
            Self::Pause => 4,
            Self::Unpause => 5,
            Self::Resume => 6,
            Self::ResizeBegin => 7,
            Self::ResizeEnd => 8,
            Self::LiveMigrateBegin => 9,
            Self::LiveMigrateEnd => 10,
            Self::ColdMigrateBegin => 11,
            Self::ColdMigrateEnd => 12,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Stop,
            2 => Self::Reboot,
            3 => Self::Suspend,
            4 => Self::Pause,
            5 => Self::Unpause,
            6 => Self::Resume,
            7 => Self::ResizeBegin,
            8 => Self::ResizeEnd,
            9 => Self::LiveMigrateBegin,
            10 => Self::LiveMigrateEnd,
            11 => Self::ColdMigrateBegin,
            12 => Self::ColdMigrateEnd,
            _ => Self::Unknown,
        }
    }
}

/// `None` is 0.
impl Number for Option<NotificationType> {
    fn number(self) -> u32 {
        match self {
            None => 0,
            Some(NotificationType::Revocable) => 1,
            Some(NotificationType::Irrevocable) => 2,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Some(NotificationType::Revocable),
            2 => Some(NotificationType::Irrevocable),
            _ => None,
        }
    }
}

/// The application API has no words for a timeout and an error.
impl Number for VoteResult {
    fn number(self) -> u32 {
        match self {
            Self::Unknown | Self::Timeout | Self::Error => 0,
            Self::Accept => 1,
            Self::Reject => 2,
            Self::Complete => 3,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Accept,
            2 => Self::Reject,
            3 => Self::Complete,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_reads_back_and_others_are_unknown() {
        for action in CorrectiveAction::ALL {
            assert_eq!(CorrectiveAction::from_number(action.number()), *action);
        }
        for event in EventType::ALL {
            assert_eq!(EventType::from_number(event.number()), *event);
        }
        for number in 0..=3 {
            assert_eq!(VoteResult::from_number(number).number(), number);
        }
        assert_eq!(CorrectiveAction::from_number(5), CorrectiveAction::Unknown);
        assert_eq!(EventType::from_number(13), EventType::Unknown);
        assert_eq!(VoteResult::from_number(4), VoteResult::Unknown);
        assert_eq!(Option::<NotificationType>::from_number(3), None);
    }
}
