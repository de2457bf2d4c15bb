//! Stories of releases: a table goes through a policy, and the gate reads what came out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use paddock::datasets::anonymize::gate::{self, GateReport, Outcome};
use paddock::datasets::anonymize::policy::Policy;
use paddock::datasets::anonymize::{
    Anonymization, AnonymizationError, AnonymizationReport, ReleaseKey,
};
use paddock::datasets::summary::{Distinct, Summarizer};
use paddock::datasets::tables::{Batch, Format, Role, Source, Table, TableWriter};

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn table(csv: &str) -> Table {
    Table::open(Source::Bytes(csv.to_owned().into())).unwrap()
}

fn key(byte: u8) -> ReleaseKey {
    ReleaseKey::new([byte; 32])
}

fn release(
    table: &Table,
    policy: &str,
    key: &ReleaseKey,
    format: Format,
) -> Result<(Vec<u8>, AnonymizationReport), AnonymizationError> {
    let policy = Policy::parse(policy)?;
    let anonymization = Anonymization::prepare(table, &policy, key)?;
    let mut writer = TableWriter::new(format, Vec::new(), anonymization.schema().clone())?;
    let report = anonymization.write(|batch| writer.write(batch))?;
    Ok((writer.finish()?, report))
}

fn gates(original: &Table, released: &[u8], policy: &str, key: &ReleaseKey) -> GateReport {
    let released = Table::open(Source::Bytes(released.to_vec().into())).unwrap();
    gate::measure(original, &released, &Policy::parse(policy).unwrap(), key).unwrap()
}

fn failure(report: &GateReport, gate: &str) -> String {
    match &report.gate(gate).unwrap().outcome {
        Outcome::Failed { reason } => reason.clone(),
        other => panic!("{gate} should fail, it is {other:?}"),
    }
}

fn refusal(table: &Table, policy: &str) -> String {
    release(table, policy, &key(1), Format::Csv)
        .unwrap_err()
        .to_string()
}

fn cells(bytes: &[u8], column: &str) -> Vec<String> {
    let table = Table::open(Source::Bytes(bytes.to_vec().into())).unwrap();
    let position = table.schema().position(column).unwrap();
    let batches: Vec<Batch> = table.batches().unwrap().map(Result::unwrap).collect();
    let rows = |batch: &Batch| -> Vec<String> {
        let column = batch.column(position);
        (0..batch.rows())
            .map(|row| column.cell(row).to_string())
            .collect()
    };
    batches.iter().flat_map(rows).collect()
}

fn rows(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).lines().count() - 1
}

#[test]
fn the_real_laps_become_a_release_that_the_gate_lets_pass() {
    let original =
        Table::open(Source::File(at("../shared/data/rental-endurance-laps.csv"))).unwrap();
    let policy = std::fs::read_to_string(at("datasets/policies/rental-endurance.toml")).unwrap();
    let (csv, report) = release(&original, &policy, &key(1), Format::Csv).unwrap();
    let laps = report.laps.as_ref().unwrap();
    assert_eq!((report.rows_in, laps.events), (34_498, 9));
    assert_eq!(report.rows_out, laps.published * 15);
    assert_eq!((report.subjects, report.classes), (116, 9));
    assert_eq!(report.suppressed.rows, 0);

    let measured = gates(&original, &csv, &policy, &key(1));
    assert!(!measured.refuses(), "{measured:#?}");
    for gate in &measured.gates {
        match &gate.outcome {
            Outcome::Passed => {}
            // Those of a cell show the same median, so nobody stands out.
            Outcome::NotApplicable { .. } if gate.name == "singling_out" => {}
            other => panic!("{}: {other:?}", gate.name),
        }
    }
    let measured_at = |name| measured.gate(name).unwrap().measured.unwrap();
    assert!(measured_at("linkage") <= 0.25 && measured_at("utility") >= 0.9);
    assert_eq!(
        (measured_at("class_size"), measured_at("identity_tokens")),
        (26.0, 0.0)
    );
    assert!(!measured.attacks.sampled);
    // A second opinion, without the gate's code.
    let text = String::from_utf8(csv.clone()).unwrap();
    let raw = std::fs::read_to_string(at("../shared/data/rental-endurance-laps.csv")).unwrap();
    let drivers: BTreeSet<_> = raw
        .lines()
        .skip(1)
        .map(|l| l.split(',').nth(2).unwrap())
        .collect();
    assert_eq!(drivers.len(), 116);
    assert!(drivers.iter().all(|driver| !text.contains(driver)));

    // The same key gives the same bytes, another key names that nobody has seen.
    let (again, _) = release(&original, &policy, &key(1), Format::Csv).unwrap();
    assert_eq!(csv, again);
    let (other, _) = release(&original, &policy, &key(2), Format::Csv).unwrap();
    let names = |bytes: &[u8]| cells(bytes, "driver").into_iter().collect::<BTreeSet<_>>();
    assert_eq!(names(&csv).len() as u64, laps.published);
    assert!(names(&csv).is_disjoint(&names(&other)));
    assert_ne!(cells(&csv, "lap_time"), cells(&other, "lap_time"));

    // Parquet holds the same values as CSV.
    let (parquet, _) = release(&original, &policy, &key(1), Format::Parquet).unwrap();
    for column in ["event", "driver", "lap_time"] {
        assert_eq!(cells(&csv, column), cells(&parquet, column), "{column}");
    }
    let (again, _) = release(&original, &policy, &key(1), Format::Parquet).unwrap();
    assert_eq!(parquet, again);
}

#[test]
fn the_release_can_be_described() {
    let original =
        Table::open(Source::File(at("../shared/data/rental-endurance-laps.csv"))).unwrap();
    let policy = std::fs::read_to_string(at("datasets/policies/rental-endurance.toml")).unwrap();
    let policy = Policy::parse(&policy).unwrap();
    let key = key(1);
    let anonymization = Anonymization::prepare(&original, &policy, &key).unwrap();
    let mut summarizer = Summarizer::new(anonymization.schema());
    let add = |batch: &Batch| {
        summarizer.add(batch);
        Ok(())
    };
    anonymization.write(add).unwrap();
    let summary = summarizer.finish();
    assert_eq!(summary.rows % 15, 0);
    let lap_time = summary
        .columns
        .iter()
        .find(|c| c.column.name == "lap_time")
        .unwrap();
    assert_eq!(lap_time.column.unit.as_deref(), Some("1"));
    let numbers = lap_time.numbers.as_ref().unwrap();
    assert!(
        numbers.exact && (0.99..1.01).contains(&numbers.quartiles[1]),
        "{numbers:?}"
    );
    assert_eq!(summary.columns[0].distinct, Distinct::Exactly(9));
    assert_eq!(summary.preview.len(), 20);
    let roles: Vec<_> = summary.columns.iter().map(|c| c.column.role).collect();
    let expected = [Role::QuasiIdentifier, Role::Subject, Role::Feature];
    assert_eq!(roles, expected);
}

