use std::io::Write;

use chrono::TimeZone;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::challenges::bundle;
use crate::challenges::draft::{CarryOver, Joining};
use crate::scoring::intake;
use crate::scoring::runtimes;

const IRIS: &str = r#"
version: 2
title: Iris of the paddock
description: >-
  Which compound is on the kart?
  Two phases.
image: logo.png
terms: pages/terms.html
registration_auto_approve: False
docker_image: codalab/codalab-legacy:py312
enable_detailed_results: true
pages:
  - title: Overview
    file: pages/overview.md
  - title: Data
    file: pages/data.html
phases:
  - index: 1
    name: Final
    start: 1-1-2027
    end: None
    tasks: [1]
    max_submissions_per_day: 0
    auto_migrate_to_this_phase: true
  - index: 0
    name: Development
    description: Try things out.
    start: '1-1-2026'
    end: 12-31-2026
    max_submissions: 100
    max_submissions_per_day: 5
    execution_time_limit: 90
    public_data: public_data
    tasks:
      - 0
tasks:
  - index: 0
    name: Development
    scoring_program: scoring_program
    reference_data: reference_dev
    ingestion_program: ingestion
  - index: 1
    name: Final
    scoring_program: scoring_program
    reference_data: reference_final.csv
solutions:
  - index: 0
    path: solutions/knn.zip
    tasks: [0, 1]
leaderboards:
  - title: Results
    key: main
    submission_rule: Force_Last
    columns:
      - {title: Accuracy, key: accuracy, index: 0, sorting: desc, precision: 3}
      - {title: Loss, key: loss, index: 1, sorting: asc}
      - {title: Secret, key: secret, index: 2, sorting: desc, hidden: true}
      - {title: Mean, key: mean, index: 3, sorting: desc, computation: avg, computation_indexes: [0, 1]}
"#;

const REFERENCE: &str = "id,compound\n1,soft\n2,hard\n3,soft\n4,hard\n5,soft\n6,hard\n";

const SCORE: &str = "import csv, json, sys\n\
    truth = '/app/input/ref/iris.csv'\nsent = \"/app/input/res/answers.csv\"\n";

fn iris() -> Vec<(&'static str, String)> {
    vec![
        ("competition.yaml", IRIS.to_owned()),
        ("logo.png", "not really".to_owned()),
        (
            "pages/terms.html",
            "<h1>Terms</h1>\n\n<p>Be fair.</p>".to_owned(),
        ),
        ("pages/overview.md", "# Welcome\n".to_owned()),
        (
            "pages/data.html",
            "<p>Data</p><script>x()</script>".to_owned(),
        ),
        ("public_data/train.csv", "id,x\n".to_owned()),
        ("scoring_program/score.py", SCORE.to_owned()),
        (
            "scoring_program/metadata",
            "command: python $program/score.py $input $output\ndescription: x\n".to_owned(),
        ),
        ("reference_dev/iris.csv", REFERENCE.to_owned()),
        ("reference_final.csv", REFERENCE.to_owned()),
        ("ingestion/ingestion.py", "print()".to_owned()),
        ("solutions/knn.zip", "PK".to_owned()),
    ]
}

