//! Cases 1 to 16: taking more than one's share of processes, memory, disk, output and time.

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("an_honest_model", an_honest_model),
    ("01_fork_bomb_once", fork_bomb_once),
    ("01_zombies_that_nobody_waits_for", zombies),
    ("02_fork_bomb_endless", fork_bomb_endless),
    ("03_thread_bomb", thread_bomb),
    ("04_memory_bomb", memory_bomb),
    (
        "05_memory_bomb_spread_over_children",
        memory_bomb_over_children,
    ),
    (
        "05_memory_of_processes_without_a_leading_thread",
        memory_without_leading_thread,
    ),
    ("05_memory_of_many_small_processes", memory_of_many_small),
    (
        "05_shared_memory_spread_over_children",
        shared_memory_over_children,
    ),
    (
        "05_memory_in_tmp_and_in_a_process",
        memory_in_tmp_and_process,
    ),
    (
        "06_memory_outside_of_processes",
        memory_outside_of_processes,
    ),
    ("07_socketpair_hoarding", socketpair_hoarding),
    ("07_pipe_hoarding", pipe_hoarding),
    ("07_descriptor_hoarding", descriptor_hoarding),
    ("08_fill_the_disks", fill_the_disks),
    ("09_use_up_inodes", use_up_inodes),
    ("10_huge_stdout", huge_stdout),
    ("10_huge_stderr", huge_stderr),
    ("10_full_pipes_below_the_limit", full_pipes_below_the_limit),
    ("11_huge_predictions", huge_predictions),
    ("11_sparse_predictions_of_a_terabyte", sparse_predictions),
    ("12_spin_in_one_process", spin_in_one_process),
    ("12_spin_in_four_processes", spin_in_four_processes),
    (
        "12_spin_in_a_chain_of_short_children",
        spin_in_short_children,
    ),
    ("12_spin_in_children_that_nobody_waits_for", spin_in_orphans),
    ("12_spin_by_executing_itself", spin_by_executing_itself),
    ("13_sleep_deaf_to_all_signals", sleep_deaf),
    ("13_stop_itself", stop_itself),
    ("13_leave_a_thread_behind", leave_a_thread),
    ("14_daemon_that_keeps_stdout_open", daemon),
    ("15_raise_resource_limits", raise_limits),
    ("16_dump_core", dump_core),
];

/// What a process may be told that asks for one process too many.
const NO_MORE_PROCESSES: &[&str] = &["EAGAIN", "ENOMEM"];

fn an_honest_model(place: &Place) {
    Attack::new(place, "honest").run().ok();
}

fn fork_bomb_once(place: &Place) {
    let ended = Attack::new(place, "fork_bomb_once").run();
    ended.held(NO_MORE_PROCESSES);
    let forked = ended.number("forked");
    assert!((1..=512).contains(&forked), "{forked} processes");
}

fn zombies(place: &Place) {
    let ended = Attack::new(place, "hoard_zombies").run();
    ended.held(NO_MORE_PROCESSES);
    let left = ended.number("left");
    assert!((1..=512).contains(&left), "{left} processes");
}

fn fork_bomb_endless(place: &Place) {
    Attack::new(place, "fork_bomb_endless")
        .cpu_seconds(1)
        .wall_seconds(3)
        .run()
        .verdict_among(&["WALL_LIMIT", "CPU_LIMIT"]);
}

fn thread_bomb(place: &Place) {
    let ended = Attack::new(place, "thread_bomb").run();
    // Python turns the kernel's EAGAIN into a RuntimeError.
    ended.held(&["RuntimeError", "MemoryError"]);
    let started = ended.number("started");
    assert!((1..=512).contains(&started), "{started} threads");
}

fn memory_bomb(place: &Place) {
    let ended = Attack::new(place, "memory_bomb").memory_mb(128).run();
    ended.verdict("MEMORY_LIMIT");
}

fn memory_bomb_over_children(place: &Place) {
    Attack::new(place, "memory_bomb_over_children")
        .memory_mb(128)
        .wall_seconds(60)
        .run()
        .verdict("MEMORY_LIMIT");
}

