//! The framing of an XRK file: messages with a checksum, and between them bare records of samples.
//!
//! A message is `<h`, a tag of four bytes, the body's length (u32), a version (u8), `>`, the body, `<`, the tag again,
//! the sum of the body's bytes (u16) and `>`. Numbers are little-endian.

use std::fmt;

/// Bytes before a body.
pub(super) const HEADER_BYTES: usize = 12;

/// Bytes after a body.
const FOOTER_BYTES: usize = 8;

/// A message's name: three or four letters, filled up with zeros or spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag([u8; 4]);

impl Tag {
    /// The letters without what fills them up.
    pub(super) fn letters(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| matches!(byte, 0 | b' '));
        self.0.get(..end.unwrap_or(4)).unwrap_or_default()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letters().escape_ascii())
    }
}

/// A message whose frame and checksum are right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) tag: Tag,
    /// Where in the file its header begins.
    pub(super) offset: usize,
    pub(super) body: &'a [u8],
}

/// A place at which a file is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: usize,
    pub(super) expected: String,
    pub(super) found: String,
    /// Where reading can go on, if the damage is known to end there.
    pub(super) ends: Option<usize>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "byte {}: expected {}, found {}",
            self.offset, self.expected, self.found
        )
    }
}

/// The little-endian number at `at`, if the bytes reach that far.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*number))
}

/// As [`u16_at`].
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*number))
}

/// As [`u16_at`].
pub(super) fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(i32::from_le_bytes(*number))
}

/// The text up to the first zero byte, without space around it; `None` when nothing is left.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end)?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the message at `at`, and where the next thing begins. `base` is where in the file `bytes` begin.
pub(super) fn message(
    bytes: &[u8],
    at: usize,
    base: usize,
) -> Result<(Message<'_>, usize), Damage> {
    let damage = |at: usize, expected: &str, found: String| Damage {
        offset: base + at,
        expected: expected.to_owned(),
        found,
        ends: None,
    };
    let truncated = || damage(at, "a whole message", "the end of the file".to_owned());
    let header = bytes.get(at..).unwrap_or_default();
    let Some([b'<', b'h', t0, t1, t2, t3, l0, l1, l2, l3, _version, close]) =
        header.first_chunk::<HEADER_BYTES>()
    else {
        return Err(
            if header.len() < HEADER_BYTES && header.starts_with(b"<h") {
                truncated()
            } else {
                damage(at, "a message (<h)", shown(header))
            },
        );
    };
    let tag = Tag([*t0, *t1, *t2, *t3]);
    if *close != b'>' {
        return Err(damage(
            at + HEADER_BYTES - 1,
            "\">\" at the end of a message's header",
            shown(&[*close]),
        ));
    }
    // A length that does not fit usize is beyond the end of any file.
    let length = usize::try_from(u32::from_le_bytes([*l0, *l1, *l2, *l3])).unwrap_or(usize::MAX);
    let start = at + HEADER_BYTES;
    let footer_at = start.checked_add(length).ok_or_else(truncated)?;
    let after = footer_at.checked_add(FOOTER_BYTES).ok_or_else(truncated)?;
    let body = bytes.get(start..footer_at).ok_or_else(truncated)?;
    let footer = bytes.get(footer_at..after).ok_or_else(truncated)?;
    let [b'<', f0, f1, f2, f3, s0, s1, b'>'] = footer else {
        return Err(damage(
            footer_at,
            &format!("the end of the message {tag} of {length} bytes"),
            shown(footer),
        ));
    };
    if Tag([*f0, *f1, *f2, *f3]) != tag {
        return Err(damage(
            footer_at + 1,
            &format!("the tag {tag} of the message that ends here"),
            shown(&[*f0, *f1, *f2, *f3]),
        ));
    }
    let written = u16::from_le_bytes([*s0, *s1]);
    // Bodies are far shorter than the 16 MiB at which this sum would overflow; wrapping is right for longer ones.
    let sum = body
        .iter()
        .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    let [low, high, ..] = sum.to_le_bytes();
    let sum = u16::from_le_bytes([low, high]);
    if sum != written {
        return Err(Damage {
            // The frame is whole, so what follows it can be trusted. It also keeps hostile files from having the
            // same bytes summed again and again.
            ends: Some(base + after),
            ..damage(
                footer_at + 5,
                &format!(
                    "the checksum {sum} of the message {tag} at byte {}",
                    base + at
                ),
                written.to_string(),
            )
        });
    }
    let message = Message {
        tag,
        offset: base + at,
        body,
    };
    Ok((message, after))
}

/// Where the next message or record may begin, after `at`.
pub(super) fn next_start(bytes: &[u8], at: usize) -> usize {
    let from = at.saturating_add(1);
    let rest = bytes.get(from..).unwrap_or_default();
    memchr::memchr2(b'<', b'(', rest).map_or(bytes.len(), |found| from + found)
}

/// The first bytes, for a message to people.
pub(super) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..4).unwrap_or(bytes) {
        [] => "the end of the file".to_owned(),
        few => format!("\"{}\"", few.escape_ascii()),
    }
}
