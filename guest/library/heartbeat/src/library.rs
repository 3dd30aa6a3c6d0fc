//! What the functions of the library do, without a byte of C.
//!
//! One program has one registration, so there is one [`Library`]. It is never locked while a callback
//! runs: callbacks may call any function.

use std::os::fd::RawFd;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use guest_application::{Application, Event, HealthReport};
use protocol::application::{ActionNotify, ActionResponse, Init, LogText};
use rustix::io::Errno;

use crate::connection::{Connection, Stream};

/// What a function returns: `GuestApiErrorT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum GuestApiError {
    /// `GUEST_API_OKAY`
    Okay = 0,
    /// `GUEST_API_FAILED`: wrong arguments, a wrong order of calls, or an error of the system.
    Failed = 1,
    /// `GUEST_API_INTERRUPTED`: a signal came first; nothing was changed.
    Interrupted = 2,
    /// `GUEST_API_TRY_AGAIN`: the client is not there; it may be later.
    TryAgain = 3,
}

/// What the program is asked and told.
pub(crate) trait Program {
    /// Whether it is registered now.
    fn register_state(&self, registered: bool);
    /// How it is.
    fn health_check(&self) -> HealthReport;
    /// A vote or a notification; it answers later.
    fn action_notify(&self, question: ActionNotify);
}

/// The library's one state.
pub(crate) struct Library<P> {
    program: Option<P>,
    connection: Option<Connection>,
    application: Application,
}

impl<P: Program + Copy> Library<P> {
    fn new() -> Self {
        Self { program: None, connection: None, application: Application::default() }
    }

    /// From now on it is this program. A registration stays.
    pub(crate) fn initialize(&mut self, program: P) -> GuestApiError {
        self.program = Some(program);
        GuestApiError::Okay
    }

    /// Closes without notice, and forgets the program.
    pub(crate) fn finalize(&mut self) -> GuestApiError {
        *self = Self::new();
        GuestApiError::Okay
    }

    /// Registers, or registers anew with other values.
    pub(crate) fn register(&mut self, init: Init, path: &[u8]) -> GuestApiError {
        if self.program.is_none() {
            return GuestApiError::Failed;
        }
        if self.connection.is_some() {
            self.application.register(init.clone());
            if self.flush() == GuestApiError::Okay {
                return GuestApiError::Okay;
            }
        }
        self.disconnect();
        match Connection::open(path) {
            Ok(connection) => self.connection = Some(connection),
            Err(errno) => return not_connected(errno),
        }
        self.application.register(init);
        if self.flush() != GuestApiError::Okay {
            // The client took the connection and left at once: it is about to stop.
            self.disconnect();
            return GuestApiError::TryAgain;
        }
        GuestApiError::Okay
    }

    /// Says `final` and closes.
    pub(crate) fn deregister(&mut self, log_msg: LogText) -> GuestApiError {
        if self.application.deregister(log_msg).is_err() {
            return GuestApiError::Failed;
        }
        let said = self.flush();
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
        said
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, answer: ActionResponse) -> GuestApiError {
        match self.application.answer(answer) {
            Ok(()) => self.flush(),
            Err(_) => GuestApiError::Failed,
        }
    }

    /// What to poll; `None` without a connection.
    pub(crate) fn selobj(&self) -> Option<RawFd> {
        self.connection.as_ref().map(Connection::descriptor)
    }

    /// Takes what there is to read of the connection, if it is still this one.
    fn receive(&mut self, selobj: RawFd) {
        let Some(connection) = &self.connection else { return };
        if connection.descriptor() != selobj {
            return;
        }
        if connection.read(|bytes| self.application.receive(bytes)) == Stream::Ended {
            self.connection = None;
            self.application.connection_lost();
        }
    }

    /// What the program is to hear next, and the program.
    fn next(&mut self) -> Option<(P, Event)> {
        let program = self.program?;
        let event = self.application.poll_event()?;
        if event == Event::Refused {
            self.disconnect();
        }
        Some((program, event))
    }

    fn answer_health(&mut self, challenge: u32, report: HealthReport) {
        self.application.answer_health(challenge, report);
        // A failure ends the connection, which the next dispatch finds.
        self.flush();
    }

    /// Sends what waits. Where it fails the connection has ended; the next dispatch tells it.
    fn flush(&mut self) -> GuestApiError {
        while let Some(frame) = self.application.poll_frame() {
            let sent = self.connection.as_ref().is_some_and(|to| to.send(&frame).is_ok());
            if !sent {
                return GuestApiError::Failed;
            }
        }
        GuestApiError::Okay
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.application = Application::default();
    }
}

/// Why there is no connection, as the program is told it.
fn not_connected(errno: Errno) -> GuestApiError {
    match errno {
        Errno::NOENT | Errno::CONNREFUSED | Errno::WOULDBLOCK => GuestApiError::TryAgain,
        Errno::INTR => GuestApiError::Interrupted,
        _ => GuestApiError::Failed,
    }
}

/// The state of a process, and how it is come by.
pub(crate) struct Shared<P: 'static>(LazyLock<Mutex<Library<P>>>);

impl<P: Program + Copy> Shared<P> {
    pub(crate) const fn new() -> Self {
        Self(LazyLock::new(|| Mutex::new(Library::new())))
    }

    /// No state is left half changed by a panic, so one that happened is no reason to stop.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Library<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what came, and asks and tells the program. It waits for nothing but its callbacks.
    pub(crate) fn dispatch(&self, selobj: RawFd) {
        self.lock().receive(selobj);
        loop {
            // A statement of its own: the lock is gone when the program is called.
            let next = self.lock().next();
            let Some((program, event)) = next else { return };
            match event {
                Event::Registered => program.register_state(true),
                Event::Refused | Event::ConnectionLost => program.register_state(false),
                Event::Question(question) => program.action_notify(question),
                Event::HealthQuestion { challenge } => {
                    let report = program.health_check();
                    self.lock().answer_health(challenge, report);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_may_come_back_is_a_reason_to_try_again() {
        for errno in [Errno::NOENT, Errno::CONNREFUSED, Errno::AGAIN] {
            assert_eq!(not_connected(errno), GuestApiError::TryAgain, "{errno}");
        }
        assert_eq!(not_connected(Errno::INTR), GuestApiError::Interrupted);
        for errno in [Errno::ACCESS, Errno::MFILE, Errno::NAMETOOLONG, Errno::PROTOTYPE] {
            assert_eq!(not_connected(errno), GuestApiError::Failed, "{errno}");
        }
    }
}