/// Twelve drivers of about 24 and one of 19, three laps each.
fn club() -> Table {
    let mut csv = String::from("driver,age,licence,day,comment,lap\n");
    for driver in 0..13 {
        let age = if driver == 12 { 19 } else { 24 + driver % 2 };
        for lap in 0..3 {
            csv.push_str(&format!(
                "Ann Muster{driver:02},{age},{},2026-05-{:02},dry track,{}.25\n",
                480_000 + driver,
                10 + lap,
                41 + driver % 3
            ));
        }
    }
    table(&csv)
}

const CLUB: &str = r#"
version = 1
minimum_class_size = 5
minors = false
subject = "driver"
[[column]]
name = "driver"
action = "pseudonym"
prefix = "D"
[[column]]
name = "age"
action = "band"
width = 2
quasi_identifier = true
[[column]]
name = "licence"
action = "drop"
[[column]]
name = "day"
action = "shift"
[[column]]
name = "comment"
action = "drop"
[[column]]
name = "lap"
action = "keep"
"#;

#[test]
fn a_driver_alone_in_a_class_is_hidden_in_the_crowd() {
    let (csv, report) = release(&club(), CLUB, &key(1), Format::Csv).unwrap();
    assert_eq!(rows(&csv), 39);
    let ages: BTreeSet<_> = cells(&csv, "age").into_iter().collect();
    // Nineteen alone as "*" would be known by the star, so the only other class had to join.
    assert_eq!(ages, BTreeSet::from(["*".to_owned()]));
    assert_eq!(report.suppressed.subjects, 13);
    assert_eq!(cells(&csv, "day")[..3], ["1", "2", "3"]);
    let measured = gates(&club(), &csv, CLUB, &key(1));
    assert_eq!(
        measured.gate("class_size").unwrap().outcome,
        Outcome::Passed
    );

    let dropping = CLUB.replace(
        "[[column]]\nname = \"driver\"",
        "small_classes = \"drop\"\n[[column]]\nname = \"driver\"",
    );
    let (csv, report) = release(&club(), &dropping, &key(1), Format::Csv).unwrap();
    assert_eq!(
        (report.rows_in, report.rows_out, report.suppressed.rows),
        (39, 36, 3)
    );
    assert_eq!(
        (report.suppressed.classes, report.suppressed.subjects),
        (1, 1)
    );
    assert_eq!((report.classes, report.smallest_class), (1, 12));
    assert!(cells(&csv, "age").iter().all(|age| age == "24-25"));
    let measured = gates(&club(), &csv, &dropping, &key(1));
    assert_eq!(
        measured.gate("class_size").unwrap().outcome,
        Outcome::Passed
    );
}

#[test]
fn the_gate_sees_a_class_that_is_too_small() {
    // Written under k = 5 with the age hidden from the classes, judged with the age among them.
    let careless = CLUB.replace("quasi_identifier = true", "");
    let (csv, _) = release(&club(), &careless, &key(1), Format::Csv).unwrap();
    let report = gates(&club(), &csv, CLUB, &key(1));
    assert!(report.refuses());
    assert!(failure(&report, "class_size").contains("has 1 subjects"));
}

#[test]
fn the_gate_fails_when_a_policy_keeps_a_name() {
    let keeping = CLUB.replace(
        "action = \"pseudonym\"\nprefix = \"D\"",
        "action = \"keep\"",
    );
    let (csv, _) = release(&club(), &keeping, &key(1), Format::Csv).unwrap();
    let report = gates(&club(), &csv, &keeping, &key(1));
    assert!(report.refuses());
    let reason = failure(&report, "identity_tokens");
    assert!(
        reason.contains("39 published texts") && reason.contains("column \"driver\""),
        "{reason}"
    );
    assert!(!reason.contains("Muster"), "the report is public: {reason}");
}

#[test]
fn the_gate_finds_a_name_licence_or_date_inside_another_text() {
    let cases = [
        ("pole for ANN MUSTER07!", "a text that contains a value"),
        ("well done, Muster07", "a word of a subject's name"),
        ("licence 480007 checked", "a text that contains a value"),
        ("2026-05-10", "the value itself"),
    ];
    for (comment, kind) in cases {
        let mut csv = String::from("driver,licence,day,comment\n");
        for driver in 0..12 {
            let said = if driver == 7 {
                format!("\"{comment}\"")
            } else {
                "a lap".to_owned()
            };
            csv.push_str(&format!(
                "Ann Muster{driver:02},{},2026-05-10,{said}\n",
                480_000 + driver
            ));
        }
        let policy = r#"
            version = 1
            minimum_class_size = 5
            minors = false
            subject = "driver"
            column = [
                { name = "driver", action = "pseudonym", prefix = "D" },
                { name = "licence", action = "drop" },
                { name = "day", action = "shift" },
                { name = "comment", action = "keep" },
            ]"#;
        let original = table(&csv);
        let (released, _) = release(&original, policy, &key(1), Format::Csv).unwrap();
        let report = gates(&original, &released, policy, &key(1));
        let reason = failure(&report, "identity_tokens");
        assert!(
            reason.contains("row 8 of column \"comment\"") && reason.contains(kind),
            "{reason}"
        );
        // Without the comment the same release passes.
        let dropped = policy.replace(
            "\"comment\", action = \"keep\"",
            "\"comment\", action = \"drop\"",
        );
        let (released, _) = release(&original, &dropped, &key(1), Format::Csv).unwrap();
        assert!(!gates(&original, &released, &dropped, &key(1)).refuses());
    }
}

