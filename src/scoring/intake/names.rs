//! The names in an archive: which of them may become files.
//!
//! A name that one system reads as another file, or hides from whoever looks at a listing, is refused
//! rather than mended: a mended name is not the one that the submitted code opens.

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use thiserror::Error;

use super::archive::ArchiveLimits;

/// Why an entry's name is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameProblem {
    #[error("has no name; zip the files again")]
    Empty,
    #[error("has a name that is not UTF-8; rename it with plain letters and zip again")]
    NotUtf8,
    #[error(
        "is a path that starts at the root of a disk; zip from inside the folder, so that the paths are relative"
    )]
    Absolute,
    #[error("leads out of the archive by `..`; zip from inside the folder")]
    Parent,
    #[error("has an empty or `.` part in its path; zip from inside the folder")]
    EmptyPart,
    #[error("has a backslash in its name; write paths with `/`, as every usual zip tool does")]
    Backslash,
    #[error("has `{character}` in its name, which Windows forbids; rename it")]
    Forbidden {
        /// Which.
        character: char,
    },
    #[error("has the invisible character U+{code:04X} in its name; rename it with plain letters")]
    Invisible {
        /// Its code point.
        code: u32,
    },
    #[error("has a name that ends in a dot or a space; rename it")]
    TrailingDotOrSpace,
    #[error("has a name that begins with a space; rename it")]
    LeadingSpace,
    #[error("is called \"{name}\", which is a device on Windows; rename it")]
    Reserved {
        /// The part of the path that is.
        name: String,
    },
    #[error("has a path of {bytes} bytes; {limit} are allowed, so shorten it")]
    Long {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    #[error("lies {depth} folders deep; {limit} are allowed, so move it up")]
    Deep {
        /// How many folders it is in.
        depth: usize,
        /// How many are allowed.
        limit: usize,
    },
    #[error(
        "has the same name as \"{other}\" where capitals or accents are not told apart; rename one of them"
    )]
    SameName {
        /// The entry that has it too.
        other: String,
    },
    #[error("is in the archive twice; zip the files again")]
    Twice,
    #[error("is a file, and \"{inside}\" lies in a folder of the same name; rename one of them")]
    FileAndFolder {
        /// The entry in the folder.
        inside: String,
    },
}

/// The names that Windows keeps for devices, whatever their ending.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Reads an entry's name: its path without the `/` that marks a folder, and whether it is one.
pub(super) fn read_name<'a>(
    raw: &'a [u8],
    limits: &ArchiveLimits,
) -> Result<(&'a str, bool), NameProblem> {
    let name = std::str::from_utf8(raw).map_err(|_| NameProblem::NotUtf8)?;
    if name.len() > limits.name_bytes {
        return Err(NameProblem::Long {
            bytes: name.len(),
            limit: limits.name_bytes,
        });
    }
    if let Some(character) = name.chars().find(|character| is_invisible(*character)) {
        let code = u32::from(character);
        return Err(NameProblem::Invisible { code });
    }
    if name.contains('\\') {
        return Err(NameProblem::Backslash);
    }
    let drive = |name: &str| {
        name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic()
    };
    if name.starts_with('/') || drive(name) {
        return Err(NameProblem::Absolute);
    }
    if let Some(character) = name
        .chars()
        .find(|character| r#"<>:"|?*"#.contains(*character))
    {
        return Err(NameProblem::Forbidden { character });
    }
    let is_folder = name.ends_with('/');
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.is_empty() {
        return Err(NameProblem::Empty);
    }
    let depth = path.split('/').count() - 1;
    if depth > limits.depth {
        let limit = limits.depth;
        return Err(NameProblem::Deep { depth, limit });
    }
    for part in path.split('/') {
        check_part(part)?;
    }
    Ok((path, is_folder))
}

fn check_part(part: &str) -> Result<(), NameProblem> {
    match part {
        "" | "." => return Err(NameProblem::EmptyPart),
        ".." => return Err(NameProblem::Parent),
        _ => {}
    }
    if part.ends_with(['.', ' ']) {
        return Err(NameProblem::TrailingDotOrSpace);
    }
    if part.starts_with(' ') {
        return Err(NameProblem::LeadingSpace);
    }
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_lowercase();
    // COM1 to COM9 and LPT1 to LPT9; Windows takes the superscripts ¹ ² ³ for digits here.
    let numbered = ["com", "lpt"].iter().any(|device| {
        let number = stem.strip_prefix(device).unwrap_or_default();
        matches!(number, "¹" | "²" | "³") || (number.len() == 1 && "123456789".contains(number))
    });
    if numbered || RESERVED.contains(&stem.as_str()) {
        let name = part.to_owned();
        return Err(NameProblem::Reserved { name });
    }
    Ok(())
}

/// Control characters, line separators, and what turns or hides text around it.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFD}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A name as a file system sees it that tells neither capitals nor ways of writing an accent apart.
fn folded(path: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let plain = normalizer.normalize(path);
    // Upper case first: it makes one of "ß" and "ss".
    let plain = plain.to_uppercase().to_lowercase();
    normalizer.normalize(&plain).into_owned()
}

/// The names that an archive has so far.
#[derive(Default)]
pub(super) struct Names {
    /// By folded path: how it was first written, and what it is.
    taken: HashMap<String, Taken>,
}

struct Taken {
    path: String,
    /// The entry that it was seen in: itself, or the first inside of it.
    entry: String,
    is_folder: bool,
    /// Whether it is an entry itself, and not only a part of another one's path.
    is_entry: bool,
}

impl Names {
    /// Takes the next entry's name, and those of the folders that it lies in.
    pub(super) fn take(&mut self, path: &str, is_folder: bool) -> Result<(), NameProblem> {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for folder in folders {
            self.take_one(folder, path, true, false)?;
        }
        self.take_one(path, path, is_folder, true)
    }

    fn take_one(
        &mut self,
        path: &str,
        entry: &str,
        is_folder: bool,
        is_entry: bool,
    ) -> Result<(), NameProblem> {
        let key = folded(path);
        let Some(taken) = self.taken.get_mut(&key) else {
            let taken = Taken {
                path: path.to_owned(),
                entry: entry.to_owned(),
                is_folder,
                is_entry,
            };
            self.taken.insert(key, taken);
            return Ok(());
        };
        if taken.path != path {
            let other = taken.path.clone();
            return Err(NameProblem::SameName { other });
        }
        match (taken.is_folder, is_folder) {
            (true, true) if taken.is_entry && is_entry => Err(NameProblem::Twice),
            (true, true) => {
                taken.is_entry |= is_entry;
                Ok(())
            }
            (false, false) => Err(NameProblem::Twice),
            (true, false) | (false, true) => {
                let inside = if taken.is_folder { &taken.entry } else { entry };
                let inside = inside.to_owned();
                Err(NameProblem::FileAndFolder { inside })
            }
        }
    }
}

/// A name as it can be shown anywhere: without control characters, and not too long.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = name
        .chars()
        .take(LONGEST)
        .collect::<String>()
        .escape_debug()
        .collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
