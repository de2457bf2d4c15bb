//! Models as exporters write them, and as nobody should.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::*;
use crate::scoring::runtimes::OnnxContract;

/// Writes messages field by field.
#[derive(Clone, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(mut self, field: u32, number: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(number);
        self
    }

    fn bytes(mut self, field: u32, bytes: impl AsRef<[u8]>) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend(bytes.as_ref());
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 128 {
            self.0.push(number as u8 | 128);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn message() -> Bytes {
    Bytes::default()
}

/// `dimensions`: a number, `?` for an open one, or a name.
fn tensor(name: &str, element: u64, dimensions: &[&str]) -> Bytes {
    let shape = dimensions.iter().fold(message(), |shape, dimension| {
        let dimension = match dimension.parse() {
            Ok(number) => message().number(1, number),
            Err(_) if *dimension == "?" => message(),
            Err(_) => message().bytes(2, dimension),
        };
        shape.bytes(1, dimension)
    });
    let tensor = message().number(1, element).bytes(2, shape);
    described(name, 1, tensor)
}

fn described(name: &str, kind: u32, inner: Bytes) -> Bytes {
    message()
        .bytes(1, name)
        .bytes(2, message().bytes(kind, inner))
}

fn weights(name: &str) -> Bytes {
    message()
        .number(1, 2)
        .number(2, 1)
        .bytes(8, name)
        .bytes(9, [0; 8])
}

fn external(name: &str) -> Bytes {
    let location = message().bytes(1, "location").bytes(2, "../secret.bin");
    message()
        .number(2, 1)
        .bytes(8, name)
        .bytes(13, location)
        .number(14, 1)
}

fn node(operator: &str) -> Bytes {
    message()
        .bytes(1, "X")
        .bytes(2, "Y")
        .bytes(3, "the_node")
        .bytes(4, operator)
}

struct Graph {
    nodes: Vec<Bytes>,
    weights: Vec<Bytes>,
    inputs: Vec<Bytes>,
    outputs: Vec<Bytes>,
}

impl Graph {
    /// What the contract asks for.
    fn good() -> Self {
        Graph {
            nodes: vec![node("Gemm")],
            weights: vec![weights("W")],
            inputs: vec![tensor("X", 1, &["N", "2"])],
            outputs: vec![tensor("p", 1, &["?", "3"])],
        }
    }

    fn bytes(&self) -> Bytes {
        let parts = [
            (1, &self.nodes),
            (5, &self.weights),
            (11, &self.inputs),
            (12, &self.outputs),
        ];
        parts
            .iter()
            .fold(message().bytes(2, "g"), |graph, (field, parts)| {
                parts
                    .iter()
                    .fold(graph, |graph, part| graph.bytes(*field, part))
            })
    }

    fn model(&self) -> Vec<u8> {
        let operators = message().bytes(1, "").number(2, 21);
        message()
            .number(1, 10)
            .bytes(2, "skl2onnx")
            .bytes(7, self.bytes())
            .bytes(8, operators)
            .0
    }

    fn said(&self) -> String {
        check_model(&self.model(), &contract())
            .unwrap_err()
            .to_string()
    }
}

fn contract() -> OnnxContract {
    let json = r#"{
        "inputs": [{"name": "X", "element": "float32", "columns": ["speed", "rain"]}],
        "outputs": [{"name": "p", "columns": ["_", "dry", "wet"]}]
    }"#;
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_model_of_the_contract_is_accepted() {
    assert_eq!(check_model(&Graph::good().model(), &contract()), Ok(()));

    // Open shapes, shapes with zeros or minus one for "any", none at all, more outputs than asked for, and weights
    // that are inputs as well, as old exporters write them.
    let mut open = Graph::good();
    open.inputs = vec![tensor("X", 1, &["?", "0"]), tensor("W", 1, &["2"])];
    open.outputs = vec![
        tensor("label", 7, &["?"]),
        tensor("p", 11, &[&u64::MAX.to_string(), "?"]),
    ];
    assert_eq!(check_model(&open.model(), &contract()), Ok(()));
    open.inputs[0] = described("X", 1, message().number(1, 1));
    assert_eq!(check_model(&open.model(), &contract()), Ok(()));
}

#[test]
fn inputs_are_named_with_what_they_are_and_should_be() {
    let with = |inputs: Vec<Bytes>| {
        Graph {
            inputs,
            ..Graph::good()
        }
        .said()
    };
    assert_eq!(
        with(vec![tensor("float_input", 1, &["?", "2"])]),
        "The model has no input \"X\"; its inputs are \"float_input\". Name it so when you export (skl2onnx: \
         initial_types; torch.onnx.export: input_names)."
    );
    assert_eq!(
        with(vec![tensor("X", 11, &["N", "2"])]),
        "The model's input \"X\" is a float64 tensor [N, 2]; this challenge asks for a float32 tensor [rows, 2]. With \
         skl2onnx declare it as FloatTensorType([None, columns]); with PyTorch export with a float32 example."
    );
    assert_eq!(
        with(vec![tensor("X", 1, &["?", "4"])]),
        "The model's input \"X\" has the shape [?, 4]; this challenge asks for [rows, 2]. Train on exactly the columns \
         that the challenge's page lists for this input, in their order."
    );
    assert!(
        with(vec![tensor("X", 1, &["1", "2"])]).contains(
            "[1, 2]; this challenge asks for [rows, 2]. Export with an open number of rows"
        )
    );
    assert!(with(vec![tensor("X", 1, &["?"])]).contains("one dimension for the rows"));
    let more = vec![
        tensor("X", 1, &["?", "2"]),
        tensor("weather", 8, &["?", "1"]),
    ];
    assert_eq!(
        with(more),
        "The model's input \"weather\" (a string tensor [?, 1]) is not one that this challenge gives; it gives \"X\". Leave \
         the input out, or give it a default value as an initializer."
    );
    assert!(with(vec![described("X", 4, message())]).contains("\"X\" is a sequence"));
    assert!(with(vec![message().bytes(1, "X")]).contains("of no declared type"));
    assert!(with(vec![]).contains("its inputs are none"));
}

#[test]
fn outputs_are_named_with_what_they_are_and_should_be() {
    let with = |outputs: Vec<Bytes>| {
        Graph {
            outputs,
            ..Graph::good()
        }
        .said()
    };
    assert!(
        with(vec![tensor("variable", 1, &["?", "3"])])
            .contains("The model has no output \"p\"; its outputs are \"variable\".")
    );
    // What skl2onnx gives for a classifier by default.
    let map = message().number(1, 7).bytes(2, message());
    let zipmap = described("p", 4, message().bytes(1, message().bytes(5, map)));
    let said = with(vec![zipmap]);
    assert!(
        said.contains("\"p\" is a sequence") && said.contains("options={\"zipmap\": False}"),
        "{said}"
    );
    assert!(
        with(vec![tensor("p", 1, &["?", "2"])])
            .contains("has the shape [?, 2]; this challenge asks for [rows, 3]")
    );
    assert!(with(vec![tensor("p", 1, &["5", "3"])]).contains("open number of rows"));
    assert!(
        with(vec![tensor("p", 14, &["?", "3"])]).contains("\"p\" is a complex64 tensor [?, 3]")
    );
}

#[test]
fn a_single_prediction_may_come_without_a_dimension_for_columns() {
    let json = r#"{
        "inputs": [{"name": "X", "element": "float32", "columns": ["speed", "rain"]}],
        "outputs": [{"name": "p", "columns": ["lap_time"]}]
    }"#;
    let contract: OnnxContract = serde_json::from_str(json).unwrap();
    for dimensions in [&["?", "1"][..], &["?"]] {
        let outputs = vec![tensor("p", 1, dimensions)];
        let model = Graph {
            outputs,
            ..Graph::good()
        }
        .model();
        assert_eq!(check_model(&model, &contract), Ok(()));
    }
}