#[test]
fn the_gate_rejects_names_that_are_not_of_this_release() {
    let (csv, _) = release(&club(), CLUB, &key(2), Format::Csv).unwrap();
    let report = gates(&club(), &csv, CLUB, &key(1));
    assert!(failure(&report, "identity_tokens").contains("not a pseudonym"));
    assert!(failure(&report, "class_size").contains("name no subject of the original"));
}

#[test]
fn one_name_across_events_shows_more_than_one_name_an_event() {
    // Everybody rides in event 1, half of them in event 2, one in event 3 with five guests.
    let mut csv = String::from("event,driver\n");
    for driver in 0..10 {
        csv.push_str(&format!("1,driver {driver}\n"));
        if driver < 5 {
            csv.push_str(&format!("2,driver {driver}\n"));
        }
        if driver == 0 {
            csv.push_str("3,driver 0\n");
        }
        csv.push_str(&format!("3,guest {driver}\n"));
    }
    let policy = |scope: &str| {
        format!(
            "version = 1\nminimum_class_size = 5\nminors = false\nsubject = \"driver\"\ncolumn = [\n\
             {{ name = \"event\", action = \"keep\", quasi_identifier = true }},\n\
             {{ name = \"driver\", action = \"pseudonym\", prefix = \"D\", scope = [{scope}] }} ]"
        )
    };
    let (_, per_event) = release(&table(&csv), &policy("\"event\""), &key(1), Format::Csv).unwrap();
    assert_eq!((per_event.classes, per_event.smallest_class), (3, 5));
    assert_eq!(per_event.suppressed.rows, 0);
    // Linked, only driver 0 was in all three, which hides her and the classes needed for a crowd.
    let (linked, report) = release(&table(&csv), &policy(""), &key(1), Format::Csv).unwrap();
    assert!(
        report.suppressed.rows >= 3 && report.smallest_class >= 5,
        "{report:?}"
    );
    assert!(!gates(&table(&csv), &linked, &policy(""), &key(1)).refuses());
}

#[test]
fn laps_that_are_only_rounded_are_linked_to_their_drivers() {
    let original =
        Table::open(Source::File(at("../shared/data/rental-endurance-laps.csv"))).unwrap();
    let policy = std::fs::read_to_string(at("datasets/policies/rental-endurance.toml")).unwrap();
    let (before, after) = policy.split_once("[laps]").unwrap();
    let (_, after) = after.split_once("[[column]]").unwrap();
    let rounded = format!("{before}[[column]]{after}").replace(
        "name = \"lap_time\"\naction = \"keep\"",
        "name = \"lap_time\"\naction = \"round\"\nstep = 0.1",
    );
    let (csv, _) = release(&original, &rounded, &key(1), Format::Csv).unwrap();
    let report = gates(&original, &csv, &rounded, &key(1));
    assert!(report.refuses());
    let reason = failure(&report, "linkage");
    assert!(
        reason.contains("links 100 % of the subjects by \"lap_time\""),
        "{reason}"
    );
    assert!(report.gate("linkage").unwrap().measured >= Some(0.95));
}

#[test]
fn where_nobody_says_that_all_are_adults_the_classes_are_larger() {
    let stated = |minors: &str| {
        let text = CLUB.replace("minors = false\n", minors);
        Policy::parse(&text).unwrap().minimum_class_size
    };
    assert_eq!(stated("minors = false\n"), 5);
    assert_eq!(stated("minors = true\n"), 11);
    assert_eq!(stated(""), 11);
    // A child among those who are said to be adults.
    let child = "driver,age\nAnn Muster,17\n".to_owned();
    let policy = "version = 1\nminimum_class_size = 5\nminors = false\nsubject = \"driver\"\ncolumn = [\n\
         { name = \"driver\", action = \"pseudonym\", prefix = \"D\" }, { name = \"age\", action = \"drop\" } ]";
    let refused = refusal(&table(&child), policy);
    assert!(
        refused.contains("row 1: the \"age\" is below 18"),
        "{refused}"
    );
}

#[test]
fn nothing_is_published_by_default() {
    let forgetful = CLUB.replace("[[column]]\nname = \"licence\"\naction = \"drop\"\n", "");
    let refused = refusal(&club(), &forgetful);
    assert!(refused.contains("says nothing of \"licence\""), "{refused}");
    let excessive = format!("{CLUB}[[column]]\nname = \"shoe_size\"\naction = \"drop\"\n");
    let refused = refusal(&club(), &excessive);
    assert!(
        refused.contains("names \"shoe_size\", which the table does not have"),
        "{refused}"
    );
}

