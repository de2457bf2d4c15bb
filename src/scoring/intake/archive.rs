//! Zip archives from outside: what is in them, and their files on disk, or why they are refused.
//!
//! Nothing that an archive says of itself is believed: sizes are counted while the bytes are read, the two
//! headers of an entry are compared, and no byte may belong to two entries. What is refused is refused
//! whole, by the name of the entry, before anything is run.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::contents::{self, HEAD_BYTES};
use super::names::{NameProblem, Names, read_name, shown};

/// How much an archive may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// How many entries, folders among them.
    pub entries: usize,
    /// How many bytes unpacked, all entries together.
    pub total_bytes: u64,
    /// How many bytes one entry, unpacked.
    pub entry_bytes: u64,
    /// How many times larger an entry may be than its compressed bytes, from its first MiB on.
    pub ratio: u64,
    /// How many bytes a path.
    pub name_bytes: usize,
    /// How many folders deep.
    pub depth: usize,
    /// Whether archives may be among its files; they are not unpacked.
    pub nested: bool,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            entries: 2_000,
            total_bytes: 1 << 30,
            entry_bytes: 1 << 29,
            ratio: 200,
            name_bytes: 200,
            depth: 12,
            nested: false,
        }
    }
}

/// Below this size an entry may be compressed as well as it likes: an empty table is no bomb.
const RATIO_FROM_BYTES: u64 = 1 << 20;

/// The files of an archive that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    files: Vec<Entry>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive, with `/` between its parts.
    pub path: String,
    /// Its size, unpacked.
    pub bytes: u64,
}

impl Entries {
    /// The files, in the archive's order.
    pub fn files(&self) -> &[Entry] {
        &self.files
    }

    /// Whether there is a file of this path.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }
}

/// Why an archive is refused.
#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error("This is not a zip archive: it looks like {looks}. Send a .zip file.")]
    NotAZip {
        /// What it looks like.
        looks: &'static str,
    },
    #[error("The zip archive is cut off or damaged ({detail}). Zip the files again and send that.")]
    Damaged {
        /// What the reader stumbled over.
        detail: String,
    },
    #[error(
        "The zip archive is of the Zip64 kind, which is for archives above 4 GB. Zip the files again with a usual tool."
    )]
    Zip64,
    #[error(
        "There are no files in the zip archive. Zip the files again and look into the archive."
    )]
    Empty,
    #[error(
        "The zip archive has {entries} entries; {limit} are allowed. Leave out what your code does not open."
    )]
    Entries {
        /// How many it has.
        entries: usize,
        /// How many are allowed.
        limit: usize,
    },
    #[error("The archive's entry \"{entry}\" {problem}.")]
    Entry {
        /// Its name, as far as it can be shown.
        entry: String,
        /// What is wrong with it, and what to do.
        problem: EntryProblem,
    },
    #[error("The archive's files could not be read or written: {0}")]
    Io(#[from] io::Error),
}

impl ArchiveError {
    /// Whether it is for the sender to mend; if not, this machine failed.
    pub fn is_senders(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// What is wrong with an entry. Reads on after the entry's name.
#[derive(Debug, Error)]
pub enum EntryProblem {
    #[error(transparent)]
    Name(#[from] NameProblem),
    #[error("is a link; put the file itself into the archive")]
    Link,
    #[error("is neither a file nor a folder but a device, pipe or socket; leave it out")]
    Special,
    #[error("is marked as a folder and has the name of a file; zip the files again")]
    Unclear,
    #[error("is a folder with content of its own; zip the files again")]
    FolderWithContent,
    #[error("is encrypted; zip the files again without a password")]
    Encrypted,
    #[error(
        "is compressed by a method that is not read here; zip the files again with the usual one, Deflate"
    )]
    Method,
    #[error(
        "is larger than {limit} bytes when it is unpacked, the most that one file may be; make it smaller"
    )]
    Large {
        /// How large it may be.
        limit: u64,
    },
    #[error(
        "makes the archive larger than {limit} bytes when it is unpacked; leave out what your code does not open"
    )]
    TotalLarge {
        /// How large all may be.
        limit: u64,
    },
    #[error(
        "grows to more than {limit} times its size when it is unpacked, as zip bombs do; if that is right, store it \
         uncompressed (zip -0)"
    )]
    Ratio {
        /// How many times larger it may be.
        limit: u64,
    },
    #[error(
        "is {kind}: an archive in the archive is not unpacked; put its files into the zip themselves{more}"
    )]
    Nested {
        /// What it is.
        kind: &'static str,
        /// More to do, with a space before it, or nothing.
        more: &'static str,
    },
    #[error("shares its bytes with \"{other}\"; zip the files again")]
    Overlap {
        /// The entry that has them too.
        other: String,
    },
    #[error("is damaged, or its two headers contradict each other ({detail}); zip the files again")]
    Damaged {
        /// What the reader stumbled over.
        detail: String,
    },
}

