//! Cases 17 to 20 and 24 to 26: other people's files, other owners, devices and odd names.

use std::os::unix::fs::symlink;

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("17_read_labels_by_path", read_labels),
    (
        "17_read_labels_by_descriptor_and_handle",
        use_path_descriptors,
    ),
    ("18_symbolic_links_to_the_labels", symbolic_links),
    ("19_hard_links", hard_links),
    (
        "20_write_to_runtime_submission_and_sysctl",
        write_where_it_may_not,
    ),
    ("20_splice_into_read_only_files", splice_pages),
    ("24_become_another_user", become_another),
    ("25_make_and_open_devices", make_devices),
    ("26_odd_and_very_long_names", odd_names),
];

/// What the kernel answers where a path is not there, or not allowed.
const HIDDEN: &[&str] = &["ENOENT", "EACCES", "EPERM", "ENOTDIR"];

fn read_labels(place: &Place) {
    let ended = Attack::new(place, "read_labels").run();
    ended.held(HIDDEN);
    assert_eq!(ended.noted()["found anywhere"], serde_json::json!([]));
}

fn use_path_descriptors(place: &Place) {
    Attack::new(place, "use_path_descriptors")
        .run()
        .held(&["ENOENT", "EACCES", "EPERM", "ENOTDIR", "ENOSYS"]);
}

fn symbolic_links(place: &Place) {
    let attack = Attack::new(place, "link_symbolically");
    symlink(
        attack.path("hidden/labels.csv"),
        attack.path("submission/link"),
    )
    .unwrap();
    let ended = attack.run();
    ended.verdict_among(&["OK", "INVALID"]);
    let noted = ended.noted();
    for (what, outcome) in &noted {
        assert!(
            HIDDEN.contains(&outcome.as_str().unwrap()),
            "{what}: {outcome}"
        );
    }
    assert_eq!(ended.predictions, None);
}

fn hard_links(place: &Place) {
    Attack::new(place, "link_hard")
        .run()
        .held(&["ENOENT", "EACCES", "EPERM", "EXDEV", "EROFS", "ENOSYS"]);
}

fn write_where_it_may_not(place: &Place) {
    Attack::new(place, "write_where_it_may_not").run().held(&[
        "ENOENT",
        "EACCES",
        "EPERM",
        "EROFS",
        "ENOSYS",
        "EXDEV",
        "EBUSY",
        "EOPNOTSUPP",
    ]);
}

fn splice_pages(place: &Place) {
    let ended = Attack::new(place, "splice_pages").run();
    let noted = ended.noted();
    assert_eq!(noted["features unchanged"], true);
    for into in [
        "splice into the features",
        "copy_file_range into the features",
    ] {
        assert_ne!(noted[into], "DONE", "{noted:?}");
    }
    ended.ok();
}

fn become_another(place: &Place) {
    let ended = Attack::new(place, "become_another").run();
    ended.held(&["EPERM", "EINVAL", "EACCES", "ENOSYS", "ENOENT", "EROFS"]);
    for id in ended.noted()["ids"].as_array().unwrap() {
        assert_ne!(id.as_u64(), Some(0));
    }
}

fn make_devices(place: &Place) {
    Attack::new(place, "make_devices").run().held(&[
        "EPERM",
        "EACCES",
        "ENOENT",
        "EROFS",
        "ENXIO",
        "ENOSYS",
        "EOPNOTSUPP",
        "EBUSY",
    ]);
}

fn odd_names(place: &Place) {
    // Odd names are harmless inside: what it wrote there is never read by the host.
    let ended = Attack::new(place, "odd_names").run();
    ended.ok();
    let noted = ended.noted();
    for long in ["a name of 256 bytes", "a path of 5000 bytes"] {
        assert_eq!(noted[long], "ENAMETOOLONG");
    }
}
