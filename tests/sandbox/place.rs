//! Where the cases run: with which cgroups, as which user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::attack::Attack;

/// A way in which this machine runs sandboxes.
pub struct Place {
    /// What the operator's settings say of cgroups.
    pub cgroup: &'static str,
    /// Who runs `paddock`, if not who runs the tests.
    pub user: Option<u32>,
    /// The program under test.
    pub program: PathBuf,
    /// Keeps a copy of the program where the user can reach it.
    _program_folder: Option<TempDir>,
}

/// A place, or the reason why this machine does not offer it, and which of the cases are worth their
/// time there; `None`: all.
pub struct Offer {
    pub name: &'static str,
    pub place: Result<Place, String>,
    pub cases: Option<&'static [&'static str]>,
}

/// The unprivileged user of the tests: `nobody`, on every distribution.
const NOBODY: u32 = 65534;

/// Root has what others lack, and others meet what root passes by: one case of each kind.
const UNPRIVILEGED: &[&str] = &[
    "01_fork_bomb_once",
    "04_memory_bomb",
    "05_memory_bomb_spread_over_children",
    "08_fill_the_disks",
    "12_spin_in_one_process",
    "13_sleep_deaf_to_all_signals",
    "14_daemon_that_keeps_stdout_open",
    "17_read_labels_by_path",
    "20_write_to_runtime_submission_and_sysctl",
    "21_look_at_other_processes",
    "22_look_at_the_environment",
    "23_inherited_descriptors",
    "24_become_another_user",
    "25_make_and_open_devices",
    "28_mount_family",
    "29_unshare_and_clone_into_a_new_user_namespace",
    "37_kill_everything",
    "37_kill_the_process_group",
    "38_sockets_of_every_family",
    "40_unix_sockets_of_the_host",
    "an_honest_model",
    "killed_with_its_parent",
];

/// All places that a complete machine offers.
pub fn offers() -> Vec<Offer> {
    let root = geteuid().is_root();
    let with_cgroups = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "cgroup v2"
    } else {
        "cgroup v1"
    };
    [
        (with_cgroups, "auto", None, None),
        ("no cgroup", "none", None, None),
        (
            "unprivileged",
            "none",
            root.then_some(NOBODY),
            Some(UNPRIVILEGED),
        ),
    ]
    .map(|(name, cgroup, user, cases)| Offer {
        name,
        place: offer(cgroup, user),
        cases,
    })
    .into()
}

fn offer(cgroup: &'static str, user: Option<u32>) -> Result<Place, String> {
    let built = Path::new(env!("CARGO_BIN_EXE_paddock"));
    let copy = (user.is_some() && !is_open_to_all(built)).then(|| copy_for_all(built));
    let place = Place {
        cgroup,
        user,
        program: copy
            .as_ref()
            .map_or(built.to_owned(), |folder| folder.path().join("paddock")),
        _program_folder: copy,
    };
    // The sandbox itself says what it lacks. That this is honest is seen where nothing may lack.
    let honest = Attack::new(&place, "honest").run();
    if honest.verdict == "REFUSED" {
        return Err(honest.reason);
    }
    Ok(place)
}

/// Whether every user can reach and run a program.
fn is_open_to_all(program: &Path) -> bool {
    program
        .ancestors()
        .all(|path| std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

fn copy_for_all(program: &Path) -> TempDir {
    let folder = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    std::fs::copy(program, folder.path().join("paddock")).unwrap();
    folder
}
