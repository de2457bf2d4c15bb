//! An ONNX file against its challenge's contract, before it is accepted.
//!
//! Field numbers are those of `onnx.proto3` (github.com/onnx/onnx). Nothing of the file but these fields is
//! believed, and nothing is run.

use prost::Message;
use thiserror::Error;

use super::contents::{self, HEAD_BYTES};
use super::names::shown;
use super::protobuf::{Broken, Value, fields, messages, text};
use crate::scoring::runtimes::{ElementType, OnnxContract};

/// The operators that ONNX Runtime brings along.
const DOMAINS: [&str; 8] = [
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.training",
    "ai.onnx.preview.training",
    "com.microsoft",
    "com.microsoft.nchwc",
    "org.pytorch.aten",
];

/// The largest description of an input or output, in bytes; it is a name, a type and a shape.
const LARGEST_DESCRIPTION: usize = 1 << 16;

/// The most inputs or outputs of a graph, weights that are listed as inputs among them.
const MOST_TENSORS: usize = 10_000;

/// How deep graphs may lie in graphs.
const DEEPEST: usize = 16;

/// Why a model is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    #[error(
        "This is not an ONNX model: it looks like {looks}. Send the .onnx file that your exporter wrote."
    )]
    NotOnnx {
        /// What it looks like.
        looks: &'static str,
    },
    #[error("The ONNX file cannot be read: {detail}. Export the model again.")]
    Damaged {
        /// What is wrong.
        detail: String,
    },
    #[error(
        "The model's tensor \"{tensor}\" is not in the file: its data are in another one. Export with the weights inside \
         the .onnx file (for a loaded model: onnx.save(model, path, save_as_external_data=False))."
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
    },
    #[error(
        "The model's node \"{node}\" uses the operator {operator} of \"{domain}\", which ONNX Runtime does not have without \
         a library of its own. Export with the standard operators only."
    )]
    Operator {
        /// The node, by its name or its first output.
        node: String,
        /// The operator.
        operator: String,
        /// Whose it is.
        domain: String,
    },
    #[error(
        "The model has no {what} \"{name}\"; its {what}s are {found}. {}",
        rename(what)
    )]
    Missing {
        /// Input or output.
        what: &'static str,
        /// Which the challenge asks for.
        name: String,
        /// Those that there are, in words.
        found: String,
    },
    #[error(
        "The model's input \"{name}\" ({found}) is not one that this challenge gives; it gives {expected}. Leave the \
         input out, or give it a default value as an initializer."
    )]
    UnknownInput {
        /// Which.
        name: String,
        /// Its type and shape.
        found: String,
        /// Those of the contract, in words.
        expected: String,
    },
    #[error(
        "The model's {what} \"{name}\" is {found}; this challenge asks for {expected}. {remedy}"
    )]
    Type {
        /// Input or output.
        what: &'static str,
        /// Which.
        name: String,
        /// What it is.
        found: String,
        /// What it has to be.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
    #[error(
        "The model's {what} \"{name}\" has the shape {found}; this challenge asks for {expected}. {remedy}"
    )]
    Shape {
        /// Input or output.
        what: &'static str,
        /// Which.
        name: String,
        /// What it is.
        found: String,
        /// What it has to be.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
}

fn rename(what: &str) -> &'static str {
    match what {
        "input" => {
            "Name it so when you export (skl2onnx: initial_types; torch.onnx.export: input_names)."
        }
        _ => {
            "Name it so when you export (skl2onnx: target names; torch.onnx.export: output_names)."
        }
    }
}

impl From<Broken> for ModelError {
    fn from(broken: Broken) -> Self {
        Self::Damaged {
            detail: broken.to_string(),
        }
    }
}

