use std::fmt::Write as _;

use super::*;
use crate::datasets::tables::{Source, Table};

fn summary_of(csv: &str) -> TableSummary {
    let table = Table::open(Source::Bytes(csv.to_owned().into())).unwrap();
    let mut summarizer = Summarizer::new(table.schema());
    for batch in table.batches().unwrap() {
        summarizer.add(&batch.unwrap());
    }
    summarizer.finish()
}

#[test]
fn a_small_column_is_described_exactly() {
    let summary = summary_of("lap\n40\n42\nNA\n41\n45\n42\n");
    let lap = &summary.columns[0];
    assert_eq!((summary.rows, lap.count, lap.missing), (6, 5, 1));
    assert_eq!(lap.distinct, Distinct::Exactly(4));
    let numbers = lap.numbers.as_ref().unwrap();
    assert_eq!((numbers.min, numbers.max, numbers.mean), (40.0, 45.0, 42.0));
    // Squared distances 4 + 0 + 1 + 9 + 0 over n − 1.
    assert!((numbers.standard_deviation.unwrap() - 3.5f64.sqrt()).abs() < 1e-12);
    assert_eq!(numbers.quartiles, [41.0, 42.0, 42.0]);
    assert!(numbers.exact);
    assert_eq!(
        numbers.histogram.edges,
        [40.0, 41.0, 42.0, 43.0, 44.0, 45.0]
    );
    assert_eq!(numbers.histogram.counts, [1, 1, 2, 0, 1]);
}

#[test]
fn texts_are_ranked_by_frequency_then_by_value() {
    let summary = summary_of("class,day\nsenior,2026-05-02\njunior,2026-05-01\ncadet,\njunior,\n");
    let class = &summary.columns[0];
    let top: Vec<_> = class
        .top
        .iter()
        .map(|v| (v.value.as_str(), v.count))
        .collect();
    assert_eq!(top, [("junior", 2), ("cadet", 1), ("senior", 1)]);
    let day = &summary.columns[1];
    assert_eq!(day.range, Some(("2026-05-01".into(), "2026-05-02".into())));
    assert_eq!(summary.preview[2], [Some("cadet".to_owned()), None]);
}

#[test]
fn beyond_the_bound_quartiles_stay_within_the_promised_rank_error() {
    let rows = 120_000u64;
    let mut csv = String::from("value,name\n");
    for row in 0..rows {
        // A permutation of 0..rows, so that the stream is not sorted.
        let value = row * 7919 % rows;
        writeln!(csv, "{value},n{value}").unwrap();
    }
    let summary = summary_of(&csv);
    let numbers = summary.columns[0].numbers.as_ref().unwrap();
    assert!(!numbers.exact);
    assert_eq!(summary.columns[0].distinct, Distinct::MoreThan(10_000));
    for (quartile, share) in numbers.quartiles.iter().zip([0.25, 0.5, 0.75]) {
        let off = (quartile / rows as f64 - share).abs();
        assert!(off <= 6.0 / 4096.0, "quartile {share} is off by {off}");
    }
    let counted: u64 = numbers.histogram.counts.iter().sum();
    assert_eq!(
        counted + numbers.histogram.below + numbers.histogram.above,
        rows
    );
    assert_eq!(summary.columns[1].distinct, Distinct::MoreThan(10_000));
    assert!(summary.columns[1].top.is_empty());
}

#[test]
fn outliers_do_not_flatten_the_histogram() {
    let mut csv = String::from("lap\n");
    for lap in 0..1000 {
        writeln!(csv, "{}", 41.0 + f64::from(lap % 100) / 100.0).unwrap();
    }
    csv.push_str("1900.5\n2.25\n");
    let summary = summary_of(&csv);
    let histogram = &summary.columns[0].numbers.as_ref().unwrap().histogram;
    assert_eq!((histogram.below, histogram.above), (1, 1));
    assert!(histogram.counts.len() >= 10 && histogram.counts.len() <= MAX_BINS);
    assert_eq!(histogram.counts.iter().sum::<u64>(), 1000);
}

#[test]
fn edges_are_round_for_every_range() {
    for (low, high) in [
        (0.0, 0.0),
        (0.1, 0.3),
        (-5.0, 1e6),
        (1e-9, 3e-9),
        (7.0, 7.0),
        (1e300, 2e300),
        (-1e308, 1e308),
    ] {
        let histogram = Histogram::of(&[(low, 3), (high, 2)], (low, high), false);
        assert!(histogram.counts.len() <= MAX_BINS, "{low} to {high}");
        assert_eq!(
            histogram.counts.iter().sum::<u64>(),
            5,
            "{low} to {high}: {histogram:?}"
        );
    }
    let tenths = Histogram::of(&[(0.1, 1), (0.3, 1)], (0.1, 0.3), false);
    assert_eq!(tenths.edges[0], 0.1);
    assert!(tenths.edges.contains(&0.3), "{:?}", tenths.edges);
}

#[test]
fn the_summary_survives_json() {
    let summary = summary_of("lap,name\n41.5,a\n,b\n");
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(
        serde_json::from_str::<TableSummary>(&json).unwrap(),
        summary
    );
}
