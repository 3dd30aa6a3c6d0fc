//! Memory and queues stay within bounds.

use super::{Checker, Verdict, Violation};
use crate::world::{HELD_MAX, World};

impl Checker {
    pub(super) fn bounds(&self, world: &World) -> Verdict {
        let instances = self.guests.len();
        let known = world.server().map_or(0, |server| server.instances().count());
        let held = world.instances().iter().map(crate::world::Instance::held).max().unwrap_or(0);
        let to_come = world.happenings();
        let sentence = if known > instances {
            format!("the server knows no more instances than there are: {known}")
        } else if held > HELD_MAX {
            format!("a channel holds at most {HELD_MAX} bytes: {held}")
        } else if to_come > 20 * instances + 10_000 {
            format!("what is under way stays within bounds: {to_come} happenings")
        } else {
            return Ok(());
        };
        Err(Violation { number: None, sentence })
    }
}
