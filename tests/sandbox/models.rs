//! Cases 45 and 50: ONNX models that read other files, and models that overwhelm their reader.
//!
//! The models of `models/` are made by `make_models.py`; those that name the labels' path are made here.

use std::fs;
use std::path::Path;

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;
use paddock::scoring::runtimes::Runtimes;

pub const CASES: &[Case] = &[
    ("45_an_honest_model_in_onnx", honest),
    ("45_external_data", external_data),
    ("45_external_data_that_is_the_labels", external_labels),
    ("50_models_that_overwhelm", overwhelming),
];

/// Why no ONNX model can be run here.
pub fn lack_of_runtime() -> Option<String> {
    let dir = std::env::var_os("PADDOCK_TEST_RUNTIMES").unwrap_or_default();
    let runtimes = Runtimes::find(Path::new(&dir));
    runtimes.version().is_none().then(|| {
        "PADDOCK_TEST_RUNTIMES names no folder with an environment of this version; \
         `paddock runtime build` makes one"
            .to_owned()
    })
}

fn model(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/models");
    fs::read(folder.join(name).with_extension("onnx")).unwrap()
}

fn attack<'a>(place: &'a Place, content: &[u8]) -> Attack<'a> {
    Attack::of_file(place, "onnx", "model.onnx", content)
        .memory_mb(512)
        .cpu_seconds(2)
        .wall_seconds(5)
}

fn honest(place: &Place) {
    for name in ["honest", "tree_honest"] {
        attack(place, &model(name)).wall_seconds(60).run().ok();
    }
}

fn external_data(place: &Place) {
    for name in [
        "external_above",
        "external_absolute",
        "external_environment",
        "external_features",
        "external_neighbour",
        "external_link",
        "external_by_url",
    ] {
        let ended = attack(place, &model(name)).run();
        ended.verdict_among(&["RUNTIME_ERROR", "REJECTED"]);
        assert_eq!(ended.predictions, None, "{name}");
    }
}

fn external_labels(place: &Place) {
    let labels = Attack::of_file(place, "onnx", "model.onnx", b"").path("hidden/labels.csv");
    for above in [
        "",
        "../../../../../../..",
        "proc/self/root",
        "/proc/self/root",
    ] {
        let location = format!("{above}{}", labels.display());
        let ended = attack(place, &model_with_external_data(&location)).run();
        ended.verdict_among(&["RUNTIME_ERROR", "REJECTED"]);
    }
}

fn overwhelming(place: &Place) {
    for name in [
        "empty",
        "not_a_model",
        "graph_in_graph",
        "type_in_type",
        "sequence_of_sequences",
        "graph_that_is_a_circle",
        "operator_of_nobody",
        "gather_past_the_end",
        "gather_before_the_beginning",
        "gather_elements_past_the_end",
        "scatter_past_the_end",
        "tree_of_a_far_feature",
        "tree_that_bites_its_tail",
        "tree_with_missing_nodes",
        "tree_with_a_far_target",
        "tree_with_short_lists",
        "tensor_of_an_exabyte",
        "tensor_that_overflows",
        "weight_without_data",
        "weight_of_negative_size",
    ] {
        let ended = attack(place, &model(name)).wall_seconds(60).run();
        ended.verdict_among(&["RUNTIME_ERROR", "MEMORY_LIMIT", "REJECTED"]);
        assert_eq!(ended.predictions, None, "{name}");
    }
    attack(place, &model("loop_without_end"))
        .run()
        .verdict_among(&["CPU_LIMIT", "WALL_LIMIT"]);
    attack(place, &model("loop_that_doubles"))
        .cpu_seconds(20)
        .wall_seconds(60)
        .run()
        .verdict_among(&["MEMORY_LIMIT", "RUNTIME_ERROR"]);
}

/// `y = X + w`, where the weight `w` lies in another file (onnx.proto3).
fn model_with_external_data(location: &str) -> Vec<u8> {
    fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
        let content = content.as_ref();
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(content);
        bytes
    }
    let entry = |key: &str, value: &str| field(13, [field(1, key), field(2, value)].concat());
    let weight = [
        b"\x08\x01\x10\x01".to_vec(), // dims: 1, data_type: FLOAT
        field(8, "w"),
        entry("location", location),
        entry("offset", "0"),
        entry("length", "4"),
        b"\x70\x01".to_vec(), // data_location: EXTERNAL
    ]
    .concat();
    // Rows by one number, of floats.
    let shape = field(
        2,
        [field(1, field(2, "rows")), field(1, b"\x08\x01")].concat(),
    );
    let tensor = field(1, [b"\x08\x01".to_vec(), shape].concat());
    let value = |name: &str| [field(1, name), field(2, &tensor)].concat();
    let node = [field(1, "X"), field(1, "w"), field(2, "y"), field(4, "Add")].concat();
    let graph = [
        field(1, node),
        field(2, "graph"),
        field(5, weight),
        field(11, value("X")),
        field(12, value("y")),
    ]
    .concat();
    let opset = [field(1, ""), b"\x10\x11".to_vec()].concat();
    [b"\x08\x08".to_vec(), field(7, graph), field(8, opset)].concat()
}
