//! The runner: this program again, inside the sandbox, with ONNX Runtime beside it.
//!
//! It feeds a model batch by batch and writes what comes out. It runs as the competitor: what it says on
//! standard error is for them, and the predictions are checked outside as everyone else's are.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;

use anyhow::{Context, anyhow};
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorRef};

use super::contract::{OnnxContract, OnnxInput};
use super::features::{Batch, Columns, Elements, Layout};
use super::message::words;
use super::predictions::{Output, Predictions};
use super::signature::{Feed, check_inputs, check_outputs, derive_inputs};
use super::{ARGUMENT, ORDER, Order};

/// Runs a model if this program was started to do so, and then never returns.
///
/// To be called at the start of `main`, before there is a thread.
pub fn enter_if_asked() {
    if std::env::args_os()
        .nth(1)
        .is_none_or(|first| first != ARGUMENT)
    {
        return;
    }
    let json: String = (0..)
        .map_while(|number| std::env::var(format!("{ORDER}{number}")).ok())
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

    let mut predictions = Predictions::create(Path::new(&order.output), id, outputs)?;
    predict(order, &layout, |batch| {
        feed(&mut session, &feeds, batch, &mut predictions)
    })?;
    predictions.finish()
}

/// Reads ahead in a thread of its own while the model predicts: no less work, but less waiting.
fn predict(
    order: &Order,
    layout: &Layout,
    mut feed: impl FnMut(&Batch) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    const AHEAD: usize = 2;
    std::thread::scope(|scope| {
        let (read, batches) = mpsc::sync_channel::<Batch>(AHEAD);
        let reader = scope.spawn(move || {
            layout.read(Path::new(&order.features), order.features_format, |batch| {
                let batch = std::mem::take(batch);
                read.send(batch).context("the model has failed")
            })
        });
        let fed = batches.iter().try_for_each(|batch| feed(&batch));
        // A reader that waits to hand on its next batch learns that nobody wants it.
        drop(batches);
        let read = reader
            .join()
            .map_err(|_| anyhow!("reading the features failed"));
        fed.and(read?)
    })
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

/// The rows from `start` to `end` as a tensor of `fed` rows.
fn tensor<'a>(
    feed: &Feed,
    elements: &'a Elements,
    start: usize,
    end: usize,
    fed: usize,
) -> anyhow::Result<SessionInputValue<'a>> {
    /// What stands in the places of rows that lack is thrown away.
    fn padded<T: Clone + Default>(rows: &[T], length: usize) -> Vec<T> {
        let mut padded = rows.to_vec();
        padded.resize(length, rows.last().cloned().unwrap_or_default());
        padded
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
