//! The application API: frames of a fixed size between programs in the guest and the client
//! (docs/protocol.md, "Application API").
//!
//! [`FrameDecoder`] cuts a byte stream into frames and finds its way back after noise;
//! [`Message::encode`] writes a frame. Both ends use both: the client as the server of the socket,
//! the library of the applications as its client.

mod decoder;
mod message;
mod numbers;

pub use decoder::FrameDecoder;
pub use message::{
    ActionNotify, ActionResponse, AppName, ChallengeResponse, Frame, Init, LogText, Message,
};
pub use numbers::Number;

/// What every frame begins with.
pub const MAGIC: [u8; 8] = *b"FDFDA5A5";
/// Version of every frame that we send; frames of another one are skipped.
pub const VERSION: u8 = 2;
/// Revision of every frame that we send; that of a received frame does not matter.
pub const REVISION: u8 = 1;
/// Bytes before the body.
pub const HEADER: usize = 20;
/// Bytes of a frame, whatever it says: header and the largest body.
pub const FRAME: usize = SIZE as usize;
/// [`FRAME`] as the header's `size` has it.
const SIZE: u32 = 228;
/// Bytes of `log_msg`, its NUL included.
pub const LOG_MSG: usize = 192;
/// Bytes of `application_name`, its NUL included.
pub const NAME: usize = 40;
/// Applications that a client registers at once; a further one is not accepted.
pub const APPLICATIONS_MAX: usize = 16;