/// Checks an archive as [`unpack`] does, and writes nothing.
///
/// # Errors
///
/// The first thing for which the archive is refused.
pub fn check_archive(zip: &Path, limits: &ArchiveLimits) -> Result<Entries, ArchiveError> {
    read_archive(zip, None, limits)
}

/// Unpacks an archive into an empty folder, made if it is not there: files of mode 0644, folders of
/// mode 0755, nothing else. What was written before an error stays there.
///
/// # Errors
///
/// The first thing for which the archive is refused; a folder that is not empty.
pub fn unpack(zip: &Path, into: &Path, limits: &ArchiveLimits) -> Result<Entries, ArchiveError> {
    fs::create_dir_all(into)?;
    if fs::read_dir(into)?.next().is_some() {
        let problem = "the folder to unpack into is not empty";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem).into());
    }
    fs::set_permissions(into, Permissions::from_mode(0o755))?;
    read_archive(zip, Some(into), limits)
}

fn read_archive(
    zip: &Path,
    into: Option<&Path>,
    limits: &ArchiveLimits,
) -> Result<Entries, ArchiveError> {
    let mut file = BufReader::new(File::open(zip)?);
    check_directory(&mut file, limits)?;
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut archive = ZipArchive::with_config(config, file).map_err(damaged)?;
    let directory = archive.central_directory_start();
    if archive.has_duplicate_names() {
        let name = repeated_name(&mut archive.into_inner(), directory)
            .map_err(|error| damaged(error.into()))?;
        return Err(refused_raw(&name, NameProblem::Twice.into()));
    }
    let outlines = outlines(&mut archive, limits)?;
    check_overlaps(&outlines, directory)?;
    let mut total = 0;
    let mut files = Vec::new();
    for (index, outline) in outlines.iter().enumerate() {
        let refused = |problem| refused(&outline.path, problem);
        let mut entry = archive
            .by_index_with_options(
                index,
                ZipReadOptions::new().enforce_header_consistency(true),
            )
            .map_err(|error| refused(entry_damaged(&error)))?;
        let into = into.filter(|_| !is_of_finder(&outline.path));
        if outline.is_folder {
            if read_some(&mut entry, &mut [0]).map_err(|error| refused(entry_damaged(&error)))? > 0
            {
                return Err(refused(EntryProblem::FolderWithContent));
            }
            if let Some(folder) = into {
                make_folders(folder, &folder.join(&outline.path))?;
            }
            continue;
        }
        let mut output = into
            .map(|folder| new_file(folder, &outline.path))
            .transpose()?;
        let copying = Copying {
            limits,
            outline,
            compressed: entry.compressed_size(),
            total,
        };
        let bytes = copying.copy(&mut entry, output.as_mut())?;
        total += bytes;
        if !is_of_finder(&outline.path) {
            let path = outline.path.clone();
            files.push(Entry { path, bytes });
        }
    }
    // What no entry covers must not look like one: another reader would unpack it.
    archive.validate_header_consistency().map_err(damaged)?;
    if files.is_empty() {
        return Err(ArchiveError::Empty);
    }
    Ok(Entries { files })
}

/// What macOS adds to every zip that its Finder makes: notes about the files, of no use here.
fn is_of_finder(path: &str) -> bool {
    path.starts_with("__MACOSX/")
        || path == "__MACOSX"
        || path == ".DS_Store"
        || path.ends_with("/.DS_Store")
}