#[test]
fn data_in_other_files_are_refused_wherever_they_hide() {
    let refused = |graph: &Graph, tensor: &str| {
        let said = graph.said();
        assert!(
            said.contains(&format!("\"{tensor}\" is not in the file")),
            "{said}"
        );
    };
    let mut graph = Graph::good();
    graph.weights.push(external("encoder.weight"));
    refused(&graph, "encoder.weight");
    // Only the one mark, or only the other.
    graph.weights = vec![message().bytes(8, "a").number(14, 1)];
    refused(&graph, "a");
    graph.weights = vec![
        message()
            .bytes(13, message().bytes(1, "location").bytes(2, "x"))
            .bytes(8, "b"),
    ];
    refused(&graph, "b");

    let in_attribute = |field: u32, inner: Bytes| {
        let attribute = message().bytes(1, "value").bytes(field, inner);
        Graph {
            nodes: vec![node("Constant").bytes(5, attribute)],
            ..Graph::good()
        }
    };
    refused(&in_attribute(5, external("constant")), "constant");
    refused(&in_attribute(10, external("one_of_many")), "one_of_many");
    refused(
        &in_attribute(22, message().bytes(1, external("sparse"))),
        "sparse",
    );
    refused(
        &in_attribute(23, message().bytes(2, external("indices"))),
        "indices",
    );
    let branch = Graph {
        weights: vec![external("in_the_branch")],
        ..Graph::good()
    };
    refused(&in_attribute(6, branch.bytes()), "in_the_branch");
    refused(
        &in_attribute(11, in_attribute(6, branch.bytes()).bytes()),
        "in_the_branch",
    );

    let function = message()
        .bytes(1, "f")
        .bytes(7, in_attribute(6, branch.bytes()).nodes.remove(0));
    let model = Bytes(Graph::good().model()).bytes(25, function);
    let said = check_model(model.as_ref(), &contract())
        .unwrap_err()
        .to_string();
    assert!(said.contains("in_the_branch"), "{said}");
    let training = message().bytes(2, branch.bytes());
    let model = Bytes(Graph::good().model()).bytes(20, training);
    assert!(check_model(model.as_ref(), &contract()).is_err());
}

