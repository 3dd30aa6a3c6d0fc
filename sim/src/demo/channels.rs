//! The fake QEMUs of all hosts, and which of them is whose.

use std::path::PathBuf;

use protocol::InstanceId;

use super::place::Place;
use super::roles::{self, HOSTS};
use super::{Error, Options};
use crate::qemu::{FakeQemus, Plan};

/// Numbers of instances, which are their uuids, are this far apart between hosts.
const FARM: u64 = 1000;

/// Of each host a farm.
pub(super) struct Channels {
    farms: Vec<FakeQemus>,
}

impl Channels {
    pub(super) fn start(options: &Options, place: &Place) -> Result<Self, Error> {
        let farms = (0..HOSTS).map(|host| {
            let guests = (0..options.guests).filter(|guest| roles::host_of(*guest) == host);
            let mut plan = Plan::new(place.channels(host), guests.count());
            plan.device_dir = Some(place.devices());
            plan.first = FARM * host as u64;
            plan.guest.interval = options.interval;
            FakeQemus::start(plan)
        });
        Ok(Self { farms: farms.collect::<Result<_, _>>()? })
    }

    pub(super) fn id(&self, guest: usize) -> InstanceId {
        let (farm, index) = self.find(guest);
        farm.id(index)
    }

    /// The socket for the guest's client.
    pub(super) fn device_path(&self, guest: usize) -> PathBuf {
        let (farm, index) = self.find(guest);
        farm.device_path(index).expect("every plan has a folder for devices")
    }

    /// Whether guestServer is connected to it.
    pub(super) fn has_host(&self, guest: usize) -> bool {
        let (farm, index) = self.find(guest);
        farm.has_host(index)
    }

    /// SIGKILL to QEMU: its socket's file stays.
    pub(super) fn kill(&self, guest: usize) {
        let (farm, index) = self.find(guest);
        farm.kill(index);
    }

    /// A clean end: its socket's file is removed.
    pub(super) fn quit(&self, guest: usize) {
        let (farm, index) = self.find(guest);
        farm.quit(index);
    }

    /// A new QEMU with a new socket.
    pub(super) fn restart(&self, guest: usize) {
        let (farm, index) = self.find(guest);
        farm.restart(index);
    }

    /// Guests live on the hosts in turn.
    fn find(&self, guest: usize) -> (&FakeQemus, usize) {
        (&self.farms[roles::host_of(guest)], guest / HOSTS)
    }
}
