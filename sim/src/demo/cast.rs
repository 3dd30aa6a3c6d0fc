//! The processes of the demo: the controller, a guestServer on each host, the fake QEMUs, the
//! guests' clients.

use std::ffi::OsString;

use protocol::channel::EventType;
use rustix::process::Signal;

use super::bound::{self, Bound, flags};
use super::channels::Channels;
use super::controller::{AGENT, Controller};
use super::inside::{self, APPLICATION};
use super::log::{Found, Log};
use super::place::{Place, Programs};
use super::roles::{self, HOST_IPS, HOSTS, hostname, name};
use super::scene::What;
use super::status::Status;
use super::usage::{Usage, Usages};
use super::{Error, Options};

/// All of them. In this order they are ended and removed when this is dropped, the first three at
/// once.
pub(super) struct Cast {
    /// Runs in a guest.
    application: Option<Bound>,
    clients: Vec<Option<Bound>>,
    /// Clients that were told to leave, and of which guest.
    leaving: Vec<(usize, Bound)>,
    /// One a host, once guestAgent listens.
    servers: Vec<Server>,
    pub(super) controller: Controller,
    pub(super) channels: Channels,
    programs: Programs,
    place: Place,
}

/// A guestServer and what it writes.
struct Server {
    process: Bound,
    log: Log,
}

impl Cast {
    /// Channels and controller, without guestServers and clients yet.
    pub(super) fn start(
        options: &Options,
        programs: Programs,
        place: Place,
    ) -> Result<Self, Error> {
        inside::furnish(&place, options.guests, options.interval)
            .map_err(Error::io("write a file"))?;
        for daemon in (0..HOSTS).map(hostname).chain([AGENT.to_owned()]) {
            std::fs::write(place.config(&daemon), "").map_err(Error::io("write a file"))?;
        }
        let channels = Channels::start(options, &place)?;
        let instances =
            (0..options.guests).map(|guest| (channels.id(guest), roles::host_of(guest)));
        let controller = Controller::start(&programs.agent, &place, instances)?;
        let clients = (0..options.guests).map(|_| None).collect();
        let (leaving, servers) = (Vec::new(), Vec::new());
        let application = None;
        Ok(Self { application, clients, leaving, servers, controller, channels, programs, place })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether guestAgent listens.
    pub(super) fn agent_listens(&self) -> bool {
        self.place.pid_file(AGENT).exists()
    }

    /// Whether every guestServer listens. Before that a signal would end it.
    pub(super) fn servers_listen(&self) -> bool {
        self.servers.len() == HOSTS
            && (0..HOSTS).all(|host| self.place.pid_file(&hostname(host)).exists())
    }

    /// Starts the guestServers; guestAgent must listen.
    pub(super) fn start_servers(&mut self) -> Result<(), Error> {
        let (agent, port) = self.controller.connect(&self.place)?;
        for (host, ip) in HOST_IPS.iter().enumerate() {
            let listen = format!("{ip}:{port}");
            let arguments = server_arguments(&self.place, host, &listen, &agent.to_string());
            let log = self.place.log(&hostname(host));
            let process = Bound::start(&self.programs.server, arguments, &log)
                .map_err(Error::io("start guestServer"))?;
            let log = Log::open(&log).map_err(Error::io("read a log"))?;
            self.servers.push(Server { process, log });
        }
        Ok(())
    }

    /// Asks every guestServer for a status file. They must listen.
    pub(super) fn ask_status(&self) {
        self.servers.iter().for_each(|server| server.process.signal(Signal::USR1));
    }

    /// A host's status file. There is none before the first was asked for.
    pub(super) fn status(&self, host: usize) -> Option<Status> {
        let text = std::fs::read_to_string(self.place.status_file(&hostname(host))).ok()?;
        Some(Status::parse(&text))
    }

    /// What guestServers found since the last call, and on which host.
    pub(super) fn found(&mut self) -> Vec<(usize, Found)> {
        let news = self.servers.iter_mut().enumerate().flat_map(|(host, server)| {
            server.log.news().into_iter().map(move |found| (host, found))
        });
        news.collect()
    }

    /// guestAgent's, and of each host guestServer's.
    pub(super) fn usage(&self) -> Usages {
        let servers = self.servers.iter().map(|server| Usage::of(server.process.pid()));
        Usages { agent: Usage::of(self.controller.agent.pid()), servers: servers.collect() }
    }

    /// Tells guestAgent and the guestServers to end.
    pub(super) fn end_daemons(&self) {
        self.controller.agent.signal(Signal::TERM);
        self.servers.iter().for_each(|server| server.process.signal(Signal::TERM));
    }

    /// Whether guestAgent has ended, and each guestServer, in this order.
    pub(super) fn daemons_ended(&mut self) -> Vec<bool> {
        let agent = self.controller.agent.ended().is_some();
        let servers = self.servers.iter_mut().map(|server| server.process.ended().is_some());
        std::iter::once(agent).chain(servers).collect()
    }

    /// Does it. After [`What::Repair`] and [`What::RebootIll`] QEMU is started separately, and the
    /// client after it and after [`What::StartQemu`]: a guest has to boot.
    pub(super) fn act(&mut self, what: What, guest: usize) -> Result<(), Error> {
        let id = self.channels.id(guest);
        match what {
            What::Start if guest == roles::WITH_APPLICATION => {
                self.start_client(guest)?;
                self.start_application(guest)?;
            }
            What::Start | What::StartLeft | What::StartRebooted => self.start_client(guest)?,
            What::FallIll => inside::fall_ill(&self.place).map_err(Error::io("write a file"))?,
            What::RebootIll => {
                self.channels.quit(guest);
                self.kill_client(guest);
                inside::recover(&self.place).map_err(Error::io("remove a file"))?;
            }
            What::CrashApplication => self.application = None,
            What::StartApplication => self.start_application(guest)?,
            What::Kill | What::Reboot => self.kill_client(guest),
            What::Repair => {
                self.channels.quit(guest);
                self.kill_client(guest);
            }
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
                self.channels.kill(guest);
                self.kill_client(guest);
            }
            What::StartQemu => self.channels.restart(guest),
            What::VoteStop => self.controller.vote(id, EventType::Stop),
            What::VoteReboot => self.controller.vote(id, EventType::Reboot),
            What::NotifyReboot => self.controller.notify(id, EventType::Reboot),
        }
        Ok(())
    }

