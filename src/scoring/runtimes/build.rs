//! `paddock runtime build`: installs the packages of the lock file, once, into a folder of its own.
//!
//! The folder is built under another name and renamed when it is whole and proven, so that what
//! [`Runtimes::find`](super::Runtimes::find) finds can be run. It is read-only from then on.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::install::{InstallError, Installer};
use super::{Built, Interpreter, InterpreterError, LOCK, Manifest};

/// The Python versions that the lock file's wheels are for.
const MINORS: [u16; 3] = [11, 12, 13];

/// The machines that the lock file's wheels are for.
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

/// The modules that prove an environment by being imported.
const MODULES: [&str; 9] = [
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "lightgbm",
    "xgboost",
    "onnxruntime",
];

/// Why an environment could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no Python.
    #[error(transparent)]
    Python(#[from] InterpreterError),
    /// The Python is not one that the packages are for.
    #[error(
        "{executable} is {implementation} {version} on {machine}; the packages are for CPython 3.11, 3.12 and 3.13 on \
         x86_64 and aarch64: name such a Python by --python, as in --python /usr/bin/python3.12"
    )]
    WrongPython {
        /// Which program.
        executable: PathBuf,
        /// Which implementation of Python.
        implementation: String,
        /// Which version.
        version: String,
        /// On what machine.
        machine: String,
    },
    /// Somebody else builds here.
    #[error("another `paddock runtime build` is at work in {0}; wait for it to end")]
    Busy(PathBuf),
    /// The installer failed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The installed packages do not work.
    #[error("the packages are installed but do not work: {reason}; {remedy}")]
    Unproven {
        /// What Python said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A file could not be written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Packages are being installed.
    Install {
        /// How many there are.
        packages: usize,
        /// `uv` or `pip`.
        installer: &'static str,
    },
    /// The installer has come to this package, counted from 1.
    Package(usize),
    /// Every package is imported.
    Prove,
}

/// What came of a build.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether there was nothing to do.
    pub was_built: bool,
    /// The environment's folder.
    pub folder: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// The SHA-256 of this version's lock file.
pub fn lock_sha256() -> String {
    hex(&Sha256::digest(LOCK.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of the environment that a Python makes of this version's lock file.
fn version(python: &Interpreter) -> String {
    let whole = format!("{LOCK}\n{} {}", python.version(), python.machine);
    hex(&Sha256::digest(whole.as_bytes())[..6])
}

/// Every whole environment below a folder, whatever its lock file.
pub(super) fn all(dir: &Path) -> Vec<Built> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let folder = entry.path();
            let manifest = fs::read(folder.join("manifest.json")).ok()?;
            let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
            // A half-built environment lies in a folder of another name.
            (folder.file_name()? == &*manifest.version).then_some(Built { folder, manifest })
        })
        .collect()
}

