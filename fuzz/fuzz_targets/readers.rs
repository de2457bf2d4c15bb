//! Any bytes as a logger's or a timing loop's file: an error in words or a session, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock::datasets::readers::read_bytes;

fuzz_target!(|bytes: &[u8]| {
    match read_bytes(bytes.to_vec().into()) {
        Ok((_, session)) => {
            for channel in &session.channels {
                assert_eq!(channel.times.len(), channel.values.len());
                assert!(channel.times.windows(2).all(|pair| pair[0] <= pair[1]));
            }
            assert!(session.laps.iter().all(|lap| lap.seconds >= 0.0));
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
