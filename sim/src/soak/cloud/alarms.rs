//! Every loss of a reporting instance on a reporting host reaches the VIM exactly once, as long as
//! neither the agent nor that server restarts.

use std::time::{Duration, Instant};

use protocol::datagram::EventId;
use protocol::vim::{AlarmState, VimEvent};

use super::super::invariants::{Verdict, violated};

/// The longest wait until a server repeats a loss, twice, and what is under way.
const WITHIN: Duration = Duration::from_secs(65);

/// The losses of an instance that servers have reported.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    losses: Vec<Loss>,
}

#[derive(Debug)]
struct Loss {
    at: Instant,
    host: usize,
    id: EventId,
    /// It has to reach the VIM; otherwise it may.
    must: bool,
    delivered: bool,
    /// The agent that took it has ended, or was not sure: it may reach the VIM once more.
    spare: bool,
}

impl Alarms {
    /// A server reports a loss.
    pub(super) fn reported(&mut self, at: Instant, host: usize, id: EventId, must: bool) {
        self.losses.push(Loss { at, host, id, must, delivered: false, spare: false });
    }

    /// What this server has not got rid of is gone with it.
    pub(super) fn server_ended(&mut self, host: usize) {
        let mine = self.losses.iter_mut().filter(|loss| loss.host == host);
        mine.for_each(|loss| loss.must = false);
    }

    /// What the agent knew is gone with it, and what servers have not heard of comes again.
    pub(super) fn agent_ended(&mut self) {
        for loss in &mut self.losses {
            (loss.must, loss.spare) = (false, true);
        }
    }

    /// The VIM wants something else from now on.
    pub(super) fn decided(&mut self) {
        self.losses.iter_mut().for_each(|loss| loss.must = false);
    }

    /// The agent is not sure about one.
    pub(super) fn uncertain(&mut self) {
        self.losses.iter_mut().for_each(|loss| loss.must = false);
    }

    /// The VIM takes an alarm; `settled`: it has wanted to know for long.
    pub(super) fn took(&mut self, number: usize, event: &VimEvent, settled: bool) -> Verdict {
        let VimEvent::Alarm { state: AlarmState::Failed, .. } = event else { return Ok(()) };
        let losses = &self.losses;
        let find = |wanted: &dyn Fn(&Loss) -> bool| losses.iter().position(wanted);
        let index = find(&|loss| loss.must && !loss.delivered)
            .or_else(|| find(&|loss| !loss.delivered))
            .or_else(|| find(&|loss| loss.spare));
        match index {
            Some(index) if self.losses[index].delivered => self.losses[index].spare = false,
            Some(index) => self.losses[index].delivered = true,
            None if settled => {
                return violated(number, "a loss reaches the VIM once".to_owned());
            }
            None => {}
        }
        Ok(())
    }

    /// While all are well: by now the server has repeated it, and the agent has told it. `well_since`:
    /// by host.
    pub(super) fn overdue(
        &self,
        number: usize,
        now: Instant,
        well_since: impl Fn(usize) -> Instant,
    ) -> Verdict {
        let overdue = |loss: &&Loss| {
            loss.must && !loss.delivered && now > loss.at.max(well_since(loss.host)) + WITHIN
        };
        self.losses.iter().find(overdue).map_or(Ok(()), |loss| missing(number, loss))
    }

    /// At the end of a calm.
    pub(super) fn all_delivered(&mut self, number: usize) -> Verdict {
        let losses = std::mem::take(&mut self.losses);
        match losses.iter().find(|loss| loss.must && !loss.delivered) {
            Some(loss) => missing(number, loss),
            None => Ok(()),
        }
    }
}

fn missing(number: usize, loss: &Loss) -> Verdict {
    let Loss { host, id, .. } = loss;
    violated(number, format!("every loss reaches the VIM: compute-{host} reported one, {id}"))
}
