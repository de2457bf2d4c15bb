//! Cases 41 to 44: code of one's own, forged verdicts, poisonous logs.

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("41_run_own_code", run_own_code),
    ("41_preload_into_children", preload),
    ("42_pickled_payload", unpickle),
    ("43_forged_verdict", forged_verdict),
    ("43_signals_that_look_like_the_sandboxs", own_signals),
    ("43_brother_that_ends_well", brother),
    ("44_terminal_escapes_and_html_in_logs", poisoned_logs),
    ("44_a_line_without_end_that_is_no_text", long_line),
];

fn run_own_code(place: &Place) {
    Attack::new(place, "run_own_code")
        .memory_mb(512)
        .run()
        .held(&["EACCES", "EPERM", "ENOSYS", "ENOSPC", "ENOENT"]);
}

fn preload(place: &Place) {
    let ended = Attack::new(place, "preload").run();
    ended.ok();
    let noted = ended.noted();
    let printed = noted["its child printed"].as_str().unwrap();
    assert!(
        printed.starts_with("held") || printed.is_empty(),
        "{printed}"
    );
}

fn unpickle(place: &Place) {
    Attack::new(place, "unpickle")
        .run()
        .held(&["EPERM", "ENOENT", "EACCES"]);
}

fn forged_verdict(place: &Place) {
    // Among them what shells and the sandbox's own parts might use: killed, SIGSYS, SIGXCPU.
    for code in [1, 2, 77, 126, 127, 137, 159, 255] {
        let ended = Attack::new(place, "forge_verdict")
            .telling("exit_code", code)
            .run();
        ended.verdict("RUNTIME_ERROR");
        assert!(ended.reason.contains(&code.to_string()), "{}", ended.reason);
        assert!(ended.stdout.contains("SEALED"), "{}", ended.stdout);
    }
    // Whoever says that all went well has still left no predictions.
    let ended = Attack::new(place, "forge_verdict")
        .telling("exit_code", 0)
        .run();
    ended.verdict_among(&["OK", "INVALID"]);
    assert_eq!(ended.predictions, None);
}

fn own_signals(place: &Place) {
    // Two of them are real-time signals.
    for (signal, also) in [
        (6, None),
        (9, None),
        (11, None),
        (15, None),
        (24, Some("CPU_LIMIT")),
        (25, Some("OUTPUT_LIMIT")),
        (31, Some("POLICY")),
        (34, None),
        (64, None),
    ] {
        let expected: Vec<_> = [Some("RUNTIME_ERROR"), also]
            .into_iter()
            .flatten()
            .collect();
        Attack::new(place, "signal_itself")
            .telling("signal", signal)
            .telling("orphan", false)
            .run()
            .verdict_among(&expected);
    }
    // What an orphan dies of is nobody's business.
    for signal in [9, 31, 40] {
        Attack::new(place, "signal_itself")
            .telling("signal", signal)
            .telling("orphan", true)
            .run()
            .ok();
    }
}

fn brother(place: &Place) {
    let ended = Attack::new(place, "sibling").telling("exit_code", 3).run();
    ended.verdict("RUNTIME_ERROR");
    assert!(ended.reason.contains('3'), "{}", ended.reason);
}

fn poisoned_logs(place: &Place) {
    Attack::new(place, "poison_logs").run().ok();
    // For people: nothing that would move a cursor, change a colour or turn the direction of text.
    let mut attack = Attack::new(place, "poison_logs");
    let output = attack.output(false);
    assert!(output.status.success(), "{output:?}");
    for printed in [output.stdout, output.stderr] {
        let printed = String::from_utf8(printed).unwrap();
        let poison: Vec<_> = printed
            .chars()
            .filter(|c| c.is_control() && !matches!(c, '\n' | '\t') || *c == '\u{202e}')
            .collect();
        assert!(poison.is_empty(), "{poison:?} in {printed:?}");
    }
}

fn long_line(place: &Place) {
    Attack::new(place, "long_line").run().ok();
}
