//! Reading the rows of a CSV file: in chunks that end at line ends, on every core, merged in order.
//!
//! Predictions and solutions are tables whose rows stand on one line each: a line break inside a
//! quoted cell is refused. That makes every line end a safe place to cut, so chunks are parsed in
//! parallel, a stray quote spoils one line and not the rest of the file, and row *n* of the data
//! stands on line *n* + 1. Only a few chunks are ever in memory.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use memchr::{memchr, memrchr};
use thiserror::Error;

/// The longest line that is read: wide enough for thousands of classes, small enough for memory.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// How much of the file one thread parses at a time.
pub const CHUNK_BYTES: usize = 1 << 19;

/// Why the next lines could not be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The input failed.
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
    /// The line after those already given is longer than [`MAX_LINE_BYTES`].
    #[error(
        "longer than {MAX_LINE_BYTES} bytes; end each row with a line feed (\\n) and write one row per line"
    )]
    LineTooLong,
}

/// The lines of an input, in chunks of whole lines.
///
/// Every chunk ends with a line feed, one is added to a last line without. Blank lines at the end of
/// the file are left out.
pub struct Lines<R> {
    input: R,
    chunk_bytes: usize,
    /// What was read and not yet given out.
    carry: Vec<u8>,
    at_end: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of `input`, parsed about `chunk_bytes` at a time.
    pub fn new(input: R, chunk_bytes: usize) -> Self {
        Lines {
            input,
            chunk_bytes: chunk_bytes.max(1),
            carry: Vec::new(),
            at_end: false,
        }
    }

    /// Takes the first line, without its line end and byte order mark; `None` in an empty file.
    pub fn header(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let mut chunk = Vec::new();
        if !self.fill(&mut chunk)? {
            return Ok(None);
        }
        let end = memchr(b'\n', &chunk).map_or(chunk.len(), |newline| newline + 1);
        // What follows the first line goes back before what was held over.
        let mut rest = chunk.split_off(end);
        rest.append(&mut self.carry);
        self.carry = rest;
        let mut line = trim_line_end(&chunk);
        line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        Ok(Some(line.to_vec()))
    }

    /// Replaces `chunk` by the next whole lines; `false` when none are left.
    fn fill(&mut self, chunk: &mut Vec<u8>) -> Result<bool, ReadError> {
        chunk.clear();
        chunk.append(&mut self.carry);
        let mut wanted = self.chunk_bytes;
        loop {
            if !self.at_end && chunk.len() < wanted {
                let missing = (wanted - chunk.len()) as u64;
                let read = self.input.by_ref().take(missing).read_to_end(chunk)?;
                self.at_end = (read as u64) < missing;
            }
            if let Some(end) = self.cut(chunk) {
                self.carry.extend_from_slice(&chunk[end..]);
                chunk.truncate(end);
                if chunk.last() != Some(&b'\n') {
                    chunk.push(b'\n');
                }
                return Ok(true);
            }
            if self.at_end {
                return Ok(false);
            }
            if chunk.len() > MAX_LINE_BYTES {
                return Err(ReadError::LineTooLong);
            }
            wanted = chunk.len() + self.chunk_bytes;
        }
    }

    /// Where to cut `chunk` so that it ends with a whole line that is not blank: blank lines are held
    /// back until it is known whether anything follows them.
    fn cut(&self, chunk: &[u8]) -> Option<usize> {
        let last = chunk.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
        match memchr(b'\n', &chunk[last..]) {
            Some(newline) => Some(last + newline + 1),
            None if self.at_end => Some(chunk.len()),
            None => memrchr(b'\n', &chunk[..last]).map(|newline| newline + 1),
        }
    }
}

