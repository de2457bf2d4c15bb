//! The ids of a solution's rows, and the way from an id back to its row.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

/// No row: never a row's number, see [`IdsBuilder::push`].
const NONE: u32 = u32::MAX;

/// The distinct ids of a solution, in the order of its rows.
///
/// Ids are compared as text. Integers that lie close together, as most ids do, are looked up in a
/// table; all others by their hash. No id owns an allocation.
#[derive(Debug)]
pub struct Ids(Index);

#[derive(Debug)]
enum Index {
    Integers {
        /// The id of each row.
        ids: Vec<u32>,
        /// The smallest id.
        first: u32,
        /// The row of each id from `first` on, or [`NONE`].
        rows: Vec<u32>,
    },
    Text {
        texts: Texts,
        /// Rows by the hash of their id, or [`NONE`]: open addressing with linear probing, a power
        /// of two and never more than half full.
        slots: Vec<u32>,
        /// Seeded, so that nobody can choose ids that collide.
        hasher: RandomState,
    },
}

/// Strings, one after another in one allocation.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Two rows with the same id.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub id: String,
    pub first_row: usize,
    pub row: usize,
}

/// Ids on their way into [`Ids`]: integers for as long as all are.
#[derive(Debug)]
pub enum IdsBuilder {
    Integers(Vec<u32>),
    Text(Texts),
}

impl IdsBuilder {
    pub fn new() -> Self {
        IdsBuilder::Integers(Vec::new())
    }

    pub fn len(&self) -> usize {
        match self {
            IdsBuilder::Integers(ids) => ids.len(),
            IdsBuilder::Text(texts) => texts.len(),
        }
    }

    /// Adds the id of the next row; `false` when there is no room for another row.
    #[must_use]
    pub fn push(&mut self, id: &str) -> bool {
        if self.len() >= NONE as usize {
            return false;
        }
        match (&mut *self, canonical_integer(id.as_bytes())) {
            (IdsBuilder::Integers(ids), Some(integer)) => ids.push(integer),
            (IdsBuilder::Integers(ids), None) => {
                let mut texts = texts_of(ids);
                texts.push(id);
                *self = IdsBuilder::Text(texts);
            }
            (IdsBuilder::Text(texts), _) => texts.push(id),
        }
        true
    }

    /// The index over all ids, or the first id in row order that repeats an earlier one.
    pub fn build(self) -> Result<Ids, Duplicate> {
        match self {
            IdsBuilder::Integers(ids) => {
                let first = ids.iter().copied().min().unwrap_or(0);
                let last = ids.iter().copied().max().unwrap_or(0);
                let span = (last - first) as usize + 1;
                // Four bytes for each id that could be: beyond this the hash table is smaller.
                if span <= 4 * ids.len() + 1024 {
                    index_integers(ids, first, span)
                } else {
                    index_texts(texts_of(&ids))
                }
            }
            IdsBuilder::Text(texts) => index_texts(texts),
        }
    }
}

fn texts_of(ids: &[u32]) -> Texts {
    let mut texts = Texts::default();
    for id in ids {
        texts.push(&id.to_string());
    }
    texts
}

fn index_integers(ids: Vec<u32>, first: u32, span: usize) -> Result<Ids, Duplicate> {
    let mut rows = vec![NONE; span];
    for (row, id) in ids.iter().enumerate() {
        let place = &mut rows[(id - first) as usize];
        if *place != NONE {
            return Err(Duplicate {
                id: id.to_string(),
                first_row: *place as usize,
                row,
            });
        }
        *place = row as u32;
    }
    Ok(Ids(Index::Integers { ids, first, rows }))
}

fn index_texts(texts: Texts) -> Result<Ids, Duplicate> {
    let hasher = RandomState::new();
    let mut slots = vec![NONE; (2 * texts.len()).next_power_of_two().max(2)];
    for (row, id) in texts.iter().enumerate() {
        match find(&texts, &slots, &hasher, id.as_bytes()) {
            Ok(first_row) => {
                return Err(Duplicate {
                    id: id.to_owned(),
                    first_row: first_row as usize,
                    row,
                });
            }
            Err(free) => slots[free] = row as u32,
        }
    }
    Ok(Ids(Index::Text {
        texts,
        slots,
        hasher,
    }))
}

/// The row of `id`, or the free slot where it would stand.
fn find(texts: &Texts, slots: &[u32], hasher: &RandomState, id: &[u8]) -> Result<u32, usize> {
    let mask = slots.len() - 1;
    let mut slot = hasher.hash_one(id) as usize & mask;
    loop {
        match slots[slot] {
            NONE => return Err(slot),
            row if texts.get(row as usize).as_bytes() == id => return Ok(row),
            _ => slot = (slot + 1) & mask,
        }
    }
}

impl Ids {
    /// The row that has this id.
    #[inline]
    pub fn row(&self, id: &[u8]) -> Option<u32> {
        match &self.0 {
            Index::Integers { first, rows, .. } => {
                integer_row(*first, rows, canonical_integer(id)?)
            }
            Index::Text {
                texts,
                slots,
                hasher,
            } => find(texts, slots, hasher, id).ok(),
        }
    }

    /// The first half of [`Ids::row`], which touches little memory: a key for [`Ids::resolve`].
    #[inline]
    pub fn key(&self, id: &[u8]) -> Option<u32> {
        match &self.0 {
            Index::Integers { first, rows, .. } => {
                let key = canonical_integer(id)?.checked_sub(*first)?;
                ((key as usize) < rows.len()).then_some(key)
            }
            Index::Text { .. } => self.row(id),
        }
    }

