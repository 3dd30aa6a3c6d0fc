//! A simple agent: it names instances, audits them, and believes what it is told.

use protocol::InstanceId;
use protocol::datagram::{Command, Event, InstanceInfo};

/// What the agent knows of an instance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// It is to be on this host.
    pub wanted: bool,
    /// Its failures are to be reported.
    pub reporting: bool,
    /// What the server last said.
    pub heartbeating: Option<bool>,
    answered: bool,
}

/// The agent. Instances are numbered.
#[derive(Debug)]
pub struct Agent {
    pub(super) instances: Vec<Known>,
    pub(super) host_reporting: bool,
}

impl Agent {
    pub(super) fn new(instances: usize) -> Self {
        Self { instances: vec![Known::default(); instances], host_reporting: true }
    }

    /// What it knows of an instance.
    pub fn instance(&self, number: usize) -> &Known {
        &self.instances[number]
    }

    /// Takes an event about instance `number` (if it is about one) and gives its commands.
    pub(super) fn hear(&mut self, event: &Event, number: Option<usize>) -> Vec<Command> {
        let known = number.and_then(|number| self.instances.get_mut(number));
        match (event, known) {
            (Event::Ready { .. }, _) => return self.introduce(),
            (Event::Running(_), Some(known)) => known.heartbeating = Some(true),
            (Event::Stopped(_) | Event::Loss { .. }, Some(known)) => {
                known.heartbeating = Some(false);
            }
            (Event::QueryResponse(info), Some(known)) => return known.compare(info),
            _ => {}
        }
        Vec::new()
    }

    /// After the server's ready: it knows nothing.
    fn introduce(&mut self) -> Vec<Command> {
        for known in &mut self.instances {
            known.heartbeating = None;
        }
        let host = Command::ModifyHost { reporting: self.host_reporting.into() };
        let wanted = self.instances.iter().enumerate().filter(|(_, known)| known.wanted);
        std::iter::once(host).chain(wanted.map(|(number, known)| known.modify(number))).collect()
    }

    /// An audit: whoever was not in the last answer is named again, then all are asked for.
    pub(super) fn audit(&mut self) -> Vec<Command> {
        let mut commands = vec![Command::ModifyHost { reporting: self.host_reporting.into() }];
        for (number, known) in self.instances.iter_mut().enumerate() {
            if !std::mem::take(&mut known.answered) && known.wanted {
                commands.push(known.modify(number));
            }
        }
        commands.push(Command::QueryInstances);
        commands
    }
}

impl Known {
    pub(super) fn modify(self, number: usize) -> Command {
        let uuid = InstanceId::numbered(number as u64);
        Command::ModifyInstance { uuid, reporting: self.reporting.into() }
    }

    fn compare(&mut self, info: &InstanceInfo) -> Vec<Command> {
        self.heartbeating = Some(info.heartbeating.is_on());
        self.answered = true;
        let uuid = info.uuid;
        if !self.wanted {
            return vec![Command::DeleteInstance { uuid }];
        }
        if info.reporting.is_on() == self.reporting {
            return Vec::new();
        }
        vec![Command::ModifyInstance { uuid, reporting: self.reporting.into() }]
    }
}