    pub(super) fn start_client(&mut self, guest: usize) -> Result<(), Error> {
        let name = name(guest);
        let paths = [
            ("--device", self.place.tap(&name)),
            ("--config", self.place.config(&name)),
            ("--api-socket", self.place.application_socket(&name)),
        ];
        let arguments = flags([("--name", &name)]).chain(flags(paths));
        let client = Bound::start(&self.programs.client, arguments, &self.place.log(&name))
            .map_err(Error::io("start a guest-client"))?;
        self.clients[guest] = Some(client);
        Ok(())
    }

    /// It registers with the client of its guest as soon as that one is there.
    fn start_application(&mut self, guest: usize) -> Result<(), Error> {
        let words = [("--name", APPLICATION), ("--on-event", "exit 0")];
        let socket = [("--api-socket", self.place.application_socket(&name(guest)))];
        let arguments = ["app".into()].into_iter().chain(flags(words)).chain(flags(socket));
        let application =
            Bound::start(&self.programs.client, arguments, &self.place.log(APPLICATION))
                .map_err(Error::io("start an application"))?;
        self.application = Some(application);
        Ok(())
    }

    /// Whether the application has registered.
    pub(super) fn application_is_registered(&self) -> bool {
        let log = std::fs::read_to_string(self.place.log(APPLICATION)).unwrap_or_default();
        log.contains("registered with the client")
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
        let agent = (AGENT.to_owned(), &mut self.controller.agent);
        let servers = self.servers.iter_mut().enumerate();
        let servers = servers.map(|(host, server)| (hostname(host), &mut server.process));
        let clients = self.clients.iter_mut().enumerate();
        let clients = clients.filter_map(|(guest, client)| Some((name(guest), client.as_mut()?)));
        let application = self.application.iter_mut().map(|app| (APPLICATION.to_owned(), app));
        for (name, process) in
            std::iter::once(agent).chain(servers).chain(clients).chain(application)
        {
            if let Some(status) = process.ended() {
                let log = self.place.last_words(&name);
                return Err(Error::Ended { name, status, log });
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

    /// The ends of the daemons' logs.
    pub(super) fn last_words(&self) -> String {
        let names = [AGENT.to_owned()].into_iter().chain((0..HOSTS).map(hostname));
        let words = names.map(|name| format!("{name}:\n{}\n", self.place.last_words(&name)));
        words.collect()
    }
}

impl Drop for Cast {
    /// Scripts are children of clients and of the application, which end them.
    fn drop(&mut self) {
        let clients = self.clients.drain(..).flatten();
        let leaving = self.leaving.drain(..).map(|(_, client)| client);
        let all: Vec<Bound> =
            self.application.take().into_iter().chain(clients).chain(leaving).collect();
        bound::end_well(&all);
    }
}

/// Every setting that matters is said, so that nothing on this machine changes it.
fn server_arguments(place: &Place, host: usize, listen: &str, agent: &str) -> Vec<OsString> {
    let hostname = hostname(host);
    let paths = [
        ("--config", place.config(&hostname)),
        ("--channel-dir", place.channels(host)),
        ("--pid-file", place.pid_file(&hostname)),
        ("--status-file", place.status_file(&hostname)),
    ];
    let words = [
        ("--listen", listen),
        ("--agent", agent),
        ("--hostname", &hostname),
        ("--pulse-period-ms", "400"),
        ("--failure-threshold", "1"),
        ("--start-delay", "1"),
        ("--log-format", "text"),
        ("--log-level", "info"),
    ];
    flags(paths).chain(flags(words)).collect()
}
