//! Scenarios of one application, and what holds in any of them.

use proptest::prelude::*;
use protocol::application::{
    ActionNotify, ActionResponse, ChallengeResponse, Frame, FrameDecoder, Init, LogText, Message,
};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::{Application, Event, HealthReport, NotConnected};

fn init() -> Init {
    Init {
        application_name: "database".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 8,
        shutdown_notice_secs: 20,
        suspend_notice_secs: 5,
        resume_notice_secs: 5,
        corrective_action: CorrectiveAction::Reboot,
    }
}

fn registering() -> Application {
    let mut application = Application::default();
    application.register(init());
    assert_eq!(sent(&mut application), [Message::Init(init())]);
    application
}

fn registered() -> Application {
    let mut application = registering();
    receive(&mut application, &Message::InitAck { accepted: true });
    assert_eq!(events(&mut application), [Event::Registered]);
    application
}

fn receive(application: &mut Application, message: &Message) {
    application.receive(&message.encode(1));
}

fn frames(application: &mut Application) -> Vec<Frame> {
    let (mut decoder, mut frames) = (FrameDecoder::default(), Vec::new());
    while let Some(bytes) = application.poll_frame() {
        decoder.feed(&bytes, |frame| frames.push(frame));
    }
    frames
}

fn sent(application: &mut Application) -> Vec<Message> {
    frames(application).into_iter().map(|frame| frame.message).collect()
}

fn events(application: &mut Application) -> Vec<Event> {
    std::iter::from_fn(|| application.poll_event()).collect()
}

fn vote(invocation_id: u32) -> ActionNotify {
    ActionNotify {
        invocation_id,
        event_type: EventType::LiveMigrateBegin,
        notification_type: Some(NotificationType::Revocable),
    }
}

fn rejection(invocation_id: u32) -> ActionResponse {
    ActionResponse {
        invocation_id,
        event_type: EventType::LiveMigrateBegin,
        notification_type: Some(NotificationType::Revocable),
        vote_result: VoteResult::Reject,
        log_msg: "a backup runs".into(),
    }
}

#[test]
fn the_program_hears_that_it_was_taken_once() {
    let mut application = registering();
    assert!(!application.is_registered());
    receive(&mut application, &Message::InitAck { accepted: true });
    receive(&mut application, &Message::InitAck { accepted: true });
    assert_eq!(events(&mut application), [Event::Registered]);
    assert!(application.is_registered());
}

#[test]
fn the_program_hears_that_it_was_refused() {
    let mut application = registering();
    receive(&mut application, &Message::InitAck { accepted: false });
    assert_eq!(events(&mut application), [Event::Refused]);
    assert!(!application.is_registered());
}

#[test]
fn a_challenge_asks_the_program_how_it_is_and_is_answered_with_that() {
    let mut application = registered();
    receive(&mut application, &Message::Challenge(7));
    assert_eq!(events(&mut application), [Event::HealthQuestion { challenge: 7 }]);
    assert_eq!(sent(&mut application), [], "only the program knows");
    application.answer_health(7, HealthReport::unhealthy(CorrectiveAction::Stop, "disk full"));
    let answer = ChallengeResponse {
        heartbeat_response: 7,
        health: Health::Unhealthy,
        corrective_action: CorrectiveAction::Stop,
        log_msg: "disk full".into(),
    };
    assert_eq!(sent(&mut application), [Message::ChallengeResponse(answer)]);
}

