//! Small stories here; the census against its peers, and random tables against brute force, beside.

mod brute_force;
mod census;

use std::collections::BTreeMap;

use super::hierarchy::Hierarchy;
use super::models::{Criterion, SensitiveColumn, measure};
use super::*;

/// The published rows, and which rows of the input they are.
fn published(solution: &Solution<'_>, input: &Input) -> (Vec<Vec<String>>, Vec<usize>) {
    let kept = (0..input.rows()).filter(|row| solution.row_levels(*row).is_some());
    let kept: Vec<usize> = kept.collect();
    let columns = 0..input.quasi_identifiers().len();
    let cells = |column| {
        let rows = kept.iter();
        rows.map(|row| solution.published(*row, column).to_owned())
            .collect()
    };
    (columns.map(cells).collect(), kept)
}

/// The loss counted from the published words alone, by the definition.
fn ncp_of_words(solution: &Solution<'_>, input: &Input) -> f64 {
    let mut lost = 0.0;
    for (position, column) in input.quasi_identifiers().iter().enumerate() {
        let hierarchy = column.hierarchy();
        let mut leaves_under: BTreeMap<(usize, &str), f64> = BTreeMap::new();
        for level in 0..hierarchy.levels() {
            for leaf in 0..hierarchy.leaves() as u32 {
                let label = hierarchy.label(leaf, level).unwrap();
                *leaves_under.entry((level, label)).or_default() += 1.0;
            }
        }
        for row in 0..input.rows() {
            lost += match solution.row_levels(row) {
                Some(levels) => {
                    let label = (levels[position], solution.published(row, position));
                    (leaves_under[&label] - 1.0) / (hierarchy.leaves() as f64 - 1.0).max(1.0)
                }
                None => 1.0,
            };
        }
    }
    lost / (input.rows() * input.quasi_identifiers().len()) as f64
}

fn drivers() -> Input {
    let ages = ["14", "14", "15", "15", "16", "16", "17", "41"];
    let hierarchy = Hierarchy::intervals(10, 49, &[2, 10]).unwrap();
    let ages = QuasiIdentifier::encode("age", hierarchy, ages).unwrap();
    let crashes = SensitiveColumn::numbers("crashes", &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 3.0]);
    Input::new(vec![ages], vec![crashes]).unwrap()
}

#[test]
fn one_odd_driver_costs_all_others_or_stays_out() {
    let input = drivers();
    let everybody = search(&input, &Requirements::k(2)).unwrap();
    assert_eq!(everybody.published(0, 0), "*");
    assert_eq!(everybody.ncp(), 1.0);

    let without_the_odd = search(&input, &Requirements::k(2).suppressing(0.125)).unwrap();
    let cells: Vec<_> = (0..8)
        .map(|row| without_the_odd.published(row, 0))
        .collect();
    assert_eq!(
        cells,
        [
            "14-15", "14-15", "14-15", "14-15", "16-17", "16-17", "16-17", "*"
        ]
    );
    assert_eq!(
        (without_the_odd.levels(), without_the_odd.suppressed_rows()),
        (&[1][..], 1)
    );
    assert_eq!(
        without_the_odd.class_sizes(),
        BTreeMap::from([(3, 1), (4, 1)])
    );

    // Split row by row, six keep their age.
    let recoded = without_the_odd.recode_locally();
    let cells: Vec<_> = (0..8).map(|row| recoded.published(row, 0)).collect();
    assert_eq!(
        cells,
        ["14", "14", "15", "15", "16-17", "16-17", "16-17", "*"]
    );
}

#[test]
fn what_cannot_be_searched_is_refused_with_the_remedy() {
    let input = drivers();
    let refusal = |requirements: Requirements| {
        let refused = search(&input, &requirements).err().unwrap();
        refused.to_string()
    };
    assert_eq!(
        refusal(Requirements::k(9)),
        "even with everything hidden the requirements do not hold; there are 8 rows: lower k, or \
         the criteria for sensitive columns"
    );
    assert!(refusal(Requirements::k(1)).starts_with("k is 1; it must be at least 2"));
    assert!(refusal(Requirements::k(2).suppressing(f64::NAN)).contains("suppression limit is NaN"));
    assert!(refusal(Requirements::k(2).suppressing(5.0)).contains("from 0 to 1"));
    let closeness = |t| Requirements::k(2).with("crashes", Criterion::Closeness { t });
    assert!(refusal(closeness(-1.0)).starts_with("t is -1; it must be from 0 to 1"));
    let weight = Requirements::k(2).with("weight", Criterion::DistinctDiversity { l: 2 });
    assert!(refusal(weight).contains("\"weight\", which is not among the sensitive ones"));

    let hierarchy = Hierarchy::intervals(10, 19, &[2]).unwrap();
    let error = QuasiIdentifier::encode("age", hierarchy.clone(), ["14", "41"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column \"age\", row 2: the hierarchy does not know \"41\"; add a row for it"
    );
    let column =
        |values: &[&str]| QuasiIdentifier::encode("age", hierarchy.clone(), values).unwrap();
    let wide = Input::new(vec![column(&["14"]); 13], vec![]).unwrap();
    let error = search(&wide, &Requirements::k(2)).err().unwrap();
    assert!(matches!(
        error,
        KAnonymityError::TooManyCombinations {
            levels: 1_594_323,
            ..
        }
    ));
    let uneven = Input::new(vec![column(&["14"]), column(&["14", "15"])], vec![]);
    assert!(matches!(
        uneven,
        Err(KAnonymityError::Rows {
            found: 2,
            expected: 1,
            ..
        })
    ));
    assert_eq!(
        Input::new(vec![], vec![]),
        Err(KAnonymityError::NoQuasiIdentifiers)
    );
    assert_eq!(
        Input::new(vec![column(&[])], vec![]),
        Err(KAnonymityError::NoRows)
    );
}

#[test]
fn a_class_is_as_far_from_all_as_the_papers_example() {
    // Li et al. 2007, tables 3 and 4: salaries of 3,000 to 11,000 in three classes of three.
    let salaries = [3.0, 4.0, 5.0, 6.0, 11.0, 8.0, 7.0, 9.0, 10.0].map(|salary| salary * 1000.0);
    let class = |members: [usize; 9]| members.map(|class| class.to_string()).to_vec();
    let salary = SensitiveColumn::numbers("salary", &salaries);
    let measures = measure(&[class([1, 1, 1, 2, 2, 2, 3, 3, 3])], &[salary]).unwrap();
    // D[{3k, 4k, 5k}, all] = 0.375.
    assert!((measures.sensitive[0].t - 0.375).abs() < 1e-12);
    assert_eq!(
        (
            measures.k,
            measures.classes,
            measures.sensitive[0].distinct_l
        ),
        (3, 3, 3)
    );
    assert!((measures.sensitive[0].entropy_l - 3.0).abs() < 1e-12);
    assert!((measures.sensitive[0].alpha - 1.0 / 3.0).abs() < 1e-12);

    let no_rows: [Vec<String>; 1] = [vec![]];
    assert_eq!(measure(&no_rows, &[]), None);
}
