use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

use super::hierarchy::Hierarchy;
use super::models::{Criterion, SensitiveColumn, measure};
use super::*;

const ADULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

/// 30,162 people of the 1994 census in eight quasi-identifiers, and their salary class.
fn adult() -> Input {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_path(format!("{ADULT}/adult.csv"))
        .unwrap();
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |position: usize| rows.iter().map(move |row| row[position].to_owned());
    let quasi_identifier = |position: usize| {
        let name = &names[position];
        let path = format!("{ADULT}/adult-hierarchies/adult_hierarchy_{name}.csv");
        let hierarchy = Hierarchy::read_csv(File::open(path).unwrap(), b';').unwrap();
        QuasiIdentifier::encode(name, hierarchy, column(position)).unwrap()
    };
    let salary = names
        .iter()
        .position(|name| name == "salary-class")
        .unwrap();
    let others = (0..names.len()).filter(|position| *position != salary);
    Input::new(
        others.map(quasi_identifier).collect(),
        vec![SensitiveColumn::words("salary-class", column(salary))],
    )
    .unwrap()
}

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

#[test]
fn the_census_is_published_with_no_more_loss_than_arx_needs() {
    let input = adult();
    // The first two are ARX's figures.
    for (limit, most, most_recoded) in [(0.0, 0.661, 0.085), (0.05, 0.280, 0.08), (0.1, 0.23, 0.07)]
    {
        let requirements = Requirements::k(5).suppressing(limit);
        let optimum = search(&input, &requirements).unwrap();
        let optimal_loss = optimum.ncp();
        assert!(optimal_loss <= most, "{limit}: {optimal_loss}");
        let mut losses = vec![];
        for (solution, most) in [
            (search(&input, &requirements).unwrap(), most),
            (optimum.recode_locally(), most_recoded),
        ] {
            let (words, kept) = published(&solution, &input);
            let measures = measure(&words, &[]).unwrap();
            assert!(measures.k >= 5, "{limit}: k = {}", measures.k);
            assert_eq!(Some(measures.k), solution.smallest_class());
            assert!((input.rows() - kept.len()) as f64 <= limit * input.rows() as f64);
            assert_eq!(
                (input.rows() - kept.len()) as u64,
                solution.suppressed_rows()
            );
            assert!(solution.ncp() <= most, "{limit}: {}", solution.ncp());
            assert!((solution.ncp() - ncp_of_words(&solution, &input)).abs() < 1e-12);
            losses.push(solution.ncp());
        }
        assert!(losses[1] < losses[0]);
    }
}

#[test]
fn no_class_of_the_census_tells_a_salary() {
    let input = adult();
    let requirements = Requirements::k(5)
        .suppressing(0.05)
        .with("salary-class", Criterion::DistinctDiversity { l: 2 })
        .with("salary-class", Criterion::EntropyDiversity { l: 1.2 })
        .with("salary-class", Criterion::Closeness { t: 0.3 });
    let optimum = search(&input, &requirements).unwrap();
    let plain = search(&input, &Requirements::k(5).suppressing(0.05)).unwrap();
    assert!(optimum.ncp() > plain.ncp());
    let salaries: Vec<_> = {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader
            .delimiter(b';')
            .from_path(format!("{ADULT}/adult.csv"))
            .unwrap();
        reader
            .records()
            .map(|row| row.unwrap()[8].to_owned())
            .collect()
    };
    for solution in [
        search(&input, &requirements).unwrap(),
        optimum.recode_locally(),
    ] {
        let (words, kept) = published(&solution, &input);
        let salaries = kept.iter().map(|row| &salaries[*row]);
        let measures = measure(&words, &[SensitiveColumn::words("salary", salaries)]).unwrap();
        let salary = &measures.sensitive[0];
        assert!(measures.k >= 5);
        assert!(
            salary.distinct_l >= 2 && salary.entropy_l >= 1.2 - 1e-9,
            "{salary:?}"
        );
        // Measured against the published rows, a little off the whole input that closeness is to.
        assert!(salary.t <= 0.32, "{salary:?}");
    }
}

