//! The runner: this program again, inside the sandbox, with ONNX Runtime beside it.
//!
//! It feeds a model batch by batch and writes what comes out. It runs as the competitor: what it says on
//! standard error is for them, and the predictions are checked outside as everyone else's are.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Outlet, Tensor, TensorElementType, TensorRef, ValueType};

use super::contract::{ElementType, OnnxContract, OnnxInput, SKIPPED};
use super::features::{Batch, Columns, Elements, Layout};
use super::{ARGUMENT, Order};
use crate::scoring::csv_rows::{excerpt, shorten};

/// The most rows that a model may insist on taking at once.
const MAX_FIXED_BATCH: usize = 1 << 16;

/// Runs a model if this program was started to do so, and then never returns.
///
/// To be called at the start of `main`, before there is a thread.
pub fn enter_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != ARGUMENT) {
        return;
    }
    let json: String = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    // What the bindings do not understand of a strange model they panic at, with paths of our own.
    std::panic::set_hook(Box::new(|_| {
        let _ = writeln!(
            io::stderr(),
            "error: the model is not understood; export it anew"
        );
    }));
    let outcome = serde_json::from_str(&json)
        .context("the runner's order is damaged")
        .and_then(|order: Order| run(&order));
    let code = match outcome {
        Ok(()) => 0,
        Err(error) => {
            // Where nobody listens, the exit code says what there is to say.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            1
        }
    };
    // Taking ONNX Runtime down in order only takes time.
    std::process::exit(code)
}

fn run(order: &Order) -> anyhow::Result<()> {
    let columns = Columns::of(Path::new(&order.features), order.features_format)?;
    let mut session = load(order)?;
    let id = id_column(order, &columns);
    let (inputs, outputs): (Vec<OnnxInput>, Vec<Output>) = match &order.contract {
        Some(OnnxContract { inputs, outputs }) => {
            let outputs = outputs.iter().map(|output| Output {
                name: output.name.clone(),
                columns: Some(output.columns.clone()),
            });
            (inputs.clone(), outputs.collect())
        }
        None => {
            let outputs = session.outputs().iter().map(|output| Output {
                name: output.name().to_owned(),
                columns: None,
            });
            (
                derive_inputs(session.inputs(), &columns, id)?,
                outputs.collect(),
            )
        }
    };
    let feeds = check_inputs(&session, &inputs)?;
    check_outputs(&session, &outputs)?;
    let layout = Layout::new(
        &columns,
        id,
        inputs.iter().map(|input| (input.element, &*input.columns)),
    )?;

    let file = File::create(&order.output).context("the predictions cannot be written")?;
    let mut predictions = Predictions {
        file: BufWriter::with_capacity(1 << 16, file),
        id: id.to_owned(),
        outputs,
        has_header: false,
    };
    if order.contract.is_some() {
        predictions.write_header()?;
    }
    layout.read(Path::new(&order.features), order.features_format, |batch| {
        feed(&mut session, &feeds, batch, &mut predictions)
    })?;
    predictions
        .file
        .flush()
        .context("the predictions cannot be written")
}

fn load(order: &Order) -> anyhow::Result<Session> {
    // From memory: a model has no folder, so it has no neighbours to read.
    let model = std::fs::read(&order.model).context("the model cannot be read")?;
    let environment = ort::init_from(&order.library)
        .map_err(|error| anyhow!("ONNX Runtime cannot be loaded: {error}"))?
        .with_telemetry(false)
        .build()?;
    environment.set_log_level(LogLevel::Fatal);
    let threads = usize::from(order.threads);
    let builder = Session::builder(&environment)?;
    let builder = builder
        .with_intra_threads(threads)
        .map_err(ort::Error::<()>::from)?;
    let builder = builder
        .with_inter_threads(1)
        .map_err(ort::Error::<()>::from)?;
    let builder = builder
        .with_log_level(LogLevel::Fatal)
        .map_err(ort::Error::<()>::from)?;
    let mut builder = builder
        .with_intra_op_spinning(false)
        .map_err(ort::Error::<()>::from)?;
    builder
        .commit_from_memory(&model)
        .map_err(|error| anyhow!("the model cannot be loaded: {}", words(error.message())))
}

