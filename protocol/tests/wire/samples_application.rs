//! Any message of the application API.

use proptest::prelude::*;
use protocol::application::{ActionNotify, ActionResponse, ChallengeResponse, Init, Message};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::samples::{one_of, text};

/// The results that the application API has numbers for.
const RESULTS: &[VoteResult] =
    &[VoteResult::Unknown, VoteResult::Accept, VoteResult::Reject, VoteResult::Complete];

/// Any message, of either direction.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        init().prop_map(Message::Init),
        any::<bool>().prop_map(|accepted| Message::InitAck { accepted }),
        text().prop_map(Message::Final),
        any::<u32>().prop_map(Message::Challenge),
        challenge_response().prop_map(Message::ChallengeResponse),
        action_notify().prop_map(Message::ActionNotify),
        action_response().prop_map(Message::ActionResponse),
    ]
}

fn kind() -> impl Strategy<Value = Option<NotificationType>> {
    prop::option::of(one_of(NotificationType::ALL))
}

prop_compose! {
    fn init()(
        application_name in text(),
        numbers in any::<[u32; 5]>(),
        corrective_action in one_of(CorrectiveAction::ALL),
    ) -> Init {
        Init {
            application_name,
            heartbeat_interval_ms: numbers[0],
            vote_secs: numbers[1],
            shutdown_notice_secs: numbers[2],
            suspend_notice_secs: numbers[3],
            resume_notice_secs: numbers[4],
            corrective_action,
        }
    }
}

prop_compose! {
    fn challenge_response()(
        heartbeat_response in any::<u32>(),
        health in one_of(Health::ALL),
        corrective_action in one_of(CorrectiveAction::ALL),
        log_msg in text(),
    ) -> ChallengeResponse {
        ChallengeResponse { heartbeat_response, health, corrective_action, log_msg }
    }
}

prop_compose! {
    fn action_notify()(
        invocation_id in any::<u32>(),
        event_type in one_of(EventType::ALL),
        notification_type in kind(),
    ) -> ActionNotify {
        ActionNotify { invocation_id, event_type, notification_type }
    }
}

prop_compose! {
    fn action_response()(
        notify in action_notify(),
        vote_result in one_of(RESULTS),
        log_msg in text(),
    ) -> ActionResponse {
        ActionResponse {
            invocation_id: notify.invocation_id,
            event_type: notify.event_type,
            notification_type: notify.notification_type,
            vote_result,
            log_msg,
        }
    }
}