    /// The second half of [`Ids::row`] for many keys: replaces each by its row.
    ///
    /// Ids in random order miss the cache at every look into the table. One after another in a loop that
    /// does nothing else, the processor waits for many of them at once.
    ///
    /// # Errors
    ///
    /// The place of the first key that has no row, and its id; the keys before it are replaced.
    pub fn resolve(&self, keys: &mut [u32]) -> Result<(), (usize, String)> {
        let Index::Integers { first, rows, .. } = &self.0 else {
            return Ok(());
        };
        for (place, key) in keys.iter_mut().enumerate() {
            let row = rows[*key as usize];
            if row == NONE {
                return Err((place, (first + *key).to_string()));
            }
            *key = row;
        }
        Ok(())
    }

    /// The row whose id is this integer, written in digits.
    pub fn row_of_integer(&self, id: i128) -> Option<u32> {
        match &self.0 {
            Index::Integers { first, rows, .. } => {
                integer_row(*first, rows, u32::try_from(id).ok()?)
            }
            Index::Text { .. } => self.row(id.to_string().as_bytes()),
        }
    }

    /// The id of a row.
    pub fn get(&self, row: usize) -> Cow<'_, str> {
        match &self.0 {
            Index::Integers { ids, .. } => Cow::Owned(ids[row].to_string()),
            Index::Text { texts, .. } => Cow::Borrowed(texts.get(row)),
        }
    }

    /// All rows, sorted by id: by number when all ids are integers, else by text.
    pub fn sorted_rows(&self) -> Vec<u32> {
        match &self.0 {
            Index::Integers { rows, .. } => {
                rows.iter().copied().filter(|row| *row != NONE).collect()
            }
            Index::Text { texts, .. } => {
                let mut rows: Vec<u32> = (0..texts.len() as u32).collect();
                rows.sort_unstable_by_key(|row| texts.get(*row as usize));
                rows
            }
        }
    }
}

fn integer_row(first: u32, rows: &[u32], id: u32) -> Option<u32> {
    let row = *rows.get(id.checked_sub(first)? as usize)?;
    (row != NONE).then_some(row)
}

/// The number that these digits write, if writing it gives the same digits: `7`, but not `07` or `+7`.
#[inline]
fn canonical_integer(id: &[u8]) -> Option<u32> {
    if id.is_empty() || id.len() > 10 || (id[0] == b'0' && id.len() > 1) {
        return None;
    }
    let mut number: u64 = 0;
    for digit in id {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = 10 * number + u64::from(digit);
    }
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(ids: &[&str]) -> Result<Ids, Duplicate> {
        let mut builder = IdsBuilder::new();
        for id in ids {
            assert!(builder.push(id));
        }
        builder.build()
    }

    #[test]
    fn every_id_finds_its_row_and_no_other_does() {
        let dense = ["12", "10", "4294967295", "11"];
        let near = ["7", "5", "9"];
        let words = ["lap-2", "lap-1", "17", "007", "7", ""];
        for list in [&dense[..], &near, &words] {
            let ids = build(list).unwrap();
            for (row, id) in list.iter().enumerate() {
                assert_eq!(ids.row(id.as_bytes()), Some(row as u32), "{id}");
                assert_eq!(ids.get(row), *id);
                let mut keys = [ids.key(id.as_bytes()).unwrap()];
                assert_eq!(ids.resolve(&mut keys), Ok(()));
                assert_eq!(keys, [row as u32]);
                if let Ok(number) = id.parse::<i128>()
                    && number.to_string() == *id
                {
                    assert_eq!(ids.row_of_integer(number), Some(row as u32));
                }
            }
            for absent in ["6", "07", "+7", "7.0", " 7", "lap-3", "-1", "99999999999"] {
                assert_eq!(ids.row(absent.as_bytes()), None, "{absent}");
            }
            assert_eq!(ids.row_of_integer(-1), None);
            assert_eq!(ids.row_of_integer(i128::MAX), None);
        }
    }

    #[test]
    fn a_key_between_the_ids_has_no_row() {
        let ids = build(&["5", "7", "9"]).unwrap();
        let mut keys = ["7", "5", "8", "9"].map(|id| ids.key(id.as_bytes()).unwrap());
        assert_eq!(ids.resolve(&mut keys), Err((2, "8".to_owned())));
        assert_eq!(keys[..2], [1, 0]);
        assert_eq!(ids.key(b"4"), None);
        assert_eq!(ids.key(b"10"), None);
    }

    #[test]
    fn integers_sort_by_number_and_text_by_text() {
        assert_eq!(build(&["10", "9", "100"]).unwrap().sorted_rows(), [1, 0, 2]);
        assert_eq!(
            build(&["b", "a", "10", "9"]).unwrap().sorted_rows(),
            [2, 3, 1, 0]
        );
    }

    #[test]
    fn the_first_repeated_id_is_named_with_both_rows() {
        for list in [
            ["1", "2", "2", "1"],
            ["a", "b", "b", "a"],
            ["1", "9000000", "9000000", "1"],
        ] {
            let duplicate = Duplicate {
                id: list[1].to_owned(),
                first_row: 1,
                row: 2,
            };
            assert_eq!(build(&list).unwrap_err(), duplicate);
        }
    }
}
