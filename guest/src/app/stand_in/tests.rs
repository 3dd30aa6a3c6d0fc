//! Commands stand for an application, in virtual time.

use std::time::{Duration, Instant};

use guest_application::HealthReport;
use protocol::application::{ActionNotify, FrameDecoder, Init, Message};
use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};

use super::{Input, Note, Output, Settings, StandIn};
use crate::core::ScriptEnd;

const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
const VOTE: Duration = Duration::from_secs(5);

fn settings() -> Settings {
    let init = Init {
        application_name: "script".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 5,
        shutdown_notice_secs: 20,
        suspend_notice_secs: 10,
        resume_notice_secs: 10,
        corrective_action: CorrectiveAction::Stop,
    };
    Settings { init, health_interval: None, on_event: false }
}

/// A stand-in and the time.
struct Scene {
    stand_in: StandIn,
    now: Instant,
}

impl Scene {
    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time, wherever it is")]
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self { stand_in: StandIn::new(settings, now), now }
    }

    /// Registered; what it did besides is forgotten.
    fn registered(settings: Settings) -> Self {
        let mut scene = Self::new(settings);
        scene.due();
        scene.connect();
        scene
    }

    fn connect(&mut self) {
        let init = self.stand_in.settings.init.clone();
        assert_eq!(sent(&self.handle(Input::Connected)), [Message::Init(init)]);
        let outputs = self.receive(&Message::InitAck { accepted: true });
        assert_eq!(outputs, [Output::Note(Note::Registered)]);
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.stand_in.poll_output()).collect()
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.stand_in.handle(self.now, input);
        self.outputs()
    }

    fn receive(&mut self, message: &Message) -> Vec<Output> {
        self.handle(Input::Received(&message.encode(1)))
    }

    fn ended(&mut self, run: u64, end: ScriptEnd) -> Vec<Output> {
        self.handle(Input::Ended { run, end })
    }

    /// Handles the deadline that is due.
    fn due(&mut self) -> Vec<Output> {
        assert!(self.stand_in.next_deadline().is_some_and(|at| at <= self.now), "nothing is due");
        self.stand_in.handle_deadline(self.now);
        self.outputs()
    }

    /// Goes on to the next deadline and handles it; how long that was.
    fn next(&mut self) -> (Duration, Vec<Output>) {
        let at = self.stand_in.next_deadline().expect("a deadline");
        let wait = at.saturating_duration_since(self.now);
        self.now += wait;
        (wait, self.due())
    }

    /// What it answers to a challenge.
    fn health(&mut self) -> HealthReport {
        let outputs = self.receive(&Message::Challenge(7));
        match &sent(&outputs)[..] {
            [Message::ChallengeResponse(answer)] => HealthReport {
                health: answer.health,
                corrective_action: answer.corrective_action,
                log_msg: answer.log_msg.clone(),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn sent(outputs: &[Output]) -> Vec<Message> {
    let mut messages = Vec::new();
    for output in outputs {
        if let Output::Send(frame) = output {
            FrameDecoder::default().feed(frame, |frame| messages.push(frame.message));
        }
    }
    messages
}

fn exited(status: u8, line: &str) -> ScriptEnd {
    ScriptEnd::Exited { status, line: line.into() }
}

fn vote(invocation_id: u32) -> ActionNotify {
    ActionNotify {
        invocation_id,
        event_type: EventType::LiveMigrateBegin,
        notification_type: Some(NotificationType::Revocable),
    }
}

/// The only answer among these.
fn answer(outputs: &[Output]) -> (VoteResult, String) {
    match &sent(outputs)[..] {
        [Message::ActionResponse(answer)] => (answer.vote_result, answer.log_msg.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_commands_all_is_well_and_everything_is_agreed_to() {
    let mut scene = Scene::registered(settings());
    assert_eq!(scene.health(), HealthReport::healthy());
    let outputs = scene.receive(&Message::ActionNotify(vote(1)));
    assert_eq!(answer(&outputs), (VoteResult::Accept, String::new()));
    let kind = Some(NotificationType::Irrevocable);
    let outputs =
        scene.receive(&Message::ActionNotify(ActionNotify { notification_type: kind, ..vote(2) }));
    assert_eq!(answer(&outputs), (VoteResult::Complete, String::new()));
    assert_eq!(scene.stand_in.next_deadline(), None, "it sleeps until something happens");
}

#[test]
fn what_the_health_command_says_is_answered_until_it_says_otherwise() {
    let ends = [
        (exited(1, "disk full"), HealthReport::unhealthy(CorrectiveAction::Stop, "disk full")),
        (
            exited(125, " \0"),
            HealthReport::unhealthy(
                CorrectiveAction::Stop,
                "health command exited with status 125",
            ),
        ),
        (
            exited(127, "not found"),
            HealthReport::unhealthy(CorrectiveAction::Log, "health command cannot be run"),
        ),
        (
            ScriptEnd::Killed { signal: 11 },
            HealthReport::unhealthy(CorrectiveAction::Log, "health command died of signal 11"),
        ),
        (
            ScriptEnd::NotRun("no sh".into()),
            HealthReport::unhealthy(CorrectiveAction::Log, "health command cannot be run: no sh"),
        ),
        (exited(0, "fine"), HealthReport::healthy()),
    ];
    let mut scene =
        Scene::registered(Settings { health_interval: Some(HEALTH_INTERVAL), ..settings() });
    for (run, (end, report)) in (1..).zip(ends) {
        let outputs = scene.ended(run, end);
        assert_eq!(outputs, [Output::Note(Note::Health(report.clone()))]);
        assert_eq!(scene.health(), report);
        let next = scene.next();
        assert_eq!(next, (HEALTH_INTERVAL, vec![Output::RunHealth { run: run + 1 }]));
    }
}

#[test]
fn a_health_command_that_still_runs_when_the_next_is_due_is_killed_and_unhealthy() {
    let mut scene =
        Scene::registered(Settings { health_interval: Some(HEALTH_INTERVAL), ..settings() });
    let why = "health command did not end within 10 s";
    let report = HealthReport::unhealthy(CorrectiveAction::Stop, why);
    let (_, outputs) = scene.next();
    let note = Output::Note(Note::Health(report.clone()));
    assert_eq!(outputs, [Output::Kill(1), note, Output::RunHealth { run: 2 }]);
    assert_eq!(scene.ended(1, exited(0, "")), [], "nobody listens to it any more");
    assert_eq!(scene.health(), report);
}

#[test]
fn a_pause_of_the_guest_is_no_fault_of_the_health_command_once() {
    let mut scene =
        Scene::registered(Settings { health_interval: Some(HEALTH_INTERVAL), ..settings() });
    scene.now += HEALTH_INTERVAL + Duration::from_mins(5);
    assert_eq!(scene.due(), []);
    assert_eq!(scene.health(), HealthReport::healthy());
    scene.now += HEALTH_INTERVAL + Duration::from_mins(5);
    assert!(scene.due().contains(&Output::Kill(1)), "it is not excused for ever");
}

#[test]
fn the_event_command_decides_a_vote() {
    let cases = [
        (exited(0, "ignored"), VoteResult::Accept, ""),
        (exited(1, "a backup runs"), VoteResult::Reject, "a backup runs"),
        (exited(125, ""), VoteResult::Reject, "event command exited with status 125"),
        (exited(126, ""), VoteResult::Accept, "event command cannot be run"),
        (exited(137, ""), VoteResult::Accept, "event command exited with status 137"),
        (ScriptEnd::Killed { signal: 9 }, VoteResult::Accept, "event command died of signal 9"),
    ];
    for (end, result, why) in cases {
        let mut scene = Scene::registered(Settings { on_event: true, ..settings() });
        let outputs = scene.receive(&Message::ActionNotify(vote(70)));
        assert_eq!(outputs, [Output::RunEvent { run: 1, question: vote(70) }]);
        let outputs = scene.ended(1, end);
        assert_eq!(answer(&outputs), (result, why.to_owned()));
    }
}

#[test]
fn an_event_command_that_takes_too_long_is_killed_and_says_nothing() {
    let mut scene = Scene::registered(Settings { on_event: true, ..settings() });
    scene.receive(&Message::ActionNotify(vote(70)));
    let (wait, outputs) = scene.next();
    assert_eq!(wait, VOTE);
    assert_eq!(outputs, [Output::Kill(1), Output::Note(Note::TooSlow(vote(70), VOTE))]);
    assert_eq!(scene.ended(1, exited(1, "late")), []);
}

#[test]
fn a_newer_question_takes_the_place_of_an_older_one() {
    let mut scene = Scene::registered(Settings { on_event: true, ..settings() });
    scene.receive(&Message::ActionNotify(vote(70)));
    let outputs = scene.receive(&Message::ActionNotify(vote(71)));
    assert_eq!(outputs, [Output::Kill(1), Output::RunEvent { run: 2, question: vote(71) }]);
    assert_eq!(scene.ended(1, exited(1, "old")), []);
    assert_eq!(answer(&scene.ended(2, exited(0, ""))).0, VoteResult::Accept);
}

#[test]
fn a_client_that_restarts_is_found_and_the_health_is_still_known() {
    let mut scene =
        Scene::registered(Settings { health_interval: Some(HEALTH_INTERVAL), ..settings() });
    scene.ended(1, exited(1, "disk full"));
    assert_eq!(scene.handle(Input::Closed), [Output::Note(Note::ConnectionLost)]);
    let (wait, outputs) = scene.next();
    assert_eq!((wait.as_millis(), outputs), (200, vec![Output::Connect]));
    scene.connect();
    assert_eq!(scene.health().log_msg.as_str(), "disk full");
}

#[test]
fn a_client_that_is_away_is_tried_ever_less_often_and_complained_of_once() {
    let mut scene = Scene::new(settings());
    let (mut waits, mut notes) = (Vec::new(), 0);
    for _ in 0..9 {
        let (wait, outputs) = scene.next();
        assert_eq!(outputs, [Output::Connect]);
        waits.push(wait.as_millis());
        notes += scene.handle(Input::NotConnected("no such file".into())).len();
    }
    assert_eq!(waits, [0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    assert_eq!(notes, 1);
}

#[test]
fn one_that_is_refused_closes_and_tries_again_later() {
    let mut scene = Scene::new(settings());
    scene.due();
    scene.handle(Input::Connected);
    let outputs = scene.receive(&Message::InitAck { accepted: false });
    assert_eq!(outputs, [Output::Close, Output::Note(Note::Refused)]);
    let (_, outputs) = scene.next();
    assert_eq!(outputs, [Output::Connect]);
    scene.connect();
}

#[test]
fn the_end_of_the_connection_ends_the_event_command() {
    let mut scene = Scene::registered(Settings { on_event: true, ..settings() });
    scene.receive(&Message::ActionNotify(vote(70)));
    let outputs = scene.handle(Input::Closed);
    assert_eq!(outputs, [Output::Kill(1), Output::Note(Note::ConnectionLost)]);
}

#[test]
fn told_to_stop_it_says_final_and_takes_its_commands_with_it() {
    let mut scene = Scene::registered(Settings {
        health_interval: Some(HEALTH_INTERVAL),
        on_event: true,
        ..settings()
    });
    scene.receive(&Message::ActionNotify(vote(70)));
    let outputs = scene.handle(Input::Stop);
    assert_eq!(outputs[..2], [Output::Kill(2), Output::Kill(1)]);
    assert_eq!(sent(&outputs), [Message::Final("told to stop".into())]);
    assert_eq!(outputs[3..], [Output::Close, Output::Leave]);
}

#[test]
fn told_to_stop_without_a_client_it_just_leaves() {
    let mut scene = Scene::new(settings());
    scene.due();
    scene.handle(Input::NotConnected("refused".into()));
    assert_eq!(scene.handle(Input::Stop), [Output::Close, Output::Leave]);
}