#[test]
fn policies_that_say_nothing_clear_are_refused() {
    let cases = [
        ("version = 1", "version = 2", "has version 2"),
        (
            "minimum_class_size = 5",
            "minimum_class_size = 1",
            "at least 2",
        ),
        (
            "minimum_class_size = 5",
            "minimum_class_size = 14",
            "has 13 subjects",
        ),
        (
            "subject = \"driver\"",
            "subject = \"racer\"",
            "not among its columns",
        ),
        ("width = 2", "widht = 2", "unknown field `widht`"),
        ("width = 2", "width = 0", "width must be greater than zero"),
        ("width = 2", "width = 0.5", "whole numbers"),
        ("width = 2\n", "", "width is missing"),
        ("prefix = \"D\"", "", "needs a prefix"),
        (
            "action = \"shift\"",
            "action = \"shift\"\nstep = 2",
            "step does not belong",
        ),
        (
            "action = \"shift\"",
            "action = \"shift\"\nscope = [\"heat\"]",
            "names \"heat\"",
        ),
        (
            "action = \"shift\"",
            "action = \"guess\"",
            "unknown variant `guess`",
        ),
        (
            "name = \"comment\"\naction = \"drop\"",
            "name = \"comment\"\naction = \"band\"\nwidth = 2",
            "does not fit cells of type text",
        ),
        (
            "name = \"licence\"",
            "name = \"age\"",
            "names column \"age\" twice",
        ),
        (
            "prefix = \"D\"",
            "prefix = \"D\"\nquasi_identifier = true",
            "identifies directly",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(CLUB.contains(from), "{from}");
        let refused = refusal(&club(), &CLUB.replacen(from, to, 1));
        assert!(
            refused.contains(expected),
            "{to:?}: {refused:?} lacks {expected:?}"
        );
    }
}

#[test]
fn rows_without_a_driver_are_left_out_and_counted() {
    let mut csv = String::from("driver,lap\n,40.5\n");
    for driver in 0..6 {
        csv.push_str(&format!("driver {driver},41.7\n"));
    }
    let policy = r#"
        version = 1
        minimum_class_size = 5
        minors = false
        subject = "driver"
        column = [
            { name = "driver", action = "drop" },
            { name = "lap", action = "round", step = 0.5 },
        ]"#;
    let (released, report) = release(&table(&csv), policy, &key(1), Format::Csv).unwrap();
    assert_eq!(
        (report.rows_in, report.rows_out, report.rows_without_subject),
        (7, 6, 1)
    );
    assert_eq!(cells(&released, "lap"), vec!["41.5"; 6]);
    // Nothing in such a release tells its people apart, so there is nothing to count.
    let outcome = gates(&table(&csv), &released, policy, &key(1))
        .gate("class_size")
        .unwrap()
        .outcome
        .clone();
    assert!(matches!(outcome, Outcome::NotApplicable { .. }));
}

#[test]
fn a_championship_of_juniors_is_published_under_its_policy() {
    let mut csv = String::from(
        "event,date,venue,session,wet,driver_id,driver_name,club,region,age,weight_kg,height_cm,kart,\
         stint,lap,out_lap,pit,position,passes,sector_1,sector_2,sector_3,lap_time\n",
    );
    for event in 1..=2 {
        for driver in 0..24 {
            csv.push_str(&format!(
                "R0{event},2025-04-1{event},Adlerring,Race 1A,false,L{:04},Max Muster{driver:02},\
                 Kart Club Altenfeld,North,{},{}.5,154,{},1,1,true,false,1,0,18.986,21.156,25.153,65.295\n",
                7_000 + driver,
                12 + driver % 4,
                43 + driver,
                driver + 3,
            ));
        }
    }
    let original = table(&csv);
    let policy = std::fs::read_to_string(at("datasets/policies/championship.toml")).unwrap();
    let (released, report) = release(&original, &policy, &key(1), Format::Csv).unwrap();
    assert_eq!(
        (report.rows_out, report.classes, report.smallest_class),
        (48, 2, 12)
    );
    let ages: BTreeSet<_> = cells(&released, "age").into_iter().collect();
    assert_eq!(
        ages,
        BTreeSet::from(["12-13".to_owned(), "14-15".to_owned()])
    );
    assert_eq!(cells(&released, "date")[23..25], ["1", "2"]);
    // A driver keeps the name across events, a kart does not.
    let distinct = |column| {
        cells(&released, column)
            .into_iter()
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!((distinct("driver_id"), distinct("kart")), (24, 48));
    let measured = gates(&original, &released, &policy, &key(1));
    assert!(!measured.refuses(), "{measured:#?}");
}

/// Drivers from four towns and of 14 ages, nearly every combination once, two laps each; and from Kiel ten
/// more of each 18 and 20.
fn touring_club(more: &str) -> Table {
    let towns = ["Kiel", "Hamburg", "Passau", "Munich"];
    let mut csv = String::from("driver,age,town,injury,lap\n");
    for driver in 0..80 {
        let (age, town) = match driver {
            0..60 => (18 + driver / 4 % 14, towns[driver % 4]),
            _ => (18 + driver / 70 * 2, "Kiel"),
        };
        let injury = match age {
            ..24 => "none",
            _ => ["none", "rib", "knee"][driver % 3],
        };
        for lap in 0..2 {
            csv.push_str(&format!(
                "licensee {driver:02},{age},{town},{injury},{}.5\n",
                41 + lap
            ));
        }
    }
    csv.push_str(more);
    table(&csv)
}

const TOURING: &str = r#"
version = 1
minimum_class_size = 5
minors = false
subject = "driver"
[[column]]
name = "driver"
action = "pseudonym"
prefix = "D"
[[column]]
name = "age"
action = "generalise"
widths = [2, 4, 8]
quasi_identifier = true
[[column]]
name = "town"
action = "generalise"
hierarchy = [["Kiel", "North", "*"], ["Hamburg", "North", "*"], ["Passau", "South", "*"], ["Munich", "South", "*"]]
quasi_identifier = true
[[column]]
name = "injury"
action = "keep"
[[column]]
name = "lap"
action = "drop"
"#;

/// Of each combination of age and town in a release the drivers' injuries.
fn touring_classes(csv: &[u8]) -> BTreeMap<(String, String), Vec<String>> {
    let columns = ["driver", "age", "town", "injury"].map(|column| cells(csv, column));
    let [driver, age, town, injury] = columns;
    let drivers: BTreeMap<_, _> = (0..driver.len())
        .map(|row| {
            (
                &driver[row],
                (age[row].clone(), town[row].clone(), injury[row].clone()),
            )
        })
        .collect();
    let mut classes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (age, town, injury) in drivers.into_values() {
        classes.entry((age, town)).or_default().push(injury);
    }
    classes
}

/// The normalised certainty penalty of a release of [`touring_club`], from what its labels say.
fn touring_ncp(classes: &BTreeMap<(String, String), Vec<String>>, ages: f64) -> f64 {
    let of_age = |label: &str| match label.split_once('-') {
        Some((low, high)) => {
            let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
            (high.min(17.0 + ages) - low.max(18.0)) / (ages - 1.0)
        }
        None if label == "*" => 1.0,
        None => 0.0,
    };
    let of_town = |label: &str| match label {
        "*" => 1.0,
        "North" | "South" => 1.0 / 3.0,
        _ => 0.0,
    };
    let (mut loss, mut drivers) = (0.0, 0.0);
    for ((age, town), injuries) in classes {
        loss += (of_age(age) + of_town(town)) / 2.0 * injuries.len() as f64;
        drivers += injuries.len() as f64;
    }
    loss / drivers
}

#[test]
fn a_search_generalises_no_more_than_it_takes_and_tells_what_was_lost() {
    let (csv, report) = release(&touring_club(""), TOURING, &key(1), Format::Csv).unwrap();
    let classes = touring_classes(&csv);
    assert!(classes.len() > 1);
    assert!(
        classes.values().all(|drivers| drivers.len() >= 5),
        "{classes:?}"
    );
    let found = report.generalisation.as_ref().unwrap();
    assert!(
        (found.ncp - touring_ncp(&classes, 14.0)).abs() < 1e-9,
        "{found:?}"
    );
    assert!(found.ncp > 0.0 && found.ncp < 0.6, "{found:?}");
    assert_eq!(
        (found.searched_subjects, found.suppressed_subjects),
        (80, 0)
    );
    let levels: Vec<_> = found
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.levels))
        .collect();
    assert_eq!(levels, [("age", 5), ("town", 3)]);
    assert_eq!((report.suppressed.subjects, report.rows_out), (0, 160));
    assert_eq!(report.classes, classes.len() as u64);
    let smallest = classes.values().map(Vec::len).min().unwrap();
    assert_eq!(report.smallest_class, smallest as u64);
    assert_eq!(report.columns[1].action, "generalise by widths 2, 4, 8");
    let measured = gates(&touring_club(""), &csv, TOURING, &key(1));
    assert_eq!(
        measured.gate("class_size").unwrap().outcome,
        Outcome::Passed
    );

    // Those from Kiel are so many that a local recoding shows them more exactly.
    let local = format!("recoding = \"local\"{TOURING}");
    let (csv, report) = release(&touring_club(""), &local, &key(1), Format::Csv).unwrap();
    let classes = touring_classes(&csv);
    assert!(
        classes.values().all(|drivers| drivers.len() >= 5),
        "{classes:?}"
    );
    assert_eq!(classes[&("20-23".to_owned(), "Kiel".to_owned())].len(), 14);
    let recoded = report.generalisation.unwrap();
    assert!(recoded.ncp < found.ncp, "{recoded:?}");
    assert!(
        (recoded.ncp - touring_ncp(&classes, 14.0)).abs() < 1e-9,
        "{recoded:?}"
    );
}

