//! The wire format of protocol buffers, walked field by field.
//!
//! A decoded message can need a hundred times the memory of its bytes: a million empty nodes are two
//! megabytes. So a model is walked, and only its small parts become messages.
//!
//! Source: the encoding guide of protobuf.dev.

use prost::decode_length_delimiter;
use thiserror::Error;

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is cut off or damaged")]
pub(super) struct Broken;

/// A field of a message: its number and its content.
pub(super) type Field<'a> = (u32, Value<'a>);

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number of up to 64 bits.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message, in the order of its bytes; ends after the first that is broken.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Broken>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = take_field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

/// The fields of this number that are bytes, texts or messages.
pub(super) fn messages(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Broken>> {
    fields(message).filter_map(move |field| match field {
        Ok((found, Value::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(broken) => Some(Err(broken)),
    })
}

/// The last field of this number as a text, shown even where it is not UTF-8; empty if there is none.
pub(super) fn text(message: &[u8], number: u32) -> Result<String, Broken> {
    let mut last: &[u8] = &[];
    for bytes in messages(message, number) {
        last = bytes?;
    }
    Ok(String::from_utf8_lossy(last).into_owned())
}

fn take_field<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, Broken> {
    let key = take_number(rest)?;
    let number = u32::try_from(key >> 3).map_err(|_| Broken)?;
    let value = match key & 7 {
        0 => Value::Number(take_number(rest)?),
        1 => Value::Bytes(take_bytes(rest, 8)?),
        2 => {
            let length = take_number(rest)?;
            Value::Bytes(take_bytes(rest, length)?)
        }
        5 => Value::Bytes(take_bytes(rest, 4)?),
        // 3 and 4 are groups, which no version of ONNX has.
        _ => return Err(Broken),
    };
    if number == 0 {
        return Err(Broken);
    }
    Ok((number, value))
}

fn take_number(rest: &mut &[u8]) -> Result<u64, Broken> {
    // A length is a varint like every other number; `usize` has 64 bits here.
    decode_length_delimiter(rest)
        .map(|number| number as u64)
        .map_err(|_| Broken)
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(length).map_err(|_| Broken)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = after;
    Ok(bytes)
}