/// Finds the directory at the archive's end and asks how long it is, before any of it is held in memory.
fn check_directory(
    file: &mut (impl Read + Seek),
    limits: &ArchiveLimits,
) -> Result<(), ArchiveError> {
    const END_BYTES: usize = 22;
    const LONGEST_COMMENT: u64 = 65_535;
    let damaged = |detail: &str| ArchiveError::Damaged {
        detail: detail.to_owned(),
    };
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if !head.starts_with(b"PK\x03\x04") && !head.starts_with(b"PK\x05\x06") {
        let looks = match contents::kind(&head) {
            _ if head.is_empty() => "an empty file",
            Some(kind) => kind.name,
            None => "some other kind of file",
        };
        return Err(ArchiveError::NotAZip { looks });
    }
    let size = file.seek(SeekFrom::End(0))?;
    let tail_start = size.saturating_sub(LONGEST_COMMENT + END_BYTES as u64);
    file.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    file.by_ref()
        .take(size - tail_start)
        .read_to_end(&mut tail)?;
    let Some(at) = memchr::memmem::rfind(&tail, b"PK\x05\x06") else {
        return Err(damaged("it has no directory at its end"));
    };
    let end = &tail[at..];
    if end.len() < END_BYTES {
        return Err(damaged("its end is cut off"));
    }
    let short = |place: usize| u16::from_le_bytes([end[place], end[place + 1]]);
    let long = |place: usize| u32::from(short(place)) | u32::from(short(place + 2)) << 16;
    if end.len() != END_BYTES + usize::from(short(20)) {
        return Err(damaged("other bytes follow its end"));
    }
    if at >= 20 && tail[at - 20..].starts_with(b"PK\x06\x07") {
        return Err(ArchiveError::Zip64);
    }
    let entries = usize::from(short(10));
    if entries > limits.entries {
        let limit = limits.entries;
        return Err(ArchiveError::Entries { entries, limit });
    }
    if u64::from(long(12)) + u64::from(long(16)) != tail_start + at as u64 {
        return Err(damaged("its directory is not where it says"));
    }
    if entries == 0 {
        return Err(ArchiveError::Empty);
    }
    Ok(())
}

/// An entry as the directory describes it.
struct Outline {
    path: String,
    is_folder: bool,
    /// Its bytes in the archive, header and all.
    extent: std::ops::Range<u64>,
}

/// Reads the directory and checks every name and kind in it, before any content is read.
fn outlines<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    limits: &ArchiveLimits,
) -> Result<Vec<Outline>, ArchiveError> {
    let mut names = Names::default();
    let mut outlines = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| match error {
            ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
            other => damaged(other),
        })?;
        let refused = |problem| refused_raw(entry.name_raw(), problem);
        let (path, is_folder) =
            read_name(entry.name_raw(), limits).map_err(|problem| refused(problem.into()))?;
        check_kind(entry.external_attributes() >> 16, is_folder).map_err(refused)?;
        names
            .take(path, is_folder)
            .map_err(|problem| refused(problem.into()))?;
        if entry.encrypted() {
            return Err(refused(EntryProblem::Encrypted));
        }
        if !matches!(
            entry.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(refused(EntryProblem::Method));
        }
        let end = entry
            .data_start()
            .and_then(|start| start.checked_add(entry.compressed_size()));
        let Some(end) = end else {
            return Err(refused(EntryProblem::Damaged {
                detail: "its data lie outside of the archive".into(),
            }));
        };
        outlines.push(Outline {
            extent: entry.header_start()..end,
            path: path.to_owned(),
            is_folder,
        });
    }
    Ok(outlines)
}

/// Checks the Unix file type, the upper bits of a mode; archives made on Windows have none.
fn check_kind(mode: u32, is_folder: bool) -> Result<(), EntryProblem> {
    match (mode & 0o170_000, is_folder) {
        (0, _) | (0o100_000, false) | (0o040_000, true) => Ok(()),
        (0o040_000, false) | (0o100_000, true) => Err(EntryProblem::Unclear),
        (0o120_000, _) => Err(EntryProblem::Link),
        _ => Err(EntryProblem::Special),
    }
}

/// The first name that a directory has twice: the reader only tells that there is one.
fn repeated_name(file: &mut (impl Read + Seek), directory: u64) -> io::Result<Vec<u8>> {
    const HEADER_BYTES: usize = 46;
    let mut seen = std::collections::HashSet::new();
    file.seek(SeekFrom::Start(directory))?;
    loop {
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let length =
            |place: usize| usize::from(u16::from_le_bytes([header[place], header[place + 1]]));
        let mut name = vec![0; length(28)];
        file.read_exact(&mut name)?;
        let mut rest = vec![0; length(30) + length(32)];
        file.read_exact(&mut rest)?;
        if !seen.insert(name.clone()) {
            return Ok(name);
        }
    }
}

