//! Reading features for a model: from CSV or Parquet, batch by batch, into the rows of its tensors.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use memchr::memchr;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::contract::ElementType;
use crate::scoring::csv_rows::{Lines, ReadError, excerpt, read_rows, split_cells, trim_line_end};
use crate::scoring::predictions::FileFormat;

/// How much of a CSV file goes through the model at a time: some thousand rows.
const CHUNK_BYTES: usize = 1 << 20;

/// How many rows of a Parquet file go through the model at a time.
const BATCH_ROWS: usize = 8192;

/// The columns of a features file.
pub(super) struct Columns {
    pub names: Vec<String>,
    /// Which of them hold numbers, as far as their first rows tell.
    pub numeric: Vec<bool>,
}

/// Where the cells of a features file go.
pub(super) struct Layout {
    /// The place of the id's column.
    id: usize,
    /// For each column of the file the places that its cells go to.
    targets: Vec<Vec<Target>>,
    /// For each input its elements' type and how many columns it has.
    inputs: Vec<(ElementType, usize)>,
    file_names: Vec<String>,
}

/// An input and a column in it.
#[derive(Clone, Copy)]
struct Target {
    input: usize,
    column: usize,
}

/// Some rows, ready to be fed.
#[derive(Default)]
pub(super) struct Batch {
    pub ids: Vec<String>,
    /// For each input its elements, one row after another.
    pub inputs: Vec<Elements>,
    /// What ended the batch early: the row in it, and what is wrong.
    error: Option<(usize, String)>,
}

/// The elements of a tensor.
pub(super) enum Elements {
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Int64(Vec<i64>),
    String(Vec<String>),
}

impl Elements {
    fn new(element: ElementType) -> Self {
        match element {
            ElementType::Float32 => Self::Float32(Vec::new()),
            ElementType::Float64 => Self::Float64(Vec::new()),
            ElementType::Int64 => Self::Int64(Vec::new()),
            ElementType::String => Self::String(Vec::new()),
        }
    }

    fn resize(&mut self, length: usize) {
        match self {
            Self::Float32(values) => values.resize(length, 0.0),
            Self::Float64(values) => values.resize(length, 0.0),
            Self::Int64(values) => values.resize(length, 0),
            Self::String(values) => values.resize(length, String::new()),
        }
    }

    /// Sets an element to what a cell of a CSV file says.
    #[inline]
    fn set(&mut self, place: usize, cell: &str) -> Result<(), &'static str> {
        match self {
            // Through 64 bits, as every data frame holds its numbers.
            Self::Float32(values) => values[place] = number(cell)? as f32,
            Self::Float64(values) => values[place] = number(cell)?,
            Self::Int64(values) => values[place] = integer(cell)?,
            Self::String(values) => values[place] = cell.to_owned(),
        }
        Ok(())
    }
}

/// A cell as a number; NaN if it is empty.
#[inline]
fn number(cell: &str) -> Result<f64, &'static str> {
    if let Ok(value) = fast_float2::parse(cell) {
        return Ok(value);
    }
    match &*cell.to_ascii_lowercase() {
        // The spellings of a missing value in pandas, R and SQL.
        "" | "na" | "n/a" | "<na>" | "null" | "none" => Ok(f64::NAN),
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => Err("is not a number"),
    }
}

fn integer(cell: &str) -> Result<i64, &'static str> {
    if let Ok(value) = cell.parse() {
        return Ok(value);
    }
    let value = number(cell)?;
    if value.fract() == 0.0 && value.abs() < 2_f64.powi(63) {
        Ok(value as i64)
    } else {
        Err("is not a whole number")
    }
}

