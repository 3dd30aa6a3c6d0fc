//! Faults of the agent itself, for proving that an onlooker would find them.

/// Something that no agent may do, done in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Losses do not reach the VIM.
    SwallowLosses,
    /// Losses reach the VIM twice.
    RepeatLosses,
    /// A loss is sent after what came after it.
    Overtake,
    /// Statuses do not reach the VIM.
    SwallowStatuses,
    /// Answers of guests do not reach the VIM.
    SwallowAnswers,
    /// Answers of guests reach the VIM twice.
    RepeatAnswers,
    /// Answers of guests take three seconds.
    LateAnswers,
    /// A guest that objects is said to agree.
    AgreeForGuest,
    /// Each correction by the VIM is answered with what it has just corrected.
    Contradict,
    /// A deleted instance is spoken of.
    SpeakOfDeleted,
    /// Deleted instances are kept.
    KeepDeleted,
    /// Events that nobody sent wait for the VIM.
    Hoard,
    /// What is over is remembered for ever.
    Remember,
    /// The host of number 0 is never known.
    IgnoreHost,
}
