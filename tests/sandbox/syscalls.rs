//! Cases 27 to 36: system calls that no model needs.

use nix::libc;
use serde_json::{Value, json};

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

#[cfg(target_arch = "x86_64")]
pub const CASES: &[Case] = &[
    ("27_ptrace_family", ptrace_family),
    ("28_mount_family", mount_family),
    (
        "29_unshare_and_clone_into_a_new_user_namespace",
        new_namespaces,
    ),
    ("30_keyctl_bpf_perf_userfaultfd", kernel_subsystems),
    ("31_modules_kexec_reboot", machine_control),
    ("32_io_uring_and_the_newest_calls", newest_calls),
    ("32_calls_that_a_model_can_do_without", refused_calls),
    ("33_calls_by_x32_numbers", x32_numbers),
    ("33_calls_by_int_0x80", int_0x80),
    ("33_calls_by_vsyscall", vsyscall),
    ("34_push_input_with_high_bits", push_input),
    ("35_signal_by_locks_and_leases", signal_by_locks),
    ("36_clock_personality_priorities", change_the_machine),
    ("36_restrict_itself_and_take_it_back", restrict_itself),
];

/// A system call and its arguments: numbers, a text, or `null` for a buffer.
type Call = (&'static str, libc::c_long, Value);

/// Each call alone in a run of its own: it must end the submission there and then.
#[track_caller]
fn each_is_against_the_policy(place: &Place, calls: &[Call]) {
    let mut failures = Vec::new();
    for (name, number, arguments) in calls {
        let ended = Attack::new(place, "one_call")
            .telling("number", *number)
            .telling("arguments", arguments.clone())
            .run();
        if ended.verdict != "POLICY" || ended.stdout.contains("SURVIVED") {
            failures.push(format!(
                "{name}{arguments}: {} ({}) {}{}",
                ended.verdict, ended.reason, ended.stdout, ended.stderr
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn ptrace_family(place: &Place) {
    each_is_against_the_policy(
        place,
        &[
            ("ptrace TRACEME", libc::SYS_ptrace, json!([0, 0, 0, 0])),
            ("ptrace ATTACH", libc::SYS_ptrace, json!([16, 1, 0, 0])),
            ("ptrace SEIZE", libc::SYS_ptrace, json!([0x4206, 1, 0, 0])),
            (
                "process_vm_readv",
                libc::SYS_process_vm_readv,
                json!([1, null, 1, null, 1, 0]),
            ),
            (
                "process_vm_writev",
                libc::SYS_process_vm_writev,
                json!([1, null, 1, null, 1, 0]),
            ),
        ],
    );
}

fn mount_family(place: &Place) {
    each_is_against_the_policy(
        place,
        &[
            (
                "mount",
                libc::SYS_mount,
                json!(["none", "/tmp", "tmpfs", 0, 0]),
            ),
            ("umount2", libc::SYS_umount2, json!(["/proc", 2])),
            ("chroot", libc::SYS_chroot, json!(["/tmp"])),
            ("pivot_root", libc::SYS_pivot_root, json!(["/tmp", "/tmp"])),
            ("setns", libc::SYS_setns, json!([0, 0])),
            (
                "open_by_handle_at",
                libc::SYS_open_by_handle_at,
                json!([0, null, 0]),
            ),
            ("sethostname", libc::SYS_sethostname, json!(["taken", 5])),
            (
                "setdomainname",
                libc::SYS_setdomainname,
                json!(["taken", 5]),
            ),
            (
                "move_mount",
                libc::SYS_move_mount,
                json!([-100, "/tmp", -100, "/dev/shm", 0]),
            ),
            ("open_tree", libc::SYS_open_tree, json!([-100, "/tmp", 1])),
            ("fsopen", libc::SYS_fsopen, json!(["tmpfs", 0])),
            ("fsconfig", libc::SYS_fsconfig, json!([0, 6, 0, 0, 0])),
            ("fsmount", libc::SYS_fsmount, json!([0, 0, 0])),
            ("fspick", libc::SYS_fspick, json!([-100, "/tmp", 0])),
            (
                "mount_setattr",
                libc::SYS_mount_setattr,
                json!([-100, "/tmp", 0, null, 32]),
            ),
        ],
    );
}

fn new_namespaces(place: &Place) {
    let mut calls = Vec::new();
    for (name, flag) in [
        ("NEWUSER", libc::CLONE_NEWUSER),
        ("NEWNS", libc::CLONE_NEWNS),
        ("NEWPID", libc::CLONE_NEWPID),
        ("NEWNET", libc::CLONE_NEWNET),
        ("NEWIPC", libc::CLONE_NEWIPC),
        ("NEWUTS", libc::CLONE_NEWUTS),
        ("NEWCGROUP", libc::CLONE_NEWCGROUP),
    ] {
        calls.push((name, libc::SYS_unshare, json!([flag])));
        calls.push((
            name,
            libc::SYS_clone,
            json!([flag | libc::SIGCHLD, 0, 0, 0, 0]),
        ));
    }
    // The same as NEWUSER, behind bits that the kernel ignores.
    let above = i64::from(libc::CLONE_NEWUSER) | 1 << 40;
    calls.push((
        "NEWUSER with high bits",
        libc::SYS_clone,
        json!([above | 17, 0, 0, 0, 0]),
    ));
    each_is_against_the_policy(place, &calls);
}

fn kernel_subsystems(place: &Place) {
    each_is_against_the_policy(
        place,
        &[
            ("keyctl", libc::SYS_keyctl, json!([0, -3, 0, 0, 0])),
            (
                "add_key",
                libc::SYS_add_key,
                json!(["user", "hidden", "x", 1, -3]),
            ),
            (
                "request_key",
                libc::SYS_request_key,
                json!(["user", "hidden", 0, -3]),
            ),
            ("bpf", libc::SYS_bpf, json!([0, null, 72])),
            (
                "perf_event_open",
                libc::SYS_perf_event_open,
                json!([null, 0, -1, -1, 0]),
            ),
            ("userfaultfd", libc::SYS_userfaultfd, json!([1])),
        ],
    );
}

fn machine_control(place: &Place) {
    each_is_against_the_policy(
        place,
        &[
            ("init_module", libc::SYS_init_module, json!([null, 16, ""])),
            ("finit_module", libc::SYS_finit_module, json!([0, "", 0])),
            ("delete_module", libc::SYS_delete_module, json!(["none", 0])),
            // Nonsense segments and flags: refused by every kernel even without a sandbox.
            ("kexec_load", libc::SYS_kexec_load, json!([0, 0, 0, 0xFFFF])),
            (
                "kexec_file_load",
                libc::SYS_kexec_file_load,
                json!([-1, -1, 0, 0, 0xFFFF]),
            ),
            // Without the magic numbers.
            ("reboot", libc::SYS_reboot, json!([0, 0, 0, 0])),
            ("iopl", libc::SYS_iopl, json!([3])),
            ("ioperm", libc::SYS_ioperm, json!([0x80, 1, 1])),
            ("swapon", libc::SYS_swapon, json!(["/tmp/none", 0])),
            ("swapoff", libc::SYS_swapoff, json!(["/tmp/none"])),
        ],
    );
}

/// What a call that is merely not offered answers.
const NOT_OFFERED: &[&str] = &["EPERM", "ENOSYS", "KILLED"];

fn newest_calls(place: &Place) {
    let ended = Attack::new(place, "newest_calls").run();
    ended.ok();
    let noted = ended.noted();
    let others = noted["answers other than ENOSYS"].as_object().unwrap();
    for (number, answer) in others {
        assert!(
            NOT_OFFERED.contains(&answer.as_str().unwrap()),
            "system call {number} answers {answer}"
        );
    }
}

fn refused_calls(place: &Place) {
    let here = libc::AT_FDCWD;
    let calls: &[Call] = &[
        ("io_uring_setup", libc::SYS_io_uring_setup, json!([1, null])),
        (
            "io_uring_enter",
            libc::SYS_io_uring_enter,
            json!([0, 1, 1, 0, 0, 0]),
        ),
        (
            "io_uring_register",
            libc::SYS_io_uring_register,
            json!([0, 0, 0, 0]),
        ),
        ("io_setup", libc::SYS_io_setup, json!([1, null])),
        ("pidfd_open", libc::SYS_pidfd_open, json!([1, 0])),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, json!([0, 0, 0])),
        (
            "pidfd_send_signal",
            libc::SYS_pidfd_send_signal,
            json!([0, 0, 0, 0]),
        ),
        ("kcmp", libc::SYS_kcmp, json!([1, 1, 0, 0, 0])),
        ("acct", libc::SYS_acct, json!([0])),
        ("quotactl", libc::SYS_quotactl, json!([0, 0, 0, 0])),
        ("syslog", libc::SYS_syslog, json!([10, 0, 0])),
        ("vhangup", libc::SYS_vhangup, json!([])),
        ("modify_ldt", libc::SYS_modify_ldt, json!([0, null, 64])),
        (
            "remap_file_pages",
            libc::SYS_remap_file_pages,
            json!([0, 0, 0, 0, 0]),
        ),
        (
            "migrate_pages",
            libc::SYS_migrate_pages,
            json!([1, 0, 0, 0]),
        ),
        (
            "move_pages",
            libc::SYS_move_pages,
            json!([1, 0, 0, 0, 0, 0]),
        ),
        ("mbind", libc::SYS_mbind, json!([0, 0, 0, 0, 0, 0])),
        ("mincore", libc::SYS_mincore, json!([0, 0, null])),
        ("fanotify_init", libc::SYS_fanotify_init, json!([0, 0])),
        ("inotify_init", libc::SYS_inotify_init, json!([])),
        ("inotify_init1", libc::SYS_inotify_init1, json!([0])),
        (
            "name_to_handle_at",
            libc::SYS_name_to_handle_at,
            json!([here, "/data", null, null, 0]),
        ),
        (
            "open_by_handle_at",
            libc::SYS_open_by_handle_at,
            json!([0, null, 0]),
        ),
        ("memfd_secret", libc::SYS_memfd_secret, json!([0])),
        ("memfd_create", libc::SYS_memfd_create, json!(["x", 0])),
        ("lookup_dcookie", libc::SYS_lookup_dcookie, json!([0, 0, 0])),
        ("nfsservctl", libc::SYS_nfsservctl, json!([0, 0, 0])),
        ("uselib", libc::SYS_uselib, json!(["/tmp/none"])),
        ("_sysctl", libc::SYS__sysctl, json!([0])),
        ("sysfs", libc::SYS_sysfs, json!([3])),
        ("ustat", libc::SYS_ustat, json!([0, null])),
        ("clone3", libc::SYS_clone3, json!([null, 88])),
        (
            "process_madvise",
            libc::SYS_process_madvise,
            json!([0, 0, 0, 0, 0]),
        ),
        (
            "process_mrelease",
            libc::SYS_process_mrelease,
            json!([0, 0]),
        ),
        (
            "rt_sigqueueinfo",
            libc::SYS_rt_sigqueueinfo,
            json!([1, 9, null]),
        ),
        ("socketpair", libc::SYS_socketpair, json!([16, 3, 0, null])),
        ("accept", libc::SYS_accept, json!([0, 0, 0])),
        ("bind", libc::SYS_bind, json!([0, null, 16])),
        ("connect", libc::SYS_connect, json!([0, null, 16])),
        ("listen", libc::SYS_listen, json!([0, 1])),
        ("sendmsg", libc::SYS_sendmsg, json!([1, null, 0])),
        ("recvmsg", libc::SYS_recvmsg, json!([0, null, 0])),
        ("msgget", libc::SYS_msgget, json!([0, 0o1600])),
        ("semget", libc::SYS_semget, json!([0, 1, 0o1600])),
        ("shmget", libc::SYS_shmget, json!([0, 4096, 0o1600])),
        (
            "mq_open",
            libc::SYS_mq_open,
            json!(["hidden", 0o102, 0o600, 0]),
        ),
    ];
    Attack::new(place, "refused_calls")
        .telling("calls", json!(calls))
        .run()
        .held(NOT_OFFERED);
}

fn x32_numbers(place: &Place) {
    Attack::new(place, "call_as_x32").run().held(NOT_OFFERED);
}

fn int_0x80(place: &Place) {
    // By the filter, or by the signal of a kernel without 32-bit calls, or because no memory is both
    // writable and executable.
    let ended = Attack::new(place, "call_as_32_bit").run();
    ended.verdict_among(&["POLICY", "RUNTIME_ERROR"]);
    assert!(!ended.stdout.contains("ANSWER"), "{}", ended.stdout);
}

fn vsyscall(place: &Place) {
    // Tells the time like any other clock, or is absent, or is filtered: never more.
    Attack::new(place, "call_vsyscall")
        .run()
        .verdict_among(&["OK", "POLICY", "RUNTIME_ERROR"]);
}

fn push_input(place: &Place) {
    Attack::new(place, "push_input")
        .run()
        .held(&["EPERM", "ENOTTY", "EACCES", "ENOSYS", "EINVAL", "EBADF"]);
}

fn signal_by_locks(place: &Place) {
    Attack::new(place, "signal_by_locks")
        .run()
        .held(&["EPERM", "EACCES", "ENOSYS", "EINVAL", "EBADF", "ENOTDIR"]);
}

fn change_the_machine(place: &Place) {
    Attack::new(place, "change_the_machine")
        .run()
        .held(&["EPERM", "EACCES", "ENOSYS", "EINVAL", "ENOMEM", "ESRCH"]);
}

fn restrict_itself(place: &Place) {
    let ended = Attack::new(place, "restrict_itself").run();
    ended.ok();
    let noted = ended.noted();
    // To restrict oneself further is harmless, whatever the answer.
    for harmless in [
        "PR_SET_DUMPABLE 0",
        "a filter that allows everything",
        "a filter with a listener",
    ] {
        assert!(noted.contains_key(harmless));
    }
    for (what, outcome) in &noted {
        let harmless = what.starts_with("a filter") || what == "PR_SET_DUMPABLE 0";
        assert!(
            harmless
                || ["EPERM", "EINVAL", "ENOSYS", "EACCES"].contains(&outcome.as_str().unwrap()),
            "{what}: {outcome}"
        );
    }
}
