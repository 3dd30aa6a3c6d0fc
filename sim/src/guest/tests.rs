use guest_client::core::Config;
use protocol::channel::{
    ActionNotify, CorrectiveAction, EventType, GuestMessage, Health, HostMessage, LineDecoder,
    NotificationType, VoteResult,
};

use super::*;
use crate::channel::{Channel, HostConn};

const SECOND: Duration = Duration::from_secs(1);

/// A guest, its channel and a host that only does what a test says.
struct Scene {
    now: Instant,
    guest: ScriptedGuest,
    channel: Channel,
    host: HostConn,
    decoder: LineDecoder,
    refused: usize,
}

impl Scene {
    #[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
    fn new() -> Self {
        let now = Instant::now();
        let mut channel = Channel::new();
        let host = channel.host_connect().unwrap();
        let guest = ScriptedGuest::new(Config::default(), now, 7);
        let mut scene =
            Self { now, guest, channel, host, decoder: LineDecoder::default(), refused: 0 };
        scene.attend();
        scene
    }

    /// A scene whose guest is enabled.
    fn enabled() -> Self {
        let mut scene = Self::new();
        scene.acknowledge();
        assert_eq!(scene.guest.state(), Some(State::Enabled));
        scene
    }

    fn acknowledge(&mut self) {
        let Some(GuestMessage::Init(init)) = self.heard().pop() else { panic!("no init") };
        self.say(&HostMessage::InitAck { invocation_id: init.invocation_id });
    }

    /// The same, unless it is still enabled.
    fn acknowledge_if_asked(&mut self) {
        if !self.guest.is_enabled() {
            self.acknowledge();
        }
    }

    fn attend(&mut self) {
        attend(&mut self.guest, &mut self.channel, self.now, &mut Vec::new());
    }

    fn act(&mut self, act: Act) {
        self.guest.act(self.now, act);
        self.attend();
    }

    fn say(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        assert_eq!(self.channel.host_write(self.host, &bytes), Ok(bytes.len()));
        self.attend();
    }

    fn challenge(&mut self, heartbeat_challenge: u32) {
        self.say(&HostMessage::Challenge { heartbeat_challenge });
    }

    /// Lets time pass, stopping at each deadline of the guest.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.guest.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.attend();
        }
        self.now = end;
    }

    /// The same, with a challenge every second.
    fn live(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.pass(SECOND);
            self.challenge(1);
        }
    }

    fn heard(&mut self) -> Vec<GuestMessage> {
        let mut bytes = vec![0; 1 << 20];
        let mut heard = Vec::new();
        while let Ok(read @ 1..) = self.channel.host_read(self.host, &mut bytes) {
            let mut lines = self.decoder.feed(&bytes[..read]);
            while let Some(line) = lines.next() {
                match GuestMessage::decode(line) {
                    Ok(message) => heard.push(message),
                    Err(_) => self.refused += 1,
                }
            }
        }
        heard
    }

    /// The challenges that were answered since the last look.
    fn answers(&mut self) -> Vec<u32> {
        let answer = |message| match message {
            GuestMessage::ChallengeResponse(response) => Some(response.heartbeat_response),
            _ => None,
        };
        self.heard().into_iter().filter_map(answer).collect()
    }
}

fn notify(notification_type: NotificationType) -> HostMessage {
    HostMessage::ActionNotify(ActionNotify {
        invocation_id: 1,
        event_type: EventType::Suspend,
        notification_type,
        timeout_ms: 11_000,
    })
}

#[test]
fn a_healthy_guest_announces_itself_and_answers() {
    let mut scene = Scene::enabled();
    scene.challenge(11);
    scene.challenge(12);
    assert_eq!(scene.answers(), [11, 12]);
    assert_eq!(scene.guest.counts().answers, 2);
}

#[test]
fn a_guest_that_hangs_neither_reads_nor_answers_until_it_recovers() {
    let mut scene = Scene::enabled();
    scene.act(Act::Hang);
    scene.challenge(11);
    scene.pass(20 * SECOND);
    assert!(scene.heard().is_empty() && scene.channel.guest_readable());
    assert_eq!(scene.guest.next_deadline(), None);
    scene.act(Act::Recover);
    assert_eq!(scene.answers(), [11]);
}

#[test]
fn a_guest_that_is_told_to_leave_says_so_and_closes_its_port() {
    let mut scene = Scene::enabled();
    scene.act(Act::Leave);
    assert!(matches!(scene.heard()[..], [GuestMessage::Exit(_)]));
    assert!(!scene.channel.guest_is_open() && scene.guest.state().is_none());
    scene.act(Act::Start);
    assert!(matches!(scene.heard()[..], [GuestMessage::Init(_)]));
}

#[test]
fn a_guest_that_dies_says_nothing() {
    let mut scene = Scene::enabled();
    scene.act(Act::Die);
    scene.challenge(11);
    scene.pass(20 * SECOND);
    assert!(scene.heard().is_empty() && !scene.channel.guest_is_open());
}

