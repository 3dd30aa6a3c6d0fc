//! What goes wrong: drawn from the seed, one thing at a time for each instance, and undone later.

use std::time::Duration;

use protocol::channel::{
    ActionResponse, ChallengeResponse, CorrectiveAction, EventType, GuestMessage, Health, LogMsg,
    NotificationType, VoteResult,
};
use protocol::limits::INT_MAX;

use crate::guest::{Act, AppAct, CheckAct, Votes};
use crate::world::World;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The program hangs.
    Hang,
    /// The program is killed; stale challenges wait for the next one.
    Kill,
    /// The program is replaced by a new one at once.
    Restart,
    /// The program leaves with exit.
    Leave,
    /// The machine reboots.
    Reboot,
    /// Answers carry wrong values.
    Lie,
    /// Challenges are not answered.
    Mute,
    /// Some noise between the answers.
    Babble,
    /// More noise than the host looks at.
    Flood,
    /// Answers a little late.
    Late,
    /// Answers later than an interval.
    TooLate,
    /// The machine is paused.
    Pause,
    /// The health check fails.
    Unhealthy,
    /// Votes are rejected.
    Reject,
    /// Votes are not answered by the handlers.
    Ignore,
    /// Bytes of another sender: stale answers, wrong ids.
    Forge,
    /// QEMU is killed, its file stays; it is started again.
    QemuKilled,
    /// QEMU ends and its file goes; it is started again.
    QemuQuits,
    /// The file is replaced without a word about the old one.
    Replaced,
    /// The file is replaced without any word: inotify has overflowed.
    ReplacedUnseen,
    /// The file goes with and comes back without a word.
    BackUnseen,
    /// Another host connects.
    Intruder,
    /// QEMU is started anew, and another host is the first to connect.
    IntruderFirst,
    /// An application in the guest answers no challenge. Before and after it, it does.
    AppHangs,
    /// An application in the guest is gone without a word, and comes back.
    AppCrashes,
    /// An application in the guest rejects votes.
    AppRejects,
    /// An application in the guest does not answer votes.
    AppIgnores,
    /// The health script does not end. Before and after it, it passes.
    CheckHangs,
    /// The health script ends with a status that means nothing.
    CheckBreaks,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 29] = [
        Self::Hang,
        Self::Kill,
        Self::Restart,
        Self::Leave,
        Self::Reboot,
        Self::Lie,
        Self::Mute,
        Self::Babble,
        Self::Flood,
        Self::Late,
        Self::TooLate,
        Self::Pause,
        Self::Unhealthy,
        Self::Reject,
        Self::Ignore,
        Self::Forge,
        Self::QemuKilled,
        Self::QemuQuits,
        Self::Replaced,
        Self::ReplacedUnseen,
        Self::BackUnseen,
        Self::Intruder,
        Self::IntruderFirst,
        Self::AppHangs,
        Self::AppCrashes,
        Self::AppRejects,
        Self::AppIgnores,
        Self::CheckHangs,
        Self::CheckBreaks,
    ];

    /// Injects it; gives how long it lasts.
    pub(super) fn begin(
        self,
        world: &mut World,
        number: usize,
        random: &mut fastrand::Rng,
    ) -> Duration {
        let (shortest_ms, longest_ms) = self.lasts();
        let lasts = Duration::from_millis(random.u64(shortest_ms..=longest_ms));
        let interval = world.instances()[number].config().interval;
        match self {
            Self::Hang => world.act(number, Act::Hang),
            Self::Kill => world.act(number, Act::Die),
            Self::Restart => world.act(number, Act::Start),
            Self::Leave => world.act(number, Act::Leave),
            Self::Reboot => world.act(number, Act::Reboot { down: lasts }),
            Self::Lie => world.act(number, Act::Lie(true)),
            Self::Mute => world.act(number, Act::Mute(true)),
            Self::Babble => world.act(number, Act::Babble { per_second: random.u32(1..=10) }),
            Self::Flood => world.act(number, Act::Babble { per_second: random.u32(500..4000) }),
            Self::Late => {
                let late = interval * random.u32(5..=60) / 100;
                world.act(number, Act::AnswerLate(late));
            }
            Self::TooLate => {
                let late = interval * random.u32(70..=300) / 100;
                world.act(number, Act::AnswerLate(late));
            }
            Self::Pause => world.pause(number),
            Self::Unhealthy => world.act(number, Act::Unhealthy(action(random))),
            Self::Reject => world.act(number, Act::Votes(Votes::Reject)),
            Self::Ignore => world.act(number, Act::Votes(Votes::Ignore)),
            Self::Forge => forge(world, number, random),
            Self::QemuKilled => world.kill_qemu(number),
            Self::QemuQuits | Self::BackUnseen => world.quit_qemu(number, true),
            Self::Replaced => {
                world.quit_qemu(number, false);
                world.start_qemu(number, true);
            }
            Self::ReplacedUnseen => world.quit_qemu(number, false),
            Self::Intruder => world.intrude(number),
            Self::IntruderFirst => {
                world.lie_in_wait(number);
                world.quit_qemu(number, true);
                world.start_qemu(number, true);
            }
            Self::AppHangs => app(world, number, AppAct::Hang),
            Self::AppCrashes => app(world, number, AppAct::Crash),
            Self::AppRejects => app(world, number, AppAct::Votes(Votes::Reject)),
            Self::AppIgnores => app(world, number, AppAct::Votes(Votes::Ignore)),
            Self::CheckHangs => world.act(number, Act::Check(CheckAct::Hang)),
            Self::CheckBreaks => world.act(number, Act::Check(CheckAct::Break)),
        }
        lasts
    }

    /// Undoes it.
    pub(super) fn end(self, world: &mut World, number: usize) {
        match self {
            Self::Hang => world.act(number, Act::Recover),
            Self::Kill | Self::Leave | Self::Reboot => world.act(number, Act::Start),
            Self::Lie => world.act(number, Act::Lie(false)),
            Self::Mute => world.act(number, Act::Mute(false)),
            Self::Babble | Self::Flood => world.act(number, Act::Babble { per_second: 0 }),
            Self::Late | Self::TooLate => world.act(number, Act::AnswerLate(Duration::ZERO)),
            Self::Pause => world.resume(number),
            Self::Unhealthy => world.act(number, Act::Healthy),
            Self::Reject | Self::Ignore => world.act(number, Act::Votes(Votes::Agree)),
            Self::QemuKilled | Self::QemuQuits => world.start_qemu(number, true),
            Self::ReplacedUnseen | Self::BackUnseen => world.start_qemu(number, false),
            Self::AppHangs => world.act(number, Act::App(AppAct::Recover)),
            Self::AppCrashes => world.act(number, Act::App(AppAct::Start)),
            Self::AppRejects | Self::AppIgnores => {
                world.act(number, Act::App(AppAct::Votes(Votes::Agree)));
            }
            Self::CheckHangs | Self::CheckBreaks => {
                world.act(number, Act::Check(CheckAct::Pass));
            }
            Self::Restart | Self::Forge | Self::Replaced | Self::Intruder | Self::IntruderFirst => {
            }
        }
        world.withdraw(number);
    }

    /// Shortest and longest duration, in milliseconds.
    fn lasts(self) -> (u64, u64) {
        match self {
            Self::Restart | Self::Forge | Self::Replaced => (0, 0),
            Self::Flood => (200, 3000),
            Self::Pause => (100, 90_000),
            Self::Reboot => (3000, 90_000),
            Self::Unhealthy
            | Self::Reject
            | Self::Ignore
            | Self::AppHangs
            | Self::AppRejects
            | Self::AppIgnores
            | Self::CheckHangs
            | Self::CheckBreaks => (2000, 150_000),
            // A crash is forgotten after a minute.
            Self::AppCrashes => (2000, 55_000),
            Self::QemuKilled | Self::QemuQuits | Self::ReplacedUnseen | Self::BackUnseen => {
                (50, 40_000)
            }
            Self::Hang | Self::Kill | Self::Leave | Self::Lie | Self::Mute => (200, 40_000),
            Self::Babble | Self::Late | Self::TooLate | Self::Intruder | Self::IntruderFirst => {
                (2000, 100_000)
            }
        }
    }
}