fn memory_without_leading_thread(place: &Place) {
    Attack::new(place, "memory_without_leading_thread")
        .memory_mb(128)
        .wall_seconds(60)
        .run()
        .verdict("MEMORY_LIMIT");
}

fn memory_of_many_small(place: &Place) {
    // The kernel may choose the sandbox's own processes to be ended first.
    Attack::new(place, "memory_of_many_small")
        .memory_mb(128)
        .wall_seconds(60)
        .run()
        .verdict("MEMORY_LIMIT");
}

fn shared_memory_over_children(place: &Place) {
    Attack::new(place, "shared_memory_over_children")
        .memory_mb(128)
        .wall_seconds(60)
        .run()
        .verdict("MEMORY_LIMIT");
}

fn memory_in_tmp_and_process(place: &Place) {
    // Each stays below the limit; what lies in a tmpfs is memory too.
    for folder in ["tmp", "shm"] {
        Attack::new(place, "memory_in_tmp_and_process")
            .memory_mb(128)
            .wall_seconds(60)
            .telling("where", folder)
            .telling("filler_mb", 60)
            .telling("hoard_mb", 80)
            .run()
            .verdict("MEMORY_LIMIT");
    }
}

fn memory_outside_of_processes(place: &Place) {
    Attack::new(place, "memory_outside_of_processes")
        .run()
        .held(&["EPERM", "ENOSYS"]);
}

fn socketpair_hoarding(place: &Place) {
    let ended = Attack::new(place, "socketpair_hoarding").run();
    ended.held(&["EPERM", "EMFILE", "EAGAIN"]);
    // 425 KB a pair of the kernel's own memory, wherever no cgroup counts it.
    let kilobytes = 425 * (ended.number("filled") + ended.number("filled by children"));
    assert!(
        place.cgroup != "none" || kilobytes <= 256 * 1024,
        "{kilobytes} KB of buffers that nobody counts"
    );
}

fn pipe_hoarding(place: &Place) {
    let ended = Attack::new(place, "pipe_hoarding").run();
    ended.held(&["EMFILE", "EPERM"]);
    assert!(ended.number("filled") <= 2048, "{:?}", ended.noted());
}

fn descriptor_hoarding(place: &Place) {
    let ended = Attack::new(place, "hoard_descriptors").run();
    ended.held(&["EMFILE", "EBADF", "EINVAL"]);
    assert!(ended.number("opened") <= 4096, "{:?}", ended.noted());
}

fn fill_the_disks(place: &Place) {
    let ended = Attack::new(place, "fill_the_disks").memory_mb(1024).run();
    ended.held(&["ENOSPC", "EROFS", "EACCES", "EPERM", "ENOENT", "EFBIG"]);
    // Nothing else can be written to at all.
    let noted = ended.noted();
    for folder in noted["writable"].as_array().unwrap() {
        let folder = folder.as_str().unwrap();
        assert!(
            ["/tmp", "/dev/shm", "/output"]
                .iter()
                .any(|allowed| folder.starts_with(allowed)),
            "{folder} can be written to"
        );
    }
}

fn use_up_inodes(place: &Place) {
    let ended = Attack::new(place, "use_up_inodes").run();
    ended.held(&["ENOSPC"]);
}

fn huge_stdout(place: &Place) {
    let ended = Attack::new(place, "huge_stdout").run();
    ended.verdict("LOG_LIMIT");
    assert!(ended.stdout.len() <= 16 << 20, "{}", ended.stdout.len());
}

fn huge_stderr(place: &Place) {
    let ended = Attack::new(place, "huge_stderr").run();
    ended.verdict("LOG_LIMIT");
    assert!(ended.stderr.len() <= 16 << 20, "{}", ended.stderr.len());
}

fn full_pipes_below_the_limit(place: &Place) {
    let ended = Attack::new(place, "fill_pipe_and_hang")
        .wall_seconds(1)
        .run();
    ended.verdict("WALL_LIMIT");
    assert_eq!(ended.stdout.len(), 30_000);
    assert_eq!(ended.stderr.len(), 30_000);
}

