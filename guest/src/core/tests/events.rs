//! Votes, notifications and health.

use protocol::channel::{
    ActionNotify, ActionResponse, CorrectiveAction, EventType, GuestMessage, Health, HostMessage,
    LogMsg, NotificationType, VoteResult,
};

use super::{Guest, SECOND, ms};
use crate::core::{Config, HealthReport, Input};

pub(super) fn notify(event_type: EventType, notification_type: NotificationType) -> ActionNotify {
    ActionNotify { invocation_id: 9, event_type, notification_type, timeout_ms: 11_000 }
}

fn response(
    event_type: EventType,
    notification_type: NotificationType,
    vote_result: VoteResult,
    log_msg: &str,
) -> GuestMessage {
    GuestMessage::ActionResponse(ActionResponse {
        invocation_id: 9,
        event_type,
        notification_type,
        vote_result,
        log_msg: LogMsg::new(log_msg),
    })
}

#[test]
fn events_are_agreed_to_at_once_when_nobody_is_registered() {
    let mut guest = Guest::enabled();
    for (kind, result) in [
        (NotificationType::Revocable, VoteResult::Accept),
        (NotificationType::Irrevocable, VoteResult::Complete),
    ] {
        guest.forget();
        guest.host(&HostMessage::ActionNotify(notify(EventType::Pause, kind)));
        assert_eq!(guest.sent, [response(EventType::Pause, kind, result, "")]);
    }
}

#[test]
fn an_event_outside_enabled_is_complete_at_once() {
    let mut guest = Guest::new();
    guest.input(Input::Handlers { registered: true });
    guest.input(Input::ChannelUp);
    guest.forget();
    let kind = NotificationType::Revocable;
    guest.host(&HostMessage::ActionNotify(notify(EventType::Stop, kind)));
    assert_eq!(guest.sent, [response(EventType::Stop, kind, VoteResult::Complete, "")]);
}

#[test]
fn registered_handlers_are_asked_and_their_answer_is_sent_once() {
    let mut guest = Guest::enabled();
    guest.input(Input::Handlers { registered: true });
    let kind = NotificationType::Revocable;
    guest.host(&HostMessage::ActionNotify(notify(EventType::Stop, kind)));
    assert!(guest.sent.is_empty());
    assert_eq!(guest.asks[0].within, 10 * SECOND);

    let answer = || Input::EventAnswer {
        id: guest.asks[0].id,
        vote_result: VoteResult::Reject,
        log_msg: LogMsg::new("busy"),
    };
    let (first, again) = (answer(), answer());
    guest.input(first);
    guest.input(again);
    guest.sleep(ms(1000));
    assert_eq!(guest.sent, [response(EventType::Stop, kind, VoteResult::Reject, "busy")]);
}

#[test]
fn handlers_that_do_not_answer_are_answered_for() {
    for (kind, result) in [
        (NotificationType::Revocable, VoteResult::Timeout),
        (NotificationType::Irrevocable, VoteResult::Complete),
    ] {
        let config = Config { min_timeout: 60 * SECOND, ..Config::default() };
        let mut guest = Guest::with(config).enable();
        guest.input(Input::Handlers { registered: true });
        guest.host(&HostMessage::ActionNotify(notify(EventType::Stop, kind)));
        guest.sleep(ms(9999));
        assert!(guest.sent.is_empty());
        guest.sleep(ms(1));
        let log_msg = "no answer within the time given";
        assert_eq!(guest.sent, [response(EventType::Stop, kind, result, log_msg)]);
    }
}

#[test]
fn a_newer_event_takes_the_place_of_one_still_open() {
    let mut guest = Guest::enabled();
    guest.input(Input::Handlers { registered: true });
    let kind = NotificationType::Revocable;
    guest.host(&HostMessage::ActionNotify(notify(EventType::Stop, kind)));
    guest.host(&HostMessage::ActionNotify(notify(EventType::Pause, kind)));
    for ask in guest.asks.clone() {
        let (id, vote_result) = (ask.id, VoteResult::Accept);
        guest.input(Input::EventAnswer { id, vote_result, log_msg: LogMsg::default() });
    }
    assert_eq!(guest.sent, [response(EventType::Pause, kind, VoteResult::Accept, "")]);
}

fn unhealthy(corrective_action: CorrectiveAction) -> Input<'static> {
    let log_msg = LogMsg::new("disk full");
    Input::Health(HealthReport { health: Health::Unhealthy, corrective_action, log_msg })
}

#[test]
fn a_lasting_ill_health_asks_for_its_action_once_a_minute() {
    use CorrectiveAction::{Log, None, Reboot};
    let mut guest = Guest::enabled();
    let mut actions = Vec::new();
    for second in 0..=61 {
        match second {
            0 | 30 => guest.input(unhealthy(Log)),
            _ => {}
        }
        guest.challenge(second);
        actions.push(guest.answers().last().and_then(|answer| answer.corrective_action).unwrap());
        guest.sleep(SECOND);
    }
    assert_eq!(actions[0], Log);
    assert_eq!(actions[1..60], [None; 59]);
    assert_eq!(actions[60..], [Log, None]);
    assert_eq!(guest.answers()[5].heartbeat_health, Health::Unhealthy);
    assert_eq!(guest.answers()[5].log_msg.as_str(), "disk full");

    guest.input(unhealthy(Reboot));
    guest.challenge(99);
    assert_eq!(guest.answers().last().unwrap().corrective_action, Some(Reboot));
}

#[test]
fn a_new_illness_after_recovery_is_reported_at_once() {
    use CorrectiveAction::{Log, Reboot};
    let mut guest = Guest::enabled();
    for report in [
        unhealthy(CorrectiveAction::Log),
        Input::Health(HealthReport::healthy()),
        unhealthy(CorrectiveAction::Log),
    ] {
        guest.input(report);
        guest.challenge(1);
    }
    let actions: Vec<_> = guest.answers().iter().map(|a| a.corrective_action.unwrap()).collect();
    assert_eq!(actions, [Log, Reboot, Log], "a healthy answer carries the configured action");
}

#[test]
fn health_is_healthy_when_enabled_anew() {
    let mut guest = Guest::enabled();
    guest.input(unhealthy(CorrectiveAction::Stop));
    guest.input(Input::ChannelDown);
    let mut guest = guest.enable();
    guest.challenge(1);
    assert_eq!(guest.answers()[0].heartbeat_health, Health::Healthy);
}
