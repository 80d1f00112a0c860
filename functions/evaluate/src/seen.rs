//! Which resources an evaluation has judged, small enough to be handed on in a message.

use std::{collections::BTreeSet, fmt::Write as _};

/// A message holds 256 KiB; more resources than this don't fit beside the invocation.
const MOST: usize = 12_000;

/// Digits of a hash, in hexadecimal.
const DIGITS: usize = 16;

/// Hashes of the ids of resources. Two ids with the same hash, one in some quintillions of pairs, are taken for one: then what is gone is
/// forgotten an evaluation later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen(BTreeSet<u64>);

impl Seen {
    pub(crate) fn add(&mut self, id: &str) {
        self.0.insert(hash(id));
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains(&hash(id))
    }

    /// As text; nothing if it would not fit into a message.
    pub(crate) fn write(&self) -> Option<String> {
        (self.0.len() <= MOST).then(|| {
            self.0.iter().fold(String::new(), |mut text, hash| {
                let _ = write!(text, "{hash:016x}");
                text
            })
        })
    }

    /// From text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(DIGITS);
        digits
            .map(|chunk| u64::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok())
            .collect::<Option<BTreeSet<_>>>()
            .map(Self)
    }
}

/// FNV-1a, 64 bits: the same in every build, which the standard library's hashes need not be.
fn hash(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_handed_on() {
        let mut seen = Seen::default();
        for number in 0..1000 {
            seen.add(&format!("snap-{number}"));
        }
        let read = Seen::read(&seen.write().unwrap()).unwrap();
        assert_eq!(read, seen);
        assert!(read.has("snap-999") && !read.has("snap-1000"));
        assert_eq!(Seen::read("xyz"), None);
    }

    #[test]
    fn what_does_not_fit_into_a_message_is_not_written() {
        let mut seen = Seen::default();
        for number in 0..=MOST {
            seen.add(&number.to_string());
        }
        assert_eq!(seen.write(), None);
    }
}
