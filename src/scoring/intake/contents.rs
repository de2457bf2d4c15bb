//! What a file is by its first bytes: to refuse archives inside of archives, and to say what somebody
//! sent instead of what was asked for.

/// How many of a file's first bytes tell what it is.
pub(super) const HEAD_BYTES: usize = 512;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// It in words, with its article: "a zip archive".
    pub(super) name: &'static str,
    /// Whether it holds other files, or one in compressed form.
    pub(super) is_archive: bool,
}

const fn archive(name: &'static str) -> Kind {
    Kind {
        name,
        is_archive: true,
    }
}

const fn file(name: &'static str) -> Kind {
    Kind {
        name,
        is_archive: false,
    }
}

/// What begins a file, where in it, and what the file is then.
const MAGIC: [(usize, &[u8], Kind); 29] = [
    (0, b"PK\x03\x04", archive("a zip archive")),
    (0, b"PK\x05\x06", archive("an empty zip archive")),
    (0, b"PK\x07\x08", archive("a part of a zip archive")),
    (0, b"\x1f\x8b", archive("a gzip file")),
    (0, b"\x1f\x9d", archive("a compress (.Z) file")),
    (0, b"\xfd7zXZ\x00", archive("an xz file")),
    (0, b"7z\xbc\xaf\x27\x1c", archive("a 7-Zip archive")),
    (0, b"\x28\xb5\x2f\xfd", archive("a Zstandard file")),
    (0, b"\x04\x22\x4d\x18", archive("an LZ4 file")),
    (0, b"LZIP\x01", archive("an lzip file")),
    (0, b"Rar!\x1a\x07", archive("a RAR archive")),
    (0, b"MSCF\x00\x00\x00\x00", archive("a cabinet archive")),
    (0, b"!<arch>\n", archive("an ar archive")),
    (257, b"ustar", archive("a tar archive")),
    (0, b"\x89HDF\r\n\x1a\n", file("an HDF5 file (Keras .h5)")),
    (0, b"\x93NUMPY", file("a NumPy array (.npy)")),
    (0, b"PAR1", file("a Parquet file")),
    (0, b"ARROW1", file("an Arrow file")),
    (0, b"\x7fELF", file("a program for Linux")),
    (0, b"MZ\x90", file("a program for Windows")),
    (0, b"%PDF-", file("a PDF document")),
    (0, b"\x89PNG\r\n\x1a\n", file("a PNG picture")),
    (0, b"\xff\xd8\xff", file("a JPEG picture")),
    (0, b"SQLite format 3\x00", file("an SQLite database")),
    (4, b"TFL3", file("a TensorFlow Lite model")),
    (0, b"GGUF", file("a GGUF model")),
    (0, b"tree\nversion=", file("a LightGBM model file")),
    (
        0,
        b"version https://git-lfs",
        file("a Git LFS pointer, not the file that it points to"),
    ),
    (
        0,
        b"{L\x00\x00\x00\x00\x00\x00",
        file("an XGBoost model file"),
    ),
];

/// What a file is by its first bytes; none where they say nothing.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    let starts = |offset: usize, magic: &[u8]| {
        head.get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    let is_bzip2 =
        starts(0, b"BZh") && (starts(4, b"1AY&SY") || starts(4, b"\x17\x72\x45\x38\x50\x90"));
    if is_bzip2 {
        return Some(archive("a bzip2 file"));
    }
    // Protocols 2 to 5 begin with their number and a frame, a tuple or an opcode of building.
    if let [
        0x80,
        2..=5,
        b'\x95' | b'c' | b'}' | b']' | b'(' | b'X' | b'\x8c' | b'K' | b'\x8a',
        ..,
    ] = head
    {
        return Some(file("a Python pickle"));
    }
    let known = MAGIC
        .iter()
        .find(|(offset, magic, _)| starts(*offset, magic));
    known.map(|(_, _, kind)| *kind).or_else(|| text_kind(head))
}

/// What text is by how it begins.
fn text_kind(head: &[u8]) -> Option<Kind> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character that the end of the head cuts through.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty()
        || text.contains(|character: char| character.is_control() && !character.is_whitespace())
    {
        return None;
    }
    let start: String = text
        .chars()
        .take(64)
        .collect::<String>()
        .to_ascii_lowercase();
    let is = |name| Some(file(name));
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        is("a web page (HTML): perhaps a download link's page instead of the file")
    } else if start.starts_with('<') {
        is("an XML document")
    } else if start.starts_with('{') || start.starts_with('[') {
        is("a JSON document")
    } else if ["import ", "from ", "def ", "class ", "#!/usr/bin", "\"\"\""]
        .iter()
        .any(|word| start.starts_with(word))
    {
        is("a Python script")
    } else if text.lines().next().is_some_and(|line| line.contains(',')) {
        is("a CSV file")
    } else {
        is("a text file")
    }
}

/// The endings of archives, and of files that are one other file in compressed form.
const ARCHIVE_ENDINGS: [&str; 35] = [
    "zip", "zipx", "tar", "gz", "tgz", "bz2", "tbz", "tbz2", "xz", "txz", "lzma", "tlz", "zst",
    "tzst", "7z", "rar", "lz4", "lz", "z", "cab", "jar", "war", "ear", "whl", "egg", "pyz", "iso",
    "dmg", "deb", "rpm", "apk", "ar", "cpio", "arj", "lzh",
];

/// The endings of model files that are zips or compressed streams inside: PyTorch, Keras, NumPy, skops, joblib,
/// pickles as pandas writes them. They are one file to whoever loads them, and are never unpacked here.
const MODEL_ENDINGS: [&str; 12] = [
    "npz", "pt", "pth", "ckpt", "pt2", "keras", "skops", "joblib", "pkl", "pickle", "h5", "parquet",
];

/// Why a file in an archive counts as an archive itself, in words; none if it does not.
pub(super) fn nested_archive(path: &str, head: &[u8]) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "whl" | "egg" => return Some("a Python package"),
        "jar" | "war" | "ear" => return Some("a Java archive"),
        _ if ARCHIVE_ENDINGS.contains(&ending) => return Some("an archive by its name"),
        _ if MODEL_ENDINGS.contains(&ending) => return None,
        _ => {}
    }
    kind(head)
        .filter(|kind| kind.is_archive)
        .map(|kind| kind.name)
}
