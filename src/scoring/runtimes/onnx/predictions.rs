//! The predictions file: what a model gives, written as CSV.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use ort::session::SessionOutputs;
use ort::value::{DynValue, TensorElementType};

use super::contract::SKIPPED;
use super::signature::name_of;

/// An output that predictions are taken from.
pub(super) struct Output {
    pub name: String,
    /// Its columns' names; unknown until the first batch where no challenge gives them.
    pub columns: Option<Vec<String>>,
}

/// The predictions file while it is written.
pub(super) struct Predictions {
    file: BufWriter<File>,
    id: String,
    outputs: Vec<Output>,
    has_header: bool,
}

/// What a model gave, row by row.
enum Given<'a> {
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Int64(&'a [i64]),
    Int32(&'a [i32]),
    Bool(&'a [bool]),
    String(Vec<String>),
}

impl Predictions {
    /// An empty file, with its header if the columns are known.
    pub(super) fn create(path: &Path, id: &str, outputs: Vec<Output>) -> anyhow::Result<Self> {
        let file = File::create(path).context("the predictions cannot be written")?;
        let is_known = outputs.iter().all(|output| output.columns.is_some());
        let mut predictions = Self {
            file: BufWriter::with_capacity(1 << 16, file),
            id: id.to_owned(),
            outputs,
            has_header: false,
        };
        if is_known {
            predictions.write_header()?;
        }
        Ok(predictions)
    }

    /// Writes what is still held back.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.file
            .flush()
            .context("the predictions cannot be written")
    }

    fn write_header(&mut self) -> anyhow::Result<()> {
        write_text(&mut self.file, &self.id)?;
        let columns = self
            .outputs
            .iter()
            .flat_map(|output| output.columns.iter().flatten());
        for column in columns.filter(|column| *column != SKIPPED) {
            self.file.write_all(b",")?;
            write_text(&mut self.file, column)?;
        }
        self.file.write_all(b"\n")?;
        self.has_header = true;
        Ok(())
    }

    /// Writes the predictions of some rows; the model was fed `fed` of them.
    pub(super) fn write(
        &mut self,
        ids: &[String],
        given: &SessionOutputs<'_>,
        fed: usize,
    ) -> anyhow::Result<()> {
        let count = self.outputs.len();
        let mut tensors = Vec::with_capacity(count);
        for output in &mut self.outputs {
            let value = given
                .get(&output.name)
                .with_context(|| format!("the model gave no output \"{}\"", output.name))?;
            let (rows, width) = shape_of(value);
            let name = &output.name;
            ensure!(
                rows == fed,
                "the model's output \"{name}\" has the shape {} for {fed} rows; give one row for each",
                value.shape()
            );
            let columns = output
                .columns
                .get_or_insert_with(|| derived_columns(name, width, count));
            ensure!(
                columns.len() == width,
                "the model's output \"{name}\" has {width} columns, the challenge takes {}: {}",
                columns.len(),
                columns.join(", ")
            );
            tensors.push((extract(name, value)?, width));
        }
        if !self.has_header {
            self.write_header()?;
        }
        for (row, id) in ids.iter().enumerate() {
            write_text(&mut self.file, id)?;
            for ((values, width), output) in tensors.iter().zip(&self.outputs) {
                let columns = output.columns.iter().flatten().enumerate();
                for (column, _) in columns.filter(|(_, name)| *name != SKIPPED) {
                    self.file.write_all(b",")?;
                    values.write(row * width + column, &mut self.file)?;
                }
            }
            self.file.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// The rows and columns of a tensor; what has more dimensions than two counts as wide rows.
fn shape_of(value: &DynValue) -> (usize, usize) {
    let dimension = |size: &i64| usize::try_from(*size).unwrap_or(0);
    match value.shape().split_first() {
        Some((rows, rest)) => (dimension(rows), rest.iter().map(dimension).product()),
        None => (1, 1),
    }
}

/// Names for the columns of an output where no challenge gives them.
fn derived_columns(output: &str, width: usize, outputs: usize) -> Vec<String> {
    let name = if outputs == 1 { "prediction" } else { output };
    match width {
        1 => vec![name.to_owned()],
        _ => (0..width)
            .map(|column| format!("{name}_{column}"))
            .collect(),
    }
}

fn extract<'a>(name: &str, value: &'a DynValue) -> anyhow::Result<Given<'a>> {
    Ok(match value.data_type() {
        TensorElementType::Float32 => Given::Float32(value.try_extract_tensor()?.1),
        TensorElementType::Float64 => Given::Float64(value.try_extract_tensor()?.1),
        TensorElementType::Int64 => Given::Int64(value.try_extract_tensor()?.1),
        TensorElementType::Int32 => Given::Int32(value.try_extract_tensor()?.1),
        TensorElementType::Bool => Given::Bool(value.try_extract_tensor()?.1),
        TensorElementType::String => Given::String(value.try_extract_strings()?.1),
        other => bail!(
            "the model's output \"{name}\" is {}; export it as float32, float64, int64 or string",
            name_of(*other)
        ),
    })
}

impl Given<'_> {
    fn write(&self, place: usize, file: &mut impl Write) -> io::Result<()> {
        match self {
            // In 64 bits: the value itself, not the shortest text that 32 bits are restored from.
            Self::Float32(values) => write_number(file, f64::from(values[place])),
            Self::Float64(values) => write_number(file, values[place]),
            Self::Int64(values) => write!(file, "{}", values[place]),
            Self::Int32(values) => write!(file, "{}", values[place]),
            Self::Bool(values) => write!(file, "{}", u8::from(values[place])),
            Self::String(values) => write_text(file, &values[place]),
        }
    }
}

/// A number in the fewest digits that it is restored from.
fn write_number(file: &mut impl Write, number: f64) -> io::Result<()> {
    let is_usual = number == 0.0 || (1e-5..1e16).contains(&number.abs());
    if is_usual || !number.is_finite() {
        write!(file, "{number}")
    } else {
        write!(file, "{number:e}")
    }
}

/// A text as a cell of a CSV file.
fn write_text(file: &mut impl Write, text: &str) -> io::Result<()> {
    if text.contains([',', '"', '\n', '\r']) || text.trim_ascii() != text {
        write!(file, "\"{}\"", text.replace('"', "\"\""))
    } else {
        file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_cells() {
        let cell = |text: &str| {
            let mut file = Vec::new();
            write_text(&mut file, text).unwrap();
            String::from_utf8(file).unwrap()
        };
        assert_eq!(cell("Adria"), "Adria");
        assert_eq!(cell("Lonato, \"wet\""), "\"Lonato, \"\"wet\"\"\"");
        assert_eq!(cell(" x"), "\" x\"");
    }

    #[test]
    fn numbers_are_written_exactly_and_briefly() {
        let numbers = [
            0.1,
            -2.0,
            0.0,
            1e300,
            f64::MIN_POSITIVE,
            1.0 / 3.0,
            9.9e15,
            f64::MAX,
        ];
        for number in numbers {
            let mut file = Vec::new();
            write_number(&mut file, number).unwrap();
            let text = String::from_utf8(file).unwrap();
            assert_eq!(text.parse(), Ok(number));
            assert!(text.len() <= 24, "{text}");
        }
    }

    #[test]
    fn columns_of_a_model_without_a_challenge_get_names() {
        assert_eq!(derived_columns("variable", 1, 1), ["prediction"]);
        assert_eq!(
            derived_columns("variable", 2, 1),
            ["prediction_0", "prediction_1"]
        );
        assert_eq!(derived_columns("label", 1, 2), ["label"]);
    }
}
