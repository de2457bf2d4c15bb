//! Any bytes as an ONNX model: an error in words or a model of the contract, never a panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use paddock::scoring::intake::check_model;
use paddock::scoring::runtimes::{ElementType, OnnxContract, OnnxInput, OnnxOutput};

static CONTRACT: LazyLock<OnnxContract> = LazyLock::new(|| OnnxContract {
    inputs: vec![OnnxInput {
        name: "X".to_owned(),
        element: ElementType::Float32,
        columns: vec!["speed".to_owned(), "rain".to_owned()],
    }],
    outputs: vec![OnnxOutput {
        name: "p".to_owned(),
        columns: vec!["wet".to_owned()],
    }],
});

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = check_model(bytes, &CONTRACT) {
        assert!(!error.to_string().contains(char::is_control));
    }
});
