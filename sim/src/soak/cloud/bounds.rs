//! The agent knows what there is, and no more: memory and queues stay within bounds.

use std::time::Duration;

use protocol::InstanceId;

use super::super::invariants::{Verdict, Violation, violated};
use super::watch::Watch;
use crate::cloud::Cloud;
use crate::world::Weather;

/// The agent asks for the inventory this often, with some time for the answer.
const INVENTORY: Duration = Duration::from_secs(5 * 60 + 5);
impl Watch {
    /// The agent knows every host of the inventory, also if it was not told of one.
    pub(super) fn hosts_are_known(&mut self, cloud: &Cloud) -> Verdict {
        let now = cloud.now();
        let Some(agent) = cloud.agent() else { return Ok(()) };
        let known: Vec<InstanceId> = agent.hosts().map(|host| host.uuid).collect();
        for (number, host) in self.hosts.iter_mut().enumerate() {
            let is_known = known.contains(&cloud.uuid(number));
            if is_known && !host.is_known {
                host.decided = now;
            }
            host.is_known = is_known;
            if is_known
                || !cloud.is_listed(number)
                || cloud.maintenance_weather != Weather::default()
                || !cloud.agent_is_driven()
            {
                host.unknown_since = now;
            } else if now > host.unknown_since + INVENTORY {
                let sentence = format!("the agent knows every host: compute-{number} is not known");
                return Err(Violation { number: None, sentence });
            }
        }
        Ok(())
    }

    /// Memory and queues stay within bounds.
    pub(super) fn bounds(&self, cloud: &Cloud) -> Verdict {
        let Some(agent) = cloud.agent() else { return Ok(()) };
        let known = agent.instances().filter_map(|view| self.number_of(view.id));
        if let Some(number) = known.into_iter().find(|number| self.instances[*number].gone) {
            return violated(number, "the agent knows what the VIM has deleted".to_owned());
        }
        let (instances, hosts) = (agent.instances().count(), agent.hosts().count());
        let taken: usize = self.instances.iter().map(|instance| instance.order.len()).sum();
        let asked: usize = self.instances.iter().map(|instance| instance.answers.len()).sum();
        let (waiting, entries) = (agent.waiting(), cloud.remembered());
        let entries_max = 10 * (self.instances.len() + self.hosts.len()) + 5 * (taken + asked);
        let sentence = if instances > self.instances.len() || hosts > self.hosts.len() {
            format!("the agent knows what there is: {instances} instances, {hosts} hosts")
        } else if waiting > instances + taken + asked {
            format!(
                "nothing waits for the VIM that nobody said: {waiting} events, of them {taken} of \
                 servers and {asked} answers, and one for each of {instances} instances"
            )
        } else if entries > entries_max {
            format!("the agent remembers no more than there is: {entries} of {entries_max}")
        } else if cloud.happenings() > 100 * self.instances.len() + 10_000 {
            format!("what is under way stays within bounds: {} happenings", cloud.happenings())
        } else {
            return Ok(());
        };
        Err(Violation { number: None, sentence })
    }
}
