//! Which hosts there are: maintenance tells, or a file.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use protocol::InstanceId;
use protocol::datagram::{Host as Entry, MaintenanceCommand};

use super::Output;
use super::agent::{GuestAgent, Job};
use super::hosts::{Change, HostKey};
use super::note::Note;
use super::policy::{FIRST_QUERY, INVENTORY, INVENTORY_AGAIN_MAX, INVENTORY_WAIT_MAX};

impl GuestAgent {
    /// Asks at the start, and again after 5, 10, 20, ... 60 s while no host is known, later every 5
    /// minutes.
    pub(super) fn start_inventory(&mut self, now: Instant) {
        self.inventory_wait = INVENTORY;
        // A file of hosts may come first; then nobody need be asked.
        self.ask_inventory_at(now);
    }

    pub(super) fn inventory_due(&mut self, now: Instant) {
        if !self.from_file.is_empty() {
            return;
        }
        if let Some(earliest) = self.too_soon_for_inventory(now) {
            return self.ask_inventory_at(earliest);
        }
        let longest = if self.hosts.is_empty() { INVENTORY_WAIT_MAX } else { INVENTORY_AGAIN_MAX };
        self.ask_inventory(now);
        self.ask_inventory_at(now + self.inventory_wait);
        self.inventory_wait = (self.inventory_wait * 2).min(longest);
    }

    fn ask_inventory_at(&mut self, at: Instant) {
        self.jobs.remove(&(self.inventory_at, Job::Inventory));
        self.inventory_at = at;
        self.jobs.insert((at, Job::Inventory));
    }

    /// The VIM named a host that is not known: maintenance may have forgotten to tell, or what was
    /// asked a moment ago was lost.
    pub(super) fn name_unknown_host(&mut self, now: Instant) {
        match self.too_soon_for_inventory(now) {
            Some(earliest) if self.from_file.is_empty() && earliest < self.inventory_at => {
                self.ask_inventory_at(earliest);
            }
            Some(_) => {}
            None => self.ask_inventory(now),
        }
    }

    /// When it may be asked for again, if that is not now.
    fn too_soon_for_inventory(&self, now: Instant) -> Option<Instant> {
        let earliest = self.asked_inventory? + INVENTORY;
        (earliest > now).then_some(earliest)
    }

    fn ask_inventory(&mut self, now: Instant) {
        self.asked_inventory = Some(now);
        self.put(Output::AskInventory);
    }

    pub(super) fn maintenance_datagram(&mut self, now: Instant, from: IpAddr, bytes: &[u8]) {
        if self.maintenance != Some(from.to_canonical()) {
            self.counters.strangers += 1;
            return self.note(now, None, Note::Stranger(from));
        }
        match MaintenanceCommand::decode(bytes) {
            Ok(MaintenanceCommand::AddHost(host) | MaintenanceCommand::ModifyHost(host)) => {
                self.put_host(now, host);
            }
            Ok(MaintenanceCommand::DeleteHost { uuid, .. }) => {
                if let Some(key) = self.hosts.by_uuid(uuid) {
                    self.delete_host(now, key);
                }
            }
            Err(error) => {
                self.counters.bad_datagrams += 1;
                self.note(now, None, Note::BadDatagram(from, error));
            }
        }
    }

    /// Takes the hosts of the file; those that were in it before and are not any more are gone.
    pub(super) fn hosts_file(&mut self, now: Instant, hosts: Vec<Entry>) {
        let named: BTreeSet<InstanceId> = hosts.iter().map(|host| host.uuid).collect();
        let gone: Vec<InstanceId> = self.from_file.difference(&named).copied().collect();
        for uuid in gone {
            if let Some(key) = self.hosts.by_uuid(uuid) {
                self.delete_host(now, key);
            }
        }
        self.from_file = named;
        for host in hosts {
            self.put_host(now, host);
        }
    }

    /// A host without a name cannot be meant by anyone.
    fn put_host(&mut self, now: Instant, entry: Entry) {
        if entry.hostname.is_empty() {
            self.counters.bad_datagrams += 1;
            return;
        }
        let (hostname, ip) = (entry.hostname.clone(), entry.ip);
        let (key, change) = self.hosts.put(entry);
        if change != Change::Nothing {
            self.note(now, None, Note::HostAdded(hostname, ip));
        }
        if change == Change::New {
            self.start_audit(now, key);
        }
        if matches!(change, Change::New | Change::Uuid) {
            self.query_in(now, key, FIRST_QUERY);
        }
    }

    /// Forgets a host and its instances; there is nobody left to delete them on.
    fn delete_host(&mut self, now: Instant, key: HostKey) {
        let Some(host) = self.hosts.remove(key) else { return };
        if let Some(at) = host.query_at {
            self.jobs.remove(&(at, Job::Query(key)));
        }
        self.note(now, None, Note::HostDeleted(host.hostname));
        for id in host.instances {
            self.delete_instance(now, id);
        }
    }
}
