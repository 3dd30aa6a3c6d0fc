//! The hosts of the inventory, found by uuid, by name and by address.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use protocol::InstanceId;
use protocol::datagram::{Host as Entry, Hostname};

use super::policy::{FORMER_HOSTS_MAX, PEER_INSTANCES_MAX, SILENT};
use super::seen::Seen;

/// Names a host within this agent; never used again for another one.
pub(super) type HostKey = u64;

/// What is known of a host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) hostname: Hostname,
    pub(super) uuid: InstanceId,
    pub(super) ip: IpAddr,
    /// Whether the VIM wants to hear of failures on it.
    pub(super) reporting: bool,
    pub(super) sync: Sync,
    /// When the VIM is asked about it next.
    pub(super) query_at: Option<Instant>,
    /// Its server marks its events: it is ours and takes any number of instances.
    pub(super) is_ours: bool,
    pub(super) audit: Audit,
    /// Those that live on it.
    pub(super) instances: BTreeSet<InstanceId>,
    /// Those of them that its server was told about.
    pub(super) told: BTreeSet<InstanceId>,
    /// Others that a server which is not ours may know, and the round in which it last did: they
    /// count until it has answered a round without them.
    gone: BTreeMap<InstanceId, u32>,
    /// Its server's events that were taken.
    pub(super) seen: Seen,
}

/// How far the VIM's view of a host was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Ask for the host's state.
    State,
    /// Ask for its instances.
    List,
    /// Read.
    Done,
}

/// The state query audit of a host.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Which round this is.
    pub(super) round: u32,
    /// It was asked and has not answered.
    pub(super) waiting: bool,
    /// Rounds in a row without any answer.
    pub(super) unanswered: u32,
    /// Rounds in which it is asked even without instances: something was deleted there, and the
    /// deletion may have been lost.
    pub(super) linger: u8,
}

/// What an entry of the inventory did to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// A host that was not known.
    New,
    /// A known one has another name or address.
    Details,
    /// A known name belongs to another host of the VIM now.
    Uuid,
}

/// All hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    next: HostKey,
    all: BTreeMap<HostKey, Host>,
    by_uuid: BTreeMap<InstanceId, HostKey>,
    by_name: BTreeMap<Hostname, HostKey>,
    by_ip: BTreeMap<IpAddr, HostKey>,
    /// What was taken from hosts that were deleted: when one is added again, its server may still
    /// repeat it.
    former: VecDeque<(InstanceId, Seen)>,
}