/// Parses all lines on `threads` threads and hands the results to `merge` in the file's order.
///
/// `parse` turns a chunk of whole lines into what it holds, writing over the value of an earlier
/// chunk so that its buffers are used again. `merge` also gets the error that ended the reading, at
/// its place in the order. The first error of `merge` ends everything and is returned.
pub fn read_rows<R, T, E>(
    lines: Lines<R>,
    threads: usize,
    parse: impl Fn(&[u8], &mut T) + Sync,
    mut merge: impl FnMut(Result<&mut T, ReadError>) -> Result<(), E>,
) -> Result<(), E>
where
    R: Read + Send,
    T: Default + Send,
{
    struct Slot<T> {
        chunk: Vec<u8>,
        parsed: T,
        /// The chunk's place in the file, and whether there was one.
        read: Option<(usize, Result<bool, ReadError>)>,
    }

    // A file that fits in the first chunk is not worth a thread.
    let threads = if lines.at_end { 1 } else { threads.max(1) };
    let mut slots: Vec<Slot<T>> = std::iter::repeat_with(|| Slot {
        chunk: Vec::new(),
        parsed: T::default(),
        read: None,
    })
    .take(threads)
    .collect();
    let source = Mutex::new((lines, 0));
    let work = &|slot: &mut Slot<T>| {
        {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let (lines, place) = &mut *source;
            slot.read = Some((*place, lines.fill(&mut slot.chunk)));
            *place += 1;
        }
        if let Some((_, Ok(true))) = slot.read {
            parse(&slot.chunk, &mut slot.parsed);
        }
    };

    loop {
        if let Some((mine, others)) = slots.split_first_mut() {
            std::thread::scope(|scope| {
                for slot in others {
                    scope.spawn(move || work(slot));
                }
                work(mine);
            });
        }
        slots.sort_by_key(|slot| slot.read.as_ref().map(|(place, _)| *place));
        for slot in &mut slots {
            match slot.read.take() {
                Some((_, Ok(true))) => merge(Ok(&mut slot.parsed))?,
                Some((_, Err(error))) => return merge(Err(error)),
                Some((_, Ok(false))) | None => return Ok(()),
            }
        }
    }
}

/// How many threads are worth using for one file.
pub fn threads() -> usize {
    // Reading from the disk's cache is the limit beyond four.
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

/// What is wrong with the form of a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// Bytes that are not UTF-8.
    #[error("not valid UTF-8 text; save the file with UTF-8 encoding")]
    NotUtf8,
    /// Nothing but white space, and other lines follow.
    #[error("blank; remove blank lines between rows")]
    Blank,
    /// A quoted cell that the line does not close.
    #[error(
        "a quote (\") opened in cell {cell} is not closed on the same line; close it, double a quote that belongs \
         to the text (\"\"), and keep line breaks out of cells"
    )]
    UnclosedQuote {
        /// The 1-based cell.
        cell: usize,
    },
    /// Text after the closing quote of a cell.
    #[error(
        "cell {cell} goes on after its closing quote; separate cells with commas and double a quote that belongs to \
         the text (\"\")"
    )]
    TextAfterQuote {
        /// The 1-based cell.
        cell: usize,
    },
}

/// Cuts a line into `cells`: quotes are taken off, white space around unquoted cells as well.
pub fn split_cells<'a>(line: &'a [u8], cells: &mut Vec<Cow<'a, str>>) -> Result<(), LineError> {
    cells.clear();
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    if line.trim_ascii().is_empty() {
        return Err(LineError::Blank);
    }
    let mut rest = line;
    loop {
        let cell = cells.len() + 1;
        let trimmed = rest.trim_ascii_start();
        let after = if let Some(quoted) = trimmed.strip_prefix('"') {
            let (text, after) = unquote(quoted).ok_or(LineError::UnclosedQuote { cell })?;
            cells.push(text);
            let after = after.trim_ascii_start();
            if !(after.is_empty() || after.starts_with(',')) {
                return Err(LineError::TextAfterQuote { cell });
            }
            after
        } else {
            let end = memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
            cells.push(Cow::Borrowed(rest[..end].trim_ascii()));
            &rest[end..]
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(()),
        }
    }
}

/// The text up to the closing quote, and what follows it; `None` without a closing quote.
fn unquote(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut end = memchr(b'"', quoted.as_bytes())?;
    if !quoted[end + 1..].starts_with('"') {
        return Some((Cow::Borrowed(&quoted[..end]), &quoted[end + 1..]));
    }
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(doubled) => {
                text.push('"');
                rest = doubled;
            }
            None => return Some((Cow::Owned(text), rest)),
        }
        end = memchr(b'"', rest.as_bytes())?;
    }
}

