//! What this machine offers, layer by layer, and what to do about the rest.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nix::libc;
use nix::unistd::geteuid;

use super::cgroup::Cgroups;
use super::job::Failure;
use super::{CgroupMode, Layer, Limits, Mount, Payload, Sandbox, SandboxSettings, host};

/// Whether a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState {
    /// It can be erected.
    Ok,
    /// It cannot: code is refused.
    Missing,
    /// The operator's settings do without it.
    Off,
}

/// What is known of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerReport {
    pub layer: Layer,
    pub state: LayerState,
    pub detail: String,
    /// What to do; empty when nothing need be done.
    pub remedy: String,
}

/// The layers in the order in which a run erects them; the cgroup is looked for apart.
const ORDER: [Layer; 17] = [
    Layer::Environment,
    Layer::User,
    Layer::Namespaces,
    Layer::Network,
    Layer::Ipc,
    Layer::Mounts,
    Layer::ReadOnly,
    Layer::NoExecute,
    Layer::MemoryFiles,
    Layer::Init,
    Layer::Proc,
    Layer::NestedNamespaces,
    Layer::Capabilities,
    Layer::NoNewPrivileges,
    Layer::Landlock,
    Layer::ResourceLimits,
    Layer::Seccomp,
];

/// Tries every layer, by running a program that does nothing.
pub fn check(settings: &SandboxSettings) -> Vec<LayerReport> {
    let trial = SandboxSettings {
        cgroup: CgroupMode::None,
        ..settings.clone()
    };
    let failure = match Sandbox::open(&trial) {
        Ok(sandbox) => try_to_seal(&sandbox).err(),
        Err(refusal) => {
            let cause = std::io::Error::other(refusal.detail);
            Some(Failure::new(refusal.layer, "opening the sandbox", cause))
        }
    };
    let mut reports = in_order(failure.as_ref(), settings);
    reports.insert(2, cgroup(settings));
    reports
}

/// Reads from the one failure of a trial what is known of every layer.
fn in_order(failure: Option<&Failure>, settings: &SandboxSettings) -> Vec<LayerReport> {
    let failed_at = failure
        .and_then(|failure| ORDER.iter().position(|layer| *layer == failure.layer))
        .unwrap_or(ORDER.len());
    let report = |(position, layer): (usize, &Layer)| {
        let (state, detail, remedy) = match failure {
            Some(failure) if position == failed_at => (
                LayerState::Missing,
                failure.to_string(),
                remedy(*layer).to_owned(),
            ),
            Some(failure) if position > failed_at => (
                LayerState::Missing,
                format!("not tried, as {} is missing", failure.layer.name()),
                String::new(),
            ),
            _ => (LayerState::Ok, detail(*layer, settings), String::new()),
        };
        LayerReport {
            layer: *layer,
            state,
            detail,
            remedy,
        }
    };
    ORDER.iter().enumerate().map(report).collect()
}

fn try_to_seal(sandbox: &Sandbox) -> Result<(), Failure> {
    let program = ["/usr/bin/true", "/bin/true"]
        .into_iter()
        .find(|program| Path::new(program).exists())
        .unwrap_or("/bin/sh");
    let mounts = ["/usr", "/lib", "/lib64", "/bin"]
        .into_iter()
        .filter(|folder| Path::new(folder).exists())
        .map(|folder| Mount {
            source: folder.into(),
            target: folder.into(),
            executable: true,
        })
        .collect();
    let payload = Payload {
        command: vec![program.into()],
        environment: Vec::new(),
        working_directory: "/tmp".into(),
        mounts,
        outputs: Vec::new(),
    };
    let limits = Limits {
        wall_seconds: 10,
        ..Limits::default()
    };
    let nowhere = Path::new("/dev/null");
    host::try_to_run(
        sandbox,
        None,
        &payload,
        &limits,
        nowhere,
        &AtomicBool::new(false),
    )
    .map(|_| ())
}

fn cgroup(settings: &SandboxSettings) -> LayerReport {
    let (state, detail, remedy) = match settings.cgroup {
        CgroupMode::None => (
            LayerState::Off,
            "by the setting `sandbox_cgroup = \"none\"`; memory and CPU time are watched by processes"
                .to_owned(),
            String::new(),
        ),
        CgroupMode::Auto => match Cgroups::find() {
            Ok(cgroups) => (LayerState::Ok, cgroups.describe(), String::new()),
            Err(refusal) => (LayerState::Missing, refusal.detail, refusal.remedy),
        },
    };
    LayerReport {
        layer: Layer::Cgroup,
        state,
        detail,
        remedy,
    }
}

