//! Cases 21 to 23 and 37: other processes, what they leave open, and signals to them.

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("21_look_at_other_processes", look_at_processes),
    ("22_look_at_the_environment", look_at_environment),
    ("23_inherited_descriptors", inherited_descriptors),
    ("23_close_standard_descriptors", close_standard_files),
    ("refused_without_a_cgroup", refused_without_a_cgroup),
    ("37_kill_everything", kill_all),
    ("37_kill_the_process_group", kill_group),
];

fn look_at_processes(place: &Place) {
    let ended = Attack::new(place, "look_at_processes").run();
    ended.held(&[
        "EACCES", "EPERM", "ENOENT", "EMPTY", "EIO", "ESRCH", "ENOTDIR",
    ]);
    let noted = ended.noted();
    // Its own and at most the first.
    let pids = noted["pids"].as_array().unwrap();
    assert!(pids.len() <= 2, "{pids:?}");
}

fn look_at_environment(place: &Place) {
    let secret = "credential-5521";
    let ended = Attack::new(place, "look_at_environment")
        .environment(
            "PADDOCK_DATABASE_URL",
            format!("postgres://paddock:{secret}@127.0.0.1:1/paddock"),
        )
        .environment("PADDOCK_SECRET_KEY", "5521".repeat(16))
        .environment("AWS_SECRET_ACCESS_KEY", secret)
        .environment("DATABASE_URL", secret)
        .environment("PYTHONINSPECT", "1")
        .environment("LD_LIBRARY_PATH", format!("/{secret}"))
        .run();
    ended.ok();
    let noted = ended.noted();
    let environment = format!("{} {}", noted["environment"], noted["raw"]);
    for inherited in [secret, "5521", "PYTHONINSPECT", "PADDOCK"] {
        assert!(!environment.contains(inherited), "{environment}");
    }
    for id in noted["ids"].as_array().unwrap() {
        assert_ne!(id.as_u64(), Some(0));
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(noted["host name"].as_str().unwrap(), host.trim());
    // No capability in any set, no new ones, and a filter.
    for (name, value) in noted["status"].as_object().unwrap() {
        let expected = match name.as_str() {
            "NoNewPrivs" => "1",
            "Seccomp" => "2",
            _ => "0000000000000000",
        };
        assert_eq!(value, expected, "{name}");
    }
    for line in noted["cgroup"].as_str().unwrap().lines() {
        assert!(line.ends_with(":/"), "the cgroup's path is seen: {line}");
    }
    // A mount of the host's root, or a host's path that can be written to.
    for line in noted["mounts"].as_str().unwrap().lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let (target, options) = (fields[4], fields[5]);
        assert!(options.contains("nosuid"), "{line}");
        // Files of /proc are covered by the null device.
        assert!(
            options.contains("nodev") || line.contains(" - devtmpfs "),
            "{line}"
        );
        let scratch = ["/tmp", "/dev/shm", "/output"].contains(&target);
        assert!(scratch || options.starts_with("ro,"), "{line}");
        let code = target == "/tmp"
            || target == "/dev/shm"
            || target == "/output"
            || target == "/submission"
            || target == "/data";
        assert!(!code || options.contains("noexec"), "{line}");
    }
}

fn inherited_descriptors(place: &Place) {
    let ended = Attack::new(place, "look_at_open_files")
        .inheriting(3, "features/features.csv")
        .inheriting(7, "features/features.csv")
        .inheriting(9, "features")
        .run();
    ended.ok();
    let noted = ended.noted();
    let open = noted["open"].as_object().unwrap();
    let beyond: Vec<_> = open
        .iter()
        .filter(|(number, _)| !["0", "1", "2"].contains(&number.as_str()))
        .collect();
    assert!(beyond.is_empty(), "{open:?}");
    assert_eq!(noted["readable"], serde_json::json!([]));
    assert!(["", "closed"].contains(&noted["stdin"].as_str().unwrap()));
    assert!(
        !noted["open"].to_string().contains(&ended.marker),
        "{open:?}"
    );
}

fn close_standard_files(place: &Place) {
    Attack::new(place, "close_standard_files").run().ok();
}

fn kill_all(place: &Place) {
    // That the bystander lives is asserted by every run.
    let ended = Attack::new(place, "kill_all").run();
    ended.ok();
    assert_eq!(ended.noted()["its child ended by"], -9);
}

fn kill_group(place: &Place) {
    // The supervisor, were it in the group, could not say so.
    Attack::new(place, "kill_group")
        .run()
        .verdict("RUNTIME_ERROR");
}

/// Somebody who may make no cgroup, and did not choose to do without, is refused and told what to do.
fn refused_without_a_cgroup(place: &Place) {
    let ended = Attack::new(place, "honest").cgroup("auto").run();
    if place.user.is_none() && ended.verdict == "OK" {
        return; // Whoever runs these tests may be allowed to make some.
    }
    ended.verdict("REFUSED");
    assert!(ended.reason.contains("sandbox_cgroup"), "{}", ended.reason);
    assert_eq!(ended.predictions, None);
}