/// A tree of `leaves` values over `levels` levels, joined at random.
fn random_hierarchy(random: &mut ChaCha8Rng, leaves: usize, levels: usize) -> Hierarchy {
    let mut rows: Vec<Vec<String>> = (0..leaves).map(|leaf| vec![format!("v{leaf}")]).collect();
    let mut groups: Vec<usize> = (0..leaves).collect();
    for level in 1..levels - 1 {
        let fewer = groups.iter().collect::<BTreeSet<_>>().len().div_ceil(2);
        let joins: Vec<usize> = (0..leaves).map(|_| random.random_range(0..fewer)).collect();
        for (row, group) in rows.iter_mut().zip(&mut groups) {
            *group = joins[*group];
            row.push(format!("level {level}, group {group}"));
        }
    }
    for row in &mut rows {
        row.push("*".to_owned());
    }
    Hierarchy::from_rows(rows).unwrap()
}

fn random_criterion(random: &mut ChaCha8Rng) -> Option<Criterion> {
    match random.random_range(0..6) {
        0 => Some(Criterion::DistinctDiversity { l: 2 }),
        1 => Some(Criterion::EntropyDiversity { l: 1.7 }),
        2 => Some(Criterion::RecursiveDiversity { c: 2.0, l: 2 }),
        3 => Some(Criterion::Closeness { t: 0.3 }),
        _ => None,
    }
}

/// The least loss over all combinations of levels, by trying each with plain words.
fn brute_force(
    values: &[Vec<String>],
    hierarchies: &[Hierarchy],
    secrets: &[u32],
    requirements: &Requirements,
) -> Option<f64> {
    let rows = secrets.len();
    let share =
        |secret: u32| secrets.iter().filter(|other| **other == secret).count() as f64 / rows as f64;
    let holds = |members: &[usize]| {
        let size = members.len() as f64;
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for member in members {
            *counts.entry(secrets[*member]).or_default() += 1.0;
        }
        let mut sorted: Vec<f64> = counts.values().copied().collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        members.len() >= requirements.k as usize
            && requirements
                .criteria
                .iter()
                .all(|(_, criterion)| match criterion {
                    Criterion::DistinctDiversity { l } => counts.len() >= *l as usize,
                    Criterion::EntropyDiversity { l } => {
                        let entropy = counts
                            .values()
                            .map(|count| -count / size * (count / size).ln());
                        entropy.sum::<f64>() >= l.ln() - 1e-9
                    }
                    Criterion::RecursiveDiversity { c, l } => {
                        sorted[0] < c * sorted.iter().skip(*l as usize - 1).sum::<f64>()
                    }
                    Criterion::Closeness { t } => {
                        let all: BTreeSet<u32> = secrets.iter().copied().collect();
                        let apart = all.iter().map(|secret| {
                            (counts.get(secret).unwrap_or(&0.0) / size - share(*secret)).max(0.0)
                        });
                        apart.sum::<f64>() <= t + 1e-9
                    }
                })
    };
    let mut best: Option<f64> = None;
    let nodes: usize = hierarchies.iter().map(Hierarchy::levels).product();
    for mut node in 0..nodes {
        let mut classes: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        let mut losses = vec![0.0; rows];
        let mut seen = vec![vec![]; rows];
        for (column, hierarchy) in values.iter().zip(hierarchies) {
            let level = node % hierarchy.levels();
            node /= hierarchy.levels();
            for row in 0..rows {
                let leaf = hierarchy.leaf(&column[row]).unwrap();
                seen[row].push(hierarchy.label(leaf, level).unwrap());
                losses[row] += hierarchy.loss(leaf, level);
            }
        }
        for (row, seen) in seen.into_iter().enumerate() {
            classes.entry(seen).or_default().push(row);
        }
        let mut lost = 0.0;
        let mut suppressed = 0;
        for members in classes.values() {
            if holds(members) {
                lost += members.iter().map(|row| losses[*row]).sum::<f64>();
            } else {
                suppressed += members.len();
                lost += (members.len() * hierarchies.len()) as f64;
            }
        }
        let loss = lost / (rows * hierarchies.len()) as f64;
        if suppressed as f64 <= requirements.suppression_limit * rows as f64 + 1e-9
            && best.is_none_or(|best| loss < best)
        {
            best = Some(loss);
        }
    }
    best
}

