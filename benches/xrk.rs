//! Times the reading of an XRK file, for `benches/xrk.sh`: the milliseconds of each round as JSON.

use std::hint::black_box;
use std::time::Instant;

use paddock::datasets::readers::aim_xrk;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (Some(file), Some(rounds)) = (arguments.next(), arguments.next()) else {
        // Without a file there is nothing to time; `cargo bench` runs every benchmark.
        return;
    };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let times: Vec<f64> = (0..rounds)
        .map(|_| {
            let started = Instant::now();
            // libxrk is timed from the path on, too.
            let bytes = std::fs::read(&file).expect("a readable file");
            black_box(aim_xrk::read(&bytes).expect("an XRK file"));
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!("{times:?}");
}