/// What ONNX Runtime says, in one line and without the places in its own source code.
fn words(message: &str) -> String {
    const SOURCE: &str = "/onnxruntime_src/";
    let mut words = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(SOURCE) {
        words.push_str(before);
        rest = after_signature(after);
    }
    words.push_str(rest);
    let words: Vec<&str> = words.split_whitespace().collect();
    let words = shorten(&words.join(" "), 800);
    if words.contains("External data path") {
        return format!(
            "its weights lie in another file, and only the model is sent: save it with all weights inside \
             (onnx.save with save_as_external_data=False) ({words})"
        );
    }
    words
}

/// What follows `file:line type function(arguments) const [with T = type]`.
fn after_signature(text: &str) -> &str {
    let mut rest = text;
    let mut depth = 0_u32;
    for (place, sign) in text.char_indices() {
        match sign {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > 0 {
            continue;
        }
        rest = &text[place + 1..];
        let next = rest.strip_prefix(" const").unwrap_or(rest);
        // `operator()(…)`, `(anonymous namespace)::f(…)` and `[with …]` go on.
        if !(next.starts_with(['(', ':']) || next.starts_with(" [with")) {
            return next;
        }
    }
    rest
}

/// The id's column: the challenge's, else the one called so, else the first.
fn id_column<'a>(order: &'a Order, columns: &'a Columns) -> &'a str {
    let named = || {
        columns
            .names
            .iter()
            .find(|name| name.eq_ignore_ascii_case("id"))
    };
    match &order.id_column {
        Some(id) => id,
        None => named().or(columns.names.first()).map_or("id", |name| name),
    }
}

/// A tensor that is fed with rows.
struct Feed {
    name: String,
    width: usize,
    /// Whether the model takes [rows] and not [rows, 1].
    flat: bool,
    /// How many rows the model takes at a time, if it insists.
    rows: Option<usize>,
}

fn element_type(element: ElementType) -> TensorElementType {
    match element {
        ElementType::Float32 => TensorElementType::Float32,
        ElementType::Float64 => TensorElementType::Float64,
        ElementType::Int64 => TensorElementType::Int64,
        ElementType::String => TensorElementType::String,
    }
}

fn name_of(element: TensorElementType) -> String {
    format!("{element:?}").to_ascii_lowercase()
}

fn named<'a>(outlets: &'a [Outlet], name: &str, what: &str) -> anyhow::Result<&'a Outlet> {
    let found = outlets.iter().find(|outlet| outlet.name() == name);
    found.with_context(|| {
        let names: Vec<String> = outlets
            .iter()
            .map(|outlet| excerpt(outlet.name()))
            .collect();
        format!(
            "the model has no {what} \"{name}\"; it has: {}",
            names.join(", ")
        )
    })
}