#[test]
fn of_several_challenges_the_newest_is_answered_and_only_once() {
    let mut application = registered();
    for challenge in [7, 8, 9] {
        receive(&mut application, &Message::Challenge(challenge));
    }
    assert_eq!(events(&mut application), [Event::HealthQuestion { challenge: 9 }]);
    for challenge in [7, 9, 9] {
        application.answer_health(challenge, HealthReport::healthy());
    }
    let sent = sent(&mut application);
    let [Message::ChallengeResponse(answer)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((answer.heartbeat_response, answer.health), (9, Health::Healthy));
}

#[test]
fn an_answer_to_a_challenge_of_an_earlier_connection_is_left_out() {
    let mut application = registered();
    receive(&mut application, &Message::Challenge(7));
    application.connection_lost();
    application.register(init());
    application.answer_health(7, HealthReport::healthy());
    assert_eq!(sent(&mut application), [Message::Init(init())]);
}

#[test]
fn a_question_reaches_the_program_and_its_answer_the_client() {
    let mut application = registered();
    receive(&mut application, &Message::ActionNotify(vote(70)));
    assert_eq!(events(&mut application), [Event::Question(vote(70))]);
    assert_eq!(application.answer(rejection(70)), Ok(()));
    assert_eq!(sent(&mut application), [Message::ActionResponse(rejection(70))]);
}

#[test]
fn of_questions_beyond_the_bound_the_newest_are_asked() {
    let mut application = registered();
    receive(&mut application, &Message::Challenge(7));
    for invocation_id in 0..40 {
        receive(&mut application, &Message::ActionNotify(vote(invocation_id)));
    }
    let newest = (24..40).map(|invocation_id| Event::Question(vote(invocation_id)));
    let mut expected = vec![Event::HealthQuestion { challenge: 7 }];
    expected.extend(newest);
    assert_eq!(events(&mut application), expected);
}

#[test]
fn deregistering_says_final_and_nothing_is_asked_after_it() {
    let mut application = registered();
    receive(&mut application, &Message::Challenge(7));
    assert_eq!(application.deregister("done".into()), Ok(()));
    receive(&mut application, &Message::Challenge(8));
    application.connection_lost();
    assert_eq!(sent(&mut application), [Message::Final("done".into())]);
    assert_eq!(events(&mut application), []);
}

#[test]
fn without_a_connection_nothing_can_be_said() {
    let mut lost = registered();
    lost.connection_lost();
    for mut application in [Application::default(), lost] {
        assert_eq!(application.answer(rejection(1)), Err(NotConnected));
        assert_eq!(application.deregister("done".into()), Err(NotConnected));
        assert_eq!(sent(&mut application), []);
    }
}

#[test]
fn the_end_of_the_connection_is_told_once_and_takes_what_was_not_sent_with_it() {
    let mut application = registered();
    application.receive(&Message::Challenge(7).encode(1)[..100]);
    application.answer(rejection(70)).unwrap();
    application.connection_lost();
    application.connection_lost();
    assert_eq!(events(&mut application), [Event::ConnectionLost]);
    assert_eq!(sent(&mut application), []);
}

#[test]
fn a_new_connection_begins_anew() {
    let mut application = registered();
    application.receive(&Message::Challenge(7).encode(1)[..100]);
    application.connection_lost();
    application.register(init());
    let first = Frame { sequence: 1, message: Message::Init(init()) };
    assert_eq!(frames(&mut application), [first]);
    receive(&mut application, &Message::InitAck { accepted: true });
    let events = events(&mut application);
    assert_eq!(events, [Event::Registered], "who registers again knows that it was lost");
}

#[test]
fn registering_again_on_the_same_connection_says_init_again() {
    let mut application = registered();
    application.register(init());
    assert_eq!(frames(&mut application), [Frame { sequence: 2, message: Message::Init(init()) }]);
    receive(&mut application, &Message::InitAck { accepted: true });
    assert_eq!(events(&mut application), [Event::Registered]);
}

#[test]
fn what_only_applications_say_is_ignored_and_counted() {
    let mut application = registered();
    let of_applications =
        [Message::Init(init()), Message::Final("".into()), Message::ActionResponse(rejection(1))];
    for message in &of_applications {
        receive(&mut application, message);
    }
    assert_eq!((events(&mut application), sent(&mut application)), (vec![], vec![]));
    assert_eq!(application.ignored(), 3);
}

/// What can happen to an application.
#[derive(Debug, Clone)]
enum Step {
    Register,
    Receive(Vec<u8>),
    Lose,
    AnswerHealth(u32),
    Answer(u32),
    Deregister,
    Deal,
}

fn step() -> impl Strategy<Value = Step> {
    let message = prop_oneof![
        any::<bool>().prop_map(|accepted| Message::InitAck { accepted }),
        (0..4_u32).prop_map(Message::Challenge),
        (0..4_u32).prop_map(|id| Message::ActionNotify(vote(id))),
        Just(Message::Final("".into())),
    ];
    prop_oneof![
        Just(Step::Register),
        message.prop_map(|message| Step::Receive(message.encode(1).to_vec())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Step::Receive),
        Just(Step::Lose),
        (0..4_u32).prop_map(Step::AnswerHealth),
        (0..4_u32).prop_map(Step::Answer),
        Just(Step::Deregister),
        Just(Step::Deal),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_challenge_is_answered_that_was_not_asked_or_twice(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut application = Application::default();
        let (mut asked, mut answered) = ([0; 4], [0; 4]);
        for step in steps {
            if let Step::Receive(bytes) = &step {
                FrameDecoder::default().feed(bytes, |frame| {
                    if let Message::Challenge(value) = frame.message {
                        asked[value as usize] += 1;
                    }
                });
            }
            take(&mut application, step);
            let sent = sent(&mut application);
            prop_assert!(sent.len() <= 64);
            for message in sent {
                if let Message::ChallengeResponse(answer) = message {
                    answered[answer.heartbeat_response as usize] += 1;
                }
            }
        }
        prop_assert!(std::iter::zip(asked, answered).all(|(asked, answered)| answered <= asked));
    }
}

fn take(application: &mut Application, step: Step) {
    match step {
        Step::Register => application.register(init()),
        Step::Receive(bytes) => application.receive(&bytes),
        Step::Lose => application.connection_lost(),
        Step::AnswerHealth(id) => application.answer_health(id, HealthReport::healthy()),
        Step::Answer(id) => drop(application.answer(rejection(id))),
        Step::Deregister => drop(application.deregister(LogText::default())),
        Step::Deal => {
            for event in events(application) {
                if let Event::HealthQuestion { challenge } = event {
                    application.answer_health(challenge, HealthReport::healthy());
                }
            }
        }
    }
}
