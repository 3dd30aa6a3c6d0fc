//! A guest that talks nonsense.

use std::time::{Duration, Instant};

/// Noise comes in bursts at most this often.
const BURSTS: Duration = Duration::from_millis(10);

/// Noise at a rate.
pub(super) struct Babble {
    due: Instant,
    every: Duration,
    burst: u32,
    left: u32,
}

impl Babble {
    /// `None` for a rate of 0.
    pub(super) fn new(now: Instant, per_second: u32) -> Option<Self> {
        let apart = Duration::from_secs(1).checked_div(per_second)?;
        let (every, burst) =
            if apart > BURSTS { (apart, 1) } else { (BURSTS, per_second.div_ceil(100)) };
        Some(Self { due: now + every, every, burst, left: 0 })
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// A burst that was not written by the next one is given up.
    pub(super) fn handle_deadline(&mut self, now: Instant) {
        if self.due <= now {
            self.left = self.burst;
            self.due = (self.due + self.every).max(now);
        }
    }

    /// Appends one piece of noise, if it is time for it.
    pub(super) fn write(&mut self, random: &mut fastrand::Rng, out: &mut Vec<u8>) -> bool {
        let time = self.left > 0;
        if time {
            self.left -= 1;
            noise(random, out);
        }
        time
    }
}

/// What no host may stumble over. It never means something: no init, no exit, no right answer.
fn noise(random: &mut fastrand::Rng, out: &mut Vec<u8>) {
    out.push(b'\n');
    match random.u8(..10) {
        0 => out.extend(std::iter::repeat_with(|| random.u8(..)).take(100)),
        1 => out.extend(b"{\"version\":3,\"revision\":1,\"msg_type\":\"gossip\",\"sequence\":1}"),
        2 => out.extend(b"{\"version\":2,\"revision\":1,\"msg_type\":\"init\",\"sequence\":1}"),
        3 => out.extend(b"{\"version\":3,\"msg_type\":\"challenge_response\"}"),
        4 => out.extend(b"{\"version\":3,\"msg_type\":\"init\",\"half"),
        5 => out.extend([b'['; 1000]),
        6 => out.extend(std::iter::repeat_n(b'x', 5000)),
        7 => out.extend(b"{\"version\":3,\"msg_type\":7,\"msg_type\":null,\"msg_type\":[]}"),
        8 => out
            .extend(b"{\"version\":3,\"msg_type\":\"\\u001b[2J\\u0007\",\"log_msg\":\"\\u0000\"}"),
        _ => wrong_answer(random.u32(..=protocol::limits::INT_MAX), out),
    }
    out.push(b'\n');
}

fn wrong_answer(challenge: u32, out: &mut Vec<u8>) {
    use protocol::channel::{ChallengeResponse, GuestMessage, Health, LogMsg};
    let answer = ChallengeResponse {
        heartbeat_response: challenge,
        heartbeat_health: Health::Healthy,
        corrective_action: None,
        log_msg: LogMsg::default(),
    };
    GuestMessage::ChallengeResponse(answer).encode(0, out);
}
