//! Archives as honest tools make them, and as hostile ones do.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;

use rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// An entry written byte by byte, with every lie that a header can tell.
#[derive(Clone)]
struct Raw {
    name: Vec<u8>,
    /// The name in the header before the data, where it is another one.
    local_name: Option<Vec<u8>>,
    mode: u32,
    flags: u16,
    method: u16,
    data: Vec<u8>,
    /// The size that both headers claim.
    size: u32,
    crc: u32,
    /// The entry whose bytes this one claims to have as well.
    at: Option<usize>,
}

fn stored(name: impl AsRef<[u8]>, data: &[u8]) -> Raw {
    Raw {
        name: name.as_ref().to_vec(),
        local_name: None,
        mode: 0o100_644,
        flags: 0,
        method: 0,
        data: data.to_vec(),
        size: data.len() as u32,
        crc: crc32(data),
        at: None,
    }
}

fn deflated(name: &str, data: &[u8]) -> Raw {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    writer.start_file(name, options).unwrap();
    writer.write_all(data).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let entry = archive.by_index(0).unwrap();
    let start = entry.data_start().unwrap() as usize;
    let compressed = bytes[start..start + entry.compressed_size() as usize].to_vec();
    drop(entry);
    Raw {
        method: 8,
        data: compressed,
        size: data.len() as u32,
        crc: crc32(data),
        ..stored(name, &[])
    }
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}

