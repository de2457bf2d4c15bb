//! What a payload may use.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// What a payload may use. Every limit holds for all of its processes together, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory in bytes, with what lies in `/tmp` and `/output`.
    pub memory_bytes: u64,
    /// CPU time in seconds: four busy processes use four in a second.
    pub cpu_seconds: u32,
    /// Time on the clock, in seconds.
    pub wall_seconds: u32,
    /// Processes and threads at a time.
    pub processes: u32,
    /// Open files of each process.
    pub open_files: u32,
    /// Bytes in `/tmp`, and as many again in `/dev/shm`.
    pub tmp_bytes: u64,
    /// Files in `/tmp`, and as many again in `/dev/shm`.
    pub tmp_inodes: u64,
    /// Bytes of predictions.
    pub output_bytes: u64,
    /// Bytes printed, on standard output and standard error together.
    pub log_bytes: u64,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 2048 * MIB,
            cpu_seconds: 60,
            wall_seconds: 120,
            processes: 128,
            open_files: 256,
            tmp_bytes: 256 * MIB,
            tmp_inodes: 4096,
            output_bytes: 64 * MIB,
            log_bytes: MIB,
        }
    }
}

/// A limit under or over which nothing sensible can run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{field}` is {value}; it must be between {least} and {most}")]
pub struct LimitOutOfRange {
    pub field: &'static str,
    pub value: u64,
    pub least: u64,
    pub most: u64,
}

impl Limits {
    /// Whether a run could start under these limits and end within a day.
    ///
    /// # Errors
    /// The first limit that is out of its range.
    pub fn check(&self) -> Result<(), LimitOutOfRange> {
        const TIB: u64 = MIB * MIB;
        const DAY: u64 = 24 * 60 * 60;
        let ranges = [
            ("memory_bytes", self.memory_bytes, 16 * MIB, 16 * TIB),
            ("cpu_seconds", u64::from(self.cpu_seconds), 1, 64 * DAY),
            ("wall_seconds", u64::from(self.wall_seconds), 1, DAY),
            ("processes", u64::from(self.processes), 1, 4096),
            ("open_files", u64::from(self.open_files), 16, 65_536),
            ("tmp_bytes", self.tmp_bytes, 4096, TIB),
            ("tmp_inodes", self.tmp_inodes, 16, 16 * MIB),
            ("output_bytes", self.output_bytes, 1, TIB),
            ("log_bytes", self.log_bytes, 1, 1024 * MIB),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(LimitOutOfRange {
                    field,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_leave_out_fields_get_the_usual_ones() {
        let limits: Limits = serde_json::from_str(r#"{"cpu_seconds": 5}"#).unwrap();
        let expected = Limits {
            cpu_seconds: 5,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
        assert_eq!(limits.check(), Ok(()));
        assert!(serde_json::from_str::<Limits>(r#"{"cpu": 5}"#).is_err());
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let limits = Limits {
            memory_bytes: 1024,
            ..Limits::default()
        };
        let error = limits.check().unwrap_err().to_string();
        assert!(error.starts_with("`memory_bytes` is 1024;"), "{error}");
    }
}
