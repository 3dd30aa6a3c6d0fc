//! What is said about it, in sentences.

use std::time::{Duration, Instant};

use super::play::Kind;
use super::scene::{Scene, What};

/// Events that come within this time are told together.
const TOGETHER: Duration = Duration::from_millis(5);

impl What {
    /// One word for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Leave => "leave",
            Self::Restart => "restart",
            Self::KillQemu => "kill-qemu",
            Self::Thaw => "thaw",
            Self::StartKilled => "start-killed",
            Self::StartLeft => "start-left",
            Self::StartQemu => "start-qemu",
        }
    }

    /// For a table.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::Kill => "killed (SIGKILL)",
            Self::Freeze => "frozen (SIGSTOP)",
            Self::Leave => "left (SIGTERM)",
            Self::Restart => "restarted",
            Self::KillQemu => "QEMU killed",
            Self::Thaw => "thawed (SIGCONT)",
            Self::StartKilled | Self::StartLeft => "started again",
            Self::StartQemu => "new QEMU, new guest",
        }
    }

    /// What is done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Start => "its client is started",
            Self::Kill => {
                "its client is killed (SIGKILL): the channel stays open, no end of file tells of it"
            }
            Self::Freeze => "its client is frozen (SIGSTOP): everything is open, nobody answers",
            Self::Leave => "its client is told to leave (SIGTERM): it says exit and ends",
            Self::Restart => "its client is killed (SIGKILL) and a new one started at once",
            Self::KillQemu => {
                "its QEMU is killed: end of file on the channel, its socket stays and refuses"
            }
            Self::Thaw => "its client is thawed (SIGCONT)",
            Self::StartKilled => "a new client is started where one was killed",
            Self::StartLeft => "a new client is started where one had left",
            Self::StartQemu => "a new QEMU with a new socket, and a client in it",
        }
    }

    /// What the specification says is right.
    pub(super) fn rule(self, interval: Duration) -> String {
        let ms = |intervals: u32| (intervals * interval).as_millis();
        match self {
            Self::Start => "heartbeat running, once, and nothing else".to_owned(),
            Self::Kill | Self::Freeze => format!(
                "one missed challenge is forgiven, the second is a loss: {} to {} ms",
                ms(2),
                ms(3)
            ),
            Self::Leave => "heartbeat stopped at once, and no loss".to_owned(),
            Self::Restart => format!(
                "a new init is a new start: no loss, unless it is silent for over {} ms",
                ms(2)
            ),
            Self::KillQemu => {
                "heartbeat stopped at once, no loss: the channel ended, not the guest".to_owned()
            }
            Self::Thaw => {
                let silence = ms(2).max(5000);
                format!(
                    "late answers count for nothing; {silence} ms without a challenge, and it asks anew"
                )
            }
            Self::StartKilled | Self::StartLeft => {
                format!("init, challenge, answer, all at once: heartbeat running in {} ms", ms(1))
            }
            Self::StartQemu => {
                format!("the new file is seen and connected to: heartbeat running in {} ms", ms(1))
            }
        }
    }
}

/// What was detected, after a verdict or before it.
pub(super) fn detected(scene: &Scene, after: Option<Duration>) -> String {
    let events = events(&scene.events, scene.at);
    match scene.what {
        What::Restart => restart(scene, after, &events),
        What::Leave | What::KillQemu if !is_lost(scene) => {
            let ended = match scene.ended_well() {
                Some(true) => ", status 0",
                Some(false) => ", but the client failed",
                None if scene.what == What::Leave => ", but the client did not end",
                None => "",
            };
            format!("{events}, no loss{ended}")
        }
        _ => events,
    }
}

fn restart(scene: &Scene, after: Option<Duration>, events: &str) -> String {
    let (Some(after), Some(silent)) = (after, scene.silent()) else {
        return format!("{events}; no heartbeat since");
    };
    let lost = if is_lost(scene) { format!("but {events}") } else { "no loss".to_owned() };
    format!("heartbeats again{}, silent for {} ms, {lost}", self::after(after), silent.as_millis())
}

fn is_lost(scene: &Scene) -> bool {
    scene.events.iter().any(|(_, kind)| *kind == Kind::Loss)
}

/// Events with their times, those that came together with one.
fn events(events: &[(Instant, Kind)], since: Instant) -> String {
    let Some((first, rest)) = events.split_first() else { return "nothing reported".to_owned() };
    let after = |at: Instant| after(at.saturating_duration_since(since));
    let mut text = first.1.as_str().to_owned();
    let mut last = first.0;
    for (at, kind) in rest {
        if at.saturating_duration_since(last) > TOGETHER {
            text.push_str(&after(last));
        }
        text.push_str(" and ");
        text.push_str(kind.as_str());
        last = *at;
    }
    text + &after(last)
}

/// Milliseconds, with a decimal where there are only a few.
fn after(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!(" after {ms:.1} ms") } else { format!(" after {ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn events_that_come_together_are_told_together() {
        let at = clock::now();
        let ms = |ms| at + Duration::from_millis(ms);
        let told = |list: &[(Instant, Kind)]| events(list, at);
        assert_eq!(told(&[]), "nothing reported");
        assert_eq!(told(&[(ms(3), Kind::Stopped)]), "heartbeat stopped after 3.0 ms");
        assert_eq!(
            told(&[(ms(3), Kind::Stopped), (ms(4), Kind::Loss), (ms(30), Kind::Running)]),
            "heartbeat stopped and heartbeat loss after 4.0 ms and heartbeat running after 30 ms"
        );
    }
}