/// Why a header does not give names.
#[derive(Debug, Error)]
pub enum HeaderError {
    #[error("the first line is {0}")]
    Read(#[from] ReadError),
    #[error("the first line is {0}")]
    Line(#[from] LineError),
}

/// The column names in the first line of a CSV file; none in an empty file.
pub fn header_names(input: impl Read) -> Result<Vec<String>, HeaderError> {
    let mut names = Vec::new();
    if let Some(header) = Lines::new(input, 1 << 12).header()? {
        let mut cells = Vec::new();
        split_cells(&header, &mut cells)?;
        names.extend(cells.into_iter().map(Cow::into_owned));
    }
    Ok(names)
}

/// The line without its line feed or carriage return and line feed.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A cell as it is shown in a message: short, without control characters.
pub fn excerpt(text: &str) -> String {
    shorten(text, 40)
}

/// The first `length` characters of a text, with control characters escaped.
pub fn shorten(text: &str, length: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(length)
        .flat_map(|c| -> Box<dyn Iterator<Item = char>> {
            if c.is_control() {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            }
        })
        .collect();
    if text.chars().nth(length).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that come out when `input` is read in chunks of `chunk_bytes`.
    fn lines(input: &str, chunk_bytes: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        read_rows(
            Lines::new(input.as_bytes(), chunk_bytes),
            3,
            |chunk, lines: &mut Vec<String>| {
                lines.clear();
                lines.extend(
                    String::from_utf8_lossy(chunk)
                        .split_inclusive('\n')
                        .map(String::from),
                );
            },
            |chunk| -> Result<(), ReadError> {
                found.append(chunk?);
                Ok(())
            },
        )
        .expect("short lines from memory");
        found
    }

    #[test]
    fn chunks_of_any_size_give_the_same_lines() {
        let input = "a,b\r\n1,2\n\n3,4\n  \n5,\"6\"\n\n \n\r\n";
        let whole = lines(input, 1 << 20);
        assert_eq!(
            whole,
            ["a,b\r\n", "1,2\n", "\n", "3,4\n", "  \n", "5,\"6\"\n"]
        );
        for size in 1..input.len() + 2 {
            assert_eq!(lines(input, size), whole, "chunks of {size} bytes");
        }
    }

    #[test]
    fn a_last_line_needs_no_line_feed() {
        assert_eq!(lines("a\nb", 1), ["a\n", "b\n"]);
        assert_eq!(lines("", 1), [""; 0]);
        assert_eq!(lines("\n \n", 1), [""; 0]);
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut lines = Lines::new(io::repeat(b'7'), CHUNK_BYTES);
        assert!(matches!(
            lines.fill(&mut Vec::new()),
            Err(ReadError::LineTooLong)
        ));
        let mut blank = Lines::new(io::repeat(b'\n'), CHUNK_BYTES);
        assert!(matches!(
            blank.fill(&mut Vec::new()),
            Err(ReadError::LineTooLong)
        ));
    }

    #[test]
    fn cells_are_trimmed_and_unquoted() {
        let cells = |line: &'static str| {
            let mut cells = Vec::new();
            split_cells(line.as_bytes(), &mut cells).map(|()| cells)
        };
        assert_eq!(cells(" a , b\t,").unwrap(), ["a", "b", ""]);
        assert_eq!(
            cells(r#""a,b" ,"say ""hi""","" "#).unwrap(),
            ["a,b", "say \"hi\"", ""]
        );
        assert_eq!(cells("5\" disc,1").unwrap(), ["5\" disc", "1"]);
        assert_eq!(cells("1,\"ab"), Err(LineError::UnclosedQuote { cell: 2 }));
        assert_eq!(
            cells("1,\"ab\"\""),
            Err(LineError::UnclosedQuote { cell: 2 })
        );
        assert_eq!(
            cells("\"a\"b,1"),
            Err(LineError::TextAfterQuote { cell: 1 })
        );
        assert_eq!(cells(" \t"), Err(LineError::Blank));
        assert_eq!(
            split_cells(b"\xff,1", &mut Vec::new()),
            Err(LineError::NotUtf8)
        );
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt("a\tb"), "a\\tb");
        assert_eq!(excerpt(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
    }
}
