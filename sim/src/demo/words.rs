//! What is said about it, in sentences.

use std::time::{Duration, Instant};

use super::inside::HEALTH_INTERVAL;
use super::roles;
use super::scene::{Scene, What};
use super::told::Kind;

/// Events that come within this time are told together: each is a request of its own.
const TOGETHER: Duration = Duration::from_millis(50);

impl What {
    /// One word for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Repair => "repair",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::FallIll => "fall-ill",
            Self::RebootIll => "reboot-ill",
            Self::CrashApplication => "crash-application",
            Self::StartApplication => "start-application",
            Self::Leave => "leave",
            Self::StartLeft => "start-left",
            Self::Restart => "restart",
            Self::KillQemu => "kill-qemu",
            Self::StartQemu => "start-qemu",
            Self::VoteStop => "vote-stop",
            Self::VoteReboot => "vote-reboot",
            Self::NotifyReboot => "notify-reboot",
            Self::Reboot => "reboot",
            Self::StartRebooted => "start-rebooted",
        }
    }

    /// For a line.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Kill => "killed",
            Self::Repair | Self::RebootIll => "rebooted for that",
            Self::Freeze => "frozen",
            Self::Thaw => "thawed",
            Self::FallIll => "fell ill",
            Self::CrashApplication => "lost its application",
            Self::StartApplication => "application restarted",
            Self::Leave => "told to leave",
            Self::StartLeft => "started again",
            Self::Restart => "restarted",
            Self::KillQemu => "QEMU killed",
            Self::StartQemu => "new QEMU, new guest",
            Self::VoteStop => "asked to stop",
            Self::VoteReboot => "asked to reboot",
            Self::NotifyReboot => "told of its reboot",
            Self::Reboot => "rebooted as announced",
            Self::StartRebooted => "has booted",
        }
    }

    /// What is done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Start => "its client is started",
            Self::Kill => {
                "its client is killed (SIGKILL): the channel stays open, no end of file tells of it"
            }
            Self::FallIll => {
                "its disk is full; its health script finds that, prints it and ends with status 1"
            }
            Self::RebootIll => {
                "the VIM reboots it, as it asks for: its QEMU ends, a new one starts, with room"
            }
            Self::CrashApplication => {
                "an application in it, registered with its client, is killed (SIGKILL)"
            }
            Self::StartApplication => "nobody reboots it; the application is started again",
            Self::Repair => {
                "the VIM reboots it, as the alarm asks for: its QEMU ends, a new one starts"
            }
            Self::Freeze => "its client is frozen (SIGSTOP): everything is open, nobody answers",
            Self::Thaw => "nobody reboots it; its client is thawed (SIGCONT)",
            Self::Leave => "its client is told to leave (SIGTERM): it says exit and ends",
            Self::StartLeft => "a new client is started where one had left",
            Self::Restart => "its client is killed (SIGKILL) and a new one started at once",
            Self::KillQemu => {
                "its QEMU is killed: end of file on the channel, its socket stays and refuses"
            }
            Self::StartQemu => "a new QEMU with a new socket, and a client in it",
            Self::VoteStop => "the VIM asks it (vote) whether it may be stopped",
            Self::VoteReboot => "the VIM asks it (vote) whether it may be rebooted",
            Self::NotifyReboot => "the VIM tells it (notify) that it is rebooted now",
            Self::Reboot => "the VIM reboots it: its client is gone, nobody answers until it is up",
            Self::StartRebooted => "it has booted, its client starts",
        }
    }

    /// What the specification says is right.
    pub(super) fn rule(self, interval: Duration) -> String {
        let ms = |intervals: u32| (intervals * interval).as_millis();
        let loss = |then: &str| {
            format!(
                "one missed challenge is forgiven, the second is a failure: {} to {} ms; {then}",
                ms(2),
                ms(3)
            )
        };
        match self {
            Self::Start => "heartbeat running, once, and nothing else".to_owned(),
            Self::Kill => loss("its corrective action is reboot, so the VIM reboots it"),
            Self::Freeze => loss("its corrective action is log, so the VIM only logs it"),
            Self::FallIll => format!(
                "the script runs every {} ms, the next answer says unhealthy and why: in {} ms; its \
                 corrective action is reboot, so the VIM reboots it",
                HEALTH_INTERVAL.as_millis(),
                (HEALTH_INTERVAL + interval).as_millis()
            ),
            Self::RebootIll => format!(
                "stopped, no failure; the script passes: heartbeat running in {} ms, which ends the \
                 alarm",
                ms(2)
            ),
            Self::CrashApplication => format!(
                "it closed without notice, and the next answer says unhealthy: in {} ms; the VIM \
                 only logs it",
                ms(1)
            ),
            Self::StartApplication => format!(
                "it registers, the next answer is healthy: in {} ms; the VIM is told nothing, for \
                 being well there is no event",
                ms(1)
            ),
            Self::Leave => "heartbeat stopped at once, and no alarm".to_owned(),
            Self::Restart => format!(
                "a new init is a new start: no alarm, unless it is silent for over {} ms",
                ms(2)
            ),
            Self::KillQemu => {
                "heartbeat stopped at once, no alarm: the channel ended, not the guest".to_owned()
            }
            Self::Thaw => format!(
                "late answers count for nothing; {} ms without a challenge, and it asks anew",
                ms(2).max(5000)
            ),
            Self::StartLeft | Self::StartRebooted => {
                format!("init, challenge, answer, all at once: heartbeat running in {} ms", ms(1))
            }
            Self::StartQemu => {
                format!(
                    "the new socket is seen and connected to: heartbeat running in {} ms",
                    ms(1)
                )
            }
            Self::Repair => {
                format!("away for {} ms, then at once: heartbeat running in {} ms", ms(1), ms(2))
            }
            Self::VoteStop => {
                format!("it objects and says why: the VIM calls it off, in {} ms", ms(1))
            }
            Self::VoteReboot => format!("it agrees: the VIM may go on, in {} ms", ms(1)),
            Self::NotifyReboot => format!("it is prepared: the VIM proceeds, in {} ms", ms(1)),
            Self::Reboot => format!(
                "announced silence is no failure: stopped after {} to {} ms, and no alarm",
                ms(2),
                ms(3)
            ),
        }
    }
}

