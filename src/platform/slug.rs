//! Names for addresses, the same rule for datasets and challenges.

/// Whether a text may be an address: 2 to 60 lower-case letters, digits and inner hyphens.
pub fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=60).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