#[test]
fn operators_of_other_libraries_are_named() {
    let mut graph = Graph::good();
    graph.nodes.push(node("Sqrt").bytes(7, "ai.onnx.ml"));
    assert_eq!(check_model(&graph.model(), &contract()), Ok(()));
    graph.nodes.push(node("Magic").bytes(7, "com.example"));
    assert_eq!(
        graph.said(),
        "The model's node \"the_node\" uses the operator Magic of \"com.example\", which ONNX Runtime does not have without \
         a library of its own. Export with the standard operators only."
    );
    // Functions that the model brings along make a domain known.
    let function = message().bytes(1, "Magic").bytes(10, "com.example");
    let model = Bytes(graph.model()).bytes(25, function);
    assert_eq!(check_model(model.as_ref(), &contract()), Ok(()));
}

#[test]
fn graphs_are_not_nested_for_ever() {
    let mut graph = Graph::good().bytes();
    for _ in 0..40 {
        let attribute = message().bytes(1, "body").bytes(6, graph);
        graph = message().bytes(1, node("If").bytes(5, attribute));
    }
    let model = message().number(1, 8).bytes(7, graph).bytes(8, message());
    let said = check_model(model.as_ref(), &contract())
        .unwrap_err()
        .to_string();
    assert!(said.contains("nested too deeply"), "{said}");
}

#[test]
fn what_is_no_model_is_called_by_its_name() {
    let said = |bytes: &[u8]| check_model(bytes, &contract()).unwrap_err().to_string();
    assert_eq!(
        said(b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c"),
        "This is not an ONNX model: it looks like a Python pickle. Send the .onnx file that your exporter wrote."
    );
    for (bytes, looks) in [
        (&b"PK\x03\x04...."[..], "a zip archive"),
        (b"<!doctype html>\n<html>", "a web page (HTML)"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer",
        ),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"tree\nversion=v4\n", "a LightGBM model file"),
        (b"{\"learner\": {}}", "a JSON document"),
        (b"id,prediction\n1,2\n", "a CSV file"),
        (b"import torch\n", "a Python script"),
        (b"", "an empty file"),
        (&[0xff; 64], "some other kind of file"),
    ] {
        assert!(said(bytes).contains(looks), "{looks}: {}", said(bytes));
    }
    let model = Graph::good().model();
    assert!(said(&model[..model.len() / 2]).contains("cut off or damaged"));
    assert!(said(message().number(1, 8).as_ref()).contains("no graph"));
    let twice = [&model[..], &message().bytes(7, message()).0].concat();
    assert!(said(&twice).contains("there twice"));
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    // Two bytes an input.
    let inputs = [0x5a, 0x00].repeat(200_000);
    let graph = [&Graph::good().bytes().0[..], &inputs].concat();
    let model = message().number(1, 8).bytes(7, graph).bytes(8, message());
    assert!(
        check_model(model.as_ref(), &contract())
            .unwrap_err()
            .to_string()
            .contains("too many")
    );
    let dimensions = Bytes([0x0a, 0x00].repeat(100_000));
    let huge = described("X", 1, message().number(1, 1).bytes(2, dimensions));
    let graph = Graph {
        inputs: vec![huge],
        ..Graph::good()
    };
    assert!(graph.said().contains("too large"));
}

#[test]
fn damaged_models_never_panic() {
    let mut graph = Graph::good();
    let branch = Graph::good().bytes();
    graph
        .nodes
        .push(node("If").bytes(5, message().bytes(1, "then").bytes(6, branch)));
    let whole = graph.model();
    let mut rng = ChaCha8Rng::seed_from_u64(45);
    let mut kinds = std::collections::HashSet::new();
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..5) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] ^= 1 << rng.random_range(0..8),
                1 => bytes[at] = rng.random(),
                2 => bytes.insert(at, rng.random()),
                _ if bytes.len() > 2 => bytes.truncate(at.max(1)),
                _ => {}
            }
        }
        match check_model(&bytes, &contract()) {
            Ok(()) => kinds.insert("accepted".to_owned()),
            Err(error) => {
                let said = error.to_string();
                assert!(
                    !said.contains(|character: char| character.is_control()),
                    "{said:?}"
                );
                kinds.insert(said.chars().take(24).collect())
            }
        };
    }
    assert!(kinds.len() > 5, "{kinds:?}");
}