impl Host {
    fn new(entry: Entry) -> Self {
        Self {
            hostname: entry.hostname,
            uuid: entry.uuid,
            ip: entry.ip.to_canonical(),
            reporting: false,
            sync: Sync::State,
            query_at: None,
            is_ours: false,
            audit: Audit::default(),
            instances: BTreeSet::new(),
            told: BTreeSet::new(),
            gone: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Whether its server survives to be told of an instance.
    pub(super) fn has_room_for(&self, id: InstanceId) -> bool {
        self.is_ours
            || self.told.contains(&id)
            || self.gone.contains_key(&id)
            || self.told.len() + self.gone.len() < PEER_INSTANCES_MAX
    }

    /// Its server is told of an instance, or speaks of one that lives there.
    pub(super) fn knows(&mut self, id: InstanceId) {
        self.gone.remove(&id);
        self.told.insert(id);
    }

    /// Its server knows an instance that does not live there. More than it can know say nothing.
    pub(super) fn knows_stranger(&mut self, id: InstanceId) {
        let is_possible = self.told.len() + self.gone.len() < PEER_INSTANCES_MAX;
        if !self.is_ours && (is_possible || self.gone.contains_key(&id)) {
            self.gone.insert(id, self.audit.round);
        }
    }

    /// An instance leaves it. The deletion may get lost.
    pub(super) fn loses(&mut self, id: InstanceId) {
        self.instances.remove(&id);
        if self.told.remove(&id) {
            self.knows_stranger(id);
        }
    }

    /// A round is over; a server of which nothing is heard any more was started anew.
    pub(super) fn forget_gone(&mut self) {
        let round = self.audit.round;
        if !self.audit.waiting {
            self.gone.retain(|_, known_in| *known_in == round);
        } else if self.audit.unanswered >= SILENT {
            self.gone.clear();
        }
    }

    /// Its server is another one, or was started anew.
    pub(super) fn forget_all_gone(&mut self) {
        self.gone.clear();
    }

    /// Whether nothing is known of what its server knows.
    pub(super) fn is_unheard(&self) -> bool {
        !self.is_ours && self.told.is_empty() && self.gone.is_empty()
    }

    /// How many things are remembered of instances on it.
    pub(super) fn entries(&self) -> usize {
        self.instances.len() + self.told.len() + self.gone.len()
    }

    /// Whether its server is to be asked what it knows.
    pub(super) fn is_audited(&self) -> bool {
        self.audit.linger > 0 || self.owes_answers()
    }

    /// Whether it is worth a count when its server does not answer.
    pub(super) fn owes_answers(&self) -> bool {
        self.reporting && !self.instances.is_empty()
    }

    /// What the inventory says of it now.
    fn update(&mut self, entry: Entry) -> Change {
        let ip = entry.ip.to_canonical();
        let change = if self.uuid != entry.uuid {
            self.sync = Sync::State;
            Change::Uuid
        } else if self.ip != ip || self.hostname != entry.hostname {
            Change::Details
        } else {
            Change::Nothing
        };
        (self.hostname, self.uuid, self.ip) = (entry.hostname, entry.uuid, ip);
        change
    }
}

impl Hosts {
    /// Adds a host or updates a known one. A name or an address that another host has belongs to
    /// this one from now on.
    pub(super) fn put(&mut self, entry: Entry) -> (HostKey, Change) {
        let known = self.by_uuid.get(&entry.uuid).or_else(|| self.by_name.get(&entry.hostname));
        let Some(key) = known.copied() else {
            let key = self.next;
            self.next += 1;
            let seen = self.take_former(entry.uuid);
            self.all.insert(key, Host { seen, ..Host::new(entry) });
            self.index(key);
            return (key, Change::New);
        };
        let Some(host) = self.all.get_mut(&key) else { return (key, Change::Nothing) };
        let (uuid, name, ip) = (host.uuid, host.hostname.clone(), host.ip);
        let change = host.update(entry);
        if change != Change::Nothing {
            self.unindex(key, uuid, &name, ip);
        }
        self.index(key);
        (key, change)
    }

    pub(super) fn remove(&mut self, key: HostKey) -> Option<Host> {
        let mut host = self.all.remove(&key)?;
        self.unindex(key, host.uuid, &host.hostname, host.ip);
        self.former.push_back((host.uuid, std::mem::take(&mut host.seen)));
        if self.former.len() > FORMER_HOSTS_MAX {
            self.former.pop_front();
        }
        Some(host)
    }

    fn take_former(&mut self, uuid: InstanceId) -> Seen {
        let index = self.former.iter().position(|(former, _)| *former == uuid);
        index.and_then(|index| self.former.remove(index)).map(|(_, seen)| seen).unwrap_or_default()
    }

    pub(super) fn get(&self, key: HostKey) -> Option<&Host> {
        self.all.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: HostKey) -> Option<&mut Host> {
        self.all.get_mut(&key)
    }

    pub(super) fn by_uuid(&self, uuid: InstanceId) -> Option<HostKey> {
        self.by_uuid.get(&uuid).copied()
    }

    pub(super) fn by_name(&self, name: &Hostname) -> Option<HostKey> {
        self.by_name.get(name).copied()
    }

    pub(super) fn by_ip(&self, ip: IpAddr) -> Option<HostKey> {
        self.by_ip.get(&ip.to_canonical()).copied()
    }

    /// In order of uuid.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.by_uuid.values().filter_map(|key| self.all.get(key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn index(&mut self, key: HostKey) {
        let Some(host) = self.all.get(&key) else { return };
        self.by_uuid.insert(host.uuid, key);
        self.by_name.insert(host.hostname.clone(), key);
        self.by_ip.insert(host.ip, key);
    }

    /// Takes back what a host was found by. A name or an address that it had taken from another
    /// host goes back to that one.
    fn unindex(&mut self, key: HostKey, uuid: InstanceId, name: &Hostname, ip: IpAddr) {
        self.by_uuid.remove(&uuid);
        if self.by_name.get(name) == Some(&key) {
            self.by_name.remove(name);
            let heir = self.all.iter().find(|(_, host)| host.hostname == *name);
            self.by_name.extend(heir.map(|(heir, _)| (name.clone(), *heir)));
        }
        if self.by_ip.get(&ip) == Some(&key) {
            self.by_ip.remove(&ip);
            let heir = self.all.iter().find(|(_, host)| host.ip == ip);
            self.by_ip.extend(heir.map(|(heir, _)| (ip, *heir)));
        }
    }
}
