//! What a script can make a guest do, and how that is written on a command line.

use std::str::FromStr;
use std::time::Duration;

use protocol::channel::CorrectiveAction;

/// One thing that happens to a guest. What it changes stays changed until the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// `hang`: the program stops reading and writing, its port stays open.
    Hang,
    /// `recover`: a program that hangs goes on.
    Recover,
    /// `die`: the program is killed: no exit, the port is closed.
    Die,
    /// `leave`: the program is told to stop: it sends exit and ends.
    Leave,
    /// `start`: the program starts, anew if it runs.
    Start,
    /// `reboot=TIME`: the program dies and is back after `down`.
    Reboot {
        /// From the end of the old program to the start of the new one.
        down: Duration,
    },
    /// `unhealthy=ACTION`: an application of it says that something is wrong and wants this done.
    Unhealthy(CorrectiveAction),
    /// `healthy`: nothing is wrong any more.
    Healthy,
    /// `app` and the like: what another application of it does.
    App(AppAct),
    /// `check` and the like: what its health script does.
    Check(CheckAct),
    /// `late=TIME`: everything is written this long after it should have been.
    AnswerLate(Duration),
    /// `lie`, `honest`: its answers repeat a wrong challenge.
    Lie(bool),
    /// `mute`, `speak`: it reads challenges and does not answer them.
    Mute(bool),
    /// `reject`, `ignore`, `agree`: what it says to votes.
    Votes(Votes),
    /// `babble=RATE`, `quiet`: noise between its messages.
    Babble {
        /// Writes of noise a second; 0 for none.
        per_second: u32,
    },
}

/// What an application in a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppAct {
    /// `app`: it starts and registers, anew after a crash.
    Start,
    /// `app-hang`: it answers no challenge.
    Hang,
    /// `app-recover`: it does again.
    Recover,
    /// `app-crash`: it is gone without a word.
    Crash,
    /// `app-quit`: it leaves with notice.
    Quit,
    /// `app-reject`, `app-ignore`, `app-agree`: what it says to votes.
    Votes(Votes),
}

/// What a health script does. There is none until one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckAct {
    /// `check`: it runs every few seconds and passes.
    Pass,
    /// `check-hang`: it does not end.
    Hang,
    /// `check-break`: it ends with a status that means nothing.
    Break,
    /// `check-off`: there is none.
    Off,
}

/// What a guest says when it is asked to vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Votes {
    /// Yes, at once.
    Agree,
    /// No, at once.
    Reject,
    /// Nothing: the client's own timeout answers.
    Ignore,
}

/// The text names no [`Act`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is none of hang, recover, die, leave, start, reboot=TIME, unhealthy=ACTION, healthy, \
     late=TIME, lie, honest, mute, speak, reject, ignore, agree, babble=RATE, quiet, app, \
     app-hang, app-recover, app-crash, app-quit, app-reject, app-ignore, app-agree, check, \
     check-hang, check-break, check-off (TIME as in 300ms, 4s, 2m; ACTION none, log, reboot or stop)"
)]
pub struct NotAnAct(String);

impl FromStr for Act {
    type Err = NotAnAct;

    fn from_str(text: &str) -> Result<Self, NotAnAct> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let act = match value {
            None => plain(name),
            Some(value) => with_value(name, value),
        };
        act.ok_or_else(|| NotAnAct(text.to_owned()))
    }
}

fn plain(name: &str) -> Option<Act> {
    Some(match name {
        "hang" => Act::Hang,
        "recover" => Act::Recover,
        "die" => Act::Die,
        "leave" => Act::Leave,
        "start" => Act::Start,
        "healthy" => Act::Healthy,
        "app" => Act::App(AppAct::Start),
        "app-hang" => Act::App(AppAct::Hang),
        "app-recover" => Act::App(AppAct::Recover),
        "app-crash" => Act::App(AppAct::Crash),
        "app-quit" => Act::App(AppAct::Quit),
        "app-reject" => Act::App(AppAct::Votes(Votes::Reject)),
        "app-ignore" => Act::App(AppAct::Votes(Votes::Ignore)),
        "app-agree" => Act::App(AppAct::Votes(Votes::Agree)),
        "check" => Act::Check(CheckAct::Pass),
        "check-hang" => Act::Check(CheckAct::Hang),
        "check-break" => Act::Check(CheckAct::Break),
        "check-off" => Act::Check(CheckAct::Off),
        "lie" => Act::Lie(true),
        "honest" => Act::Lie(false),
        "mute" => Act::Mute(true),
        "speak" => Act::Mute(false),
        "reject" => Act::Votes(Votes::Reject),
        "ignore" => Act::Votes(Votes::Ignore),
        "agree" => Act::Votes(Votes::Agree),
        "quiet" => Act::Babble { per_second: 0 },
        _ => return None,
    })
}

fn with_value(name: &str, value: &str) -> Option<Act> {
    Some(match name {
        "reboot" => Act::Reboot { down: parse_duration(value)? },
        "unhealthy" => Act::Unhealthy(CorrectiveAction::from_word(value)?),
        "late" => Act::AnswerLate(parse_duration(value)?),
        "babble" => Act::Babble { per_second: value.parse().ok()? },
        _ => return None,
    })
}

/// Reads a whole number of `ms`, `s` or `m`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u32 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_read_as_they_are_written_on_a_command_line() {
        let four_seconds = Duration::from_secs(4);
        for (text, act) in [
            ("hang", Act::Hang),
            ("speak", Act::Mute(false)),
            ("app-crash", Act::App(AppAct::Crash)),
            ("check", Act::Check(CheckAct::Pass)),
            ("reject", Act::Votes(Votes::Reject)),
            ("reboot=4s", Act::Reboot { down: four_seconds }),
            ("late=300ms", Act::AnswerLate(Duration::from_millis(300))),
            ("unhealthy=log", Act::Unhealthy(CorrectiveAction::Log)),
            ("babble=1000", Act::Babble { per_second: 1000 }),
        ] {
            assert_eq!(text.parse(), Ok(act), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_list_of_what_there_is() {
        for text in ["", "hangs", "hang=1", "reboot", "reboot=4", "late=-1s", "unhealthy=maybe"] {
            let refused = text.parse::<Act>().unwrap_err();
            assert!(refused.to_string().contains("unhealthy=ACTION"), "{text}");
        }
    }
}
