//! What goes wrong, when, and with how many: as written on a command line.

use std::str::FromStr;
use std::time::Duration;

use super::QemuAct;
use crate::guest::{Act, NotAnAct, parse_duration};

/// Something that happens to some of the channels at a time. Written `WHAT@TIME`, or
/// `WHAT@TIME/N` for every Nth channel only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub what: What,
    /// When, counted from the moment when all channels are there.
    pub after: Duration,
    /// To the channels whose index, counted from 0, is a multiple of this.
    pub every: usize,
}

/// To whom it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// `qemu-stop`, `qemu-cont`, `qemu-kill`, `qemu-quit`, `qemu-start`.
    Qemu(QemuAct),
    /// Any [`Act`] as it is written.
    Guest(Act),
}

/// Why a text is no [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFault {
    /// No time or no number.
    #[error("`{0}` is not WHAT@TIME or WHAT@TIME/N, as in hang@30s/10")]
    Form(String),
    /// No such act.
    #[error("{0}; or qemu-stop, qemu-cont, qemu-kill, qemu-quit, qemu-start")]
    What(#[from] NotAnAct),
}

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        let form = || NotAFault::Form(text.to_owned());
        let (what, rest) = text.split_once('@').ok_or_else(form)?;
        let (after, every) = rest.split_once('/').unwrap_or((rest, "1"));
        Ok(Self {
            what: what.parse()?,
            after: parse_duration(after).ok_or_else(form)?,
            every: every.parse().ok().filter(|every| *every > 0).ok_or_else(form)?,
        })
    }
}

impl FromStr for What {
    type Err = NotAnAct;

    fn from_str(text: &str) -> Result<Self, NotAnAct> {
        Ok(Self::Qemu(match text {
            "qemu-stop" => QemuAct::Stop,
            "qemu-cont" => QemuAct::Cont,
            "qemu-kill" => QemuAct::Kill,
            "qemu-quit" => QemuAct::Quit,
            "qemu-start" => QemuAct::Start,
            other => return other.parse().map(Self::Guest),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        let seconds = Duration::from_secs;
        let hang = Fault { what: What::Guest(Act::Hang), after: seconds(30), every: 10 };
        assert_eq!("hang@30s/10".parse(), Ok(hang));
        let kill = Fault { what: What::Qemu(QemuAct::Kill), after: seconds(60), every: 1 };
        assert_eq!("qemu-kill@1m".parse(), Ok(kill));
        let late = What::Guest(Act::AnswerLate(Duration::from_millis(300)));
        assert_eq!("late=300ms@0s".parse(), Ok(Fault { what: late, after: seconds(0), every: 1 }));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in ["hang", "hang@", "hang@30", "hang@30s/0", "hang@30s/x"] {
            assert!(matches!(text.parse::<Fault>(), Err(NotAFault::Form(_))), "{text}");
        }
        assert!(matches!("qemu-explode@1s".parse::<Fault>(), Err(NotAFault::What(_))));
    }
}
