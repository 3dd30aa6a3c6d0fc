//! Addresses of either family from one socket.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// `to` as `socket` reaches it: an IPv6 socket reaches IPv4 addresses in their mapped form.
pub fn reachable_from(socket: &UdpSocket, to: SocketAddr) -> SocketAddr {
    match (socket.local_addr(), to) {
        (Ok(SocketAddr::V6(_)), SocketAddr::V4(v4)) => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        _ => to,
    }
}
