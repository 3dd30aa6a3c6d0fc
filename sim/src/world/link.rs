//! The management network between agent and server: datagrams get lost, doubled and overtaken.

use std::time::Duration;

/// How bad the network is; each in a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Datagrams that never arrive.
    pub lost: u32,
    /// Datagrams that arrive twice.
    pub doubled: u32,
    /// Datagrams that arrive up to two seconds late, after later ones.
    pub overtaken: u32,
}

/// When the copies of one datagram arrive, counted from now.
pub(crate) fn transmit(weather: Weather, random: &mut fastrand::Rng) -> Vec<Duration> {
    let copies = match random.u32(..1000) {
        roll if roll < weather.lost => 0,
        roll if roll < weather.lost + weather.doubled => 2,
        _ => 1,
    };
    (0..copies).map(|_| delay(weather, random)).collect()
}

fn delay(weather: Weather, random: &mut fastrand::Rng) -> Duration {
    let slow = random.u32(..1000) < weather.overtaken;
    Duration::from_micros(if slow { random.u64(..2_000_000) } else { random.u64(200..3000) })
}
