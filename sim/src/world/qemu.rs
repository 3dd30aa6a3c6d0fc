//! What happens to machines and to the files of their channels.

use std::time::Duration;

use super::host::Notice;
use super::{Happening, World};
use crate::channel::{Channel, ConnectError};
use crate::guest::Act;

impl World {
    /// QMP `stop`, or a snapshot: the guest is frozen.
    pub fn pause(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        instance.channel.stop();
        instance.see(self.now);
    }

    /// QMP `cont`.
    pub fn resume(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        instance.channel.cont();
        instance.see(self.now);
        self.wake_guest(number, Duration::ZERO);
    }

    /// SIGKILL for QEMU: the file stays.
    pub fn kill_qemu(&mut self, number: usize) {
        self.instances[number].channel.kill();
        self.qemu_ended(number);
    }

    /// QEMU ends and its file is removed; whether the server is told about the file.
    pub fn quit_qemu(&mut self, number: usize, told: bool) {
        self.instances[number].channel.quit();
        self.qemu_ended(number);
        if told {
            self.notice(Notice::Vanished(number));
        }
    }

    /// The instance is started again, with a new file; whether the server is told about it.
    pub fn start_qemu(&mut self, number: usize, told: bool) {
        let instance = &mut self.instances[number];
        instance.channel.start();
        instance.made += 1;
        let made = instance.made;
        let until_it_listens = Duration::from_micros(instance.random.u64(..30_000));
        if told && self.notice(Notice::Appeared(number)) {
            self.instances[number].set_announced(self.now);
        }
        let listens = self.now + until_it_listens;
        self.queue.put(listens, Happening::Listen { number, made });
    }

    /// Another host connects as soon as QEMU listens, before guestServer.
    pub fn lie_in_wait(&mut self, number: usize) {
        self.instances[number].intruder_waits = true;
    }

    /// Another host connects; it is served when and if its turn comes.
    pub fn intrude(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        if instance.intruder.is_none() {
            match instance.channel.host_connect() {
                Ok(conn) => instance.intruder = Some(conn),
                Err(ConnectError::NotFound | ConnectError::Refused | ConnectError::WouldBlock) => {}
            }
        }
        instance.see(self.now);
        self.wake_guest(number, Duration::ZERO);
    }

    /// That host leaves.
    pub fn withdraw(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        instance.intruder_waits = false;
        if let Some(conn) = instance.intruder.take() {
            instance.channel.host_close(conn);
        }
        instance.see(self.now);
        self.wake_guest(number, Duration::ZERO);
    }

    fn qemu_ended(&mut self, number: usize) {
        let now = self.now;
        self.act(number, Act::Die);
        self.instances[number].set_listening(now, false);
        self.look_at_channel(number);
    }

    /// QEMU listens, unless it has been ended or replaced meanwhile.
    pub(super) fn listen(&mut self, number: usize, made: i64) {
        let instance = &mut self.instances[number];
        if instance.made != made || !instance.channel.file_exists() {
            return;
        }
        instance.channel.listen();
        if !instance.channel.is_running() {
            return;
        }
        instance.set_listening(self.now, true);
        let down = Duration::from_millis(instance.random.u64(500..8000));
        self.act(number, Act::Reboot { down });
        if self.instances[number].intruder_waits {
            self.intrude(number);
        }
    }
}

/// Migration: an instance goes from one host to another.
impl World {
    /// A QEMU is started that waits for the guest of another host.
    pub fn await_migration(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        instance.channel = Channel::incoming();
        instance.made += 1;
        instance.set_listening(self.now, true);
        if self.notice(Notice::Appeared(number)) {
            self.instances[number].set_announced(self.now);
        }
    }

    /// The guest of `source` goes on here, in the middle of what it did. The QEMU that it leaves is
    /// still there. `false` if no QEMU waits for it, or if no guest runs there.
    pub fn receive_migration(&mut self, number: usize, source: &mut Self) -> bool {
        let (here, there) = (&mut self.instances[number], &mut source.instances[number]);
        if !there.channel.is_running()
            || here.channel.receive_migration(&mut there.channel).is_err()
        {
            return false;
        }
        std::mem::swap(&mut here.guest, &mut there.guest);
        std::mem::swap(&mut here.habits, &mut there.habits);
        here.break_off(self.now);
        there.break_off(self.now);
        self.wake_guest(number, Duration::ZERO);
        source.wake_guest(number, Duration::ZERO);
        true
    }

    /// Whether a machine runs here, or at least its process.
    pub fn has_qemu(&self, number: usize) -> bool {
        self.instances[number].channel.file_exists()
    }
}
