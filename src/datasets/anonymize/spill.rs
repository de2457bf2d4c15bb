//! Bytes of many groups, such as the laps of each event: appended in any order, read back group by group.
//!
//! A bounded part is held in memory; the rest waits in a temporary file without a name, so that nothing of
//! it outlives the process. Small tables never touch the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::datasets::tables::TableError;

/// Bytes of all groups together that are held before they are written.
const HELD: usize = 1 << 20;

/// Bytes by group.
#[derive(Default)]
pub(super) struct Spill {
    groups: BTreeMap<u32, Group>,
    held: usize,
    file: Option<File>,
    /// Bytes in the file.
    written: u64,
}

#[derive(Default)]
struct Group {
    held: Vec<u8>,
    /// Where the bytes before those lie in the file: offset and length.
    chunks: Vec<(u64, usize)>,
}

impl Spill {
    /// Appends bytes to a group.
    ///
    /// # Errors
    /// [`TableError::Io`] when the temporary file cannot be made or written.
    pub(super) fn append(&mut self, group: u32, bytes: &[u8]) -> Result<(), TableError> {
        let group = self.groups.entry(group).or_default();
        group.held.extend_from_slice(bytes);
        self.held += bytes.len();
        if self.held >= HELD {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), TableError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.written))?;
        for group in self.groups.values_mut() {
            // Taken whole: a group that has ended must not keep its buffer.
            let bytes = std::mem::take(&mut group.held);
            if bytes.is_empty() {
                continue;
            }
            file.write_all(&bytes)?;
            match group.chunks.last_mut() {
                Some((start, length)) if *start + *length as u64 == self.written => {
                    *length += bytes.len();
                }
                _ => group.chunks.push((self.written, bytes.len())),
            }
            self.written += bytes.len() as u64;
        }
        self.held = 0;
        Ok(())
    }

    /// The least group that is left, with its bytes in the order in which they were appended.
    ///
    /// # Errors
    /// [`TableError::Io`] when the temporary file cannot be read.
    pub(super) fn take_first(&mut self) -> Result<Option<(u32, Vec<u8>)>, TableError> {
        let Some((number, Group { held, chunks })) = self.groups.pop_first() else {
            return Ok(None);
        };
        self.held -= held.len();
        let Some(file) = &mut self.file else {
            return Ok(Some((number, held)));
        };
        let written: usize = chunks.iter().map(|(_, length)| length).sum();
        let mut bytes = vec![0; written];
        let mut rest = &mut bytes[..];
        for (start, length) in chunks {
            let (chunk, others) = rest.split_at_mut(length);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(chunk)?;
            rest = others;
        }
        bytes.extend(held);
        Ok(Some((number, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_the_file_comes_back_in_its_order() {
        let mut spill = Spill::default();
        // Group 7 is written with both others, and all of them in several parts.
        let part = |group: u32, n: usize| vec![(group as usize * 50 + n) as u8; HELD / 3];
        for n in 0..5 {
            for group in [7, 2, 9] {
                spill.append(group, &part(group, n)).unwrap();
            }
        }
        spill.append(2, b"the last").unwrap();
        assert!(spill.written > HELD as u64 && spill.held < HELD);
        for group in [2, 7, 9] {
            let mut expected: Vec<u8> = (0..5).flat_map(|n| part(group, n)).collect();
            if group == 2 {
                expected.extend(b"the last");
            }
            let (number, bytes) = spill.take_first().unwrap().unwrap();
            assert!(number == group && bytes == expected, "{group}");
        }
        assert!(spill.take_first().unwrap().is_none());
    }

    #[test]
    fn little_needs_no_file() {
        let mut spill = Spill::default();
        spill.append(1, b"ab").unwrap();
        spill.append(1, b"c").unwrap();
        assert!(spill.file.is_none());
        assert_eq!(spill.take_first().unwrap(), Some((1, b"abc".to_vec())));
    }
}
