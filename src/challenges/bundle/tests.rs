use std::io::{Cursor, Read, Write};
use std::path::Path;

use chrono::TimeDelta;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::*;
use crate::challenges::templates::ShippedTemplate;
use crate::scoring::intake;

fn draft() -> ChallengeDraft {
    ShippedTemplate::find("kart-quality")
        .unwrap()
        .draft()
        .unwrap()
}

/// A bundle of two phases whose files lie in a folder.
fn sample(folder: &Path) -> Bundle {
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        Some(path)
    };
    Bundle {
        draft: draft(),
        dataset: Some(DatasetReference {
            slug: "line".into(),
            version: 3,
        }),
        files: vec![
            PhaseFiles {
                solution: file("one.csv", b"chassis_id,defective,split\n"),
                features: file("features", b"PAR1rest"),
                program: file("program", b"PK\x03\x04 any zip"),
            },
            PhaseFiles {
                solution: file("two.csv", &vec![b'7'; 3 << 20]),
                ..PhaseFiles::default()
            },
        ],
    }
}

fn written(bundle: &Bundle) -> Vec<u8> {
    let mut zip = Cursor::new(Vec::new());
    write(bundle, &mut zip).unwrap();
    zip.into_inner()
}

fn taken(zip: &[u8], folder: &Path) -> Result<Bundle, String> {
    let path = folder.join("bundle.zip");
    std::fs::write(&path, zip).unwrap();
    let unpacked = folder.join("unpacked");
    let _ = std::fs::remove_dir_all(&unpacked);
    let entries = intake::unpack(&path, &unpacked, &limits()).map_err(|error| error.to_string())?;
    assert!(is_bundle(&entries));
    read(&unpacked, &entries).map_err(|error| error.to_string())
}

/// The same zip with one entry's content changed, or the entry left out.
fn tampered(zip: &[u8], name: &str, content: Option<&[u8]>) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let path = entry.name().unwrap().into_owned();
        let bytes = match (path == name, content) {
            (true, None) => continue,
            (true, Some(content)) => content,
            (false, _) => &bytes,
        };
        writer
            .start_file(path, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn what_is_written_and_read_is_written_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let zip = written(&sample(folder.path()));
    let again = taken(&zip, folder.path()).unwrap();
    assert_eq!(again.dataset, sample(folder.path()).dataset);
    assert_eq!(written(&again), zip);
    let features = again.files[0].features.as_ref().unwrap();
    assert!(features.ends_with("phases/1/features.parquet"));
    assert_eq!(again.files[1].program, None);
}

#[test]
fn a_file_that_is_missing_or_was_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let zip = written(&sample(folder.path()));
    let said = |zip: Vec<u8>| taken(&zip, folder.path()).unwrap_err();
    let missing = said(tampered(&zip, "phases/1/solution.csv", None));
    assert!(
        missing.contains("no file `phases/1/solution.csv`"),
        "{missing}"
    );
    let changed = said(tampered(&zip, "phases/2/solution.csv", Some(b"id\n")));
    assert!(
        changed.starts_with("phases/2/solution.csv: it is not the file"),
        "{changed}"
    );
    let changed = said(tampered(&zip, "rules.md", Some(b"Anything goes.")));
    assert!(changed.starts_with("rules.md: "), "{changed}");
    let broken = said(tampered(&zip, "bundle.json", Some(b"{\"format\": 1}")));
    assert!(broken.contains("bundle.json: missing field"), "{broken}");
    let newer = said(tampered(&zip, "bundle.json", Some(b"{\"format\": 2}")));
    assert!(newer.contains("format version 2"), "{newer}");
}

#[test]
fn a_challenge_that_was_edited_by_hand_is_checked_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let zip = written(&sample(folder.path()));
    let manifest = br#"{"format": 1, "made_by": "hand", "phases": [{}, {}], "sha256": {}}"#;
    let loose = tampered(&zip, "bundle.json", Some(manifest));
    let bundle = taken(&loose, folder.path()).unwrap();
    assert_eq!(missing_files(&bundle.draft, &bundle.files).len(), 2);

    let mut archive = ZipArchive::new(Cursor::new(&loose)).unwrap();
    let mut toml = String::new();
    archive
        .by_name("challenge.toml")
        .unwrap()
        .read_to_string(&mut toml)
        .unwrap();
    let said = |toml: String| {
        let zip = tampered(&loose, "challenge.toml", Some(toml.as_bytes()));
        taken(&zip, folder.path()).unwrap_err()
    };
    let wrong = said(toml.replace("submissions_per_day = 5", "submissions_per_day = 0"));
    assert!(
        wrong.contains("challenge.toml: phases[0].submissions_per_day"),
        "{wrong}"
    );
    let gone = said(toml.replace("rules.md", "../rules.md"));
    assert!(
        gone.contains("rules_file: the bundle has no file `../rules.md`"),
        "{gone}"
    );
    let manifest = br#"{"format": 1, "made_by": "hand", "phases": [{}], "sha256": {}}"#;
    let short = taken(
        &tampered(&zip, "bundle.json", Some(manifest)),
        folder.path(),
    );
    assert!(
        short
            .unwrap_err()
            .contains("bundle.json: phases: it lists the files of 1 phases")
    );
}

#[test]
fn all_dates_move_by_the_same_time() {
    let mut before = draft();
    before.teams_locked_at = Some(before.phases[1].starts_at);
    let by = TimeDelta::days(100);
    let change = Change {
        slug: Some("next-year".into()),
        title: None,
        starts_at: Some(before.phases[0].starts_at + by),
    };
    let after = change.applied(before.clone()).unwrap();
    assert_eq!(after.slug, "next-year");
    assert_eq!(after.title, before.title);
    assert_eq!(
        after.teams_locked_at,
        before.teams_locked_at.map(|at| at + by)
    );
    for (before, after) in before.phases.iter().zip(&after.phases) {
        assert_eq!(after.starts_at, before.starts_at + by);
        assert_eq!(after.ends_at, before.ends_at + by);
    }
    let never = Change {
        starts_at: Some(DateTime::<Utc>::MAX_UTC),
        ..Change::default()
    };
    assert!(never.applied(before).is_err());
}
