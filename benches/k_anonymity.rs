//! Optimal k-anonymity of the Adult census (30,162 rows, 8 quasi-identifiers, k = 5): the search over
//! levels alone, the local recoding after it, and both with reading the files.
//!
//! `benches/k_anonymity_reference.py` does the same with ANJANA.
//!
//!     cargo bench --bench k_anonymity

use std::fs::File;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use paddock::datasets::anonymize::k_anonymity::hierarchy::Hierarchy;
use paddock::datasets::anonymize::k_anonymity::{Input, QuasiIdentifier, Requirements, search};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
const LIMITS: [f64; 3] = [0.0, 0.05, 0.1];

fn read() -> Input {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_path(format!("{DATA}/adult.csv"))
        .unwrap();
    let names = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let quasi_identifiers = names
        .iter()
        .enumerate()
        .filter(|(_, name)| *name != "salary-class");
    let encoded = quasi_identifiers.map(|(position, name)| {
        let path = format!("{DATA}/adult-hierarchies/adult_hierarchy_{name}.csv");
        let hierarchy = Hierarchy::read_csv(File::open(path).unwrap(), b';').unwrap();
        let values = rows.iter().map(|row| &row[position]);
        QuasiIdentifier::encode(name, hierarchy, values).unwrap()
    });
    Input::new(encoded.collect(), Vec::new()).unwrap()
}

fn census(criterion: &mut Criterion) {
    let input = read();
    let mut group = criterion.benchmark_group("adult, k = 5");
    for limit in LIMITS {
        let requirements = Requirements::k(5).suppressing(limit);
        let solve = || search(&input, &requirements).unwrap();
        let optimum = solve();
        println!(
            "limit {limit}: NCP {:.4}, {} rows suppressed, smallest class {:?}; recoded {:.4}",
            optimum.ncp(),
            optimum.suppressed_rows(),
            optimum.smallest_class(),
            solve().recode_locally().ncp(),
        );
        group.bench_function(BenchmarkId::new("search", limit), |bencher| {
            bencher.iter(|| black_box(solve().ncp()));
        });
        group.bench_function(BenchmarkId::new("local recoding", limit), |bencher| {
            bencher.iter_batched(solve, |found| found.recode_locally(), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("read, search, recode", limit), |bencher| {
            bencher.iter(|| {
                let input = read();
                let optimum = search(&input, &requirements).unwrap();
                black_box(optimum.recode_locally().ncp())
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(4));
    targets = census
}
criterion_main!(benches);
