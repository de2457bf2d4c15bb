//! Beyond the catalogue: something else than a file where the predictions belong.

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("51_odd_predictions", odd_predictions),
    ("51_predictions_that_are_rewritten_at_the_end", rewritten),
];

fn odd_predictions(place: &Place) {
    for odd in [
        "symlink to the features",
        "symlink to its environment",
        "symlink to zero",
        "symlink to itself",
        "fifo",
        "folder",
        "unreadable folder",
        "renamed folder",
        "nothing",
    ] {
        let ended = Attack::new(place, "odd_predictions")
            .telling("odd", odd)
            .run();
        ended.verdict_among(&["OK", "RUNTIME_ERROR", "INVALID"]);
        assert_eq!(ended.predictions, None, "{odd}");
    }
    // Whether its own file without rights is read is no matter, as long as the run ends.
    Attack::new(place, "odd_predictions")
        .telling("odd", "unreadable")
        .run()
        .verdict_among(&["OK", "RUNTIME_ERROR", "INVALID"]);
}

fn rewritten(place: &Place) {
    let ended = Attack::new(place, "rewrite_predictions").run();
    // What stood there when the last of its processes died, if that was a file.
    ended.verdict_among(&["OK", "RUNTIME_ERROR", "INVALID"]);
    if let Some(predictions) = ended.predictions {
        assert!(
            predictions.is_empty() || predictions.starts_with(b"id,prediction\n"),
            "{predictions:?}"
        );
    }
}
