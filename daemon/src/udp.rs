//! UDP sockets that lose nothing in a burst and reach either family of addresses.

use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use tokio::net::UdpSocket;

/// What the kernel holds for us while we are busy: the answers of a server with some thousand
/// instances, an agent's commands about all of them. Its own default is less than a hundred.
const RECEIVE_BUFFER: usize = 16 * 1024 * 1024;

/// Binds a socket. `::` serves IPv4 and IPv6; where there is no IPv6 it means IPv4 alone.
pub fn bind(address: SocketAddr) -> Result<UdpSocket> {
    let socket = match std::net::UdpSocket::bind(address) {
        Err(error) if error.kind() != ErrorKind::AddrInUse && is_any_of_both(address) => {
            std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, address.port()))
        }
        bound => bound,
    }?;
    // Above the limit of the kernel only root may go; with less, a burst may lose datagrams.
    let enlarged = set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)
        .or_else(|_| set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER));
    if let Err(error) = enlarged {
        tracing::warn!(%error, "cannot enlarge the receive buffer");
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

fn is_any_of_both(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// `to` as `socket` reaches it: an IPv6 socket reaches IPv4 addresses in their mapped form.
pub fn reachable_from(socket: &UdpSocket, to: SocketAddr) -> SocketAddr {
    match (socket.local_addr(), to) {
        (Ok(SocketAddr::V6(_)), SocketAddr::V4(v4)) => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        _ => to,
    }
}