/// Checks that a file is an ONNX model that takes and gives what a contract says and keeps all of its
/// data inside.
///
/// Shapes that the model leaves open are accepted: ONNX Runtime finds out.
///
/// # Errors
///
/// The first problem, by the name of the tensor or node.
pub fn check_model(model: &[u8], contract: &OnnxContract) -> Result<(), ModelError> {
    check_is_onnx(model)?;
    let domains = function_domains(model)?;
    check_inside(model, &domains)?;
    let graph = single(messages(model, 7))?.ok_or_else(|| damaged("it has no graph"))?;
    let inputs = fed_inputs(graph)?;
    let outputs = descriptions(graph, 12)?;
    check_inputs(&inputs, contract)?;
    check_outputs(&outputs, contract)
}

fn damaged(detail: &str) -> ModelError {
    ModelError::Damaged {
        detail: detail.to_owned(),
    }
}

/// A field that is there at most once. Twice would be merged by one reader and replaced by another.
fn single<'a>(
    mut found: impl Iterator<Item = Result<&'a [u8], Broken>>,
) -> Result<Option<&'a [u8]>, ModelError> {
    let first = found.next().transpose()?;
    match found.next().transpose()? {
        None => Ok(first),
        Some(_) => Err(damaged("a part that must be unique is there twice")),
    }
}

/// A model has a version of the format, a graph, and operators it imports.
fn check_is_onnx(model: &[u8]) -> Result<(), ModelError> {
    let head = &model[..model.len().min(HEAD_BYTES)];
    let not_onnx = |looks| Err(ModelError::NotOnnx { looks });
    if model.is_empty() {
        return not_onnx("an empty file");
    }
    let known = contents::kind(head).map(|kind| kind.name);
    let (mut version, mut graph, mut operators) = (false, false, false);
    for field in fields(model) {
        match field {
            Ok((1, Value::Number(_))) => version = true,
            Ok((7, Value::Bytes(_))) => graph = true,
            Ok((8, Value::Bytes(_))) => operators = true,
            Ok(_) => {}
            // A file that begins as a model does is a damaged one.
            Err(_) if version => return Err(Broken.into()),
            Err(_) => return not_onnx(known.unwrap_or("some other kind of file")),
        }
    }
    if version && graph && operators {
        return Ok(());
    }
    match known {
        Some(looks) => not_onnx(looks),
        None if version => Err(damaged("it has no graph, or imports no operators")),
        None => not_onnx("some other kind of file"),
    }
}

/// The domains of the functions that the model brings along; its nodes may use them.
fn function_domains(model: &[u8]) -> Result<Vec<String>, ModelError> {
    let mut domains: Vec<String> = Vec::new();
    for function in messages(model, 25) {
        let domain = text(function?, 10)?;
        if !domains.contains(&domain) {
            if domains.len() == MOST_TENSORS {
                return Err(damaged("it has too many functions"));
            }
            domains.push(domain);
        }
    }
    Ok(domains)
}