fn zipped(entries: &[Raw]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    let fields = |entry: &Raw, name: &[u8]| {
        let mut fields = Vec::new();
        for half in [entry.flags, entry.method, 0, 0x21] {
            fields.extend(half.to_le_bytes());
        }
        for word in [entry.crc, entry.data.len() as u32, entry.size] {
            fields.extend(word.to_le_bytes());
        }
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        fields
    };
    for entry in entries {
        if let Some(other) = entry.at {
            starts.push(starts[other]);
            continue;
        }
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        starts.push(bytes.len() as u32);
        bytes.extend(b"PK\x03\x04\x14\x00");
        bytes.extend(fields(entry, name));
        bytes.extend(name);
        bytes.extend(&entry.data);
    }
    let directory = bytes.len() as u32;
    for (entry, start) in entries.iter().zip(starts) {
        bytes.extend(b"PK\x01\x02\x14\x03\x14\x00");
        bytes.extend(fields(entry, &entry.name));
        bytes.extend([0; 6]);
        bytes.extend((entry.mode << 16).to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend(&entry.name);
    }
    let length = bytes.len() as u32 - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([(entries.len() as u16).to_le_bytes(); 2].concat());
    bytes.extend(length.to_le_bytes());
    bytes.extend(directory.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// Checks and unpacks; both must say the same.
fn read(bytes: &[u8], limits: &ArchiveLimits) -> Result<Entries, String> {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("a.zip");
    std::fs::write(&zip, bytes).unwrap();
    let into = folder.path().join("into");
    let checked = check_archive(&zip, limits).map_err(|error| error.to_string());
    let unpacked = unpack(&zip, &into, limits).map_err(|error| error.to_string());
    assert_eq!(checked, unpacked);
    let beside: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    unpacked
}

fn refusal(entries: &[Raw]) -> String {
    read(&zipped(entries), &ArchiveLimits::default()).unwrap_err()
}

fn paths(entries: &Entries) -> Vec<&str> {
    entries
        .files()
        .iter()
        .map(|file| file.path.as_str())
        .collect()
}

#[test]
fn an_honest_archive_is_unpacked_with_plain_modes() {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("a.zip");
    let mut script = stored("tools/run.sh", b"#!/bin/sh\n");
    script.mode = 0o104_777;
    let folder_entry = Raw {
        mode: 0o042_777,
        ..stored("tools/", b"")
    };
    let bytes = zipped(&[
        stored("submission.py", b"class Model: ..."),
        folder_entry,
        script,
        deflated("weights/w.csv", &b"1,2,3\n".repeat(1000)),
        stored(
            "schätzung.txt",
            b"utf-8 without its flag, as macOS writes it",
        ),
    ]);
    std::fs::write(&zip, bytes).unwrap();
    let into = folder.path().join("into");
    let entries = unpack(&zip, &into, &ArchiveLimits::default()).unwrap();
    assert_eq!(
        paths(&entries),
        [
            "submission.py",
            "tools/run.sh",
            "weights/w.csv",
            "schätzung.txt"
        ]
    );
    assert_eq!(entries.files()[2].bytes, 6000);
    assert_eq!(
        std::fs::read(into.join("weights/w.csv")).unwrap().len(),
        6000
    );
    let mode = |path: &str| {
        std::fs::metadata(into.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        (mode("tools/run.sh"), mode("submission.py")),
        (0o644, 0o644)
    );
    assert_eq!(
        (mode("tools"), mode("weights"), mode("")),
        (0o755, 0o755, 0o755)
    );

    let again = unpack(&zip, &into, &ArchiveLimits::default()).unwrap_err();
    assert!(!again.is_senders(), "{again}");
}

#[test]
fn what_the_usual_tools_make_is_accepted() {
    let python = r#"
import os, shutil, subprocess, sys, zipfile
os.makedirs("code/models"); open("code/submission.py", "w").write("class Model: pass\n")
open("code/models/w.bin", "wb").write(bytes(200000)[:1000] + os.urandom(100000))
open("code/é.txt", "w").write("accents")
shutil.make_archive("made", "zip", "code")
with zipfile.ZipFile("streamed.zip", "w", zipfile.ZIP_DEFLATED) as z:
    with z.open("submission.py", "w") as f: f.write(b"class Model: pass\n")
    z.write("code/models/w.bin", "models/w.bin"); z.comment = b"made by hand"
with zipfile.ZipFile("appended.zip", "w") as z: z.writestr("submission.py", "1")
with zipfile.ZipFile("appended.zip", "a") as z: z.writestr("more.py", "2")
# The same through a pipe: sizes stand behind the data.
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
with open("piped.zip", "wb") as f, zipfile.ZipFile(Pipe(f), "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("submission.py", "class Model: pass\n" * 100)
if shutil.which("zip"):
    subprocess.run(["zip", "-q", "-r", "../infozip.zip", "."], cwd="code", check=True)
"#;
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("python3")
        .args(["-c", python])
        .current_dir(&folder)
        .status();
    assert!(made.unwrap().success());
    let mut read = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "zip") {
            let into = path.with_extension("");
            let entries = unpack(&path, &into, &ArchiveLimits::default());
            let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(
                check_python(&entries),
                Ok(PythonEntry::Model),
                "{}",
                path.display()
            );
            read += 1;
        }
    }
    assert!(read >= 4, "{read}");
}

#[test]
fn notes_of_macos_are_left_out() {
    let entries = [
        stored("main.py", b"print()"),
        stored("__MACOSX/._main.py", b"\x00\x05\x16\x07"),
        stored(".DS_Store", b"Bud1"),
    ];
    let read = read(&zipped(&entries), &ArchiveLimits::default()).unwrap();
    assert_eq!(paths(&read), ["main.py"]);
}

#[test]
fn no_path_leads_out() {
    let said = |name: &str| refusal(&[stored(name, b"x")]);
    assert_eq!(
        said("../evil.py"),
        "The archive's entry \"../evil.py\" leads out of the archive by `..`; zip from inside the folder."
    );
    assert!(said("a/../../b").contains("leads out of the archive"));
    for absolute in ["/etc/passwd", "C:/x", "c:x", "//server/share"] {
        assert!(
            said(absolute).contains("starts at the root of a disk"),
            "{absolute}"
        );
    }
    assert!(said("..\\evil.py").contains("backslash"));
    assert!(said("C:\\evil.py").contains("backslash"));
    assert!(said("a//b").contains("empty or `.` part"));
    assert!(said("./main.py").contains("empty or `.` part"));
    assert!(said("").contains("no name"));
}

#[test]
fn links_devices_and_unclear_entries_are_named() {
    let said = |name: &str, mode: u32| {
        refusal(&[Raw {
            mode,
            ..stored(name, b"/etc/passwd")
        }])
    };
    assert_eq!(
        said("model.bin", 0o120_777),
        "The archive's entry \"model.bin\" is a link; put the file itself into the archive."
    );
    for mode in [0o010_644, 0o020_644, 0o060_644, 0o140_644, 0o170_644] {
        assert!(
            said("pipe", mode).contains("neither a file nor a folder"),
            "{mode:o}"
        );
    }
    assert!(said("folder", 0o040_755).contains("marked as a folder"));
    assert!(said("folder/", 0o040_755).contains("folder with content"));
    assert!(said("folder/", 0o100_755).contains("marked as a folder"));
}

#[test]
fn encrypted_and_unusually_compressed_entries_are_named() {
    let encrypted = Raw {
        flags: 1,
        ..stored("secret.py", b"xxxxxxxxxxxxxxxx")
    };
    assert!(
        refusal(&[encrypted])
            .contains("\"secret.py\" is encrypted; zip the files again without a password")
    );
    for method in [9, 12, 14, 93, 95, 98] {
        let odd = Raw {
            method,
            ..stored("model.bin", b"xxxx")
        };
        assert!(
            refusal(&[odd]).contains("\"model.bin\" is compressed by a method"),
            "{method}"
        );
    }
}

#[test]
fn bombs_are_stopped_by_their_real_bytes() {
    let limits = ArchiveLimits {
        total_bytes: 4 << 20,
        entry_bytes: 3 << 20,
        ..ArchiveLimits::default()
    };
    let zeros = vec![0; 8 << 20];
    // A thousand to one.
    let said = read(&zipped(&[deflated("bomb.bin", &zeros)]), &limits).unwrap_err();
    assert!(
        said.contains("\"bomb.bin\" grows to more than 200 times its size"),
        "{said}"
    );

    // The header claims ten bytes.
    let liar = Raw {
        size: 10,
        ..deflated("liar.bin", &zeros)
    };
    let said = read(&zipped(&[liar]), &limits).unwrap_err();
    assert!(said.contains("\"liar.bin\""), "{said}");

    let large = stored("large.bin", &vec![7; (3 << 20) + 1]);
    let said = read(&zipped(&[large]), &limits).unwrap_err();
    assert!(
        said.contains("\"large.bin\" is larger than 3145728 bytes"),
        "{said}"
    );

    let parts = ["a", "b", "c"].map(|name| stored(name, &vec![7; 2 << 20]));
    let said = read(&zipped(&parts), &limits).unwrap_err();
    assert!(
        said.contains("\"c\" makes the archive larger than 4194304 bytes"),
        "{said}"
    );

    let many: Vec<Raw> = (0..2001)
        .map(|number| stored(number.to_string(), b""))
        .collect();
    assert_eq!(
        refusal(&many),
        "The zip archive has 2001 entries; 2000 are allowed. Leave out what your code does not open."
    );
}

#[test]
fn no_byte_belongs_to_two_entries() {
    let shared = Raw {
        at: Some(0),
        ..stored("copy.bin", b"the same bytes")
    };
    let said = refusal(&[stored("once.bin", b"the same bytes"), shared]);
    assert!(said.contains("shares its bytes with"), "{said}");
}

#[test]
fn two_headers_must_say_the_same() {
    let cloaked = Raw {
        local_name: Some(b"harmless.py".to_vec()),
        ..stored("dreadful.py", b"x")
    };
    let said = refusal(&[cloaked]);
    assert!(
        said.contains("\"dreadful.py\" is damaged, or its two headers contradict"),
        "{said}"
    );

    // An entry that the directory does not list.
    let mut bytes = zipped(&[stored("a.py", b"x"), stored("b.py", b"y")]);
    let first = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    let header = 46 + "a.py".len();
    bytes.drain(first..first + header);
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    let length = u32::from_le_bytes(bytes[end + 12..end + 16].try_into().unwrap()) - header as u32;
    bytes[end + 12..end + 16].copy_from_slice(&length.to_le_bytes());
    let said = read(&bytes, &ArchiveLimits::default()).unwrap_err();
    assert!(said.contains("missing from central directory"), "{said}");

    let wrong = Raw {
        crc: 1,
        ..stored("data.csv", b"1,2")
    };
    assert!(refusal(&[wrong]).contains("\"data.csv\" is damaged"));
}

#[test]
fn names_that_are_one_file_somewhere_are_refused() {
    let said = |first: &str, second: &str| refusal(&[stored(first, b"1"), stored(second, b"2")]);
    for (first, second) in [
        ("Model.py", "model.py"),
        ("straße.csv", "STRASSE.csv"),
        ("caf\u{e9}.csv", "cafe\u{301}.csv"),
        ("ﬁle.csv", "file.csv"),
        ("Data/a.csv", "data/b.csv"),
    ] {
        let said = said(first, second);
        assert!(
            said.contains("capitals or accents are not told apart"),
            "{said}"
        );
    }
    assert!(said("a.py", "a.py").contains("\"a.py\" is in the archive twice"));
    assert!(
        said("a", "a/b.py").contains("is a file, and \"a/b.py\" lies in a folder of the same name")
    );
    assert!(said("a/b.py", "a").contains("is a file, and \"a/b.py\" lies in a folder"));
    let folder = |name| Raw {
        mode: 0o040_755,
        ..stored(name, b"")
    };
    let twice = [folder("a/"), stored("a/b", b"1"), folder("a/")];
    assert!(refusal(&twice).contains("twice"));
}

#[test]
fn odd_names_are_shown_harmlessly() {
    let said = |name: &[u8]| refusal(&[stored(name, b"x")]);
    assert!(said(b"a\x1b[31mb.py").contains(r"\u{1b}[31mb.py"));
    assert!(said(b"a\nb.py").contains(r#""a\nb.py" has the invisible character U+000A"#));
    assert!(said(b"a\0b.py").contains("U+0000"));
    assert!(said("abc\u{202e}yp.exe".as_bytes()).contains("U+202E"));
    assert!(said("mod\u{200b}el.py".as_bytes()).contains("U+200B"));
    assert!(said(b"caf\xe9.py").contains("not UTF-8"));
    assert!(said(b"model.").contains("ends in a dot or a space"));
    assert!(said(b"a /b").contains("ends in a dot or a space"));
    assert!(said(b" a").contains("begins with a space"));
    for device in [
        "con",
        "NUL.txt",
        "a/Com1.csv",
        "lpt9",
        "COM¹.txt",
        "aux .py",
    ] {
        assert!(
            said(device.as_bytes()).contains("device on Windows"),
            "{device}"
        );
    }
    assert!(said(b"a:b").contains("starts at the root"));
    assert!(said(b"what?.py").contains("`?` in its name"));
    assert!(said("x".repeat(201).as_bytes()).contains("201 bytes; 200 are allowed"));
    let deep = format!("{}x", "a/".repeat(13));
    assert!(said(deep.as_bytes()).contains("13 folders deep; 12 are allowed"));
    // What only resembles them stays allowed.
    let fine = [
        "console.py",
        "com10.txt",
        "nullable.csv",
        ".hidden",
        "a b.csv",
        "模型.txt",
    ];
    let entries: Vec<Raw> = fine.iter().map(|name| stored(name, b"x")).collect();
    assert_eq!(
        read(&zipped(&entries), &ArchiveLimits::default())
            .unwrap()
            .files()
            .len(),
        6
    );
}

#[test]
fn archives_in_archives_are_refused_and_model_files_are_not() {
    let inner = zipped(&[stored("a.txt", b"x")]);
    let said = refusal(&[stored("inner.zip", &inner)]);
    assert_eq!(
        said,
        "The archive's entry \"inner.zip\" is an archive by its name: an archive in the archive is not unpacked; put its \
         files into the zip themselves."
    );
    assert!(refusal(&[stored("model.bin", &inner)]).contains("\"model.bin\" is a zip archive"));
    assert!(refusal(&[stored("data.csv", b"\x1f\x8b\x08\0")]).contains("is a gzip file"));
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    assert!(refusal(&[stored("files", &tar)]).contains("is a tar archive"));
    for name in [
        "a.tar.gz",
        "a.TGZ",
        "a.7z",
        "a.rar",
        "a.zst",
        "folder/a.jar",
    ] {
        assert!(
            refusal(&[stored(name, b"x")]).contains("put its files into the zip"),
            "{name}"
        );
    }
    let wheel = refusal(&[stored("wheels/lib-1.0-py3-none-any.whl", &inner)]);
    assert!(
        wheel.contains("is a Python package") && wheel.contains("beside your code"),
        "{wheel}"
    );

    let models = [
        "w.npz",
        "net.pt",
        "net.pth",
        "net.keras",
        "m.skops",
        "m.joblib",
        "m.pkl",
    ];
    let entries: Vec<Raw> = models.iter().map(|name| stored(name, &inner)).collect();
    assert_eq!(
        read(&zipped(&entries), &ArchiveLimits::default())
            .unwrap()
            .files()
            .len(),
        models.len()
    );
}

#[test]
fn what_is_no_zip_is_called_by_its_name() {
    let said = |bytes: &[u8]| read(bytes, &ArchiveLimits::default()).unwrap_err();
    assert_eq!(
        said(b"\x1f\x8b\x08\0"),
        "This is not a zip archive: it looks like a gzip file. Send a .zip file."
    );
    assert!(said(b"import pandas as pd\n").contains("a Python script"));
    assert!(said(b"<!DOCTYPE html><html>").contains("a web page (HTML)"));
    assert!(said(b"").contains("an empty file"));
    let whole = zipped(&[stored("main.py", b"print()")]);
    assert!(said(&whole[..whole.len() - 30]).contains("cut off or damaged"));
    assert!(said(&whole[..whole.len() - 10]).contains("cut off or damaged"));
    let behind = [&whole[..], b"more"].concat();
    assert!(said(&behind).contains("other bytes follow its end"));
    assert!(said(&zipped(&[])).contains("There are no files"));
}

#[test]
fn python_code_is_found_or_said_where_it_is() {
    let check = |names: &[&str]| {
        let entries: Vec<Raw> = names.iter().map(|name| stored(name, b"x")).collect();
        let entries = read(&zipped(&entries), &ArchiveLimits::default()).unwrap();
        check_python(&entries).map_err(|error| error.to_string())
    };
    assert_eq!(check(&["main.py", "w.csv"]), Ok(PythonEntry::Main));
    assert_eq!(
        check(&["submission.py", "lib/main.py"]),
        Ok(PythonEntry::Model)
    );
    assert!(
        check(&["main.py", "submission.py"])
            .unwrap_err()
            .contains("Both")
    );
    assert_eq!(
        check(&["my model/submission.py", "my model/w.csv"]).unwrap_err(),
        "submission.py is in the folder \"my model\" of the archive and must be at its top. Zip from inside the folder: \
         cd \"my model\" && zip -r ../submission.zip ."
    );
    assert!(
        check(&["Submission.py"])
            .unwrap_err()
            .contains("must be written submission.py")
    );
    assert!(
        check(&["analysis.ipynb"])
            .unwrap_err()
            .contains("is a notebook")
    );
    assert_eq!(
        check(&["a.txt", "b.txt", "c.txt", "d.txt"]).unwrap_err(),
        "There is neither submission.py (class Model) nor main.py at the top of the archive; it has \"a.txt\", \"b.txt\", \
         \"c.txt\", 1 more. Add one of them: the challenge's starter kit has both."
    );
}

/// An archive with something of everything, to be damaged.
fn specimens() -> Vec<Vec<u8>> {
    vec![
        zipped(&[
            stored("submission.py", b"class Model:\n    pass\n"),
            deflated("data/a.csv", &b"1,2,3\n".repeat(50)),
            stored("data/b.bin", &[9; 40]),
        ]),
        zipped(&[stored("../a", b"x"), stored("b", b"y")]),
        zipped(&[
            deflated("main.py", b"print(1)\n"),
            stored("m.npz", b"PK\x03\x04"),
        ]),
    ]
}

#[test]
fn damaged_archives_never_panic_nor_write_outside() {
    let mut rng = ChaCha8Rng::seed_from_u64(46);
    let limits = ArchiveLimits {
        total_bytes: 1 << 20,
        entry_bytes: 1 << 20,
        ..ArchiveLimits::default()
    };
    let specimens = specimens();
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = specimens[round % specimens.len()].clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut bytes, &mut rng);
        }
        match read(&bytes, &limits) {
            Ok(entries) => {
                accepted += 1;
                assert!(!entries.files().is_empty());
            }
            Err(said) => {
                refused += 1;
                assert!(
                    said.ends_with('.') && !said.contains(['\u{1b}', '\n', '\0']),
                    "{said:?}"
                );
            }
        }
    }
    // Both ends of the reader were reached.
    assert!(
        accepted > 100 && refused > 1_000,
        "{accepted} accepted, {refused} refused"
    );
}

/// Damages bytes as storms, cut cables and adversaries do.
fn mutate(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..6) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => {
            bytes[at] = *[0, 0xff, b'/', b'.', b'\\']
                .get(rng.random_range(0..5))
                .unwrap()
        }
        3 => bytes.truncate(at),
        4 => {
            let other = rng.random_range(0..bytes.len());
            let length = rng.random_range(1..48).min(bytes.len() - at.max(other));
            bytes.copy_within(other..other + length, at);
        }
        _ => bytes.insert(at, rng.random()),
    }
}
