//! What goes into a model and comes out of it: the model's own declarations, held against a contract, or
//! against the features where a model is tried without one.

use anyhow::{Context, bail, ensure};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use super::contract::{ElementType, OnnxInput};
use super::features::Columns;
use super::predictions::Output;
use crate::scoring::csv_rows::excerpt;

/// The most rows that a model may insist on taking at once.
const MAX_FIXED_BATCH: usize = 1 << 16;

/// A tensor that is fed with rows.
pub(super) struct Feed {
    pub name: String,
    pub width: usize,
    /// Whether the model takes `[rows]` and not `[rows, 1]`.
    pub flat: bool,
    /// How many rows the model takes at a time, if it insists.
    pub rows: Option<usize>,
}

fn element_type(element: ElementType) -> TensorElementType {
    match element {
        ElementType::Float32 => TensorElementType::Float32,
        ElementType::Float64 => TensorElementType::Float64,
        ElementType::Int64 => TensorElementType::Int64,
        ElementType::String => TensorElementType::String,
    }
}

pub(super) fn name_of(element: TensorElementType) -> String {
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
pub(super) fn check_inputs(session: &Session, inputs: &[OnnxInput]) -> anyhow::Result<Vec<Feed>> {
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

pub(super) fn check_outputs(session: &Session, outputs: &[Output]) -> anyhow::Result<()> {
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
pub(super) fn derive_inputs(
    model: &[Outlet],
    columns: &Columns,
    id: &str,
) -> anyhow::Result<Vec<OnnxInput>> {
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
