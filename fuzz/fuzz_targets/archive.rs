//! Any bytes as a submitted archive: an error or plain files below one folder, never a panic.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use paddock::scoring::intake::{ArchiveLimits, check_archive, check_python, unpack};

fuzz_target!(|bytes: &[u8]| {
    let limits = ArchiveLimits {
        total_bytes: 1 << 20,
        entry_bytes: 1 << 20,
        ..ArchiveLimits::default()
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let zip = folder.path().join("submission.zip");
    fs::write(&zip, bytes).expect("a written file");
    let into = folder.path().join("into");
    let checked = check_archive(&zip, &limits);
    let unpacked = unpack(&zip, &into, &limits);
    assert_eq!(checked.is_ok(), unpacked.is_ok());
    if let Ok(entries) = unpacked {
        for file in entries.files() {
            let metadata = fs::symlink_metadata(into.join(&file.path)).expect("the file");
            assert!(metadata.is_file() && metadata.len() == file.bytes);
        }
        let _ = check_python(&entries);
    }
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 2);
});