/// What a layer that stands does, with what is peculiar to this machine.
fn detail(layer: Layer, settings: &SandboxSettings) -> String {
    let text = match layer {
        Layer::Environment => "nothing is inherited",
        Layer::User if geteuid().is_root() => {
            return format!("a user of its own for each run, from {}", settings.uid_base);
        }
        Layer::User => {
            return format!("the server's own user {}, which is not root", geteuid());
        }
        Layer::Cgroup => "",
        Layer::Namespaces => "users, mounts, processes, host name and cgroups",
        Layer::Network => "no network, not even loopback",
        Layer::Ipc => "no shared System V memory",
        Layer::Mounts => "a root of its own",
        Layer::ReadOnly => "everything that is mounted is read-only",
        Layer::NoExecute => "data, /tmp and /output hold no programs",
        Layer::MemoryFiles => "/tmp, /dev/shm and /output are limited in size and files",
        Layer::Proc => "its own processes only, masked and read-only",
        Layer::NestedNamespaces => "none can be made",
        Layer::Init => "pid 1 cannot be inspected",
        Layer::ResourceLimits => "per process, as second wall",
        Layer::Capabilities => "none, for good",
        Layer::NoNewPrivileges => "no program gives any",
        Layer::Landlock => {
            return format!(
                "version {}; files, TCP, signals and sockets",
                landlock_version()
            );
        }
        Layer::Seccomp => "three filters, compiled",
    };
    text.to_owned()
}

/// What an operator can do about a layer that cannot be erected.
pub fn remedy(layer: Layer) -> &'static str {
    match layer {
        Layer::User => {
            "Run the server as an ordinary user, or as a root that may become any user: set \
             `sandbox_uid_base` to the first of a range that its user namespace has."
        }
        Layer::Cgroup => {
            "Run the server as a systemd service with `Delegate=yes`, or set `sandbox_cgroup = \
             \"none\"` to have memory watched less strictly."
        }
        Layer::Namespaces | Layer::Network | Layer::Ipc => namespaces_remedy(),
        Layer::Mounts | Layer::ReadOnly | Layer::NoExecute | Layer::MemoryFiles => {
            "Needs Linux 5.12 or newer, and files that the run's user can read. Where AppArmor restricts \
             user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0."
        }
        Layer::Proc | Layer::NestedNamespaces => {
            "A container must see /proc whole: start it with `--security-opt systempaths=unconfined` \
             (Docker, Podman) or `procMount: Unmasked` (Kubernetes)."
        }
        Layer::Landlock => {
            "Needs Linux 6.12 or newer, built with Landlock and started with `landlock` among the \
             security modules (kernel parameter `lsm=landlock,…`)."
        }
        Layer::Seccomp => "Needs a kernel with CONFIG_SECCOMP_FILTER, on x86-64 or 64-bit ARM.",
        Layer::Environment
        | Layer::Init
        | Layer::ResourceLimits
        | Layer::Capabilities
        | Layer::NoNewPrivileges => {
            "Needs Linux 5.9 or newer; look at the detail, and at the limits of the server's own service."
        }
    }
}

fn namespaces_remedy() -> &'static str {
    let setting = |name: &str| {
        fs::read_to_string(Path::new("/proc/sys").join(name))
            .ok()
            .and_then(|text| text.trim().parse::<i64>().ok())
    };
    if setting("user/max_user_namespaces") == Some(0) {
        "Allow user namespaces: sysctl user.max_user_namespaces=10000."
    } else if setting("kernel/unprivileged_userns_clone") == Some(0) {
        "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1."
    } else if setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        "Allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0."
    } else {
        "Allow user namespaces; in a container, start it with `--security-opt seccomp=unconfined` \
         (Docker, Podman), as its own filter refuses them."
    }
}

/// The version of Landlock that the kernel offers.
fn landlock_version() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no pointer.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0,
            VERSION,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_after_a_missing_one_are_not_called_sound() {
        let failure = Failure::new(Layer::Proc, "mounting /proc", nix::errno::Errno::EPERM);
        let reports = in_order(Some(&failure), &SandboxSettings::default());
        let of = |layer| reports.iter().find(|report| report.layer == layer).unwrap();
        assert_eq!(of(Layer::Mounts).state, LayerState::Ok);
        assert_eq!(of(Layer::Proc).state, LayerState::Missing);
        assert!(of(Layer::Proc).detail.contains("mounting /proc"));
        assert!(of(Layer::Proc).remedy.contains("systempaths=unconfined"));
        assert_eq!(of(Layer::Landlock).state, LayerState::Missing);
        assert!(of(Layer::Landlock).detail.starts_with("not tried"));
    }

    #[test]
    fn without_a_failure_every_layer_stands() {
        let reports = in_order(None, &SandboxSettings::default());
        assert!(reports.iter().all(|report| report.state == LayerState::Ok));
    }
}
