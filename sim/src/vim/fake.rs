//! The handle.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::EventType;
use protocol::datagram::{Hostname, Switch};
use protocol::vim::{CommandReply, VimCommand};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::call::{self, Asked};
use super::record::{Counts, Record};
use super::server::{self, Port};
use super::shared::{Presence, Records, Shared};
use super::view::View;
use super::{Call, Error, Manner, Settings};
use crate::background::Background;
use crate::clock;

/// A VIM that is there until this is dropped; then its port is free again.
///
/// Commands change the VIM's view when they are given, whatever the agent replies.
#[derive(Debug)]
pub struct FakeVim {
    background: Background,
    shared: Arc<Shared>,
    address: SocketAddr,
    started: Instant,
}

impl FakeVim {
    /// Starts it. Connections are taken when this returns.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let background = Background::start("fake-vim")?;
        let port = Port::hold(settings.listen)?;
        let address = port.address();
        let listener = {
            let _reactor = background.enter();
            port.listen()?
        };
        let (corrections, to_correct) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(settings, corrections));
        background.spawn(server::serve(Arc::clone(&shared), port, listener));
        background.spawn(call::correct(Arc::clone(&shared), to_correct));
        Ok(Self { background, shared, address, started: clock::now() })
    }

    /// Where the event server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When it was started: what times in JSON count from.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where commands go from now on.
    pub fn set_agent(&self, agent: SocketAddr) {
        self.shared.state().agent = Some(agent);
    }

    /// What the VIM believes now.
    pub fn view(&self) -> View {
        self.shared.state().view.clone()
    }

    /// Reads or changes what the VIM believes, without a word to the agent.
    pub fn with_view<T>(&self, work: impl FnOnce(&mut View) -> T) -> T {
        work(&mut self.shared.state().view)
    }

    /// What happened so far, in numbers.
    pub fn counts(&self) -> Counts {
        self.shared.state().log.counts()
    }

    /// The number that the next record will have: to be remembered before something is done whose
    /// records are of interest.
    pub fn mark(&self) -> u64 {
        self.shared.state().log.next()
    }

    /// The records from this number on, as far as they are kept (the last 200,000 are).
    pub fn records(&self, since: u64) -> Vec<Record> {
        self.shared.state().log.since(since).cloned().collect()
    }

    /// The records from this number on, and all that will come.
    pub fn follow(&self, since: u64) -> Records {
        self.shared.records(since)
    }

    /// The first record from this number on that is looked for, also if it is there already.
    /// `wanted` must not call the VIM.
    pub fn wait_for(
        &self,
        since: u64,
        limit: Duration,
        wanted: impl FnMut(&Record) -> bool + Send + 'static,
    ) -> Call<Record> {
        let mut records = self.shared.records(since);
        self.background.call(async move {
            let found = timeout(limit, records.find(wanted)).await;
            found.ok().flatten().ok_or(Error::TimedOut)
        })
    }

    /// Refuses connections from now on, and breaks the one that there is; until [`Self::come_back`]
    /// or for a time. Done when it is so.
    pub fn go_away(&self, time: Option<Duration>) -> Call<()> {
        let until = time.map(|time| clock::now() + time);
        self.shared.presence.send_replace(Presence::Away { until });
        self.until_listening(false)
    }

    /// Takes connections again. Done when it is so.
    pub fn come_back(&self) -> Call<()> {
        self.shared.presence.send_replace(Presence::Here);
        self.until_listening(true)
    }

    /// Or until it is ordered otherwise meanwhile.
    fn until_listening(&self, wanted: bool) -> Call<()> {
        let mut listening = self.shared.listening.subscribe();
        let mut presence = self.shared.presence.subscribe();
        self.background.call(async move {
            tokio::select! {
                _ = listening.wait_for(|is| *is == wanted) => {}
                _ = presence.wait_for(|is| (*is == Presence::Here) != wanted) => {}
            }
            Ok(())
        })
    }

    /// How requests are answered from now on.
    pub fn set_manner(&self, manner: Manner) {
        self.shared.manner.send_replace(manner);
    }

    /// How the next requests are answered, one each; those after them as before.
    pub fn answer_next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.shared.state().manners.extend(manners);
    }

    /// Sends a command.
    pub fn command(&self, command: VimCommand) -> Call<CommandReply> {
        self.with_view(|view| view.apply(&command));
        let shared = Arc::clone(&self.shared);
        self.background.call(async move { call::command(&shared, command, false).await })
    }

    /// Sends a vote or a notification, and waits for the guest's answer as long as the agent says.
    pub fn ask(&self, command: VimCommand) -> Call<Asked> {
        let (shared, since) = (Arc::clone(&self.shared), self.mark());
        self.background.call(async move { call::ask(&shared, command, since).await })
    }

    /// The VIM has this host.
    pub fn create_host(&self, uuid: InstanceId, hostname: Hostname) -> Call<CommandReply> {
        self.command(VimCommand::HostCreate { uuid, hostname })
    }

    /// Failures on a host shall be reported.
    pub fn enable_host(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::HostEnable { uuid, hostname: self.name_of_host(uuid) })
    }

    /// Failures on a host shall not be reported.
    pub fn disable_host(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::HostDisable { uuid, hostname: self.name_of_host(uuid) })
    }

    /// Asks whether failures on a host are reported.
    pub fn query_host(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::HostQuery { uuid })
    }

    /// The VIM has a host no longer.
    pub fn delete_host(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::HostDelete { uuid: Some(uuid) })
    }

    /// An instance lives on a host.
    pub fn create_instance(&self, uuid: InstanceId, hostname: Hostname) -> Call<CommandReply> {
        self.command(VimCommand::InstanceCreate { uuid, hostname })
    }

    /// Whether an instance's failures shall be reported.
    pub fn set_instance(&self, uuid: InstanceId, reporting: Switch) -> Call<CommandReply> {
        let hostname = self.host_of(uuid);
        self.command(VimCommand::InstanceSet { uuid, hostname, reporting })
    }

    /// Asks how an instance is.
    pub fn query_instance(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::InstanceQuery { uuid })
    }

    /// An instance is no more.
    pub fn delete_instance(&self, uuid: InstanceId) -> Call<CommandReply> {
        self.command(VimCommand::InstanceDelete { uuid })
    }

    /// Asks a guest whether this may happen.
    pub fn vote(&self, uuid: InstanceId, action: EventType) -> Call<Asked> {
        self.ask(VimCommand::Vote { uuid, hostname: self.host_of(uuid), action })
    }

    /// Tells a guest that this happens.
    pub fn notify(&self, uuid: InstanceId, action: EventType) -> Call<Asked> {
        self.ask(VimCommand::Notify { uuid, hostname: self.host_of(uuid), action })
    }

    /// Empty for a host that the VIM does not have.
    fn name_of_host(&self, uuid: InstanceId) -> Hostname {
        self.with_view(|view| view.hosts().get(&uuid).map(|host| host.hostname.clone()))
            .unwrap_or_default()
    }

    /// Empty for an instance that the VIM does not have.
    fn host_of(&self, uuid: InstanceId) -> Hostname {
        self.with_view(|view| view.instances().get(&uuid).map(|it| it.hostname.clone()))
            .unwrap_or_default()
    }
}
