//! What an onlooker sees between the hosts, the agent and the VIM.

use guest_agent::core::Note;
use protocol::InstanceId;
use protocol::datagram::{Event, EventId};
use protocol::vim::{CommandReply, RestError, VimCommand, VimEvent, VimRequest};

/// Something that an onlooker sees. What happens on a host is seen in its world.
#[derive(Debug)]
pub enum Seen {
    /// An agent begins, knowing nothing.
    AgentStarted,
    /// The agent is gone, and all that it knew.
    AgentEnded,
    /// A server's event that is news has reached the controller; the agent may be held up.
    Arrived {
        /// Whose.
        host: usize,
        /// What it says.
        event: Event,
    },
    /// The agent takes an event.
    Handed {
        /// Of which host.
        host: usize,
        /// What it says.
        event: Event,
        /// What it is to acknowledge.
        id: Option<EventId>,
        /// It acknowledges it for the first time, and it is to go on to the VIM.
        passes: bool,
    },
    /// The agent sends a request to the VIM.
    Sent(VimRequest),
    /// The VIM takes an event.
    Took {
        /// What it says.
        event: VimEvent,
        /// The VIM disagrees with it, and says so.
        corrected: bool,
        /// It was sent by the agent that runs now.
        current: bool,
    },
    /// What the agent hears of an event that it sent.
    Outcome {
        /// The event.
        event: VimEvent,
        /// What it hears.
        fate: Fate,
    },
    /// The VIM has made up its mind, and tells the agent.
    Decided(VimCommand),
    /// The agent has obeyed a command, or refused to.
    Obeyed {
        /// The command.
        command: VimCommand,
        /// Its reply.
        reply: Result<CommandReply, RestError>,
        /// It only repeats what the VIM had decided before.
        correction: bool,
    },
    /// A command did not get an answer.
    Unheard(VimCommand),
    /// The agent asked its shell for something impossible.
    Nonsense(&'static str),
    /// The agent says something in its log.
    Note {
        /// About whom.
        about: Option<InstanceId>,
        /// What.
        note: Note,
    },
}

/// What became of an event that was sent to the VIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was taken, and the agent knows.
    Delivered,
    /// It was not taken, and the agent knows.
    NotSent,
    /// The VIM failed over it.
    Refused,
    /// It was taken, and the agent does not know.
    PerhapsTaken,
    /// It was not taken, and the agent does not know.
    PerhapsLost,
}