fn zipped(files: &[(&str, String)], folder: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(format!("{folder}{name}"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Imports a zip; what was made lies in the folder.
fn imported(zip: &[u8]) -> Result<(Imported, tempfile::TempDir), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    std::fs::write(&path, zip).unwrap();
    let unpacked = folder.path().join("bundle");
    let entries =
        intake::unpack(&path, &unpacked, &bundle::limits()).map_err(|error| error.to_string())?;
    let options = Options {
        slug: None,
        now: Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap(),
        seed: 7,
    };
    let made = folder.path().join("made");
    import(&unpacked, &entries, &made, &options)
        .map(|imported| (imported, folder))
        .map_err(|error| error.to_string())
}

/// The bundle with a part of its competition.yaml replaced.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let mut files = iris();
    assert!(IRIS.contains(from), "{from}");
    files[0].1 = IRIS.replace(from, to);
    zipped(&files, "")
}

fn why_not(zip: &[u8]) -> String {
    match imported(zip) {
        Err(problem) => problem,
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn a_bundle_of_two_phases_becomes_a_challenge() {
    let (imported, _folder) = imported(&zipped(&iris(), "")).unwrap();
    let draft = &imported.draft;
    draft.check().unwrap();
    assert_eq!(draft.slug, "iris-of-the-paddock");
    assert_eq!(draft.tagline, "Which compound is on the kart? Two phases.");
    assert_eq!(draft.joining, Joining::Approval);
    assert!(draft.rules.contains("Be fair."));
    assert_eq!(draft.pages.len(), 2);
    assert!(
        !draft.pages[1].body.contains("script"),
        "{}",
        draft.pages[1].body
    );
    assert_eq!(draft.run_limits.wall_seconds, 90);

    let [first, last] = &draft.phases[..] else {
        panic!("two phases");
    };
    assert_eq!((&*first.name, &*last.name), ("Development", "Final"));
    assert_eq!(first.ends_at.to_rfc3339(), "2026-12-31T00:00:00+00:00");
    assert_eq!(last.starts_at.to_rfc3339(), "2027-01-01T00:00:00+00:00");
    assert_eq!(last.ends_at.to_rfc3339(), "2028-01-01T00:00:00+00:00");
    assert_eq!(
        (first.submissions_per_day, first.submissions_total),
        (5, 100)
    );
    assert_eq!(last.submissions_per_day, 1);
    assert_eq!(last.carry_over, CarryOver::All);
    assert_eq!(first.metric.to_string(), "program:accuracy:higher");
    assert_eq!(first.public_digits, Some(3));
    let others: Vec<String> = first
        .secondary_metrics
        .iter()
        .map(|other| other.metric.to_string())
        .collect();
    assert_eq!(others, ["program:loss:lower"]);
    assert_eq!(draft.prediction_format.id_column(), "id");
    assert_eq!(draft.prediction_format.columns()[0].name, "compound");

    assert_eq!(bundle::missing_files(draft, &imported.files), []);
    let solution = imported.files[0].solution.as_ref().unwrap();
    assert_eq!(std::fs::read_to_string(solution).unwrap(), REFERENCE);
}

#[test]
fn what_was_not_carried_over_is_told_with_a_remedy() {
    let (imported, _folder) = imported(&zipped(&iris(), "")).unwrap();
    for expected in [
        "the image logo.png",
        "the Docker image codalab/codalab-legacy:py312",
        "the ingestion program ingestion",
        "the public data public_data",
        "the column secret",
        "the column mean",
        "the submission rule Force_Last",
        "the open end of the phase Final",
        "the description of the phase Development",
        "the example solution solutions/knn.zip",
        "the setting enable_detailed_results",
        "one board for all rows",
    ] {
        let found = imported
            .not_carried
            .iter()
            .find(|note| note.what == expected);
        let note = found.unwrap_or_else(|| panic!("{expected}: {:#?}", imported.not_carried));
        assert!(!note.why.is_empty() && !note.remedy.is_empty());
    }
}

#[test]
fn the_scoring_program_finds_its_data_under_the_names_that_it_knows() {
    let (imported, folder) = imported(&zipped(&iris(), "")).unwrap();
    let program = imported.files[0].program.as_ref().unwrap();
    let unpacked = folder.path().join("program");
    intake::unpack(program, &unpacked, &intake::ArchiveLimits::default()).unwrap();
    let names = runtimes::data_names(&unpacked).unwrap();
    assert_eq!(
        (&*names.reference, &*names.predictions),
        ("iris.csv", "answers.csv")
    );
    let metadata = std::fs::read_to_string(unpacked.join("metadata")).unwrap();
    assert!(
        metadata.contains("command: python /app/program/score.py /app/input /app/output\n"),
        "{metadata}"
    );
}

#[test]
fn a_bundle_that_was_zipped_with_its_folder_or_has_zips_inside_is_read() {
    assert!(imported(&zipped(&iris(), "my-bundle/")).is_ok());

    let program = zipped(&[("score.py", SCORE.to_owned())], "");
    let reference = zipped(&[("iris.csv", REFERENCE.to_owned())], "");
    let yaml = IRIS
        .replace(
            "scoring_program: scoring_program",
            "scoring_program: program.zip",
        )
        .replace("reference_data: reference_dev", "reference_data: ./dev.zip");
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    };
    for (name, text) in iris().iter().skip(1) {
        add(name, text.as_bytes());
    }
    add("competition.yaml", yaml.as_bytes());
    add("program.zip", &program);
    add("dev.zip", &reference);
    let (imported, _folder) = imported(&zip.finish().unwrap().into_inner()).unwrap();
    assert_eq!(bundle::missing_files(&imported.draft, &imported.files), []);
}

#[test]
fn every_missing_file_is_named_with_what_names_it() {
    let without: Vec<_> = iris()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("reference_dev") && *name != "pages/overview.md")
        .collect();
    let said = why_not(&zipped(&without, ""));
    assert!(
        said.contains("`reference_dev` (named in tasks[0].reference_data)"),
        "{said}"
    );
    assert!(
        said.contains("`pages/overview.md` (named in pages[0].file)"),
        "{said}"
    );
    let said = why_not(&changed(
        "terms: pages/terms.html",
        "terms: ../../etc/passwd",
    ));
    assert!(
        said.contains("`../../etc/passwd` (named in terms)"),
        "{said}"
    );
}

#[test]
fn bundles_of_other_versions_are_told_so() {
    assert!(why_not(&changed("version: 2\n", "")).contains("CodaLab 1.5"));
    assert!(why_not(&changed("version: 2\n", "version: 3\n")).contains("`version` is 3"));
}

#[test]
fn a_field_that_is_wrong_is_named() {
    for (from, to, field) in [
        ("12-31-2026", "someday", "phases[1].end: `someday`"),
        (
            "tasks: [1]",
            "tasks: [9]",
            "phases[0].tasks: there is no task",
        ),
        (
            "tasks: [1]",
            "tasks: [c5a1]",
            "phases[0].tasks: it names a task",
        ),
        (
            "max_submissions: 100",
            "max_submissions: many",
            "phases[1].max_submissions",
        ),
        ("key: accuracy", "key: 'a b'", "columns[0].key"),
        ("sorting: asc", "sorting: up", "columns[1].sorting"),
        ("title: Iris of the paddock", "title: None", "title: name"),
        ("leaderboards:", "boards:", "leaderboards"),
    ] {
        let said = why_not(&changed(from, to));
        assert!(said.contains(field), "{field}: {said}");
    }
    let said = why_not(&changed("pages:\n", "pages: [\n"));
    assert!(said.starts_with("competition.yaml: "), "{said}");
}

#[test]
fn without_a_table_the_draft_waits_for_its_solution() {
    let mut files = iris();
    files.retain(|(name, _)| *name != "reference_dev/iris.csv");
    files.push(("reference_dev/truth.npy", "x".to_owned()));
    let (imported, _folder) = imported(&zipped(&files, "")).unwrap();
    imported.draft.check().unwrap();
    let missing = bundle::missing_files(&imported.draft, &imported.files);
    assert_eq!(missing.len(), 1);
    assert_eq!(
        missing[0].to_string(),
        "the solution of the phase “Development”"
    );
    let told = |what: &str| imported.not_carried.iter().any(|note| note.what == what);
    assert!(told("the reference data reference_dev"));
}

#[test]
fn a_program_that_is_no_python_is_left_out() {
    let mut files = iris();
    for (name, text) in &mut files {
        if *name == "scoring_program/metadata" {
            *text = "command: bash run.sh | tee log\n".to_owned();
        }
    }
    let (imported, _folder) = imported(&zipped(&files, "")).unwrap();
    assert_eq!(imported.files[0].program, None);
    let note = imported
        .not_carried
        .iter()
        .find(|note| note.what.starts_with("the scoring program of"));
    assert!(note.unwrap().why.contains("no shell runs it"));
}

#[test]
fn aliases_that_grow_without_bound_are_refused() {
    let mut yaml = "version: 2\ntitle: x\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h"]
        .iter()
        .zip("abcdefg".chars())
    {
        let many = vec![format!("*{before}"); 9].join(", ");
        yaml.push_str(&format!("{name}: &{name} [{many}]\n"));
    }
    let said = why_not(&zipped(&[("competition.yaml", yaml)], ""));
    assert!(said.starts_with("competition.yaml: "), "{said}");
}