#[test]
fn no_combination_of_levels_loses_less_than_the_one_found() {
    let mut random = ChaCha8Rng::seed_from_u64(20_261_122);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..400 {
        let rows = random.random_range(5..60);
        let columns = random.random_range(1..5);
        let mut hierarchies = vec![];
        let mut values: Vec<Vec<String>> = vec![];
        for _ in 0..columns {
            let (leaves, levels) = (random.random_range(1..9), random.random_range(2..5));
            hierarchies.push(random_hierarchy(&mut random, leaves, levels));
            // Squared, so that some values are rare.
            let mut value = || (random.random::<f64>().powi(2) * leaves as f64) as usize;
            values.push((0..rows).map(|_| format!("v{}", value())).collect());
        }
        let secrets: Vec<u32> = (0..rows).map(|_| random.random_range(0..3)).collect();
        let limits = [0.0, 0.05, 0.2, 0.5];
        let mut requirements = Requirements::k(random.random_range(2..8))
            .suppressing(limits[random.random_range(0..limits.len())]);
        for criterion in (0..2).flat_map(|_| random_criterion(&mut random)) {
            requirements = requirements.with("secret", criterion);
        }

        let encode = |(column, hierarchy): (&Vec<String>, &Hierarchy)| {
            QuasiIdentifier::encode("column", hierarchy.clone(), column).unwrap()
        };
        let quasi_identifiers = values.iter().zip(&hierarchies).map(encode).collect();
        let words = secrets.iter().map(u32::to_string);
        let sensitive = vec![SensitiveColumn::words("secret", words)];
        let input = Input::new(quasi_identifiers, sensitive).unwrap();
        let least = brute_force(&values, &hierarchies, &secrets, &requirements);
        match (search(&input, &requirements), least) {
            (Ok(solution), Some(least)) => {
                answered += 1;
                let found = solution.ncp();
                assert!(
                    (found - least).abs() < 1e-12,
                    "{found} for {least}, {requirements:?}"
                );
                assert!((ncp_of_words(&solution, &input) - found).abs() < 1e-12);
                let suppressed = solution.suppressed_rows();
                let recoded = solution.recode_locally();
                assert!(recoded.ncp() <= least + 1e-12);
                assert!(recoded.suppressed_rows() <= suppressed);
                holds_in_words(&recoded, &input, &secrets, &requirements);
            }
            (Err(KAnonymityError::Unattainable { .. }), None) => refused += 1,
            (found, least) => panic!("{:?} for {least:?}", found.map(|found| found.ncp())),
        }
    }
    assert!(
        answered > 300 && refused > 0,
        "{answered} answered, {refused} refused"
    );
}

