//! Rows in an order of their own, however many: those of a stretch of places are gathered in a
//! temporary file, and each file is put in order in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use tempfile::NamedTempFile;

use crate::datasets::tables::{
    Batch, Column, ColumnType, Format, Schema, Source, Table, TableError, TableWriter, Values,
};

/// Rows that are put in order in memory at once.
const STRETCH: u32 = 1 << 16;

/// Rows on their way to their places.
pub(super) struct Reordering {
    schema: Arc<Schema>,
    with_places: Arc<Schema>,
    stretches: BTreeMap<u32, (NamedTempFile, TableWriter<BufWriter<File>>)>,
}

impl Reordering {
    pub(super) fn new(schema: &Arc<Schema>) -> Result<Reordering, TableError> {
        let mut place = "place".to_owned();
        while schema.position(&place).is_some() {
            place.push('_');
        }
        let mut columns = schema.columns().to_vec();
        columns.push(Column::new(place, ColumnType::Integer));
        Ok(Reordering {
            schema: Arc::clone(schema),
            with_places: Arc::new(Schema::new(columns)?),
            stretches: BTreeMap::new(),
        })
    }

    /// Takes in rows with the place of each.
    pub(super) fn add(&mut self, batch: &Batch, places: &[u32]) -> Result<(), TableError> {
        let mut by_stretch: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, place) in places.iter().enumerate() {
            by_stretch.entry(place / STRETCH).or_default().push(row);
        }
        for (stretch, rows) in by_stretch {
            let take = |values: &Values| values.take(&rows);
            let mut columns: Vec<Values> = batch.columns().iter().map(take).collect();
            let place = |row: &usize| Some(i64::from(places[*row]));
            columns.push(Values::Integer(rows.iter().map(place).collect()));
            let rows = Batch::new(Arc::clone(&self.with_places), columns)?;
            if !self.stretches.contains_key(&stretch) {
                let file = NamedTempFile::new()?;
                let output = BufWriter::new(file.reopen()?);
                let writer =
                    TableWriter::new(Format::Parquet, output, Arc::clone(&self.with_places))?;
                self.stretches.insert(stretch, (file, writer));
            }
            if let Some((_, writer)) = self.stretches.get_mut(&stretch) {
                writer.write(&rows)?;
            }
        }
        Ok(())
    }

    /// Hands all rows to `sink`, in the order of their places.
    pub(super) fn finish(
        self,
        mut sink: impl FnMut(&Batch) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        for (file, writer) in self.stretches.into_values() {
            writer.finish()?;
            let table = Table::open(Source::File(file.path().to_owned()))?;
            let batches = table.batches()?.collect::<Result<Vec<_>, _>>()?;
            let Some(gathered) = Batch::concatenate(&batches)? else {
                continue;
            };
            let (columns, places) = match gathered.columns().split_last() {
                Some((Values::Integer(places), columns)) => (columns, places),
                _ => continue, // a table of this schema ends with its places
            };
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.sort_unstable_by_key(|row| places[*row]);
            let columns = columns.iter().map(|values| values.take(&order)).collect();
            sink(&Batch::new(Arc::clone(&self.schema), columns)?)?;
        }
        Ok(())
    }
}