#[test]
fn a_class_in_which_all_share_one_injury_is_generalised_further() {
    let distinct = |injuries: &Vec<String>| injuries.iter().collect::<BTreeSet<_>>().len();
    let (csv, plain) = release(&touring_club(""), TOURING, &key(1), Format::Csv).unwrap();
    assert!(
        touring_classes(&csv)
            .values()
            .any(|injuries| distinct(injuries) == 1)
    );
    for (criterion, recoding) in [
        ("l_diversity = 2", "global"),
        ("t_closeness = 0.2", "local"),
    ] {
        let policy = format!("recoding = \"{recoding}\"{TOURING}").replace(
            "name = \"injury\"\naction = \"keep\"",
            &format!("name = \"injury\"\naction = \"keep\"\n{criterion}"),
        );
        let (csv, report) = release(&touring_club(""), &policy, &key(1), Format::Csv).unwrap();
        let classes = touring_classes(&csv);
        assert!(
            classes.values().all(|injuries| distinct(injuries) >= 2),
            "{classes:?}"
        );
        let (found, plain) = (
            report.generalisation.unwrap(),
            plain.generalisation.as_ref(),
        );
        assert!(
            found.ncp > plain.unwrap().ncp || recoding == "local",
            "{found:?}"
        );
    }
}

#[test]
fn few_who_would_coarsen_all_are_hidden_or_left_out() {
    // One aged 49 and one who does not say.
    let club = touring_club("licensee 80,49,Kiel,none,41.5\nlicensee 81,,Kiel,rib,41.5\n");
    let policy =
        |setting: &str| format!("suppression_limit = 0.05{TOURING}").replace("minors", setting);
    let (csv, report) = release(
        &club,
        &policy("small_classes = \"drop\"\nminors"),
        &key(1),
        Format::Csv,
    )
    .unwrap();
    let found = report.generalisation.unwrap();
    assert_eq!((found.searched_subjects, report.subjects), (81, 82));
    assert!(
        found.suppressed_subjects >= 1 && found.suppressed_subjects <= 3,
        "{found:?}"
    );
    assert_eq!(report.suppressed.subjects, found.suppressed_subjects + 1);
    let classes = touring_classes(&csv);
    assert!(
        classes.values().all(|drivers| drivers.len() >= 5),
        "{classes:?}"
    );
    assert_eq!(
        classes.values().map(Vec::len).sum::<usize>() as u64,
        82 - report.suppressed.subjects
    );

    let (csv, report) = release(&club, &policy("minors"), &key(1), Format::Csv).unwrap();
    assert_eq!(rows(&csv), 162);
    let classes = touring_classes(&csv);
    assert!(classes[&("*".to_owned(), "*".to_owned())].len() >= 5);
    assert!(
        classes.values().all(|drivers| drivers.len() >= 5),
        "{classes:?}"
    );
    assert!(report.smallest_class >= 5);
    let measured = gates(&club, &csv, &policy("minors"), &key(1));
    assert_eq!(
        measured.gate("class_size").unwrap().outcome,
        Outcome::Passed
    );
}

