use super::*;
use crate::datasets::tables::{Format, Source, TableWriter};

fn laps() -> Table {
    let mut csv = String::from("event,driver,stint,sector,lap\n");
    for event in 1..=6 {
        for driver in 0..20 {
            for stint in 1..=4 {
                let lap = 40 + driver % 7;
                let missing = event == 6 && driver == 3 && stint == 4;
                let lap = if missing {
                    String::new()
                } else {
                    lap.to_string()
                };
                csv.push_str(&format!("E{event},d{driver},{stint},20.5,{lap}\n"));
            }
        }
    }
    Table::open(Source::Bytes(csv.into())).unwrap()
}

fn plan(test: TestRows, group: Option<&str>) -> SplitPlan {
    SplitPlan {
        targets: vec!["lap".to_owned()],
        withheld: vec!["sector".to_owned()],
        id: "id".to_owned(),
        test,
        public: PublicPart {
            fraction: 0.3,
            group: group.map(str::to_owned),
        },
        seed: 9,
    }
}

/// Training, test and solution as CSV.
fn cut(table: &Table, plan: &SplitPlan) -> Result<([String; 3], SplitReport), SplitError> {
    let split = Split::prepare(table, plan)?;
    let writer =
        |schema: &Arc<Schema>| TableWriter::new(Format::Csv, Vec::new(), schema.clone()).unwrap();
    let mut training = writer(split.training_schema());
    let mut test = writer(split.test_schema());
    let mut solution = writer(split.solution_schema());
    let report = split.write(
        |batch| training.write(batch),
        |batch| test.write(batch),
        |batch| solution.write(batch),
    )?;
    let parts = [training, test, solution];
    Ok((
        parts.map(|writer| String::from_utf8(writer.finish().unwrap()).unwrap()),
        report,
    ))
}

#[test]
fn later_stints_become_the_test_and_their_lap_times_the_solution() {
    let after = TestRows::After {
        column: "stint".to_owned(),
        last_training: Bound::Integer(3),
    };
    let ([training, test, solution], report) = cut(&laps(), &plan(after, None)).unwrap();
    assert!(training.starts_with("event,driver,stint,sector,lap\n"));
    assert!(test.starts_with("id,event,driver,stint\n1,E1,d0,4\n2,E1,d1,4\n"));
    assert!(solution.starts_with("id,lap,split\n1,40,"));
    assert_eq!(report.training_rows, 360);
    assert_eq!(report.public_rows + report.private_rows, 119);
    assert_eq!(report.test_rows_without_target, 1);
    assert_eq!(test.lines().count(), solution.lines().count());
    assert!((20..=55).contains(&report.public_rows), "{report:?}");
}

#[test]
fn groups_stay_together_on_both_cuts() {
    let groups = TestRows::Groups {
        column: "driver".to_owned(),
        fraction: 0.25,
    };
    let plan = plan(groups, Some("driver"));
    let ([training, test, solution], _) = cut(&laps(), &plan).unwrap();
    let drivers = |csv: &str, column: usize| -> BTreeSet<String> {
        let rows = csv.lines().skip(1);
        rows.map(|row| row.split(',').nth(column).unwrap().to_owned())
            .collect()
    };
    let tested = drivers(&test, 2);
    assert_eq!(tested.len(), 5);
    assert!(tested.is_disjoint(&drivers(&training, 1)));
    // One driver, one split: round(0.3 · 5) = 2 drivers are public.
    let pairs: BTreeSet<_> = test
        .lines()
        .zip(solution.lines())
        .skip(1)
        .map(|(row, truth)| {
            (
                row.split(',').nth(2).unwrap(),
                truth.split(',').nth(2).unwrap(),
            )
        })
        .collect();
    assert_eq!(pairs.len(), 5);
    assert_eq!(
        pairs.iter().filter(|(_, split)| *split == "public").count(),
        2
    );
}

#[test]
fn the_seed_alone_decides() {
    let mut plan = plan(TestRows::Fraction(0.2), None);
    let table = laps();
    let first = cut(&table, &plan).unwrap();
    assert_eq!(first, cut(&table, &plan).unwrap());
    assert!(
        (60..=135).contains(&(480 - first.1.training_rows)),
        "{:?}",
        first.1
    );
    plan.seed = 10;
    assert_ne!(first, cut(&table, &plan).unwrap());
}

#[test]
fn plans_that_cannot_work_are_refused() {
    let after = |column: &str, last_training| TestRows::After {
        column: column.to_owned(),
        last_training,
    };
    let refusal = |plan: SplitPlan| cut(&laps(), &plan).unwrap_err().to_string();
    let number = after("event", Bound::Integer(3));
    assert!(refusal(plan(number, None)).contains("\"event\" holds text"));
    let beyond = after("stint", Bound::Integer(4));
    assert!(refusal(plan(beyond, None)).contains("no public test rows"));
    assert!(refusal(plan(TestRows::Fraction(1.0), None)).contains("between 0 and 1"));
    let mut unknown = plan(TestRows::Fraction(0.5), None);
    unknown.targets = vec!["lap_time".to_owned()];
    assert!(refusal(unknown).contains("no column \"lap_time\""));
    let mut taken = plan(TestRows::Fraction(0.5), None);
    taken.id = "driver".to_owned();
    assert!(refusal(taken).contains("both called \"driver\""));
}