/// Compares the inputs with the model's, before a row is fed.
fn check_inputs(session: &Session, inputs: &[OnnxInput]) -> anyhow::Result<Vec<Feed>> {
    for outlet in session.inputs() {
        ensure!(
            inputs.iter().any(|input| input.name == outlet.name()),
            "the model has an input \"{}\" that the challenge does not feed; it feeds: {}",
            excerpt(outlet.name()),
            inputs
                .iter()
                .map(|input| &*input.name)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    inputs
        .iter()
        .map(|input| {
            let (name, width) = (&input.name, input.columns.len());
            let ValueType::Tensor { ty, shape, .. } = named(session.inputs(), name, "input")?.dtype() else {
                bail!("the model's input \"{name}\" is no tensor; feed models with tensors of rows");
            };
            ensure!(
                *ty == element_type(input.element),
                "the model's input \"{name}\" takes {}, the challenge feeds {}; export it with {}",
                name_of(*ty),
                input.element.as_str(),
                input.element.as_str()
            );
            let fits = match shape[..] {
                [_] => width == 1,
                [_, columns] => columns < 0 || columns == width as i64,
                _ => false,
            };
            ensure!(
                fits,
                "the model's input \"{name}\" has the shape {shape}, the challenge feeds [rows, {width}]"
            );
            let rows = usize::try_from(shape[0]).ok();
            ensure!(
                rows.is_none_or(|rows| (1..=MAX_FIXED_BATCH).contains(&rows)),
                "the model's input \"{name}\" takes exactly {} rows; export it with a dynamic first dimension",
                shape[0]
            );
            Ok(Feed {
                name: name.clone(),
                width,
                flat: shape.len() == 1,
                rows,
            })
        })
        .collect()
}

fn check_outputs(session: &Session, outputs: &[Output]) -> anyhow::Result<()> {
    for output in outputs {
        let outlet = named(session.outputs(), &output.name, "output")?;
        ensure!(
            matches!(outlet.dtype(), ValueType::Tensor { .. }),
            "the model's output \"{}\" is a list of dictionaries and not a tensor; export the model with \
             options={{'zipmap': False}}",
            output.name
        );
    }
    Ok(())
}

/// The inputs of a model that is tried without a challenge, by what the features have.
fn derive_inputs(model: &[Outlet], columns: &Columns, id: &str) -> anyhow::Result<Vec<OnnxInput>> {
    let features = || {
        columns
            .names
            .iter()
            .zip(&columns.numeric)
            .filter(|(name, _)| *name != id)
    };
    let element = |outlet: &Outlet| -> anyhow::Result<(ElementType, Option<i64>)> {
        let name = outlet.name();
        let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
            bail!("the model's input \"{name}\" is no tensor");
        };
        let known = [
            ElementType::Float32,
            ElementType::Float64,
            ElementType::Int64,
            ElementType::String,
        ];
        let element = known
            .into_iter()
            .find(|element| element_type(*element) == *ty);
        let element = element
            .with_context(|| format!("the model's input \"{name}\" takes {}", name_of(*ty)))?;
        Ok((
            element,
            shape.get(1).copied().filter(|columns| *columns >= 0),
        ))
    };
    const UNCLEAR: &str = "what to feed the model cannot be told without a challenge's contract";
    let by_name = |outlet: &Outlet| features().any(|(name, _)| name == outlet.name());
    if model.iter().all(by_name) {
        return model
            .iter()
            .map(|outlet| {
                let name = outlet.name().to_owned();
                let columns = vec![name.clone()];
                let (element, _) = element(outlet).context(UNCLEAR)?;
                Ok(OnnxInput {
                    name,
                    element,
                    columns,
                })
            })
            .collect();
    }
    let [outlet] = model else {
        let names: Vec<String> = model.iter().map(|outlet| excerpt(outlet.name())).collect();
        bail!(
            "{UNCLEAR}: its inputs ({}) are not named like columns of the features",
            names.join(", ")
        );
    };
    let (element, width) = element(outlet).context(UNCLEAR)?;
    let all: Vec<String> = features().map(|(name, _)| name.clone()).collect();
    let numbers: Vec<String> = features()
        .filter(|(_, numeric)| **numeric)
        .map(|(name, _)| name.clone())
        .collect();
    let fits = |names: &[String]| {
        !names.is_empty() && width.is_none_or(|width| width == names.len() as i64)
    };
    let columns = match element {
        ElementType::String if fits(&all) => all,
        ElementType::Float32 | ElementType::Float64 | ElementType::Int64 if fits(&numbers) => {
            numbers
        }
        _ => bail!(
            "{UNCLEAR}: its input \"{}\" takes {} columns of {}, the features have {} beside the id and {} of them \
             hold numbers",
            outlet.name(),
            width.map_or("any number of".to_owned(), |width| width.to_string()),
            element.as_str(),
            all.len(),
            numbers.len()
        ),
    };
    Ok(vec![OnnxInput {
        name: outlet.name().to_owned(),
        element,
        columns,
    }])
}

/// Runs the model on a batch, in pieces if it insists on a number of rows.
fn feed(
    session: &mut Session,
    feeds: &[Feed],
    batch: &Batch,
    predictions: &mut Predictions,
) -> anyhow::Result<()> {
    let rows = batch.ids.len();
    let insists = feeds.iter().find_map(|feed| feed.rows);
    let step = insists.unwrap_or(rows).max(1);
    for start in (0..rows).step_by(step) {
        let end = rows.min(start + step);
        let fed = insists.unwrap_or(end - start);
        let tensors = feeds
            .iter()
            .zip(&batch.inputs)
            .map(|(feed, elements)| {
                Ok((
                    Cow::Borrowed(&*feed.name),
                    tensor(feed, elements, start, end, fed)?,
                ))
            })
            .collect::<anyhow::Result<Vec<(Cow<'_, str>, SessionInputValue<'_>)>>>()?;
        let given = session
            .run(tensors)
            .map_err(|error| anyhow!("the model failed: {}", words(error.message())))?;
        predictions.write(&batch.ids[start..end], &given, fed)?;
    }
    Ok(())
}

/// The rows from `start` to `end` as a tensor of `fed` rows; the last row stands for those that lack.
fn tensor<'a>(
    feed: &Feed,
    elements: &'a Elements,
    start: usize,
    end: usize,
    fed: usize,
) -> anyhow::Result<SessionInputValue<'a>> {
    fn padded<T: Clone>(rows: &[T], length: usize) -> Vec<T> {
        let last = &rows[rows.len() - rows.len().min(1)..];
        let mut rows = rows.to_vec();
        // Whole rows or single cells: what stands there is thrown away.
        rows.extend(last.iter().cycle().take(length - rows.len()).cloned());
        rows
    }
    let shape: Vec<usize> = if feed.flat {
        vec![fed]
    } else {
        vec![fed, feed.width]
    };
    let (from, to, length) = (start * feed.width, end * feed.width, fed * feed.width);
    macro_rules! numbers {
        ($values:expr) => {{
            let rows = &$values[from..to];
            if rows.len() == length {
                TensorRef::from_array_view((shape, rows))?.into()
            } else {
                Tensor::from_array((shape, padded(rows, length)))?.into()
            }
        }};
    }
    Ok(match elements {
        Elements::Float32(values) => numbers!(values),
        Elements::Float64(values) => numbers!(values),
        Elements::Int64(values) => numbers!(values),
        Elements::String(values) => {
            let rows = padded(&values[from..to], length);
            Tensor::from_string_array((shape, &*rows))?.into()
        }
    })
}