fn huge_predictions(place: &Place) {
    let ended = Attack::new(place, "huge_predictions").memory_mb(2048).run();
    ended.verdict("OUTPUT_LIMIT");
    assert_eq!(ended.predictions, None);
}

fn sparse_predictions(place: &Place) {
    let ended = Attack::new(place, "sparse_predictions").run();
    if ended.noted()["truncate to a terabyte"] == "DONE" {
        ended.verdict("OUTPUT_LIMIT");
    } else {
        // An empty file is left.
        ended.verdict("OK");
        assert_eq!(ended.predictions.as_deref(), Some(&b""[..]));
        return;
    }
    assert_eq!(ended.predictions, None);
}

fn spin_in_one_process(place: &Place) {
    let ended = Attack::new(place, "spin").cpu_seconds(1).run();
    ended.verdict("CPU_LIMIT");
    assert!(ended.cpu_seconds >= 0.9, "{}", ended.cpu_seconds);
}

fn spin_in_four_processes(place: &Place) {
    Attack::new(place, "spin_in_four")
        .cpu_seconds(1)
        .run()
        .verdict("CPU_LIMIT");
}

fn spin_in_short_children(place: &Place) {
    Attack::new(place, "spin_in_short_children")
        .cpu_seconds(1)
        .wall_seconds(60)
        .run()
        .verdict("CPU_LIMIT");
}

fn spin_in_orphans(place: &Place) {
    // Without a cgroup the time of a child that nobody waited for is lost: the wall clock stops it.
    let expected: &[&str] = if place.cgroup == "none" {
        &["CPU_LIMIT", "WALL_LIMIT"]
    } else {
        &["CPU_LIMIT"]
    };
    Attack::new(place, "spin_in_orphans")
        .cpu_seconds(1)
        .wall_seconds(5)
        .run()
        .verdict_among(expected);
}

fn spin_by_executing_itself(place: &Place) {
    Attack::new(place, "re_execute")
        .cpu_seconds(1)
        .wall_seconds(60)
        .run()
        .verdict("CPU_LIMIT");
}

fn sleep_deaf(place: &Place) {
    Attack::new(place, "sleep_deaf")
        .wall_seconds(1)
        .run()
        .verdict("WALL_LIMIT");
}

fn stop_itself(place: &Place) {
    Attack::new(place, "stop_itself")
        .wall_seconds(1)
        .run()
        .verdict("WALL_LIMIT");
}

fn leave_a_thread(place: &Place) {
    Attack::new(place, "leave_a_thread")
        .wall_seconds(1)
        .run()
        .verdict("WALL_LIMIT");
}

fn daemon(place: &Place) {
    // That none survives, and that nobody waits for its stdout, is asserted by every run.
    Attack::new(place, "daemon").run().ok();
}

fn raise_limits(place: &Place) {
    let ended = Attack::new(place, "raise_limits").run();
    // Python turns the kernel's EPERM into a ValueError.
    ended.held(&[
        "ValueError",
        "PermissionError",
        "EPERM",
        "EACCES",
        "ENOSYS",
        "EINVAL",
        "ESRCH",
    ]);
    let noted = ended.noted();
    for limit in ["NOFILE", "NPROC", "CORE", "FSIZE", "MEMLOCK", "MSGQUEUE"] {
        let hard = noted[&format!("hard RLIMIT_{limit}")].as_i64().unwrap();
        assert!(hard >= 0, "RLIMIT_{limit} is not limited");
    }
    // Zero does not stop a dump into a program of the host (`|` in core_pattern), one does, and is
    // too little for a file.
    assert_eq!(noted["hard RLIMIT_CORE"], 1);
}

fn dump_core(place: &Place) {
    let ended = Attack::new(place, "dump_core").run();
    // A core file anywhere in the run's folder would be a change of the host.
    ended.verdict("RUNTIME_ERROR");
}