/// Builds the environment below `dir`, unless it is there already.
///
/// `python` is the interpreter to build it for, by default the machine's own or another of a version that
/// the packages are for. `report` is told of each step.
///
/// # Errors
/// What went wrong, and what to do. Nothing is left behind.
pub fn build(
    dir: &Path,
    python: Option<&Path>,
    mut report: impl FnMut(Step),
) -> Result<Outcome, BuildError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::File { path, source }
    };
    let python = suitable(python)?;
    let version = version(&python);
    let dir = &std::path::absolute(dir).map_err(at(dir))?;
    fs::create_dir_all(dir).map_err(at(dir))?;
    let folder = dir.join(&version);
    let known = || all(dir).into_iter().find(|built| built.folder == folder);

    let lock_path = dir.join(".lock");
    let lock = File::create(&lock_path).map_err(at(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(BuildError::Busy(dir.clone())),
        Err(TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
    }
    if let Some(built) = known().filter(|built| built.manifest.python == python) {
        return Ok(Outcome {
            was_built: true,
            folder,
            manifest: built.manifest,
        });
    }
    sweep(dir, &folder).map_err(at(dir))?;

    let building = tempfile::Builder::new()
        .prefix(BUILDING)
        .tempdir_in(dir)
        .map_err(at(dir))?;
    let root = building.path();
    let (packages, lib) = (root.join("packages"), root.join("lib"));
    fs::create_dir(&lib).map_err(at(&lib))?;
    let requirements = root.join("requirements.lock");
    fs::write(&requirements, LOCK).map_err(at(&requirements))?;
    let installer = Installer::find(&python)?;
    report(Step::Install {
        packages: pins().count(),
        installer: installer.name(),
    });
    installer.install(&requirements, &packages, |count| {
        report(Step::Package(count))
    })?;

    report(Step::Prove);
    bring_openmp(&packages, &lib).map_err(at(&lib))?;
    let onnxruntime = shared_library(root).ok_or_else(|| BuildError::Unproven {
        reason: "the package onnxruntime has no libonnxruntime.so".to_owned(),
        remedy: "try again",
    })?;
    let proof = prove(&python, root, &onnxruntime)?;
    let manifest = Manifest {
        version,
        lock_sha256: lock_sha256(),
        python,
        packages: proof.packages,
        onnxruntime,
    };
    let path = root.join("manifest.json");
    let json = serde_json::to_string_pretty(&manifest).map_err(|error| at(&path)(error.into()))?;
    fs::write(&path, json).map_err(at(&path))?;
    set_read_only(root).map_err(at(root))?;
    // After a power failure there is either all of it or no folder of this name.
    File::open(root)
        .and_then(|root| Ok(nix::unistd::syncfs(root)?))
        .map_err(at(root))?;
    let root = building.keep();
    fs::rename(&root, &folder).map_err(at(&folder))?;
    Ok(Outcome {
        was_built: false,
        folder,
        manifest,
    })
}

/// The prefix of the folders that builds are made in.
const BUILDING: &str = ".building-";

/// Removes what builds left that were killed, and what lies in the place of the one to come.
fn sweep(dir: &Path, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(BUILDING) || path == folder {
            set_mode(&path, 0o700, 0o600)?;
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// The Python to build for.
fn suitable(python: Option<&Path>) -> Result<Interpreter, BuildError> {
    if let Some(python) = python {
        return check(Interpreter::ask(python)?);
    }
    let machine = Interpreter::of_machine()
        .map_err(BuildError::from)
        .and_then(check);
    machine.or_else(|error| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let others = MINORS.iter().rev().flat_map(|minor| {
            let name = format!("python3.{minor}");
            std::env::split_paths(&folders)
                .map(move |folder| folder.join(&name))
                .collect::<Vec<_>>()
        });
        others
            .filter(|path| path.is_file())
            .find_map(|path| check(Interpreter::ask(&path).ok()?).ok())
            .ok_or(error)
    })
}

fn check(python: Interpreter) -> Result<Interpreter, BuildError> {
    let (major, minor, _) = python.version;
    let is_suitable = python.implementation == "cpython"
        && major == 3
        && MINORS.contains(&minor)
        && MACHINES.contains(&&*python.machine);
    if is_suitable {
        return Ok(python);
    }
    Err(BuildError::WrongPython {
        version: python.version(),
        executable: python.executable,
        implementation: python.implementation,
        machine: python.machine,
    })
}

/// The packages of the lock file with their versions.
fn pins() -> impl Iterator<Item = (&'static str, &'static str)> {
    LOCK.lines().filter_map(|line| {
        let (name, rest) = line.split_once("==")?;
        Some((name, rest.split([' ', '\\', ';']).next().unwrap_or(rest)))
    })
}

/// LightGBM expects the machine to have GNU's OpenMP; scikit-learn's wheel brings one under another name.
/// Giving it the name that LightGBM looks for makes the environment whole on any machine.
fn bring_openmp(packages: &Path, lib: &Path) -> io::Result<()> {
    let brought = find_file(&packages.join("scikit_learn.libs"), "libgomp");
    if let Some(brought) = brought {
        fs::copy(brought, lib.join("libgomp.so.1"))?;
    }
    Ok(())
}

/// ONNX Runtime's shared library, from the environment's folder on.
fn shared_library(root: &Path) -> Option<PathBuf> {
    let found = find_file(&root.join("packages/onnxruntime/capi"), "libonnxruntime.so")?;
    found.strip_prefix(root).ok().map(Path::to_owned)
}

/// The first file in a folder whose name begins so.
fn find_file(folder: &Path, start: &str) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(start))
    })
}

/// What Python says of an environment that works.
#[derive(Deserialize)]
struct Proof {
    packages: BTreeMap<String, String>,
}

