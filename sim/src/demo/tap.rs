//! A tap between a guest's client and its device: carries every byte, and tells what passes.
//!
//! It changes nothing that either side can see. A device that refuses hangs up on the client, a
//! client that ends leaves the device, a second client waits for the first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use protocol::channel::{GuestMessage, LineDecoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::Sender;

use super::told::Said;
use crate::clock;

/// Something that a guest said, when, and which guest.
pub(super) type Heard = (Instant, usize, Said);

/// Carries on until the runtime ends. The socket's file is there when it returns.
pub(super) fn start(
    guest: usize,
    path: &Path,
    device: PathBuf,
    heard: Sender<Heard>,
) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if let Ok(device) = UnixStream::connect(&device).await {
                carry(guest, client, device, &heard).await;
            }
        }
    });
    Ok(())
}

/// Until the device is gone. A client that ends closes it: then the device reads what the client
/// said last, and ends the connection.
async fn carry(guest: usize, client: UnixStream, device: UnixStream, heard: &Sender<Heard>) {
    let (from_client, to_client) = client.into_split();
    let (from_device, mut to_device) = device.into_split();
    let client = async {
        up(guest, from_client, &mut to_device, heard).await;
        // An error: the device is gone already.
        let _ = to_device.shutdown().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = client => {}
        () = down(from_device, to_client) => {}
    }
}

/// Until one of them is gone.
async fn up(guest: usize, mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, heard: &Sender<Heard>) {
    let mut buffer = [0; 4096];
    let mut decoder = LineDecoder::default();
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let now = clock::now();
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        let mut said = Vec::new();
        let mut lines = decoder.feed(&buffer[..length]);
        while let Some(line) = lines.next() {
            said.extend(GuestMessage::decode(line).ok().and_then(|message| Said::of(&message)));
        }
        for said in said {
            // Nobody listens any more only when everything ends.
            let _ = heard.send((now, guest, said)).await;
        }
    }
}

/// Until the device is gone. A client that does not take any more has ended, which `up` sees when it
/// has read all that it said.
async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let _ = to.write_all(&buffer[..length]).await;
    }
}
