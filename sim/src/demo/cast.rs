//! The processes of the demo: guestServer, the fake QEMUs, the guests' clients.

use std::ffi::OsString;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::bound::Bound;
use super::place::{Place, Programs};
use super::scene::What;
use super::{Error, Options};
use crate::qemu::{FakeQemus, Plan};

const SERVER: &str = "guestServer";

/// All of them. In this order they are ended and removed when this is dropped.
pub(super) struct Cast {
    clients: Vec<Option<Bound>>,
    /// Clients that were told to leave, and of which guest.
    leaving: Vec<(usize, Bound)>,
    server: Bound,
    pub(super) qemus: FakeQemus,
    programs: Programs,
    place: Place,
}

/// The name of a guest.
pub(super) fn name(guest: usize) -> String {
    format!("guest-{}", guest + 1)
}

impl Cast {
    /// Channels and guestServer, without clients yet. `agent`: IP address and port of the agent.
    pub(super) fn start(
        options: &Options,
        programs: Programs,
        place: Place,
        agent: &str,
    ) -> Result<Self, Error> {
        let plan = Plan {
            device_dir: Some(place.devices()),
            ..Plan::new(place.channels(), options.guests)
        };
        let config = client_config(options.interval);
        std::fs::write(place.client_config(), config).map_err(Error::io("write a file"))?;
        let qemus = FakeQemus::start(plan)?;
        let arguments = server_arguments(&place, agent);
        let server = Bound::start(&programs.server, arguments, &place.log(SERVER))
            .map_err(Error::io("start guestServer"))?;
        let clients = (0..options.guests).map(|_| None).collect();
        Ok(Self { clients, leaving: Vec::new(), server, qemus, programs, place })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn server(&self) -> Pid {
        self.server.pid()
    }

    /// Asks guestServer for a status file. It must have said that it is ready: before that the
    /// signal would end it.
    pub(super) fn ask_status(&self) {
        self.server.signal(Signal::USR1);
    }

    pub(super) fn end_server(&self) {
        self.server.signal(Signal::TERM);
    }

    pub(super) fn server_has_ended(&mut self) -> bool {
        self.server.ended().is_some()
    }

    /// Does it. After [`What::StartQemu`] the client is started separately: a guest has to boot.
    pub(super) fn act(&mut self, what: What, guest: usize) -> Result<(), Error> {
        match what {
            What::Start | What::StartKilled | What::StartLeft => self.start_client(guest)?,
            What::Kill => self.kill_client(guest),
            What::Freeze => self.signal_client(guest, Signal::STOP),
            What::Thaw => self.signal_client(guest, Signal::CONT),
            What::Restart => {
                self.kill_client(guest);
                self.start_client(guest)?;
            }
            What::Leave => {
                self.signal_client(guest, Signal::TERM);
                self.leaving.extend(self.clients[guest].take().map(|client| (guest, client)));
            }
            What::KillQemu => {
                self.qemus.kill(guest);
                self.kill_client(guest);
            }
            What::StartQemu => self.qemus.restart(guest),
        }
        Ok(())
    }

    pub(super) fn start_client(&mut self, guest: usize) -> Result<(), Error> {
        let name = name(guest);
        let mut arguments: Vec<OsString> = ["--name", &name, "--device"].map(Into::into).into();
        arguments.push(self.place.tap(&name).into());
        arguments.push("--config".into());
        arguments.push(self.place.client_config().into());
        let client = Bound::start(&self.programs.client, arguments, &self.place.log(&name))
            .map_err(Error::io("start a guest-client"))?;
        self.clients[guest] = Some(client);
        Ok(())
    }

    fn kill_client(&mut self, guest: usize) {
        self.clients[guest] = None;
    }

    fn signal_client(&self, guest: usize, signal: Signal) {
        if let Some(client) = &self.clients[guest] {
            client.signal(signal);
        }
    }

    /// The clients that have left since the last call, and whether they ended well. An error if a
    /// process has ended that should not have.
    pub(super) fn look_after(&mut self) -> Result<Vec<(usize, bool)>, Error> {
        let ended = |name: String, status, place: &Place| {
            let log = place.last_words(&name);
            Err(Error::Ended { name, status, log })
        };
        if let Some(status) = self.server.ended() {
            return ended(SERVER.to_owned(), status, &self.place);
        }
        for (guest, client) in self.clients.iter_mut().enumerate() {
            if let Some(status) = client.as_mut().and_then(Bound::ended) {
                return ended(name(guest), status, &self.place);
            }
        }
        let mut left = Vec::new();
        self.leaving.retain_mut(|(guest, client)| {
            let status = client.ended();
            left.extend(status.map(|status| (*guest, status.success())));
            status.is_none()
        });
        Ok(left)
    }

    /// The end of guestServer's log.
    pub(super) fn last_words(&self) -> String {
        self.place.last_words(SERVER)
    }
}

/// Every setting that matters is said, so that nothing on this machine changes it.
fn server_arguments(place: &Place, agent: &str) -> Vec<OsString> {
    let paths = [
        ("--config", place.server_config()),
        ("--channel-dir", place.channels()),
        ("--pid-file", place.pid_file()),
        ("--status-file", place.status_file()),
    ];
    let words = [
        ("--listen", "127.0.0.1:0"),
        ("--agent", agent),
        ("--hostname", "demo-host"),
        ("--pulse-period-ms", "400"),
        ("--failure-threshold", "1"),
        ("--start-delay", "1"),
        ("--log-format", "text"),
    ];
    let paths = paths.into_iter().flat_map(|(flag, path)| [flag.into(), path.into()]);
    let words = words.into_iter().flat_map(|(flag, word)| [flag.into(), word.into()]);
    paths.chain(words).collect()
}

fn client_config(interval: Duration) -> String {
    format!("HB_INTERVAL={}\n", interval.as_millis())
}