#[test]
fn a_search_that_cannot_be_made_is_refused_with_the_remedy() {
    let cases = [
        (
            "widths = [2, 4, 8]",
            "widths = [2, 5]",
            "column \"age\": an interval width of 5 after 2",
        ),
        (
            "widths = [2, 4, 8]",
            "widths = [2, 4]\nhierarchy = [[\"1\", \"*\"]]",
            "either a hierarchy",
        ),
        ("widths = [2, 4, 8]", "", "either a hierarchy"),
        (
            "widths = [2, 4, 8]\nquasi_identifier = true",
            "widths = [2]",
            "add quasi_identifier = true",
        ),
        (
            "action = \"generalise\"\nwidths = [2, 4, 8]",
            "action = \"band\"\nwidth = 2",
            "column \"age\": is a quasi-identifier with the action \"band of 2\" while \"town\" has \
             \"generalise\"",
        ),
        (
            "[\"Kiel\", \"North\", \"*\"], ",
            "",
            "row 1, column \"town\": the hierarchy has no row for \"Kiel\"",
        ),
        (
            "[\"Kiel\", \"North\", \"*\"]",
            "[\"Kiel\", \"North\"]",
            "the last level must be *",
        ),
        (
            "name = \"injury\"\naction = \"keep\"",
            "name = \"injury\"\naction = \"generalise\"\nwidths = [2]\nquasi_identifier = true",
            "does not fit cells of type text",
        ),
        (
            "widths = [2, 4, 8]",
            "widths = [2]\nl_diversity = 2",
            "must not be learned",
        ),
        (
            "name = \"lap\"\naction = \"drop\"",
            "name = \"lap\"\naction = \"drop\"\nl_diversity = 2",
            "a dropped column cannot be learned",
        ),
        (
            "name = \"injury\"\naction = \"keep\"",
            "name = \"injury\"\naction = \"keep\"\nt_closeness = 2",
            "from 0 to 1",
        ),
        (
            "minors = false",
            "minors = false\nsuppression_limit = 1",
            "suppression_limit is a share",
        ),
        (
            "minors = false",
            "minors = false\nrecoding = \"fine\"",
            "unknown variant `fine`",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(TOURING.contains(from), "{from}");
        let refused = refusal(&touring_club(""), &TOURING.replacen(from, to, 1));
        assert!(
            refused.contains(expected),
            "{to:?}: {refused:?} lacks {expected:?}"
        );
    }
    let without = [
        (
            "version = 1",
            "version = 1\nsuppression_limit = 0.1",
            "suppression_limit is for a search",
        ),
        (
            "version = 1",
            "version = 1\nrecoding = \"local\"",
            "recoding is for a search",
        ),
        (
            "action = \"keep\"",
            "action = \"keep\"\nl_diversity = 2",
            "column \"lap\": l_diversity",
        ),
        (
            "subject = \"driver\"",
            "subject = \"driver\"\n[laps]\ntime = \"comment\"",
            "column \"comment\": [laps] publishes its values anew",
        ),
    ];
    for (from, to, expected) in without {
        let refused = refusal(&club(), &CLUB.replacen(from, to, 1));
        assert!(
            refused.contains(expected),
            "{to:?}: {refused:?} lacks {expected:?}"
        );
    }
}

#[test]
fn lap_times_that_are_texts_are_refused() {
    let csv = "driver,lap\nAnn Muster,1:05.3\n";
    let policy = "version = 1\nminimum_class_size = 5\nminors = false\nsubject = \"driver\"\n\
         laps = { time = \"lap\" }\ncolumn = [\n\
         { name = \"driver\", action = \"pseudonym\", prefix = \"D\" }, { name = \"lap\", action = \"keep\" } ]";
    let refused = refusal(&table(csv), policy);
    assert!(
        refused.contains("column \"lap\": [laps] needs lap times in seconds"),
        "{refused}"
    );
}

#[test]
fn a_column_that_is_not_published_is_told_of_by_statistics() {
    // 500 drivers between 50 and 90 kg, one of whom is typed in wrong, each weighed three times.
    let mut csv = String::from("driver,weight,heart_rate\n");
    for driver in 0..500 {
        let weight = if driver == 0 { 7500 } else { 50 + driver % 40 };
        for lap in 0..3 {
            // The median is the weight, whatever the scales say in the third lap.
            let shown = if lap == 2 { 0 } else { weight };
            csv.push_str(&format!(
                "licensee {driver:03},{shown},{}.5\n",
                150 + driver % 20
            ));
        }
    }
    let policy = r#"
        version = 1
        minimum_class_size = 5
        minors = false
        subject = "driver"
        column = [
            { name = "driver", action = "pseudonym", prefix = "D" },
            { name = "weight", action = "statistics", epsilon = 2, least = 40, greatest = 100, bins = 6, unit = "kg" },
            { name = "heart_rate", action = "statistics", epsilon = 0.5, least = 100, greatest = 200 },
        ]"#;
    let (released, report) = release(&table(&csv), policy, &key(1), Format::Csv).unwrap();
    assert!(released.starts_with(b"driver\n"));
    let [weight, heart_rate] = &report.statistics[..] else {
        panic!("{report:?}");
    };
    assert_eq!(
        (weight.name.as_str(), weight.unit.as_deref()),
        ("weight", Some("kg"))
    );
    assert_eq!(weight.edges, [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]);
    // Of 40 weights, ten lie in each bin of ten kilograms; with ε = 1, 12 off has a chance of e^-12.
    for (count, exact) in weight.counts.iter().zip([0, 129, 130, 120, 120, 1]) {
        assert!((count - exact).abs() <= 12, "{:?}", weight.counts);
    }
    assert!((weight.mean - 69.3).abs() < 1.5, "{}", weight.mean);
    assert_eq!((heart_rate.counts.len(), heart_rate.edges.len()), (10, 11));
    assert!((heart_rate.mean - 160.0).abs() < 6.0, "{}", heart_rate.mean);
    assert_eq!((weight.epsilon, heart_rate.epsilon), (2.0, 0.5));
    assert_eq!(report.epsilon_spent, Some(2.5));
    assert_eq!(report.columns[1].action, "statistics at ε = 2");

    // The noise is the key's: the same for the same, another for another.
    let (_, again) = release(&table(&csv), policy, &key(1), Format::Csv).unwrap();
    let (_, other) = release(&table(&csv), policy, &key(2), Format::Csv).unwrap();
    assert_eq!(again.statistics, report.statistics);
    assert_ne!(other.statistics, report.statistics);
    // A report of before still reads.
    let mut written = serde_json::to_value(&report).unwrap();
    assert_eq!(written["statistics"][0]["name"], "weight");
    for key in ["statistics", "epsilon_spent", "generalisation"] {
        written.as_object_mut().unwrap().remove(key).unwrap();
    }
    let read: AnonymizationReport = serde_json::from_value(written).unwrap();
    assert_eq!((read.statistics.len(), read.epsilon_spent), (0, None));
}

#[test]
fn statistics_that_would_promise_too_much_are_refused() {
    let stated = "action = \"statistics\"\nepsilon = 0.5\nleast = 40\ngreatest = 60";
    let lap = "name = \"lap\"\naction = \"keep\"";
    let cases = [
        (
            stated.replace("epsilon = 0.5\n", ""),
            "statistics need epsilon",
        ),
        (
            stated.replace("greatest = 60", ""),
            "statistics need epsilon",
        ),
        (stated.replace("0.5", "-1"), "ε is -1"),
        (
            stated.replace("0.5", "0.00001"),
            "epsilon must be at least 0.0001",
        ),
        (stated.replace("60", "40"), "least must be below greatest"),
        (stated.replace("60", "nan"), "least must be below greatest"),
        (format!("{stated}\nbins = 0"), "bins must be from 1"),
        (
            format!("{stated}\nquasi_identifier = true"),
            "no quasi-identifier",
        ),
        (format!("{stated}\nwidth = 2"), "width does not belong"),
        (
            "action = \"keep\"\nepsilon = 1".to_owned(),
            "epsilon does not belong",
        ),
    ];
    for (to, expected) in cases {
        let policy = CLUB.replacen(lap, &format!("name = \"lap\"\n{to}"), 1);
        let refused = refusal(&club(), &policy);
        assert!(
            refused.contains(expected),
            "{to:?}: {refused:?} lacks {expected:?}"
        );
    }
    let two = CLUB.replacen(
        lap,
        &format!("name = \"lap\"\n{}", stated.replace("0.5", "4000")),
        1,
    );
    let two = two.replacen("action = \"shift\"", &stated.replace("0.5", "4000"), 1);
    assert!(refusal(&club(), &two).contains("more than 4,294 over all columns"));
    let dates = CLUB.replacen("action = \"shift\"", stated, 1);
    assert!(refusal(&club(), &dates).contains("does not fit cells of type date"));
}

/// Twelve drivers at two tracks, 40 s each at 25 Hz: an ellipse of 120 by 60 m, about 10 m/s.
fn telemetry() -> Table {
    let mut csv = String::from(
        "driver,venue,run,time,latitude,longitude,GPS Altitude,speed,lateral,heading,rpm\n",
    );
    for driver in 0..12 {
        let (venue, latitude, longitude) = match driver % 2 {
            0 => ("Adlerring", 50.1, 8.2),
            _ => ("Eichenring", 47.3, 11.4),
        };
        for sample in 0..1000 {
            let time = f64::from(sample) / 25.0;
            let (sin, cos) = (time / 10.0).sin_cos();
            csv.push_str(&format!(
                "licensee {driver:02},{venue},{},{:.2},{:.8},{:.8},{},{:.1},{:.2},{:.1},{}\n",
                100 + driver,
                90_000.0 + time,
                latitude + 60.0 * sin / 111_200.0,
                longitude + 120.0 * cos / (111_320.0 * f64::cos(f64::to_radians(latitude))),
                400.0 + 10.0 * sin,
                36.0 + 3.6 * sin,
                0.5 + cos,
                f64::from(sample % 3600) / 10.0,
                9000 + sample,
            ));
        }
    }
    table(&csv)
}

const TELEMETRY: &str = r#"
version = 1
minimum_class_size = 5
minors = false
subject = "driver"
[track]
latitude = "latitude"
longitude = "longitude"
time = "time"
session = ["driver", "run"]
venue = "venue"
rate_hz = 5
[[column]]
name = "driver"
action = "pseudonym"
prefix = "D"
[[column]]
name = "venue"
action = "pseudonym"
prefix = "V"
[[column]]
name = "run"
action = "drop"
[[column]]
name = "time"
action = "shift"
scope = ["driver", "run"]
[[column]]
name = "latitude"
action = "track"
quantity = "position"
[[column]]
name = "longitude"
action = "track"
quantity = "position"
[[column]]
name = "GPS Altitude"
action = "drop"
[[column]]
name = "speed"
action = "track"
quantity = "length"
unit = "km/h"
[[column]]
name = "lateral"
action = "track"
quantity = "sideways"
[[column]]
name = "heading"
action = "track"
quantity = "heading"
[[column]]
name = "rpm"
action = "keep"
"#;

#[test]
fn telemetry_is_published_in_the_frame_of_its_track() {
    let (csv, report) = release(&telemetry(), TELEMETRY, &key(1), Format::Csv).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&csv).lines().next().unwrap(),
        "driver,venue,time,x,y,speed,lateral,heading,rpm"
    );
    assert_eq!((report.rows_in, report.rows_out), (12_000, 2400));
    let numbers = |column| -> Vec<f64> {
        cells(&csv, column)
            .iter()
            .map(|cell| cell.parse().unwrap())
            .collect()
    };
    let (x, y, time, speed) = (
        numbers("x"),
        numbers("y"),
        numbers("time"),
        numbers("speed"),
    );
    assert_eq!(time[..3], [0.0, 0.2, 0.4]);
    assert_eq!(cells(&csv, "rpm")[..3], ["9000", "9005", "9010"]);
    // Every distance is the true one by one factor a venue, and so is every speed.
    let mut scales = Vec::new();
    for driver in 0..12 {
        let at = |sample: usize| driver * 200 + sample;
        let (mut scale, mut speeds) = (Vec::new(), 0.0);
        for sample in 0..200 {
            let far = (sample + 70) % 200;
            let published = (x[at(sample)] - x[at(far)]).hypot(y[at(sample)] - y[at(far)]);
            let place = |sample: usize| (sample as f64 / 50.0).sin_cos();
            let ((a, b), (c, d)) = (place(sample), place(far));
            scale.push(published / (60.0 * (a - c)).hypot(120.0 * (b - d)));
            speeds += speed[at(sample)] / (36.0 + 3.6 * a) / 200.0;
        }
        let mean = scale.iter().sum::<f64>() / 200.0;
        assert!(
            scale.iter().all(|one| (one / mean - 1.0).abs() < 5e-3),
            "{mean} {scale:?}"
        );
        assert!(
            (0.74..1.34).contains(&mean) && (speeds / mean - 1.0).abs() < 5e-3,
            "{mean} {speeds}"
        );
        scales.push(mean);
    }
    assert!((scales[0] - scales[2]).abs() < 1e-3 && (scales[0] - scales[1]).abs() > 5e-3);
    // Positions are around the venue's centre, and no column holds a coordinate.
    assert!(x.iter().chain(&y).all(|metres| metres.abs() < 350.0));
    // No step of the speed is left: tenths, enlarged, would leave some of the tenths out.
    for byte in 1..8 {
        let (csv, _) = release(&telemetry(), TELEMETRY, &key(byte), Format::Csv).unwrap();
        let (venue, speed) = (cells(&csv, "venue"), cells(&csv, "speed"));
        let of_one = (0..venue.len()).filter(|row| venue[*row] == venue[0]);
        let tenth = |row: usize| (speed[row].parse::<f64>().unwrap() * 10.0).round() as i64;
        let tenths: BTreeSet<i64> = of_one.map(tenth).collect();
        let range = tenths.last().unwrap() - tenths.first().unwrap() + 1;
        assert!(
            tenths.len() as f64 > 0.93 * range as f64,
            "{} of {range}",
            tenths.len()
        );
    }

    // Another key turns and scales otherwise; the same gives the same, as Parquet too.
    let (other, _) = release(&telemetry(), TELEMETRY, &key(2), Format::Csv).unwrap();
    assert_ne!(cells(&csv, "x"), cells(&other, "x"));
    let (parquet, _) = release(&telemetry(), TELEMETRY, &key(1), Format::Parquet).unwrap();
    assert_eq!(cells(&csv, "speed"), cells(&parquet, "speed"));
    let (policy, key, table) = (Policy::parse(TELEMETRY).unwrap(), key(1), telemetry());
    let anonymization = Anonymization::prepare(&table, &policy, &key).unwrap();
    let units: Vec<_> = anonymization
        .schema()
        .columns()
        .iter()
        .map(|c| c.unit.as_deref())
        .collect();
    assert_eq!(units[3..6], [Some("m"), Some("m"), Some("km/h")]);
}

