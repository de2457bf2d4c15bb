//! Parquet input whose pages cannot ask for more memory than predictions need.
//!
//! A page's header tells how large the page is when it is decompressed, and the `parquet` crate believes
//! it: a file of a few bytes could make it allocate 2 GiB. And text in the encoding DELTA_BYTE_ARRAY can
//! grow by the square of its size. [`LimitedPages`] looks at each header (Thrift's compact protocol,
//! `PageHeader` in parquet.thrift of the Apache Parquet format) before the crate does and refuses both.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::error::ParquetProblem;

/// The largest page, decompressed. Writers aim at 1 MiB; some write a row group of 100,000 rows as one.
pub const MAX_PAGE_BYTES: u64 = 64 << 20;

/// The largest page header, which may hold the page's smallest and largest text.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// `DELTA_BYTE_ARRAY` of the format's `Encoding`.
const DELTA_BYTE_ARRAY: u64 = 7;

/// An input that is read page by page, where every read of a page starts with its header.
pub struct LimitedPages<R> {
    input: R,
    /// Why a page was refused: the crate keeps only the text of an error.
    refusal: Arc<OnceLock<ParquetProblem>>,
}

impl<R> LimitedPages<R> {
    /// The limited input, and the place where the reason for a refusal will stand.
    pub fn new(input: R) -> (Self, Arc<OnceLock<ParquetProblem>>) {
        let refusal = Arc::new(OnceLock::new());
        let refused = Arc::clone(&refusal);
        (LimitedPages { input, refusal }, refused)
    }
}

impl<R: ChunkReader> Length for LimitedPages<R> {
    fn len(&self) -> u64 {
        self.input.len()
    }
}

impl<R: ChunkReader> ChunkReader for LimitedPages<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> Result<R::T> {
        let header = self.input.get_read(start)?.take(MAX_HEADER_BYTES);
        if let Err(problem) = check_page_header(header) {
            let text = problem.to_string();
            // The first refusal ends the reading; a later one would say nothing new.
            let _ = self.refusal.set(problem);
            return Err(ParquetError::General(text));
        }
        self.input.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.input.len()) {
            return Err(ParquetError::EOF(
                "a page goes on after the end of the file".to_owned(),
            ));
        }
        self.input.get_bytes(start, length)
    }
}

/// The types of Thrift's compact protocol.
mod compact {
    pub const STOP: u8 = 0;
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const BINARY: u8 = 8;
    pub const LIST: u8 = 9;
    pub const STRUCT: u8 = 12;
}

/// How deep structures in a page header go at most.
const MAX_DEPTH: usize = 8;

/// Reads a page header and refuses a page that is too large or in an unbounded encoding.
fn check_page_header(mut header: impl Read) -> Result<(), ParquetProblem> {
    let mut id = 0;
    while let Some(kind) = field(&mut header, &mut id)? {
        // The place of the encoding in the structures that have one: data page, dictionary, data page v2.
        let encoding_id = match (id, kind) {
            (2, compact::I32) => {
                // Zigzag: an even number is positive; a negative size is refused by the crate.
                let size = varint(&mut header)? >> 1;
                if size > MAX_PAGE_BYTES {
                    return Err(ParquetProblem::PageTooLarge(MAX_PAGE_BYTES));
                }
                continue;
            }
            (5, compact::STRUCT) | (7, compact::STRUCT) => 2,
            (8, compact::STRUCT) => 4,
            (2 | 5 | 7 | 8, _) => return Err(unreadable()),
            _ => {
                skip(&mut header, kind, 0)?;
                continue;
            }
        };
        let mut nested_id = 0;
        while let Some(kind) = field(&mut header, &mut nested_id)? {
            if nested_id == encoding_id {
                if kind != compact::I32 {
                    return Err(unreadable());
                }
                if varint(&mut header)? >> 1 == DELTA_BYTE_ARRAY {
                    return Err(ParquetProblem::Encoding);
                }
            } else {
                skip(&mut header, kind, 0)?;
            }
        }
    }
    Ok(())
}

