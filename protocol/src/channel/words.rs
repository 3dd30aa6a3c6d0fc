//! The enumerations of the channel: lower-case words.

/// Declares an enumeration with its words; the first word of a variant is the one that is sent,
/// further ones are understood as well.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the protocol's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads a word; `None` for one that the protocol does not have.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word $(| $alias)* => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// What the guest wants done about it when it fails.
    CorrectiveAction {
        /// Nothing.
        None = "none",
        /// Write it to the log.
        Log = "log",
        /// Reboot the instance.
        Reboot = "reboot",
        /// Stop the instance.
        Stop = "stop",
        /// A word that the protocol does not have.
        Unknown = "unknown",
    }
}

words! {
    /// What is about to happen to an instance, or has happened.
    EventType {
        /// The instance is stopped.
        Stop = "stop",
        /// The instance is rebooted.
        Reboot = "reboot",
        /// The instance is suspended to disk.
        Suspend = "suspend",
        /// The instance is paused in memory.
        Pause = "pause",
        /// The instance goes on after a pause.
        Unpause = "unpause",
        /// The instance goes on after a suspend.
        Resume = "resume",
        /// Its resources are about to change.
        ResizeBegin = "resize_begin",
        /// Its resources have changed.
        ResizeEnd = "resize_end",
        /// It is about to move while running.
        LiveMigrateBegin = "live_migrate_begin" | "live_migration_begin",
        /// It has moved while running.
        LiveMigrateEnd = "live_migrate_end" | "live_migration_end",
        /// It is about to be stopped and moved.
        ColdMigrateBegin = "cold_migrate_begin" | "cold_migration_begin",
        /// It was stopped and moved.
        ColdMigrateEnd = "cold_migrate_end" | "cold_migration_end",
        /// An event that the sender of this word does not know.
        Unknown = "unknown",
    }
}

words! {
    /// Whether the guest may still say no.
    NotificationType {
        /// A vote: the guest may reject.
        Revocable = "revocable",
        /// A notification: it happens anyway.
        Irrevocable = "irrevocable",
    }
}

words! {
    /// The guest's answer to an [`EventType`].
    VoteResult {
        /// The guest agrees.
        Accept = "accept",
        /// The guest rejects.
        Reject = "reject",
        /// The guest has prepared itself.
        Complete = "complete",
        /// The guest's handler took too long.
        Timeout = "timeout",
        /// The guest's handler failed.
        Error = "error",
        /// A word that the protocol does not have.
        Unknown = "unknown",
    }
}

words! {
    /// What the guest says of itself.
    Health {
        /// All is well.
        Healthy = "healthy",
        /// Something is wrong; the corrective action says what to do.
        Unhealthy = "unhealthy",
    }
}

/// Which of the times that a guest announced it has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// `vote_secs`
    Vote,
    /// `shutdown_notice_secs`
    Shutdown,
    /// `suspend_notice_secs`
    Suspend,
    /// `resume_notice_secs`
    Resume,
}

impl EventType {
    /// The time that a guest has to answer a vote or a notification about this event.
    pub fn notice(self, kind: NotificationType) -> Notice {
        if kind == NotificationType::Revocable {
            return Notice::Vote;
        }
        match self {
            Self::Stop | Self::Reboot => Notice::Shutdown,
            Self::Suspend
            | Self::Pause
            | Self::ResizeBegin
            | Self::LiveMigrateBegin
            | Self::ColdMigrateBegin => Notice::Suspend,
            Self::Unpause
            | Self::Resume
            | Self::ResizeEnd
            | Self::LiveMigrateEnd
            | Self::ColdMigrateEnd => Notice::Resume,
            Self::Unknown => Notice::Vote,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for event in EventType::ALL {
            assert_eq!(EventType::from_word(event.as_str()), Some(*event));
        }
        for action in CorrectiveAction::ALL {
            assert_eq!(CorrectiveAction::from_word(action.as_str()), Some(*action));
        }
        assert_eq!(VoteResult::from_word("Accept"), None);
    }

    #[test]
    fn the_published_spelling_of_migrations_is_understood_and_never_sent() {
        let event = EventType::from_word("live_migration_begin");
        assert_eq!(event, Some(EventType::LiveMigrateBegin));
        assert_eq!(event.unwrap().as_str(), "live_migrate_begin");
        assert_eq!(EventType::from_word("cold_migration_end"), Some(EventType::ColdMigrateEnd));
    }
}
