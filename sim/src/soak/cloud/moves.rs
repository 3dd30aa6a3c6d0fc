//! Instances are made, deleted and migrated.

use std::time::Duration;

use protocol::InstanceId;
use protocol::vim::VimCommand;

use super::super::plan::Done;
use super::plan::Plans;
use crate::cloud::Cloud;

/// A migration that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    /// Its new QEMU waits for it; it still runs where it was.
    Expected { from: usize, to: usize },
    /// It runs at its new place; the old QEMU is still there.
    Left { from: usize },
    /// It runs nowhere until it is started at its new place.
    Cold,
}

impl Plans {
    /// Deletes an instance, or makes it somewhere.
    pub(super) fn change_existence(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        self.end(cloud, number, None);
        let instance = &mut self.instances[number];
        if instance.moving.is_some() {
            return Done::Nothing;
        }
        let uuid = InstanceId::numbered(number as u64);
        let random = &mut self.random[number];
        if let Some(home) = instance.home.take() {
            if random.bool() {
                cloud.world_mut(home).quit_qemu(number, true);
                cloud.decide(&VimCommand::InstanceDelete { uuid });
            } else {
                cloud.decide(&VimCommand::InstanceDelete { uuid });
                cloud.world_mut(home).quit_qemu(number, true);
            }
            self.count("Deleted");
            return Done::Did(Some(number), "VIM: deletes it".to_owned());
        }
        let home = random.usize(..cloud.hosts());
        let (hostname, reporting) = (cloud.hostname(home), random.u8(..5) > 0);
        instance.home = Some(home);
        let create = VimCommand::InstanceCreate { uuid, hostname: hostname.clone() };
        let set = VimCommand::InstanceSet { uuid, hostname, reporting: reporting.into() };
        if random.bool() {
            cloud.decide(&create);
        }
        cloud.decide(&set);
        cloud.world_mut(home).start_qemu(number, true);
        self.count("Created");
        Done::Did(Some(number), format!("VIM: makes it on compute-{home}"))
    }

    /// Begins to migrate an instance to another host.
    pub(super) fn begin_move(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let Some(from) = self.instances[number].home else { return Done::Nothing };
        let random = &mut self.random[number];
        let to = random.usize(..cloud.hosts());
        let (live, wait) = (random.bool(), Duration::from_millis(random.u64(100..12_000)));
        if to == from || self.instances[number].moving.is_some() {
            return Done::Nothing;
        }
        self.end(cloud, number, None);
        let target = cloud.world_mut(to);
        let is_free = !target.has_qemu(number) && !target.instances()[number].is_connected();
        if live && is_free {
            target.await_migration(number);
            self.instances[number].moving = Some(Move::Expected { from, to });
            self.count("LiveMigration");
        } else {
            cloud.world_mut(from).quit_qemu(number, true);
            self.settle(cloud, number, to);
            self.instances[number].moving = Some(Move::Cold);
            self.count("ColdMigration");
        }
        self.go_on_in(cloud, number, wait);
        let how = if live && is_free { "live" } else { "cold" };
        Done::Did(Some(number), format!("VIM: {how} migration to compute-{to}"))
    }

    /// The VIM says where an instance lives from now on.
    fn settle(&mut self, cloud: &mut Cloud, number: usize, to: usize) {
        self.instances[number].home = Some(to);
        let uuid = InstanceId::numbered(number as u64);
        let known = cloud.view().instances().get(&uuid);
        let reporting = known.is_some_and(|known| known.reporting.is_on()).into();
        let hostname = cloud.hostname(to);
        cloud.decide(&VimCommand::InstanceSet { uuid, hostname, reporting });
    }

    /// The next step of a migration.
    pub(super) fn go_on(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let Some(moving) = self.instances[number].moving.take() else { return Done::Nothing };
        match moving {
            Move::Expected { from, to } => {
                if !cloud.migrate(number, from, to) {
                    cloud.world_mut(to).quit_qemu(number, true);
                    return Done::Did(Some(number), "the migration fails".to_owned());
                }
                self.settle(cloud, number, to);
                self.instances[number].moving = Some(Move::Left { from });
                let wait = Duration::from_millis(self.random[number].u64(100..5000));
                self.go_on_in(cloud, number, wait);
                Done::Did(Some(number), format!("its guest goes on on compute-{to}"))
            }
            Move::Left { from } => {
                cloud.world_mut(from).quit_qemu(number, true);
                Done::Did(Some(number), format!("its old QEMU on compute-{from} ends"))
            }
            Move::Cold => {
                if let Some(home) = self.instances[number].home {
                    cloud.world_mut(home).start_qemu(number, true);
                }
                Done::Did(Some(number), "it is started at its new place".to_owned())
            }
        }
    }

    /// The same, all of it at once.
    pub(super) fn finish_move(&mut self, cloud: &mut Cloud, number: usize) {
        while self.instances[number].moving.is_some() {
            self.go_on(cloud, number);
        }
    }
}
