//! Which guest has which part in the play, and where each lives.

use protocol::channel::CorrectiveAction;

/// The hosts, each with a guestServer at an address of its own. Guests live on them in turn.
pub(super) const HOST_IPS: [&str; 2] = ["127.0.0.2", "127.0.0.3"];
/// How many hosts there are.
pub(super) const HOSTS: usize = HOST_IPS.len();

/// The one that dies and that the VIM reboots.
pub(super) const KILLED: usize = 0;
/// The one that hangs; it wants nothing but a line in the VIM's log.
pub(super) const FROZEN: usize = 1;
/// The one that leaves.
pub(super) const LEAVING: usize = 2;
/// The one whose client restarts. Later it is asked whether it may be rebooted, and is.
pub(super) const RESTARTED: usize = 3;
/// The one whose QEMU is killed.
pub(super) const WITHOUT_QEMU: usize = 4;
/// The one that says no.
pub(super) const REJECTING: usize = 5;
/// The one in which an application runs, which crashes before that.
pub(super) const WITH_APPLICATION: usize = REJECTING;
/// The one whose health script fails.
pub(super) const ILL: usize = 6;
/// How many have a part. All others are left alone.
pub(super) const ROLES: usize = 7;

/// The name of a guest.
pub(super) fn name(guest: usize) -> String {
    format!("guest-{}", guest + 1)
}

/// The name of a host.
pub(super) fn hostname(host: usize) -> String {
    format!("compute-{host}")
}

/// The host that a guest lives on.
pub(super) fn host_of(guest: usize) -> usize {
    guest % HOSTS
}

/// What a guest wants to be done when it is lost.
pub(super) fn corrective_action(guest: usize) -> CorrectiveAction {
    if guest == FROZEN { CorrectiveAction::Log } else { CorrectiveAction::Reboot }
}