/// Imports every package, and loads ONNX Runtime as a model's runner does.
fn prove(python: &Interpreter, root: &Path, onnxruntime: &Path) -> Result<Proof, BuildError> {
    const QUESTION: &str = "
import ctypes, importlib, importlib.metadata, json, sys
packages, library, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
ctypes.CDLL(library)
found = importlib.metadata.distributions(path=[packages])
print(json.dumps({'packages': {each.metadata['Name'].lower().replace('_', '-'): each.version for each in found}}))";
    let unproven = |reason: String| {
        let missing = |library: &str| reason.contains(library);
        let remedy = if missing("libgomp") {
            "install GNU's OpenMP library (on Debian and Ubuntu: apt install libgomp1) and build again"
        } else if missing("libstdc++") || missing("libgcc_s") {
            "install the C++ standard library (on Debian and Ubuntu: apt install libstdc++6) and build again"
        } else if missing("GLIBC") {
            "the packages need glibc 2.28 or newer: use a newer release of the operating system"
        } else {
            "build again, and if that does not help with another Python by --python"
        };
        BuildError::Unproven { reason, remedy }
    };
    let packages = root.join("packages");
    let output = Command::new(&python.executable)
        .args(["-s", "-P", "-B", "-c", QUESTION])
        .arg(&packages)
        .arg(root.join(onnxruntime))
        .args(MODULES)
        .env("PYTHONPATH", &packages)
        .env("LD_LIBRARY_PATH", root.join("lib"))
        .output()
        .map_err(|error| unproven(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("Python ended without a word");
        return Err(unproven(last.to_owned()));
    }
    let proof: Proof =
        serde_json::from_slice(&output.stdout).map_err(|error| unproven(error.to_string()))?;
    let wrong = pins().find(|(name, version)| {
        proof
            .packages
            .get(*name)
            .is_none_or(|found| found != version)
    });
    match wrong {
        Some((name, version)) => Err(unproven(format!("{name} {version} is not there"))),
        None => Ok(proof),
    }
}

/// Makes all of a folder readable for everyone, the sandbox's user among them, and writable for nobody.
fn set_read_only(folder: &Path) -> io::Result<()> {
    set_mode(folder, 0o555, 0o444)
}

/// Sets the permissions of a folder and all that is in it; files that may be executed stay so where they can
/// be read.
fn set_mode(path: &Path, folders: u32, files: u32) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    if metadata.is_dir() {
        // A folder has to be entered before it is closed, and opened before it can be entered.
        fs::set_permissions(path, Permissions::from_mode(folders | 0o700))?;
        for entry in fs::read_dir(path)? {
            set_mode(&entry?.path(), folders, files)?;
        }
        return fs::set_permissions(path, Permissions::from_mode(folders));
    }
    let executable = metadata.permissions().mode() & 0o100 != 0;
    let mode = if executable {
        files | (files & 0o444) >> 2
    } else {
        files
    };
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(version: (u16, u16, u16)) -> Interpreter {
        Interpreter {
            executable: "/usr/bin/python3".into(),
            version,
            prefix: "/usr".into(),
            implementation: "cpython".into(),
            machine: "x86_64".into(),
        }
    }

    #[test]
    fn the_lock_pins_every_package_with_hashes_and_names_no_index() {
        for package in [
            "numpy",
            "pandas",
            "polars",
            "pyarrow",
            "scipy",
            "scikit-learn",
            "lightgbm",
            "xgboost-cpu",
            "onnxruntime",
        ] {
            assert!(
                pins().any(|(name, _)| name == package),
                "{package} is not pinned"
            );
        }
        let lines: Vec<&str> = LOCK.lines().filter(|line| !line.starts_with('#')).collect();
        for (line, next) in lines.iter().zip(&lines[1..]) {
            if line.contains("==") {
                assert!(
                    next.trim_start().starts_with("--hash=sha256:"),
                    "{line} has no hash"
                );
            }
        }
        assert!(!LOCK.contains("://"), "the lock names a host");
        assert!(
            !LOCK.contains("nvidia"),
            "the lock brings a GPU's libraries"
        );
    }

    #[test]
    fn an_environment_is_named_by_its_lock_and_its_python() {
        let old = version(&interpreter((3, 11, 2)));
        assert_eq!(old.len(), 12);
        assert_eq!(old, version(&interpreter((3, 11, 2))));
        assert_ne!(old, version(&interpreter((3, 11, 3))));
    }

    #[test]
    fn a_python_that_the_packages_are_not_for_is_refused_with_a_remedy() {
        assert!(check(interpreter((3, 12, 1))).is_ok());
        for version in [(3, 10, 4), (3, 14, 0), (2, 7, 18)] {
            let error = check(interpreter(version)).unwrap_err().to_string();
            assert!(
                error.contains("3.11, 3.12 and 3.13") && error.contains("--python"),
                "{error}"
            );
        }
        let pypy = Interpreter {
            implementation: "pypy".into(),
            ..interpreter((3, 11, 2))
        };
        assert!(check(pypy).is_err());
    }

    #[test]
    fn only_a_folder_that_was_renamed_when_it_was_whole_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest {
            version: "0123456789ab".into(),
            lock_sha256: lock_sha256(),
            python: interpreter((3, 11, 2)),
            packages: BTreeMap::new(),
            onnxruntime: "packages/onnxruntime/capi/libonnxruntime.so.1".into(),
        };
        let write = |name: &str| {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(
                folder.join("manifest.json"),
                serde_json::to_string(&manifest).unwrap(),
            )
            .unwrap();
        };
        write(".building-x7");
        assert!(all(dir.path()).is_empty());
        write("0123456789ab");
        fs::create_dir(dir.path().join("cba987654321")).unwrap();
        assert_eq!(all(dir.path()).len(), 1);
    }

    #[test]
    fn read_only_keeps_what_may_be_executed_and_can_be_swept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".building-1");
        fs::create_dir_all(folder.join("bin")).unwrap();
        for (name, mode) in [("bin/tool", 0o755), ("data", 0o600)] {
            fs::write(folder.join(name), "x").unwrap();
            fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
        }
        set_read_only(&folder).unwrap();
        let mode = |name: &str| {
            fs::metadata(folder.join(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(
            (mode("bin"), mode("bin/tool"), mode("data")),
            (0o555, 0o555, 0o444)
        );
        sweep(dir.path(), &dir.path().join("0123456789ab")).unwrap();
        assert!(!folder.exists());
    }
}