#[test]
fn telemetry_that_would_tell_the_place_is_refused() {
    let altitude = "name = \"GPS Altitude\"\naction = \"drop\"";
    let latitude = "name = \"latitude\"\naction = \"track\"\nquantity = \"position\"";
    let cases = [
        (
            altitude,
            "name = \"GPS Altitude\"\naction = \"keep\"",
            "\"GPS Altitude\": it tells where",
        ),
        (
            altitude,
            "name = \"GPS Altitude\"\naction = \"round\"\nstep = 1",
            "it tells where",
        ),
        (
            latitude,
            "name = \"latitude\"\naction = \"keep\"",
            "quantity = \"position\"",
        ),
        (
            "quantity = \"length\"",
            "quantity = \"position\"",
            "only latitude and longitude",
        ),
        ("quantity = \"length\"", "", "track needs a quantity"),
        (
            "quantity = \"length\"",
            "quantity = \"length\"\nquasi_identifier = true",
            "no quasi-identifier",
        ),
        (
            "action = \"shift\"\nscope = [\"driver\", \"run\"]",
            "action = \"keep\"",
            "session's beginning",
        ),
        ("scope = [\"driver\", \"run\"]", "", "session's beginning"),
        (
            "rate_hz = 5",
            "rate_hz = 25",
            "track.rate_hz is above 0 and at most 10",
        ),
        (
            "session = [\"driver\", \"run\"]",
            "session = []",
            "track.session is empty",
        ),
        (
            "venue = \"venue\"",
            "venue = \"place\"",
            "\"place\": [track] names it",
        ),
        (
            "rate_hz = 5",
            "rate_hz = 5\n[laps]\ntime = \"rpm\"",
            "[laps] for laps",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(TELEMETRY.contains(from), "{from}");
        let refused = refusal(&telemetry(), &TELEMETRY.replacen(from, to, 1));
        assert!(
            refused.contains(expected),
            "{to:?}: {refused:?} lacks {expected:?}"
        );
    }
    for (name, refused) in [
        ("Height above sea", true),
        ("GPS_Lat", true),
        ("x", true),
        ("Lat Acc", false),
    ] {
        let policy = TELEMETRY.replace("name = \"rpm\"", &format!("name = \"{name}\""));
        assert_eq!(Policy::parse(&policy).is_err(), refused, "{name}");
    }
    let (before, after) = TELEMETRY.split_once("[track]").unwrap();
    let (_, columns) = after.split_once("[[column]]").unwrap();
    let refused = refusal(&telemetry(), &format!("{before}[[column]]{columns}"));
    assert!(
        refused.contains("\"latitude\": the action \"track\" needs a [track] section"),
        "{refused}"
    );
}

/// Counts what a thread holds, so that tests beside it do not count.
struct Counting;

thread_local! {
    /// Bytes now, and the most since that was last set.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

impl Counting {
    fn count(bytes: isize) {
        let add = |held: &Cell<(isize, isize)>| {
            let (now, most) = held.get();
            held.set((now + bytes, most.max(now + bytes)));
        };
        // A thread that is ending counts no more.
        let _ = HELD.try_with(add);
    }

    /// The most bytes that `work` holds at once, beyond those held before.
    fn most_in(work: impl FnOnce()) -> isize {
        let before = HELD.get().0;
        HELD.set((before, before));
        work();
        HELD.get().1 - before
    }
}

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Counting::count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Writes a season of events of the same twelve drivers with 800 laps each; its bytes.
fn write_season(path: &Path, events: usize) -> isize {
    let mut csv = BufWriter::new(File::create(path).unwrap());
    writeln!(csv, "event,driver,lap_time").unwrap();
    for event in 0..events {
        for row in 0..12 * 800 {
            let (driver, time) = (row / 800, 60_000 + row * 7919 % 1000);
            writeln!(
                csv,
                "event {event},driver {driver},{}.{:03}",
                time / 1000,
                time % 1000
            )
            .unwrap();
        }
    }
    csv.flush().unwrap();
    path.metadata().unwrap().len() as isize
}

const SEASON: &str = r#"
version = 1
minimum_class_size = 5
minors = false
subject = "driver"
laps = { time = "lap_time", event = "event" }
column = [
    { name = "event", action = "ordinal" },
    { name = "driver", action = "pseudonym", prefix = "D", scope = ["event"] },
    { name = "lap_time", action = "keep" },
]"#;

#[test]
fn eight_times_the_laps_take_little_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(SEASON).unwrap();
    let measured = |events: usize| {
        let path = folder.path().join("season.csv");
        let size = write_season(&path, events);
        let held = Counting::most_in(|| {
            let table = Table::open(Source::File(path)).unwrap();
            let key = key(1);
            let anonymization = Anonymization::prepare(&table, &policy, &key).unwrap();
            let report = anonymization.write(|_| Ok(())).unwrap();
            assert_eq!(report.rows_out, events as u64 * 12 * 15);
        });
        (size, held)
    };
    let (few, many) = (measured(10), measured(80));
    let (size, held) = (many.0 - few.0, many.1 - few.1);
    assert!(
        held < size / 8,
        "of {size} bytes more, {held} are held: {few:?}, {many:?}"
    );
}
