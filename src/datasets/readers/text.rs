//! Lines, fields and numbers: what every text format is made of.
//!
//! A file is read line by line, so no file is ever in memory as text, and every bound is on real bytes.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::{Place, ReadError};

/// The longest line; a logger's are below a kilobyte.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// The most fields of a line: a header row may hold the times of a long race's laps.
pub const MAX_FIELDS: usize = 4096;
/// So many lines may stand above the samples; some loggers pad with empty ones.
const MAX_HEADER_LINES: u64 = 20_000;
/// How much of a cell an error message repeats.
const EXCERPT_CHARACTERS: usize = 40;

/// One line of a file, without its line break.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub bytes: &'a [u8],
    /// From 1.
    pub number: u64,
    /// Whether the file ends here without a line break: perhaps in the middle of a row, as it does
    /// when a logger loses power.
    pub last: bool,
}

impl<'a> Line<'a> {
    /// See [`decode`]; without white space around it.
    pub fn text(&self) -> Cow<'a, str> {
        trimmed(decode(self.bytes))
    }

    pub fn is_blank(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }
}

/// The lines of a file, one at a time.
pub struct Lines<R> {
    format: &'static str,
    inner: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(format: &'static str, inner: R) -> Lines<R> {
        Lines {
            format,
            inner,
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// The next line, or `None` at the end of the file.
    ///
    /// # Errors
    /// [`ReadError::Io`], and [`ReadError::TooLarge`] for a line above [`MAX_LINE_BYTES`].
    pub fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        self.buffer.clear();
        let mut bounded = (&mut self.inner).take(MAX_LINE_BYTES as u64 + 1);
        if bounded.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.len() > MAX_LINE_BYTES {
            return Err(ReadError::TooLarge {
                format: self.format,
                what: format!("line {} in bytes", self.number),
                allowed: MAX_LINE_BYTES as u64,
                remedy: "export the recording again as text with one sample a line",
            });
        }
        let mut bytes = self.buffer.as_slice();
        let last = bytes.last() != Some(&b'\n');
        bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        Ok(Some(Line {
            bytes,
            number: self.number,
            last,
        }))
    }

    /// As [`Lines::next`], where the format needs another line above the samples.
    ///
    /// # Errors
    /// As [`Lines::next`], and [`ReadError::Malformed`] at the end of the file or after so many lines that
    /// the samples cannot follow.
    pub fn require(&mut self, expected: &str) -> Result<Line<'_>, ReadError> {
        let (format, after) = (self.format, self.number + 1);
        if after > MAX_HEADER_LINES {
            let found = format!("{MAX_HEADER_LINES} other lines");
            return Err(malformed(format, after, expected, found));
        }
        self.next()?
            .ok_or_else(|| malformed(format, after, expected, "the end of the file"))
    }

    /// The number of the line that was read last; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// A [`ReadError::Malformed`] at a line.
pub fn malformed(
    format: &'static str,
    line: u64,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> ReadError {
    ReadError::Malformed {
        format,
        place: Place::Line(line),
        expected: expected.into(),
        found: found.into(),
    }
}

/// What an error message says of a cell: its beginning, in quotation marks.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = decode(bytes);
    let text = text.trim();
    let short = shortened(text);
    match short.strip_suffix('…') {
        Some(beginning) if short != text => format!("\"{beginning}\"…"),
        _ => format!("\"{short}\""),
    }
}

/// The beginning of a text, for messages.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// UTF-8 where it is, else Windows-1252, in which every byte is a character. Control characters, which
/// loggers pad with, become spaces.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
        }
    };
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, " ")),
        false => text,
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Which character stands before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimals {
    Point,
    Comma,
}

/// A number; NaN for an empty cell, `None` for anything else. Infinite is not a measurement.
pub fn number(field: &[u8], decimals: Decimals) -> Option<f64> {
    let field = field.trim_ascii();
    if field.is_empty() {
        return Some(f64::NAN);
    }
    let value: f64 = match decimals {
        Decimals::Comma if field.contains(&b',') => {
            let mut digits = [0; 64];
            let digits = digits.get_mut(..field.len())?;
            digits.copy_from_slice(field);
            for byte in digits.iter_mut().filter(|byte| **byte == b',') {
                *byte = b'.';
            }
            fast_float2::parse(digits).ok()?
        }
        _ => fast_float2::parse(field).ok()?,
    };
    (!value.is_infinite()).then_some(value)
}

/// Splits lines into fields, quoted as RFC 4180 says. A quoted field ends on its line.
pub struct Fields {
    reader: Reader,
    unescaped: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    pub fn new(delimiter: u8) -> Fields {
        Fields {
            reader: ReaderBuilder::new()
                .delimiter(delimiter)
                .terminator(Terminator::Any(b'\n'))
                .build(),
            unescaped: vec![0; MAX_LINE_BYTES],
            ends: vec![0; MAX_FIELDS],
        }
    }

