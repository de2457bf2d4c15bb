//! A competition from outside: the fuzzer writes `competition.yaml`, a table, a program's source and its
//! metadata. Whatever they say, an import ends with a challenge whose parts belong together, or with a reason.

#![no_main]

use std::fs;
use std::io::Write;

use libfuzzer_sys::fuzz_target;
use paddock::challenges::bundle;
use paddock::challenges::codabench::{Options, import};
use paddock::scoring::intake;

fuzz_target!(|files: (String, Vec<u8>, String, String)| {
    let (yaml, table, source, metadata) = files;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let zip = folder.path().join("bundle.zip");
    let mut writer = zip::ZipWriter::new(fs::File::create(&zip).expect("a file"));
    for (name, content) in [
        ("competition.yaml", yaml.as_bytes()),
        ("page.md", source.as_bytes()),
        ("page.html", source.as_bytes()),
        ("reference/table.csv", &table),
        ("program/score.py", source.as_bytes()),
        ("program/metadata", metadata.as_bytes()),
    ] {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).expect("an entry");
        writer.write_all(content).expect("its content");
    }
    writer.finish().expect("a zip");
    let unpacked = folder.path().join("bundle");
    let Ok(entries) = intake::unpack(&zip, &unpacked, &bundle::limits()) else {
        return;
    };
    let options = Options {
        slug: None,
        now: Default::default(),
        seed: 1,
    };
    let Ok(imported) = import(&unpacked, &entries, &folder.path().join("made"), &options) else {
        return;
    };
    assert_eq!(imported.draft.phases.len(), imported.files.len());
    for pair in imported.draft.phases.windows(2) {
        assert!(pair[0].ends_at <= pair[1].starts_at);
    }
});
