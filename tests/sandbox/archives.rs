//! Case 46: archives that would write elsewhere, or would fill the disk.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("46_an_honest_archive", honest),
    ("46_hostile_archives", hostile),
];

/// An archive of `main.py` and whatever is added.
fn archive(add: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("main.py", SimpleFileOptions::default())
        .unwrap();
    let main = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n";
    zip.write_all(main.as_bytes()).unwrap();
    add(&mut zip);
    zip.finish().unwrap().into_inner()
}

fn file(name: &'static str, content: &'static [u8]) -> Vec<u8> {
    archive(|zip| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    })
}

/// The size of the bomb: a hundred times what the archive takes.
const BOMB: usize = 8 << 20;

/// The same archive, whose tables say that the bomb is of one byte.
fn claiming_to_be_small(mut bomb: Vec<u8>) -> Vec<u8> {
    let real = u32::try_from(BOMB).unwrap().to_le_bytes();
    let mut claims = 0;
    for at in 0..bomb.len() - real.len() {
        if bomb[at..].starts_with(&real) {
            bomb[at..at + real.len()].copy_from_slice(&1_u32.to_le_bytes());
            claims += 1;
        }
    }
    assert!(claims >= 2, "a local and a central header");
    bomb
}

fn honest(place: &Place) {
    let content = archive(|_| {});
    Attack::of_file(place, "python", "submission.zip", &content)
        .run()
        .ok();
}

fn hostile(place: &Place) {
    let link = |target: &'static str| {
        archive(move |zip| {
            let options = SimpleFileOptions::default();
            zip.add_symlink("weights.bin", target, options).unwrap();
        })
    };
    let bomb = archive(|zip| {
        zip.start_file("weights.bin", SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&vec![0; BOMB]).unwrap();
    });
    let many = archive(|zip| {
        for number in 0..2_100 {
            zip.start_file(format!("{number}"), SimpleFileOptions::default())
                .unwrap();
        }
    });
    // The name that the reason must give, and the archive.
    let archives = [
        ("../escaped.py", file("../escaped.py", b"1")),
        ("a/../../escaped.py", file("a/../../escaped.py", b"1")),
        ("/tmp/escaped.py", file("/tmp/escaped.py", b"1")),
        ("C:", file("C:\\escaped.py", b"1")),
        ("escaped.py", file("..\\escaped.py", b"1")),
        ("weights.bin", link("../../hidden/labels.csv")),
        ("weights.bin", link("/etc/passwd")),
        ("weights.bin", bomb.clone()),
        ("weights.bin", claiming_to_be_small(bomb)),
        ("Main.py", file("Main.py", b"1")),
        ("inner.zip", file("inner.zip", b"PK\x03\x04 and so on")),
        ("", many),
        ("", b"PK\x03\x04".to_vec()),
        ("", Vec::new()),
    ];
    for (name, content) in archives {
        let ended = Attack::of_file(place, "python", "submission.zip", &content).run();
        ended.verdict("REJECTED");
        assert!(
            ended.reason.contains(name),
            "`{name}` is not named: {}",
            ended.reason
        );
        assert_eq!(ended.predictions, None);
    }
}