#[test]
fn a_guest_that_reboots_is_silent_and_then_announces_itself() {
    let mut scene = Scene::enabled();
    scene.act(Act::Reboot { down: 4 * SECOND });
    scene.challenge(11);
    scene.pass(3 * SECOND);
    assert!(scene.heard().is_empty());
    scene.pass(2 * SECOND);
    assert!(matches!(scene.heard()[..], [GuestMessage::Init(_)]), "the stale challenge is ignored");
    assert_eq!(scene.guest.counts().starts, 2);
}

#[test]
fn an_unhealthy_guest_asks_for_its_action_also_after_it_is_enabled_anew() {
    let mut scene = Scene::new();
    scene.act(Act::Unhealthy(CorrectiveAction::Log));
    scene.pass(SECOND);
    scene.acknowledge();
    scene.challenge(11);
    let Some(GuestMessage::ChallengeResponse(answer)) = scene.heard().pop() else { panic!() };
    assert_eq!(answer.heartbeat_health, Health::Unhealthy);
    assert_eq!(answer.corrective_action, Some(CorrectiveAction::Log));
    scene.act(Act::Healthy);
    scene.challenge(12);
    let Some(GuestMessage::ChallengeResponse(answer)) = scene.heard().pop() else { panic!() };
    assert_eq!(answer.heartbeat_health, Health::Healthy);
}

#[test]
fn a_guest_that_answers_late_answers_everything_in_order() {
    let mut scene = Scene::enabled();
    scene.act(Act::AnswerLate(3 * SECOND));
    scene.challenge(11);
    scene.pass(SECOND);
    scene.challenge(12);
    scene.pass(SECOND);
    assert_eq!(scene.answers(), [0; 0]);
    scene.pass(SECOND);
    assert_eq!(scene.answers(), [11]);
    scene.pass(SECOND);
    assert_eq!(scene.answers(), [12]);
}

#[test]
fn a_guest_that_lies_answers_another_challenge() {
    let mut scene = Scene::enabled();
    scene.act(Act::Lie(true));
    scene.challenge(11);
    assert_ne!(scene.answers(), [11]);
    scene.act(Act::Lie(false));
    scene.challenge(12);
    assert_eq!(scene.answers(), [12]);
}

#[test]
fn a_mute_guest_knows_when_it_first_did_not_answer() {
    let mut scene = Scene::enabled();
    scene.act(Act::Mute(true));
    assert_eq!(scene.guest.first_unanswered(), None);
    scene.pass(SECOND);
    scene.challenge(11);
    let first = scene.now;
    scene.pass(SECOND);
    scene.challenge(12);
    assert_eq!(scene.guest.first_unanswered(), Some(first));
    assert_eq!(scene.answers(), [0; 0]);
}

#[test]
fn a_guest_votes_as_it_was_told() {
    for (votes, vote, notification) in [
        (Votes::Agree, VoteResult::Accept, VoteResult::Complete),
        (Votes::Reject, VoteResult::Reject, VoteResult::Complete),
        (Votes::Ignore, VoteResult::Timeout, VoteResult::Complete),
    ] {
        let mut scene = Scene::enabled();
        scene.act(Act::Votes(votes));
        for (kind, expected) in
            [(NotificationType::Revocable, vote), (NotificationType::Irrevocable, notification)]
        {
            scene.say(&notify(kind));
            for _ in 0..12 {
                scene.pass(SECOND);
                scene.challenge(1);
            }
            let responses: Vec<VoteResult> = scene
                .heard()
                .into_iter()
                .filter_map(|message| match message {
                    GuestMessage::ActionResponse(response) => Some(response.vote_result),
                    _ => None,
                })
                .collect();
            assert_eq!(responses, [expected], "{votes:?} {kind}");
        }
    }
}

#[test]
fn a_babbling_guest_makes_as_much_noise_as_asked_and_still_answers() {
    let mut scene = Scene::enabled();
    scene.act(Act::Babble { per_second: 1000 });
    let mut answers = Vec::new();
    for tick in 0..100 {
        scene.pass(SECOND / 100);
        scene.challenge(tick);
        answers.extend(scene.answers());
    }
    assert_eq!(scene.guest.counts().noise, 1000);
    assert!(scene.refused > 100, "{}", scene.refused);
    let right = (0..100).filter(|tick| answers.contains(tick)).count();
    assert_eq!(right, 100);
    scene.act(Act::Babble { per_second: 0 });
    scene.pass(SECOND);
    assert_eq!(scene.guest.counts().noise, 1000);
}

#[test]
fn a_host_that_comes_back_is_a_hang_up_for_the_client_and_a_new_init() {
    let mut scene = Scene::enabled();
    scene.channel.host_close(scene.host);
    scene.host = scene.channel.host_connect().unwrap();
    scene.attend();
    assert!(matches!(scene.heard()[..], [GuestMessage::Init(_)]));
}