impl Columns {
    /// The columns of a features file; reads its first rows.
    pub(super) fn of(path: &Path, format: FileFormat) -> anyhow::Result<Self> {
        match format {
            FileFormat::Csv => Self::of_csv(path),
            FileFormat::Parquet => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(open(path)?)?;
                let fields = reader.schema().fields();
                Ok(Self {
                    names: fields.iter().map(|field| field.name().clone()).collect(),
                    numeric: fields
                        .iter()
                        .map(|field| {
                            field.data_type().is_numeric()
                                || *field.data_type() == DataType::Boolean
                        })
                        .collect(),
                })
            }
        }
    }

    fn of_csv(path: &Path) -> anyhow::Result<Self> {
        let mut lines = Lines::new(open(path)?, 1 << 16);
        let names = csv_header(&mut lines)?;
        let mut numeric = vec![true; names.len()];
        let first_rows = |chunk: &[u8], rows: &mut Vec<Vec<String>>| {
            let mut cells = Vec::new();
            for line in chunk.split_inclusive(|byte| *byte == b'\n') {
                if split_cells(trim_line_end(line), &mut cells).is_ok() {
                    rows.push(cells.iter().map(|cell| cell.to_string()).collect());
                }
            }
        };
        // The first chunk is enough of a sample: after it, reading breaks off.
        let sampled: Result<(), Option<ReadError>> = read_rows(lines, 1, first_rows, |rows| {
            for row in rows? {
                for (numeric, cell) in numeric.iter_mut().zip(row) {
                    *numeric &= number(cell).is_ok();
                }
            }
            Err(None)
        });
        if let Err(Some(error)) = sampled {
            bail!("the features cannot be read: {error}");
        }
        Ok(Self { names, numeric })
    }

    /// The place of a column.
    pub(super) fn place(&self, name: &str) -> anyhow::Result<usize> {
        let place = self.names.iter().position(|known| known == name);
        place.with_context(|| {
            format!(
                "the features have no column \"{}\"; they have: {}",
                excerpt(name),
                self.names.join(", ")
            )
        })
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).context("the features cannot be opened")
}

fn csv_header(lines: &mut Lines<File>) -> anyhow::Result<Vec<String>> {
    let header = lines
        .header()?
        .ok_or_else(|| anyhow!("the features are empty"))?;
    let mut cells = Vec::new();
    split_cells(&header, &mut cells)
        .map_err(|error| anyhow!("the features' first line is {error}"))?;
    Ok(cells.into_iter().map(Cow::into_owned).collect())
}

impl Layout {
    /// Where the cells of a file go, for inputs of these element types and columns.
    pub(super) fn new<'a>(
        columns: &Columns,
        id: &str,
        inputs: impl Iterator<Item = (ElementType, &'a [String])>,
    ) -> anyhow::Result<Self> {
        let mut layout = Self {
            id: columns.place(id)?,
            targets: vec![Vec::new(); columns.names.len()],
            inputs: Vec::new(),
            file_names: columns.names.clone(),
        };
        for (input, (element, names)) in inputs.enumerate() {
            layout.inputs.push((element, names.len()));
            for (column, name) in names.iter().enumerate() {
                layout.targets[columns.place(name)?].push(Target { input, column });
            }
        }
        Ok(layout)
    }

    /// Reads a file from its first row to its last. A batch may be taken away, else it is used again.
    ///
    /// # Errors
    /// A file that is damaged or does not hold what the inputs ask for, with line and column; what
    /// `take` returns.
    pub(super) fn read(
        &self,
        path: &Path,
        format: FileFormat,
        take: impl FnMut(&mut Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match format {
            FileFormat::Csv => self.read_csv(path, take),
            FileFormat::Parquet => self.read_parquet(path, take),
        }
    }

    fn read_csv(
        &self,
        path: &Path,
        mut take: impl FnMut(&mut Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut lines = Lines::new(open(path)?, CHUNK_BYTES);
        csv_header(&mut lines)?;
        let mut rows_before = 0;
        read_rows(
            lines,
            1,
            |chunk, batch: &mut Batch| self.parse_lines(chunk, batch),
            |batch| {
                // The header is line 1.
                let first_line = rows_before + 2;
                let batch =
                    batch.map_err(|error| anyhow!("line {first_line} of the features: {error}"))?;
                if let Some((row, problem)) = &batch.error {
                    bail!("line {} of the features: {problem}", first_line + row);
                }
                rows_before += batch.ids.len();
                take(batch)
            },
        )
    }

    fn parse_lines(&self, chunk: &[u8], batch: &mut Batch) {
        self.clear(batch);
        let rows = memchr::memchr_iter(b'\n', chunk).count();
        self.resize(batch, rows);
        let mut cells: Vec<Cow<'_, str>> = Vec::new();
        for (row, line) in chunk.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = trim_line_end(line);
            let set = if memchr(b'"', line).is_none() {
                self.set_plain_row(line, row, batch)
            } else {
                split_cells(line, &mut cells)
                    .map_err(|error| error.to_string())
                    .and_then(|()| self.set_row(cells.iter().map(|cell| &**cell), row, batch))
            };
            if let Err(problem) = set {
                batch.error = Some((row, problem));
                return;
            }
        }
    }

    /// A line without quotes.
    fn set_plain_row(&self, line: &[u8], row: usize, batch: &mut Batch) -> Result<(), String> {
        let line = std::str::from_utf8(line)
            .map_err(|_| "not valid UTF-8 text; save the file with UTF-8 encoding".to_owned())?;
        self.set_row(line.split(',').map(str::trim_ascii), row, batch)
    }

    fn set_row<'a>(
        &self,
        mut cells: impl Iterator<Item = &'a str>,
        row: usize,
        batch: &mut Batch,
    ) -> Result<(), String> {
        let count = self.targets.len();
        for (column, targets) in self.targets.iter().enumerate() {
            let cell = cells
                .next()
                .ok_or_else(|| format!("{column} cells where the header has {count}"))?;
            if column == self.id {
                batch.ids.push(cell.to_owned());
            }
            for Target {
                input,
                column: within,
            } in targets
            {
                let place = row * self.inputs[*input].1 + within;
                batch.inputs[*input].set(place, cell).map_err(|problem| {
                    let name = excerpt(&self.file_names[column]);
                    format!("column \"{name}\": \"{}\" {problem}", excerpt(cell))
                })?;
            }
        }
        match cells.next() {
            Some(_) => Err(format!("more cells than the {count} of the header")),
            None => Ok(()),
        }
    }