/// Checks the published words of a recoded release, class by class.
fn holds_in_words(
    solution: &Solution<'_>,
    input: &Input,
    secrets: &[u32],
    requirements: &Requirements,
) {
    let (words, kept) = published(solution, input);
    if kept.is_empty() {
        return;
    }
    let secrets = kept.iter().map(|row| secrets[*row].to_string());
    let secret = SensitiveColumn::words("secret", secrets);
    let measures = measure(&words, &[secret]).unwrap();
    assert!(measures.k >= requirements.k);
    for (_, criterion) in &requirements.criteria {
        match criterion {
            Criterion::DistinctDiversity { l } => assert!(measures.sensitive[0].distinct_l >= *l),
            Criterion::EntropyDiversity { l } => {
                assert!(measures.sensitive[0].entropy_l >= *l - 1e-9);
            }
            // Judged against the input's distribution or with a parameter; not among the measures.
            Criterion::RecursiveDiversity { .. } | Criterion::Closeness { .. } => {}
        }
    }
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
    assert!((measures.sensitive[0].confidence - 1.0 / 3.0).abs() < 1e-12);

    let no_rows: [Vec<String>; 1] = [vec![]];
    assert_eq!(measure(&no_rows, &[]), None);
}

/// Runs tests/oracle/anonymity_measures.py, in a Python with tests/oracle/anonymity-requirements.txt.
fn pycanon(table: &str, quasi_identifiers: &str, sensitive: &str) -> Vec<Vec<String>> {
    let python = std::env::var("PADDOCK_TEST_PYTHON").unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/oracle/anonymity_measures.py"
    );
    let path = std::env::temp_dir().join(format!("measured-{}.csv", std::process::id()));
    std::fs::write(&path, table).unwrap();
    let output = std::process::Command::new(python)
        .arg(script)
        .arg(&path)
        .args([quasi_identifiers, sensitive])
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    lines.lines().map(words).collect()
}

#[test]
#[ignore = "needs PADDOCK_TEST_PYTHON with tests/oracle/anonymity-requirements.txt"]
fn pycanon_measures_the_published_census_alike() {
    let whole = adult();
    let ages: Vec<f64> = {
        let age = &whole.quasi_identifiers()[1];
        let label = |leaf: &u32| age.hierarchy().label(*leaf, 0).unwrap();
        age.leaves
            .iter()
            .map(|leaf| label(leaf).parse().unwrap())
            .collect()
    };
    let salary = whole.sensitive()[0].clone();
    let mut columns = whole.quasi_identifiers().to_vec();
    columns.remove(1);
    let names: Vec<_> = columns
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let input = Input::new(columns, vec![salary]).unwrap();
    for requirements in [
        Requirements::k(20).suppressing(0.02),
        Requirements::k(5)
            .suppressing(0.05)
            .with("salary-class", Criterion::DistinctDiversity { l: 2 }),
    ] {
        let solution = search(&input, &requirements).unwrap();
        let (words, kept) = published(&solution, &input);
        let salaries: Vec<_> = kept
            .iter()
            .map(|row| input.sensitive()[0].values[*row])
            .collect();
        let kept_ages: Vec<_> = kept.iter().map(|row| ages[*row]).collect();
        let sensitive = [
            SensitiveColumn::words("salary", salaries.iter().map(u32::to_string)),
            SensitiveColumn::numbers("age", &kept_ages),
        ];
        let ours = measure(&words, &sensitive).unwrap();

        let mut table = format!("{},salary,age\n", names.join(","));
        for row in 0..kept.len() {
            for column in &words {
                table += &column[row];
                table.push(',');
            }
            table += &format!("salary {},{}\n", salaries[row], kept_ages[row]);
        }
        let theirs = pycanon(&table, &names.join(";"), "salary;age");
        assert_eq!(theirs[0], [ours.k.to_string()]);
        for (ours, theirs) in ours.sensitive.iter().zip(&theirs[1..]) {
            let numbers: Vec<f64> = theirs[1..]
                .iter()
                .map(|word| word.parse().unwrap())
                .collect();
            assert_eq!(ours.name, theirs[0]);
            assert_eq!(f64::from(ours.distinct_l), numbers[0], "{ours:?}");
            assert_eq!(ours.entropy_l.floor(), numbers[1], "{ours:?}");
            assert!((ours.t - numbers[2]).abs() < 1e-9, "{ours:?}, {theirs:?}");
        }
    }
}