/// An output that predictions are taken from.
struct Output {
    name: String,
    /// Its columns' names; unknown until the first batch where no challenge gives them.
    columns: Option<Vec<String>>,
}

/// The predictions file while it is written.
struct Predictions {
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
    fn write(
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
            Self::Float32(values) => write!(file, "{}", f64::from(values[place])),
            Self::Float64(values) => write!(file, "{}", values[place]),
            Self::Int64(values) => write!(file, "{}", values[place]),
            Self::Int32(values) => write!(file, "{}", values[place]),
            Self::Bool(values) => write!(file, "{}", u8::from(values[place])),
            Self::String(values) => write_text(file, &values[place]),
        }
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
    fn what_onnx_runtime_says_is_told_without_its_source_code() {
        assert_eq!(
            words(
                "Non-zero status code returned while running GatherElements node. Name:'a' Status Message: \
                 /onnxruntime_src/onnxruntime/core/providers/cpu/tensor/gather_elements.cc:150 void \
                 onnxruntime::core_impl(const Tensor*, const Tensor*) [with bool is_string = false; T = signed char] \
                 GatherElements op: Out of range value in index tensor\n"
            ),
            "Non-zero status code returned while running GatherElements node. Name:'a' Status Message: GatherElements \
             op: Out of range value in index tensor"
        );
        assert_eq!(
            words(
                "Failed: /onnxruntime_src/core/a.h:61 auto f(std::function<void (int)>)::{lambda()#1}::operator()() const x was false."
            ),
            "Failed: x was false."
        );
        assert_eq!(words("Invalid model"), "Invalid model");
        assert!(words("/onnxruntime_src/never ends (").len() < 40);
    }

    #[test]
    fn weights_in_another_file_get_a_remedy() {
        let said = words("External data path validation failed for initializer: w.");
        assert!(
            said.starts_with("its weights lie in another file"),
            "{said}"
        );
    }

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
    fn columns_of_a_model_without_a_challenge_get_names() {
        assert_eq!(derived_columns("variable", 1, 1), ["prediction"]);
        assert_eq!(
            derived_columns("variable", 2, 1),
            ["prediction_0", "prediction_1"]
        );
        assert_eq!(derived_columns("label", 1, 2), ["label"]);
    }
}
