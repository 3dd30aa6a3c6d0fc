//! The name of an instance on every wire.

use std::fmt;

/// The uuid of an instance, kept as the 36 characters that every wire carries: letters, digits and
/// dashes, so it can stand in a file name, in JSON and in a log line as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId([u8; InstanceId::LEN]);

/// The text is not a uuid of 36 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid of 36 letters, digits and dashes")]
pub struct NotAnInstanceId;

impl InstanceId {
    /// Characters of a uuid. A peer server dies of any other number.
    pub const LEN: usize = 36;

    /// Takes a uuid as it stands on the wire.
    pub fn new(text: &str) -> Result<Self, NotAnInstanceId> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().map_err(|_| NotAnInstanceId)?;
        if bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            Ok(Self(bytes))
        } else {
            Err(NotAnInstanceId)
        }
    }

    /// The uuid that ends in `number`, for simulated instances.
    pub fn numbered(number: u64) -> Self {
        let text = format!("00000000-0000-4000-8000-{number:012x}");
        Self::new(&text[..Self::LEN]).expect("36 hexadecimal digits and dashes")
    }

    /// The 36 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII when it was made")
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_36_safe_characters_are_a_uuid() {
        let uuid = "6a9b0c1d-0000-4000-8000-0123456789AB";
        assert_eq!(InstanceId::new(uuid).map(|id| id.to_string()), Ok(uuid.to_owned()));
        for bad in
            ["", "short", &uuid[1..], &format!("{uuid}0"), "6a9b0c1d/0000/4000/8000/0123456789ab"]
        {
            assert_eq!(InstanceId::new(bad), Err(NotAnInstanceId), "{bad}");
        }
        assert_eq!(InstanceId::new("äaaaaaaa-0000-4000-8000-0123456789a"), Err(NotAnInstanceId));
    }
}