/// Checks every tensor and every node of a model, however deep: its data are inside, its operators known.
fn check_inside(model: &[u8], domains: &[String]) -> Result<(), ModelError> {
    let inside = Inside { domains };
    for field in fields(model) {
        match field? {
            (7, Value::Bytes(graph)) => inside.graph(graph, 0)?,
            (20, Value::Bytes(training)) => {
                for graph in messages(training, 1).chain(messages(training, 2)) {
                    inside.graph(graph?, 0)?;
                }
            }
            (25, Value::Bytes(function)) => {
                for field in fields(function) {
                    match field? {
                        (7, Value::Bytes(node)) => inside.node(node, 0)?,
                        (11, Value::Bytes(attribute)) => inside.attribute(attribute, 0)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

struct Inside<'a> {
    domains: &'a [String],
}

impl Inside<'_> {
    fn graph(&self, graph: &[u8], depth: usize) -> Result<(), ModelError> {
        if depth > DEEPEST {
            return Err(damaged("its graphs are nested too deeply"));
        }
        for field in fields(graph) {
            match field? {
                (1, Value::Bytes(node)) => self.node(node, depth)?,
                (5, Value::Bytes(tensor)) => check_tensor(tensor)?,
                (15, Value::Bytes(sparse)) => check_sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&self, node: &[u8], depth: usize) -> Result<(), ModelError> {
        for attribute in messages(node, 5) {
            self.attribute(attribute?, depth)?;
        }
        let domain = text(node, 7)?;
        if DOMAINS.contains(&domain.as_str()) || self.domains.contains(&domain) {
            return Ok(());
        }
        let name = text(node, 3)?;
        let name = if name.is_empty() {
            text(node, 2)?
        } else {
            name
        };
        Err(ModelError::Operator {
            node: shown(&name),
            operator: shown(&text(node, 4)?),
            domain: shown(&domain),
        })
    }

    fn attribute(&self, attribute: &[u8], depth: usize) -> Result<(), ModelError> {
        for field in fields(attribute) {
            match field? {
                (5 | 10, Value::Bytes(tensor)) => check_tensor(tensor)?,
                (6 | 11, Value::Bytes(graph)) => self.graph(graph, depth + 1)?,
                (22 | 23, Value::Bytes(sparse)) => check_sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_sparse(sparse: &[u8]) -> Result<(), ModelError> {
    for tensor in messages(sparse, 1).chain(messages(sparse, 2)) {
        check_tensor(tensor?)?;
    }
    Ok(())
}

/// Checks that a tensor's data are in the file, by both of the marks that readers go by.
fn check_tensor(tensor: &[u8]) -> Result<(), ModelError> {
    const EXTERNAL: u64 = 1;
    for field in fields(tensor) {
        if matches!(field?, (13, _) | (14, Value::Number(EXTERNAL))) {
            let tensor = shown(&text(tensor, 8)?);
            return Err(ModelError::ExternalData { tensor });
        }
    }
    Ok(())
}

/// ValueInfoProto: an input or output of a graph.
#[derive(Clone, PartialEq, Message)]
struct Description {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TensorOrOther>,
}

/// TypeProto. Of what is no tensor only what it is matters.
#[derive(Clone, PartialEq, Message)]
struct TensorOrOther {
    #[prost(oneof = "Kind", tags = "1, 4, 5, 8, 9")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Tensor(Tensor),
    #[prost(bytes, tag = "4")]
    Sequence(Vec<u8>),
    #[prost(bytes, tag = "5")]
    Map(Vec<u8>),
    #[prost(bytes, tag = "8")]
    Sparse(Vec<u8>),
    #[prost(bytes, tag = "9")]
    Optional(Vec<u8>),
}

/// TypeProto.Tensor.
#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    element: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

/// TensorShapeProto.
#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<Dimension>,
}

/// TensorShapeProto.Dimension.
#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(oneof = "Size", tags = "1, 2")]
    size: Option<Size>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Size {
    #[prost(int64, tag = "1")]
    Fixed(i64),
    #[prost(string, tag = "2")]
    Named(String),
}

impl Dimension {
    /// How many, where the model says; exporters also write -1 and 0 for "any number".
    fn fixed(&self) -> Option<i64> {
        match self.size {
            Some(Size::Fixed(size)) if size > 0 => Some(size),
            _ => None,
        }
    }
}

impl Shape {
    fn in_words(&self) -> String {
        let dimension = |dimension: &Dimension| match (&dimension.size, dimension.fixed()) {
            (_, Some(size)) => size.to_string(),
            (Some(Size::Named(name)), None) if !name.is_empty() => shown(name),
            _ => "?".to_owned(),
        };
        let dimensions: Vec<String> = self.dimensions.iter().take(8).map(dimension).collect();
        format!("[{}]", dimensions.join(", "))
    }
}

/// The names of TensorProto.DataType, by number.
const ELEMENTS: [&str; 17] = [
    "undefined",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
];

fn element_name(element: i32) -> &'static str {
    let place = usize::try_from(element).unwrap_or(usize::MAX);
    ELEMENTS.get(place).copied().unwrap_or("an unknown type")
}

impl Description {
    fn tensor(&self) -> Option<&Tensor> {
        match self.kind.as_ref()?.kind.as_ref()? {
            Kind::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Its type and shape, in words.
    fn in_words(&self) -> String {
        match self.kind.as_ref().and_then(|kind| kind.kind.as_ref()) {
            None => "of no declared type".to_owned(),
            Some(Kind::Tensor(Tensor { element, shape })) => {
                let shape = shape.as_ref().map(Shape::in_words).unwrap_or_default();
                format!("a {} tensor {shape}", element_name(*element))
                    .trim_end()
                    .to_owned()
            }
            Some(Kind::Sequence(_)) => "a sequence".to_owned(),
            Some(Kind::Map(_)) => "a map".to_owned(),
            Some(Kind::Sparse(_)) => "a sparse tensor".to_owned(),
            Some(Kind::Optional(_)) => "an optional value".to_owned(),
        }
    }
}

/// The inputs (11) or outputs (12) of a graph.
fn descriptions(graph: &[u8], number: u32) -> Result<Vec<Description>, ModelError> {
    let mut found = Vec::new();
    for bytes in messages(graph, number) {
        let bytes = bytes?;
        if bytes.len() > LARGEST_DESCRIPTION || found.len() == MOST_TENSORS {
            return Err(damaged(
                "it describes too many or too large inputs and outputs",
            ));
        }
        found.push(
            Description::decode(bytes)
                .map_err(|_| damaged("an input or output is not described as the format says"))?,
        );
    }
    Ok(found)
}

/// The inputs that have to be fed: before version 4 of the format, weights were listed among them.
fn fed_inputs(graph: &[u8]) -> Result<Vec<Description>, ModelError> {
    let mut inputs = descriptions(graph, 11)?;
    let mut defaults = std::collections::HashSet::new();
    let names: std::collections::HashSet<String> =
        inputs.iter().map(|input| input.name.clone()).collect();
    for tensor in messages(graph, 5) {
        let name = text(tensor?, 8)?;
        if names.contains(&name) {
            defaults.insert(name);
        }
    }
    inputs.retain(|input| !defaults.contains(&input.name));
    Ok(inputs)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 6;
    let names: Vec<&str> = names.collect();
    let mut listed: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("\"{}\"", shown(name)))
        .collect();
    match names.len().checked_sub(NAMED) {
        None | Some(0) if names.is_empty() => return "none".to_owned(),
        None | Some(0) => {}
        Some(more) => listed.push(format!("{more} more")),
    }
    listed.join(", ")
}

fn find<'a>(
    what: &'static str,
    found: &'a [Description],
    name: &str,
) -> Result<&'a Description, ModelError> {
    let described = found.iter().find(|described| described.name == name);
    described.ok_or_else(|| ModelError::Missing {
        what,
        name: shown(name),
        found: listed(found.iter().map(|described| described.name.as_str())),
    })
}

fn check_inputs(inputs: &[Description], contract: &OnnxContract) -> Result<(), ModelError> {
    for wanted in &contract.inputs {
        let found = find("input", inputs, &wanted.name)?;
        let element = element_number(wanted.element);
        let tensor = found.tensor().filter(|tensor| tensor.element == element);
        let Some(tensor) = tensor else {
            return Err(ModelError::Type {
                what: "input",
                name: shown(&wanted.name),
                found: found.in_words(),
                expected: format!(
                    "a {} tensor [rows, {}]",
                    wanted.element.as_str(),
                    wanted.columns.len()
                ),
                remedy: input_remedy(wanted.element),
            });
        };
        check_shape("input", found, tensor, wanted.columns.len())?;
    }
    let unknown = inputs.iter().find(|input| {
        let is_it = |wanted: &str| wanted == input.name;
        !contract.inputs.iter().any(|wanted| is_it(&wanted.name))
    });
    match unknown {
        None => Ok(()),
        Some(input) => Err(ModelError::UnknownInput {
            name: shown(&input.name),
            found: input.in_words(),
            expected: listed(contract.inputs.iter().map(|input| input.name.as_str())),
        }),
    }
}

fn check_outputs(outputs: &[Description], contract: &OnnxContract) -> Result<(), ModelError> {
    for wanted in &contract.outputs {
        let found = find("output", outputs, &wanted.name)?;
        let expected = || {
            format!(
                "a tensor [rows, {}] of numbers or texts",
                wanted.columns.len()
            )
        };
        let refuse = |remedy| {
            Err(ModelError::Type {
                what: "output",
                name: shown(&wanted.name),
                found: found.in_words(),
                expected: expected(),
                remedy,
            })
        };
        let kind = found.kind.as_ref().and_then(|kind| kind.kind.as_ref());
        match kind {
            Some(Kind::Tensor(tensor)) if is_readable(tensor.element) => {
                check_shape("output", found, tensor, wanted.columns.len())?;
            }
            Some(Kind::Tensor(_)) => return refuse("Cast it to float32 in the model."),
            Some(Kind::Sequence(_) | Kind::Map(_)) => {
                return refuse(
                    "Classifiers give a table when they are exported without ZipMap: skl2onnx's to_onnx(…, \
                     options={\"zipmap\": False}), onnxmltools' convert_…(…, zipmap=False).",
                );
            }
            _ => return refuse("Give it as a tensor."),
        }
    }
    Ok(())
}

/// TensorProto.DataType.
fn element_number(element: ElementType) -> i32 {
    match element {
        ElementType::Float32 => 1,
        ElementType::Int64 => 7,
        ElementType::String => 8,
        ElementType::Float64 => 11,
    }
}

/// Whether predictions can be read from elements of this type.
fn is_readable(element: i32) -> bool {
    matches!(element, 1 | 6 | 7 | 8 | 9 | 11)
}

fn input_remedy(element: ElementType) -> &'static str {
    match element {
        ElementType::Float32 => {
            "With skl2onnx declare it as FloatTensorType([None, columns]); with PyTorch export with a float32 example."
        }
        ElementType::Float64 => "With skl2onnx declare it as DoubleTensorType([None, columns]).",
        ElementType::Int64 => "With skl2onnx declare it as Int64TensorType([None, columns]).",
        ElementType::String => "With skl2onnx declare it as StringTensorType([None, columns]).",
    }
}

/// Checks a tensor's shape: any number of rows, and the contract's columns.
fn check_shape(
    what: &'static str,
    described: &Description,
    tensor: &Tensor,
    columns: usize,
) -> Result<(), ModelError> {
    let Some(shape) = &tensor.shape else {
        return Ok(());
    };
    let refuse = |remedy| {
        Err(ModelError::Shape {
            what,
            name: shown(&described.name),
            found: shape.in_words(),
            expected: format!("[rows, {columns}]"),
            remedy,
        })
    };
    let fixed: Vec<Option<i64>> = shape.dimensions.iter().map(Dimension::fixed).collect();
    let rows_open = "Export with an open number of rows (skl2onnx: None; torch.onnx.export: dynamic_axes or \
                     dynamic_shapes).";
    match fixed[..] {
        [Some(_), ..] => refuse(rows_open),
        [None] if what == "output" && columns == 1 => Ok(()),
        [None, None] => Ok(()),
        [None, Some(found)] if usize::try_from(found) == Ok(columns) => Ok(()),
        [None, Some(_)] if what == "input" => refuse(
            "Train on exactly the columns that the challenge's page lists for this input, in their order.",
        ),
        [None, Some(_)] => refuse(
            "Give the columns that the challenge's page lists for this output, in their order.",
        ),
        _ => refuse("Give it one dimension for the rows and one for the columns."),
    }
}