/// What the VIM was told, after a verdict or before it.
pub(super) fn detected(scene: &Scene, after: Option<Duration>) -> String {
    let events = events(&scene.events, scene.at);
    match scene.what {
        What::Restart => restart(scene, after, &events),
        What::StartApplication => {
            let well = match scene.well_after() {
                Some(time) => format!("healthy{}", self::after(time)),
                None => "still unhealthy".to_owned(),
            };
            format!("{well}, {events}")
        }
        What::Leave | What::KillQemu | What::Reboot if !scene.is_lost() => {
            let ended = match scene.ended_well() {
                Some(true) => ", status 0",
                Some(false) => ", but the client failed",
                None if scene.what == What::Leave => ", but the client did not end",
                None => "",
            };
            format!("{events}, no alarm{ended}")
        }
        _ if scene.reason.is_empty() => events,
        _ => format!("{events}, {:?}", scene.reason),
    }
}

/// Who found it out, if the VIM was told anything or is right not to be.
pub(super) fn found_by(scene: &Scene) -> Option<String> {
    let host = roles::hostname(scene.host);
    if let Some(why) = &scene.found {
        return Some(match scene.what {
            What::FallIll => format!("its health script, to {host}: {why}"),
            What::CrashApplication => format!("its client, to {host}: {why}"),
            _ => format!("{host}: {why}"),
        });
    }
    if scene.what == What::StartApplication {
        return scene.well_after().map(|_| "its client".to_owned());
    }
    match scene.events.last()?.1 {
        Kind::Running => Some(format!("{host}: it answers")),
        Kind::Answer(..) => Some("the guest itself".to_owned()),
        Kind::Stopped | Kind::Alarm(..) => None,
    }
}

fn restart(scene: &Scene, after: Option<Duration>, events: &str) -> String {
    let (Some(after), Some(silent)) = (after, scene.silent()) else {
        return format!("{events}; no heartbeat since");
    };
    let lost = if scene.is_lost() { format!("but {events}") } else { "no alarm".to_owned() };
    format!("heartbeats again{}, silent for {} ms, {lost}", self::after(after), silent.as_millis())
}

/// Events with their times, those that came together with one, and what they lead to.
fn events(events: &[(Instant, Kind)], since: Instant) -> String {
    let together = |a: &(Instant, Kind), b: &(Instant, Kind)| {
        a.1.consequence().is_none() && b.0.saturating_duration_since(a.0) <= TOGETHER
    };
    let groups = events.chunk_by(together).filter_map(|group| {
        let (at, last) = group.last()?;
        let words: Vec<&str> = group.iter().map(|(_, kind)| kind.short()).collect();
        let after = after(at.saturating_duration_since(since));
        let so = last.consequence().map(|so| format!(" -> {so}")).unwrap_or_default();
        Some(format!("{}{after}{so}", words.join(" and ")))
    });
    let groups: Vec<String> = groups.collect();
    if groups.is_empty() { "the VIM hears nothing".to_owned() } else { groups.join(", ") }
}

/// Milliseconds, with a decimal where there are only a few.
fn after(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!(" after {ms:.1} ms") } else { format!(" after {ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use protocol::vim::AlarmState;

    use super::*;
    use crate::clock;
    use crate::vim::Consequence;

    #[test]
    fn events_that_come_together_are_told_together() {
        let at = clock::now();
        let ms = |ms| at + Duration::from_millis(ms);
        let told = |list: &[(Instant, Kind)]| events(list, at);
        let failed = Kind::Alarm(AlarmState::Failed, Consequence::Reboots);
        assert_eq!(told(&[]), "the VIM hears nothing");
        assert_eq!(told(&[(ms(3), Kind::Stopped)]), "stopped after 3.0 ms");
        assert_eq!(
            told(&[(ms(2003), Kind::Stopped), (ms(2009), failed), (ms(2030), Kind::Running)]),
            "stopped and failed after 2009 ms -> reboots the instance, heartbeats after 2030 ms"
        );
    }
}