#[test]
fn a_stopped_guest_goes_on_where_it_was() {
    let mut scene = Scene::enabled();
    scene.channel.stop();
    scene.challenge(11);
    assert!(scene.heard().is_empty());
    scene.channel.cont();
    scene.attend();
    assert_eq!(scene.answers(), [11]);
}

#[test]
fn gaps_are_those_of_the_steady_state() {
    let mut scene = Scene::enabled();
    let mut gaps = Vec::new();
    for step in [SECOND, SECOND / 3, SECOND, 2 * SECOND] {
        scene.now += step;
        let mut challenge = Vec::new();
        HostMessage::Challenge { heartbeat_challenge: 1 }.encode(1, &mut challenge);
        scene.guest.received(scene.now, &challenge);
        scene.guest.handle_deadline(scene.now);
        match scene.guest.poll_write(scene.now, &mut Vec::new()) {
            Some(Written::Answer { gap }) => gaps.push(gap),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(gaps, [None, None, Some(SECOND), Some(2 * SECOND)]);
}

/// Lets a guest live for a while; how it is then, and what it has asked for since it was ill.
fn health(scene: &mut Scene, time: Duration) -> (Health, Vec<CorrectiveAction>) {
    scene.heard();
    scene.live(time);
    let mut answers = scene.heard();
    let Some(GuestMessage::ChallengeResponse(last)) = answers.pop() else { panic!("no answer") };
    answers.push(GuestMessage::ChallengeResponse(last.clone()));
    let asked = |message| match message {
        GuestMessage::ChallengeResponse(answer) if answer.heartbeat_health == Health::Unhealthy => {
            answer.corrective_action.filter(|action| *action != CorrectiveAction::None)
        }
        _ => None,
    };
    (last.heartbeat_health, answers.into_iter().filter_map(asked).collect())
}

const WELL: (Health, Vec<CorrectiveAction>) = (Health::Healthy, Vec::new());

#[test]
fn an_application_that_hangs_or_crashes_makes_its_guest_unhealthy() {
    let mut scene = Scene::enabled();
    scene.act(Act::App(AppAct::Start));
    assert_eq!(health(&mut scene, 5 * SECOND), WELL);
    for (breaks, action, heals) in [
        (AppAct::Hang, APP_ACTION, AppAct::Recover),
        (AppAct::Crash, CorrectiveAction::Log, AppAct::Start),
    ] {
        scene.act(Act::App(breaks));
        let ill = (Health::Unhealthy, vec![action]);
        assert_eq!(health(&mut scene, 5 * SECOND), ill, "{breaks:?}");
        scene.act(Act::App(heals));
        scene.live(3 * SECOND);
        assert_eq!(health(&mut scene, 3 * SECOND), WELL, "{heals:?}");
    }
    scene.act(Act::App(AppAct::Quit));
    assert_eq!(health(&mut scene, 5 * SECOND), WELL);
}

#[test]
fn a_health_script_that_hangs_or_breaks_makes_its_guest_unhealthy() {
    let mut scene = Scene::enabled();
    scene.act(Act::Check(CheckAct::Pass));
    assert_eq!(health(&mut scene, 3 * CHECK), WELL);
    for (act, action) in
        [(CheckAct::Break, CorrectiveAction::Log), (CheckAct::Hang, CorrectiveAction::Reboot)]
    {
        scene.act(Act::Check(act));
        let ill = (Health::Unhealthy, vec![action]);
        assert_eq!(health(&mut scene, 3 * CHECK), ill, "{act:?}");
        scene.act(Act::Check(CheckAct::Pass));
        scene.live(2 * CHECK);
        assert_eq!(health(&mut scene, 3 * CHECK), WELL);
    }
}

#[test]
fn an_application_has_a_vote_too_and_keeps_it_over_a_restart_of_the_client() {
    let mut scene = Scene::enabled();
    scene.act(Act::App(AppAct::Start));
    scene.act(Act::App(AppAct::Votes(Votes::Reject)));
    for _ in 0..2 {
        scene.heard();
        scene.say(&notify(NotificationType::Revocable));
        let heard = scene.heard();
        let [GuestMessage::ActionResponse(answer)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(answer.vote_result, VoteResult::Reject);
        assert_eq!(answer.log_msg.as_str(), "the application says so");
        scene.act(Act::Start);
        scene.acknowledge();
    }
}

#[test]
fn a_guest_that_hung_blames_neither_its_script_nor_its_application() {
    let mut scene = Scene::enabled();
    scene.act(Act::App(AppAct::Start));
    scene.act(Act::Check(CheckAct::Pass));
    scene.live(3 * SECOND);
    scene.act(Act::Hang);
    scene.live(60 * SECOND);
    scene.act(Act::Recover);
    scene.acknowledge_if_asked();
    assert_eq!(health(&mut scene, 10 * SECOND), WELL);
}
