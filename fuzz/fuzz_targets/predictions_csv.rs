//! Any bytes as a predictions file: an error or predictions, never a panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use paddock::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat, read_csv};
use paddock::scoring::solution::{Solution, SolutionFormat};

static SOLUTIONS: LazyLock<[Solution; 2]> = LazyLock::new(|| {
    ["id,y\n1,0\n2,1\n3,0\n", "id,y\na,0\n007,1\n\"b,c\",0\n"].map(|csv| {
        Solution::read_csv(csv.as_bytes(), &SolutionFormat::new("id", "y")).expect("a valid solution")
    })
});

static FORMAT: LazyLock<PredictionFormat> = LazyLock::new(|| {
    let column = |name: &str, kind| PredictionColumn {
        name: name.to_owned(),
        kind,
    };
    let classes = vec!["dry".to_owned(), "wet".to_owned()];
    let columns = vec![
        column("p", ColumnKind::Probability),
        column("time", ColumnKind::Number),
        column("track", ColumnKind::Label(classes)),
    ];
    PredictionFormat::new("id", columns).expect("a valid format")
});

fuzz_target!(|bytes: &[u8]| {
    for solution in SOLUTIONS.iter() {
        match read_csv(bytes, &FORMAT, solution) {
            Ok(predictions) => {
                for column in predictions.columns() {
                    assert_eq!(column.len(), solution.rows());
                    assert!(column.iter().all(|value| value.is_finite()));
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
