//! Any bytes as an XRK file: an error or a session whose channels hold together, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock::datasets::readers::{aim_xrk, laps, picture};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut session) = aim_xrk::read(bytes) else {
        return;
    };
    let samples: usize = session
        .channels
        .iter()
        .map(|channel| channel.values.len())
        .sum();
    assert!(samples <= bytes.len());
    for channel in &session.channels {
        assert_eq!(channel.times.len(), channel.values.len());
        assert!(channel.times.is_sorted());
    }
    session.laps.clear();
    laps::cut(&mut session);
    let _ = picture::sheet(&session);
});