/// The type of the next field, whose number `id` becomes; `None` at the end of the structure.
///
/// Numbers must grow, so that no field can come a second time with another value.
fn field(input: &mut impl Read, id: &mut u8) -> Result<Option<u8>, ParquetProblem> {
    let head = byte(input)?;
    if head == compact::STOP {
        return Ok(None);
    }
    let step = head >> 4;
    *id = id.checked_add(step).ok_or_else(unreadable)?;
    if step == 0 {
        return Err(unreadable());
    }
    Ok(Some(head & 0x0f))
}

fn skip(input: &mut impl Read, kind: u8, depth: usize) -> Result<(), ParquetProblem> {
    if depth > MAX_DEPTH {
        return Err(unreadable());
    }
    match kind {
        compact::TRUE | compact::FALSE => Ok(()),
        compact::BYTE => skip_bytes(input, 1),
        compact::I16 | compact::I32 | compact::I64 => varint(input).map(|_| ()),
        compact::DOUBLE => skip_bytes(input, 8),
        compact::BINARY => {
            let length = varint(input)?;
            skip_bytes(input, length)
        }
        compact::LIST => {
            let head = byte(input)?;
            let elements = match head >> 4 {
                15 => varint(input)?,
                few => u64::from(few),
            };
            for _ in 0..elements {
                // In a list a truth value takes a byte, in a field none.
                match head & 0x0f {
                    compact::TRUE | compact::FALSE => skip_bytes(input, 1)?,
                    kind => skip(input, kind, depth + 1)?,
                }
            }
            Ok(())
        }
        compact::STRUCT => {
            let mut id = 0;
            while let Some(kind) = field(input, &mut id)? {
                skip(input, kind, depth + 1)?;
            }
            Ok(())
        }
        _ => Err(unreadable()),
    }
}

fn byte(input: &mut impl Read) -> Result<u8, ParquetProblem> {
    let mut byte = [0];
    input.read_exact(&mut byte).map_err(|_| unreadable())?;
    Ok(byte[0])
}

fn varint(input: &mut impl Read) -> Result<u64, ParquetProblem> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(input)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(unreadable())
}

fn skip_bytes(input: &mut impl Read, count: u64) -> Result<(), ParquetProblem> {
    let skipped = std::io::copy(&mut input.by_ref().take(count), &mut std::io::sink());
    match skipped {
        Ok(skipped) if skipped == count => Ok(()),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> ParquetProblem {
    ParquetProblem::Damaged("a page header cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page header: type 0, sizes, and a data page of three values in the given encoding.
    fn header(size: &[u8], encoding: u8) -> Vec<u8> {
        [
            &[0x15, 0x00, 0x15],
            size,
            &[
                0x15,
                0x02,
                0x2c,
                0x15,
                0x06,
                0x15,
                2 * encoding,
                0x15,
                0x06,
                0,
                0,
            ],
        ]
        .concat()
    }

    #[test]
    fn ordinary_pages_pass_and_greedy_ones_are_refused() {
        assert_eq!(check_page_header(&*header(&[0x80, 0x01], 0)), Ok(()));
        let two_gibibytes = [0xfe, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(
            check_page_header(&*header(&two_gibibytes, 0)),
            Err(ParquetProblem::PageTooLarge(MAX_PAGE_BYTES))
        );
        assert_eq!(
            check_page_header(&*header(&[2], 7)),
            Err(ParquetProblem::Encoding)
        );
        // The size a second time, which the crate would believe.
        let mut twice = header(&[2], 0);
        twice.pop();
        twice.extend([0x05, 0x04, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]);
        assert_eq!(check_page_header(&*twice), Err(unreadable()));
    }

    #[test]
    fn every_cut_of_a_header_is_an_error() {
        let whole = header(&[0x80, 0x01], 0);
        for length in 0..whole.len() {
            assert_eq!(
                check_page_header(&whole[..length]),
                Err(unreadable()),
                "{length} bytes"
            );
        }
    }
}