fn check_overlaps(outlines: &[Outline], directory: u64) -> Result<(), ArchiveError> {
    let mut sorted: Vec<&Outline> = outlines.iter().collect();
    sorted.sort_by_key(|outline| (outline.extent.start, outline.extent.end));
    for pair in sorted.windows(2) {
        if pair[0].extent.end > pair[1].extent.start {
            let other = pair[0].path.clone();
            return Err(refused(&pair[1].path, EntryProblem::Overlap { other }));
        }
    }
    match sorted.iter().find(|outline| outline.extent.end > directory) {
        None => Ok(()),
        Some(outline) => {
            let detail = "its data lie outside of the archive".into();
            Err(refused(&outline.path, EntryProblem::Damaged { detail }))
        }
    }
}

/// The reading of one file's content, with all that it is measured by.
struct Copying<'a> {
    limits: &'a ArchiveLimits,
    outline: &'a Outline,
    /// How many bytes it has in the archive.
    compressed: u64,
    /// How many bytes the files before it had.
    total: u64,
}

impl Copying<'_> {
    /// Reads the content to its end and counts it; the checksum is compared at the end.
    fn copy(
        &self,
        entry: &mut impl Read,
        mut output: Option<&mut File>,
    ) -> Result<u64, ArchiveError> {
        let refused = |problem| refused(&self.outline.path, problem);
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let count =
                read_some(entry, &mut buffer).map_err(|error| refused(entry_damaged(&error)))?;
            let chunk = &buffer[..count];
            if bytes == 0
                && !self.limits.nested
                && let Some(kind) = contents::nested_archive(&self.outline.path, chunk)
            {
                let more = match kind {
                    "a Python package" => {
                        ": copy its inner folder, which is what you import, beside your code"
                    }
                    _ => "",
                };
                return Err(refused(EntryProblem::Nested { kind, more }));
            }
            if count == 0 {
                return Ok(bytes);
            }
            bytes += count as u64;
            self.check_size(bytes).map_err(refused)?;
            if let Some(output) = &mut output {
                output.write_all(chunk)?;
            }
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), EntryProblem> {
        let limits = self.limits;
        if bytes > RATIO_FROM_BYTES && bytes / limits.ratio > self.compressed {
            return Err(EntryProblem::Ratio {
                limit: limits.ratio,
            });
        }
        if bytes > limits.entry_bytes {
            return Err(EntryProblem::Large {
                limit: limits.entry_bytes,
            });
        }
        if self.total + bytes > limits.total_bytes {
            return Err(EntryProblem::TotalLarge {
                limit: limits.total_bytes,
            });
        }
        Ok(())
    }
}

/// Reads until the buffer is full or nothing is left, so that the first bytes are seen together.
fn read_some(entry: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match entry.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Makes `target` and what is missing between it and `folder`, all of mode 0755.
fn make_folders(folder: &Path, target: &Path) -> io::Result<()> {
    let missing: Vec<PathBuf> = target
        .ancestors()
        .take_while(|path| *path != folder && !path.exists())
        .map(Path::to_path_buf)
        .collect();
    for path in missing.iter().rev() {
        DirBuilder::new().mode(0o755).create(path)?;
        // The umask of this process took part in the creation.
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Makes a file of mode 0644 at `path` below `folder`, and the folders that it lies in.
fn new_file(folder: &Path, path: &str) -> io::Result<File> {
    let path = folder.join(path);
    make_folders(folder, path.parent().unwrap_or(folder))?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}

fn damaged(error: ZipError) -> ArchiveError {
    ArchiveError::Damaged {
        detail: detail(&error),
    }
}

fn entry_damaged(error: &impl std::fmt::Display) -> EntryProblem {
    EntryProblem::Damaged {
        detail: detail(error),
    }
}

/// A reader's words; they may repeat a name.
fn detail(error: &impl std::fmt::Display) -> String {
    error.to_string().replace(char::is_control, " ")
}

fn refused(path: &str, problem: EntryProblem) -> ArchiveError {
    ArchiveError::Entry {
        entry: shown(path),
        problem,
    }
}

fn refused_raw(name: &[u8], problem: EntryProblem) -> ArchiveError {
    refused(&String::from_utf8_lossy(name), problem)
}
