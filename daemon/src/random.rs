//! Random numbers of the operating system, fetched many at a time.

use protocol::Random;
use rustix::rand::{GetRandomFlags, getrandom};

const STOCK: usize = 256;

/// Fresh random bits from the operating system.
pub fn system() -> Random {
    let mut stock = [0u8; STOCK];
    let mut used = STOCK;
    Box::new(move || {
        if used == STOCK {
            fill(&mut stock);
            used = 0;
        }
        let bytes = stock[used..used + 4].try_into().expect("four bytes");
        used += 4;
        u32::from_ne_bytes(bytes)
    })
}

fn fill(stock: &mut [u8; STOCK]) {
    let mut filled = 0;
    while filled < STOCK {
        match getrandom(&mut stock[filled..], GetRandomFlags::empty()) {
            Ok(bytes) => filled += bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the operating system has no random numbers: {error}"),
        }
    }
}