/// What a guest may do after it was notified of an event.
pub(super) fn announced(event: EventType) -> Option<Fault> {
    match event {
        EventType::Reboot => Some(Fault::Reboot),
        EventType::Stop => Some(Fault::QemuQuits),
        EventType::Pause | EventType::Suspend => Some(Fault::Pause),
        EventType::LiveMigrateBegin | EventType::ColdMigrateBegin => Some(Fault::Hang),
        _ => None,
    }
}

/// Lets an application that runs do something; it runs on until the guest's end.
fn app(world: &mut World, number: usize, act: AppAct) {
    world.act(number, Act::App(AppAct::Start));
    world.act(number, Act::App(act));
}

fn action(random: &mut fastrand::Rng) -> CorrectiveAction {
    CorrectiveAction::ALL[random.usize(..CorrectiveAction::ALL.len())]
}

fn forge(world: &mut World, number: usize, random: &mut fastrand::Rng) {
    let mut bytes = Vec::new();
    for _ in 0..random.u32(1..8) {
        forged(random).encode(random.u32(..), &mut bytes);
    }
    world.forge(number, &bytes);
}

fn forged(random: &mut fastrand::Rng) -> GuestMessage {
    if random.bool() {
        return GuestMessage::ChallengeResponse(ChallengeResponse {
            heartbeat_response: random.u32(..=INT_MAX),
            heartbeat_health: Health::Unhealthy,
            corrective_action: Some(CorrectiveAction::Reboot),
            log_msg: LogMsg::new("forged"),
        });
    }
    GuestMessage::ActionResponse(ActionResponse {
        invocation_id: random.u32(..=INT_MAX),
        event_type: EventType::ALL[random.usize(..EventType::ALL.len())],
        notification_type: NotificationType::Revocable,
        vote_result: VoteResult::Reject,
        log_msg: LogMsg::new("forged"),
    })
}
