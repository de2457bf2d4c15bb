//! Each layer is shown to matter: with it the attack is held, and with it left out the attack gets
//! through. Where several layers hold the same attack, the others are left out in both runs.
//!
//! Two layers cannot be left out, as everything else is built of them: the namespaces and the file
//! system inside. What they hide is asserted by cases 17 to 23.

use nix::libc;
use nix::unistd::geteuid;
use paddock::scoring::sandbox::Layer;
use serde_json::json;

use crate::Case;
use crate::attack::{Attack, Ended};
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("layer_environment", environment),
    ("layer_user", user),
    ("layer_cgroup_or_watch", cgroup),
    ("layer_network", network),
    ("layer_ipc", ipc),
    ("layer_read_only", read_only),
    ("layer_no_execute", no_execute),
    ("layer_memory_files", memory_files),
    ("layer_proc", proc),
    ("layer_nested_namespaces", nested_namespaces),
    ("layer_init", init),
    ("layer_resource_limits", resource_limits),
    ("layer_capabilities", capabilities),
    ("layer_no_new_privileges", no_new_privileges),
    ("layer_landlock", landlock),
    ("layer_seccomp", seccomp),
];

/// Runs an attack without `others`, which must hold it, and without `layer` as well, which must not.
#[track_caller]
fn matters<'a>(
    layer: Layer,
    others: &[Layer],
    attack: impl Fn() -> Attack<'a>,
    gets_through: impl Fn(&Ended) -> bool,
) {
    let ended = attack().run_without(others);
    assert!(!gets_through(&ended), "without {others:?}: {ended:?}");
    let without = [others, &[layer]].concat();
    let ended = attack().run_without(&without);
    assert!(gets_through(&ended), "even without {without:?}: {ended:?}");
}

/// Whether an attempt succeeded.
fn done(what: &'static str) -> impl Fn(&Ended) -> bool {
    move |ended| {
        let noted = ended.noted();
        let outcome = noted.get(what);
        outcome.unwrap_or_else(|| panic!("no attempt of `{what}`: {noted:?}")) == "DONE"
    }
}

fn environment(place: &Place) {
    matters(
        Layer::Environment,
        &[],
        || Attack::new(place, "look_at_environment"),
        |ended| ended.noted()["raw"].to_string().contains(crate::CREDENTIAL),
    );
}

fn user(place: &Place) {
    if !geteuid().is_root() {
        return; // Nobody but root has to give itself up.
    }
    matters(
        Layer::User,
        &[],
        || Attack::new(place, "honest"),
        |ended| ended.verdict == "REFUSED",
    );
}

fn cgroup(place: &Place) {
    matters(
        Layer::Cgroup,
        &[],
        || {
            Attack::new(place, "memory_bomb_over_children")
                .memory_mb(128)
                .wall_seconds(10)
        },
        |ended| ended.verdict == "WALL_LIMIT",
    );
}

fn network(place: &Place) {
    matters(
        Layer::Network,
        &[Layer::Seccomp, Layer::Landlock],
        || Attack::new(place, "open_sockets"),
        |ended| ended.touched.is_some(),
    );
}

fn ipc(place: &Place) {
    // A segment of the host that everyone may read, under a key of this very process.
    let key = i32::try_from(std::process::id()).unwrap();
    // SAFETY: the call takes numbers only.
    let segment = unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o666) };
    assert!(segment >= 0);
    matters(
        Layer::Ipc,
        &[Layer::Seccomp],
        || {
            Attack::new(place, "one_call")
                .telling("number", libc::SYS_shmget)
                .telling("arguments", json!([key, 4096, 0o444]))
        },
        |ended| ended.stdout.contains(&format!("SURVIVED {segment} ")),
    );
    // SAFETY: the segment is ours; removing it takes no buffer.
    unsafe { libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()) };
}

fn read_only(place: &Place) {
    matters(
        Layer::ReadOnly,
        &[Layer::Landlock],
        || Attack::new(place, "write_where_it_may_not").open_to_all(),
        done("file beside submission"),
    );
}

fn no_execute(place: &Place) {
    matters(
        Layer::NoExecute,
        &[Layer::Landlock],
        || Attack::new(place, "run_own_code").memory_mb(512),
        done("run a program in /tmp"),
    );
}

fn memory_files(place: &Place) {
    matters(
        Layer::MemoryFiles,
        &[],
        || Attack::new(place, "use_up_inodes").memory_mb(1024),
        done("touch in /tmp"),
    );
}

fn proc(place: &Place) {
    matters(
        Layer::Proc,
        &[],
        || Attack::new(place, "look_at_processes"),
        done("/proc/interrupts"),
    );
}

fn nested_namespaces(place: &Place) {
    matters(
        Layer::NestedNamespaces,
        &[Layer::Seccomp],
        || {
            Attack::new(place, "one_call")
                .telling("number", libc::SYS_unshare)
                .telling("arguments", json!([libc::CLONE_NEWUSER]))
        },
        |ended| ended.stdout.contains("SURVIVED 0"),
    );
}

fn init(place: &Place) {
    matters(
        Layer::Init,
        &[Layer::Landlock],
        || Attack::new(place, "look_at_processes"),
        done("/proc/1/environ"),
    );
}

fn resource_limits(place: &Place) {
    matters(
        Layer::ResourceLimits,
        &[],
        || Attack::new(place, "hoard_descriptors"),
        |ended| ended.number("opened") > 256,
    );
}

fn capabilities(place: &Place) {
    // A program's start takes what the process itself could do; what others could give remains.
    matters(
        Layer::Capabilities,
        &[],
        || Attack::new(place, "look_at_environment"),
        |ended| ended.noted()["status"]["CapBnd"] != "0000000000000000",
    );
}

fn no_new_privileges(place: &Place) {
    // The kernel itself asks for it where a process without capabilities filters its calls.
    matters(
        Layer::NoNewPrivileges,
        &[Layer::Landlock, Layer::Seccomp],
        || Attack::new(place, "look_at_environment"),
        |ended| ended.noted()["status"]["NoNewPrivs"] == "0",
    );
}

fn landlock(place: &Place) {
    matters(
        Layer::Landlock,
        &[Layer::Init],
        || Attack::new(place, "look_at_processes"),
        done("/proc/1/environ"),
    );
}

fn seccomp(place: &Place) {
    matters(
        Layer::Seccomp,
        &[],
        || {
            Attack::new(place, "one_call")
                .telling("number", libc::SYS_ptrace)
                .telling("arguments", json!([0, 0, 0, 0]))
        },
        |ended| ended.verdict != "POLICY",
    );
}