    fn clear(&self, batch: &mut Batch) {
        batch.error = None;
        batch.ids.clear();
        if batch.inputs.is_empty() {
            let elements = self
                .inputs
                .iter()
                .map(|(element, _)| Elements::new(*element));
            batch.inputs.extend(elements);
        }
    }

    fn resize(&self, batch: &mut Batch, rows: usize) {
        for (elements, (_, width)) in batch.inputs.iter_mut().zip(&self.inputs) {
            elements.resize(rows * width);
        }
    }

    fn read_parquet(
        &self,
        path: &Path,
        mut take: impl FnMut(&mut Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(open(path)?)?;
        let wanted: Vec<usize> = (0..self.targets.len())
            .filter(|column| *column == self.id || !self.targets[*column].is_empty())
            .collect();
        let roots = wanted.iter().copied();
        let mask = ProjectionMask::roots(reader.parquet_schema(), roots);
        let mut batch = Batch::default();
        for read in reader
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()?
        {
            self.set_columns(&read?, &wanted, &mut batch)?;
            take(&mut batch)?;
        }
        Ok(())
    }

    /// Takes the columns of `read`, whose places in the file are `places`.
    fn set_columns(
        &self,
        read: &RecordBatch,
        places: &[usize],
        batch: &mut Batch,
    ) -> anyhow::Result<()> {
        self.clear(batch);
        self.resize(batch, read.num_rows());
        for (array, place) in read.columns().iter().zip(places) {
            let cast = |to: DataType| {
                let options = CastOptions {
                    safe: false,
                    ..CastOptions::default()
                };
                cast_with_options(array, &to, &options).with_context(|| {
                    format!(
                        "column \"{}\" of the features",
                        excerpt(&self.file_names[*place])
                    )
                })
            };
            if *place == self.id {
                let ids = cast(DataType::Utf8)?;
                let ids = ids.as_string::<i32>();
                batch
                    .ids
                    .extend(ids.iter().map(|id| id.unwrap_or_default().to_owned()));
            }
            for Target { input, column } in &self.targets[*place] {
                let width = self.inputs[*input].1;
                // One column of a row-major tensor.
                let places = (*column..).step_by(width);
                match &mut batch.inputs[*input] {
                    Elements::Float32(values) => {
                        let cells = cast(DataType::Float64)?;
                        for (place, cell) in places.zip(cells.as_primitive::<Float64Type>()) {
                            values[place] = cell.map_or(f32::NAN, |cell| cell as f32);
                        }
                    }
                    Elements::Float64(values) => {
                        let cells = cast(DataType::Float64)?;
                        for (place, cell) in places.zip(cells.as_primitive::<Float64Type>()) {
                            values[place] = cell.unwrap_or(f64::NAN);
                        }
                    }
                    Elements::Int64(values) => {
                        let cells = cast(DataType::Int64)?;
                        ensure!(
                            cells.null_count() == 0,
                            "column \"{}\" of the features has empty cells, and no whole number says so",
                            excerpt(&self.file_names[*place])
                        );
                        for (place, cell) in places.zip(cells.as_primitive::<Int64Type>().values())
                        {
                            values[place] = *cell;
                        }
                    }
                    Elements::String(values) => {
                        let cells = cast(DataType::Utf8)?;
                        for (place, cell) in places.zip(cells.as_string::<i32>()) {
                            values[place] = cell.unwrap_or_default().to_owned();
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Everything that is read, for inputs called by their columns.
    fn read(
        path: &Path,
        format: FileFormat,
        inputs: &[(ElementType, &[&str])],
    ) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let inputs: Vec<(ElementType, Vec<String>)> = inputs
            .iter()
            .map(|(element, names)| {
                (
                    *element,
                    names.iter().map(|name| (*name).to_owned()).collect(),
                )
            })
            .collect();
        let columns = Columns::of(path, format)?;
        let layout = Layout::new(
            &columns,
            "id",
            inputs.iter().map(|(element, names)| (*element, &**names)),
        )?;
        let (mut ids, mut values) = (Vec::new(), vec![String::new(); inputs.len()]);
        layout.read(path, format, |batch| {
            ids.extend_from_slice(&batch.ids);
            for (text, elements) in values.iter_mut().zip(&batch.inputs) {
                *text += &match elements {
                    Elements::Float32(values) => format!("{values:?}"),
                    Elements::Float64(values) => format!("{values:?}"),
                    Elements::Int64(values) => format!("{values:?}"),
                    Elements::String(values) => format!("{values:?}"),
                };
            }
            Ok(())
        })?;
        Ok((ids, values))
    }

    fn csv(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    const INPUTS: [(ElementType, &[&str]); 4] = [
        (ElementType::Float32, &["speed", "lap", "wet"]),
        (ElementType::Float64, &["speed"]),
        (ElementType::Int64, &["lap"]),
        (ElementType::String, &["track"]),
    ];

    #[test]
    fn csv_and_parquet_feed_the_same() {
        let text = csv(
            "track,id,speed,lap,wet\nAdria,a,0.1,7,True\n\"Lonato, \"\"x\"\"\",\"b\",,8,false\n",
        );
        let of_csv = read(text.path(), FileFormat::Csv, &INPUTS).unwrap();

        let columns: [(&str, ArrayRef); 5] = [
            ("lap", Arc::new(Int64Array::from(vec![7, 8]))),
            ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("wet", Arc::new(BooleanArray::from(vec![true, false]))),
            (
                "speed",
                Arc::new(arrow::array::Float64Array::from(vec![Some(0.1), None])),
            ),
            (
                "track",
                Arc::new(StringArray::from(vec!["Adria", "Lonato, \"x\""])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer =
            ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let of_parquet = read(file.path(), FileFormat::Parquet, &INPUTS).unwrap();

        assert_eq!(of_csv, of_parquet);
        assert_eq!(of_csv.0, ["a", "b"]);
        assert_eq!(
            of_csv.1,
            [
                "[0.1, 7.0, 1.0, NaN, 8.0, 0.0]",
                "[0.1, NaN]",
                "[7, 8]",
                "[\"Adria\", \"Lonato, \\\"x\\\"\"]",
            ]
        );
    }

    #[test]
    fn a_cell_that_does_not_fit_is_named_with_its_line() {
        let rows: String = (0..200_000)
            .map(|row| format!("r{row},Adria,1.5,3,0\n"))
            .collect();
        for (bad, words) in [
            (
                "x,Adria,fast,3,0",
                "column \"speed\": \"fast\" is not a number",
            ),
            ("x,Adria,1,,0", "column \"lap\": \"\" is not a whole number"),
            (
                "x,Adria,1,3.5,0",
                "column \"lap\": \"3.5\" is not a whole number",
            ),
            ("x,Adria,1,3", "4 cells where the header has 5"),
            ("x,Adria,1,3,0,9", "more cells than the 5 of the header"),
        ] {
            let file = csv(&format!("id,track,speed,lap,wet\n{rows}{bad}\n"));
            let error = read(file.path(), FileFormat::Csv, &INPUTS)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("line 200002 of the features"), "{error}");
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_the_features_lack_is_named() {
        let file = csv("id,speed\na,1\n");
        let error = read(file.path(), FileFormat::Csv, &INPUTS)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "the features have no column \"lap\"; they have: id, speed"
        );
        let empty = csv("");
        let error = read(empty.path(), FileFormat::Csv, &INPUTS)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "the features are empty");
        assert!(read(file.path(), FileFormat::Parquet, &INPUTS).is_err());
    }

    #[test]
    fn columns_of_numbers_are_told_from_texts() {
        let file = csv("id,speed,track,wet\n1,,Adria,True\n2,1e-3,7,False\n");
        let columns = Columns::of(file.path(), FileFormat::Csv).unwrap();
        assert_eq!(columns.numeric, [true, true, false, true]);

        let columns: [(&str, ArrayRef); 2] = [
            ("id", Arc::new(StringArray::from(vec!["a"]))),
            ("speed", Arc::new(Float32Array::from(vec![1.0]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer =
            ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(
            Columns::of(file.path(), FileFormat::Parquet)
                .unwrap()
                .numeric,
            [false, true]
        );
    }
}
