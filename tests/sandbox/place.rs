//! Where the cases run: with which cgroups, as which user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;

use paddock::scoring::sandbox::{CgroupMode, Preforked, Sandbox, SandboxSettings};

use crate::attack::{Attack, payload};

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
    /// Where models are forked from a Python that waits.
    pub fork: Option<Fork>,
}

/// A sandbox in this very process, and the Python from which its models are forked.
pub struct Fork {
    pub sandbox: Sandbox,
    pub python: Preforked,
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
    "refused_without_a_cgroup",
];

/// What is asked of an unprivileged user only.
pub const ONLY_UNPRIVILEGED: &[&str] = &["refused_without_a_cgroup"];

/// What a model could do to the Python that it was forked from, or to its other children, beside one
/// case of each kind.
const FORKED: &[&str] = &[
    "01_fork_bomb_once",
    "04_memory_bomb",
    "05_memory_bomb_spread_over_children",
    "06_memory_outside_of_processes",
    "11_huge_predictions",
    "12_spin_in_four_processes",
    "13_sleep_deaf_to_all_signals",
    "13_stop_itself",
    "14_daemon_that_keeps_stdout_open",
    "15_raise_resource_limits",
    "16_dump_core",
    "17_read_labels_by_path",
    "17_read_labels_by_descriptor_and_handle",
    "19_hard_links",
    "20_write_to_runtime_submission_and_sysctl",
    "21_look_at_other_processes",
    "22_look_at_the_environment",
    "23_inherited_descriptors",
    "23_close_standard_descriptors",
    "24_become_another_user",
    "25_make_and_open_devices",
    "27_ptrace_family",
    "29_unshare_and_clone_into_a_new_user_namespace",
    "32_calls_that_a_model_can_do_without",
    "33_calls_by_x32_numbers",
    "34_push_input_with_high_bits",
    "35_signal_by_locks_and_leases",
    "36_restrict_itself_and_take_it_back",
    "37_kill_everything",
    "37_kill_the_process_group",
    "38_sockets_of_every_family",
    "40_unix_sockets_of_the_host",
    "41_run_own_code",
    "43_forged_verdict",
    "43_signals_that_look_like_the_sandboxs",
    "43_brother_that_ends_well",
    "51_odd_predictions",
    "51_predictions_that_are_rewritten_at_the_end",
    "an_honest_model",
];

/// All places that a complete machine offers.
pub fn offers() -> Vec<Offer> {
    let root = geteuid().is_root();
    let with_cgroups = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "cgroup v2"
    } else {
        "cgroup v1"
    };
    let by_program = [
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
        place: offer(cgroup, user, None),
        cases,
    });
    let forked = [("forked", "auto"), ("forked, no cgroup", "none")].map(|(name, cgroup)| Offer {
        name,
        place: fork(cgroup).and_then(|fork| offer(cgroup, None, Some(fork))),
        cases: Some(FORKED),
    });
    by_program.into_iter().chain(forked).collect()
}

fn offer(cgroup: &'static str, user: Option<u32>, fork: Option<Fork>) -> Result<Place, String> {
    let built = Path::new(env!("CARGO_BIN_EXE_paddock"));
    let copy = (user.is_some() && !is_open_to_all(built)).then(|| copy_for_all(built));
    let place = Place {
        cgroup,
        user,
        program: copy
            .as_ref()
            .map_or(built.to_owned(), |folder| folder.path().join("paddock")),
        _program_folder: copy,
        fork,
    };
    // The sandbox itself says what it lacks. That this is honest is seen where nothing may lack.
    let honest = Attack::new(&place, "honest").run();
    if honest.verdict == "REFUSED" {
        return Err(honest.reason);
    }
    Ok(place)
}

/// The operator's settings, for the library.
pub fn settings(cgroup: &'static str) -> SandboxSettings {
    SandboxSettings {
        cgroup: match cgroup {
            "none" => CgroupMode::None,
            _ => CgroupMode::Auto,
        },
        ..SandboxSettings::default()
    }
}

/// A sandbox and a waiting Python, with the module that the submissions import first.
fn fork(cgroup: &'static str) -> Result<Fork, String> {
    let settings = settings(cgroup);
    let payload = payload(Path::new("/nonexistent"), Path::new("/nonexistent"));
    Ok(Fork {
        sandbox: Sandbox::open(&settings).map_err(|refusal| refusal.to_string())?,
        python: Preforked::start(&settings, &payload, &["json"])
            .map_err(|failure| failure.to_string())?,
    })
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