    /// The fields of a line; none for an empty one.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] for a quotation mark that is never closed, [`ReadError::TooLarge`] for
    /// more than [`MAX_FIELDS`] fields.
    pub fn split(&mut self, format: &'static str, line: Line<'_>) -> Result<Record<'_>, ReadError> {
        self.reader.reset();
        let (mut written, mut fields) = (0, 0);
        let mut complete = line.bytes.is_empty();
        for input in [line.bytes, b"\n"] {
            if complete {
                break;
            }
            let (result, _, bytes, ended) = self.reader.read_record(
                input,
                self.unescaped.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(fields..).unwrap_or_default(),
            );
            written += bytes;
            fields += ended;
            match result {
                ReadRecordResult::Record => complete = true,
                ReadRecordResult::OutputEndsFull => {
                    return Err(ReadError::TooLarge {
                        format,
                        what: format!("the number of fields on line {}", line.number),
                        allowed: MAX_FIELDS as u64,
                        remedy: "export fewer channels",
                    });
                }
                _ => {}
            }
        }
        if !complete {
            return Err(malformed(
                format,
                line.number,
                "a closing quotation mark",
                "the end of the line",
            ));
        }
        Ok(Record {
            unescaped: &self.unescaped,
            ends: self.ends.get(..fields).unwrap_or_default(),
        })
    }
}

/// The fields of one line.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    unescaped: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)?;
        let begin = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.unescaped.get(begin..end)
    }

    /// A field as text without white space around it; empty where there is none.
    pub fn text(&self, index: usize) -> Cow<'a, str> {
        trimmed(decode(self.get(index).unwrap_or_default()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut begin = 0;
        let unescaped = self.unescaped;
        self.ends.iter().map(move |end| {
            let field = unescaped.get(begin..*end).unwrap_or_default();
            begin = *end;
            field
        })
    }

    /// Whether nothing stands between the delimiters.
    pub fn is_blank(&self) -> bool {
        self.iter().all(|field| field.trim_ascii().is_empty())
    }

    /// How many fields there are without the empty ones at the end.
    pub fn used(&self) -> usize {
        let fields = self.iter().enumerate();
        fields
            .filter(|(_, field)| !field.trim_ascii().is_empty())
            .map(|(index, _)| index + 1)
            .last()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut splitter = Fields::new(b',');
        let line = Line {
            bytes: line.as_bytes(),
            number: 1,
            last: true,
        };
        let record = splitter.split("CSV", line).unwrap();
        (0..record.len())
            .map(|index| record.text(index).into_owned())
            .collect()
    }

    #[test]
    fn a_quoted_field_keeps_its_commas() {
        let date = fields(r#"Date,"Sunday, December 15, 2024",,"say ""go""""#);
        assert_eq!(
            date,
            ["Date", "Sunday, December 15, 2024", "", "say \"go\""]
        );
        assert_eq!(fields(""), Vec::<String>::new());
        assert_eq!(fields(",,"), ["", "", ""]);
    }

    #[test]
    fn an_unclosed_quotation_mark_is_told() {
        let line = Line {
            bytes: b"1,\"2,3",
            number: 7,
            last: false,
        };
        let error = Fields::new(b',').split("CSV", line).err().unwrap();
        assert_eq!(
            error.to_string(),
            "CSV, line 7: expected a closing quotation mark, found the end of the line"
        );
    }

    #[test]
    fn lines_lose_their_byte_order_mark_and_line_breaks() {
        let mut lines = Lines::new("CSV", &b"\xef\xbb\xbfone\r\ntwo\nthr\xe9\xe9"[..]);
        assert_eq!(lines.next().unwrap().unwrap().text(), "one");
        assert_eq!(lines.next().unwrap().unwrap().text(), "two");
        let last = lines.next().unwrap().unwrap();
        assert_eq!(
            (last.text(), last.number, last.last),
            ("thréé".into(), 3, true)
        );
        assert!(lines.next().unwrap().is_none());
    }

    #[test]
    fn a_line_has_an_end() {
        let endless = vec![b'1'; MAX_LINE_BYTES * 4];
        let error = Lines::new("CSV", endless.as_slice()).next().err().unwrap();
        assert!(matches!(error, ReadError::TooLarge { .. }), "{error}");
        let wide = vec![b','; MAX_FIELDS + 1];
        let line = Line {
            bytes: &wide,
            number: 1,
            last: true,
        };
        assert!(matches!(
            Fields::new(b',').split("CSV", line),
            Err(ReadError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_header_has_an_end() {
        let endless = "key,value\n".repeat(MAX_HEADER_LINES as usize + 1);
        let mut lines = Lines::new("CSV", endless.as_bytes());
        while lines.require("names").is_ok() {}
        let error = lines.require("names").err().unwrap().to_string();
        assert_eq!(
            error,
            "CSV, line 20001: expected names, found 20000 other lines"
        );
    }

    #[test]
    fn numbers_are_read_as_loggers_write_them() {
        let point = |text: &str| number(text.as_bytes(), Decimals::Point);
        assert_eq!(point("+02743.97317"), Some(2743.97317));
        assert_eq!(point(" -0.930 "), Some(-0.93));
        assert_eq!(number(b"-106,6489868", Decimals::Comma), Some(-106.6489868));
        assert_eq!(number(b"3.5", Decimals::Comma), Some(3.5));
        assert!(point("").unwrap().is_nan());
        for wrong in ["inf", "1e999", "12:30", "0x1F", "1,5", "-"] {
            assert_eq!(point(wrong), None, "{wrong}");
        }
        assert_eq!(number(&[b','; 100], Decimals::Comma), None);
    }
}
