//! How a run ended, and whose fault it was.

crate::text_enum! {
    /// How a run ended, and whose fault it was.
    pub enum Verdict {
        /// It was scored.
        Ok = "ok",
        /// The submitted code or model failed by itself.
        RuntimeError = "runtime_error",
        /// It used more CPU time than allowed.
        CpuLimit = "cpu_limit",
        /// It took longer than allowed.
        WallLimit = "wall_limit",
        /// It used more memory than allowed.
        MemoryLimit = "memory_limit",
        /// Its predictions are larger than allowed.
        OutputLimit = "output_limit",
        /// It printed more than allowed.
        LogLimit = "log_limit",
        /// It asked the kernel for what no model needs, and was ended on the spot.
        Policy = "policy",
        /// The predictions are not what the challenge asks for.
        Invalid = "invalid",
        /// The file cannot be what it is said to be: a damaged or dangerous archive, another model.
        Rejected = "rejected",
        /// The worker's machine could not seal the sandbox, so nothing was run.
        Refused = "refused",
        /// The platform failed.
        PlatformFault = "platform_fault",
        /// The organizer stopped it.
        Cancelled = "cancelled",
    }
}

impl Verdict {
    /// Whether it is for the competitor to mend. What is not is never charged to anyone.
    pub fn is_competitors(self) -> bool {
        !matches!(
            self,
            Self::Ok | Self::Refused | Self::PlatformFault | Self::Cancelled
        )
    }

    /// Whether a limit of the run was reached.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::CpuLimit
                | Self::WallLimit
                | Self::MemoryLimit
                | Self::OutputLimit
                | Self::LogLimit
        )
    }

    /// Whether the run may be judged at all; if not, nothing is known of the submission.
    pub fn is_judged(self) -> bool {
        self == Self::Ok || self.is_competitors()
    }

    /// The verdict in capitals, as the command line's JSON prints it: `OK`, `RUNTIME_ERROR`, ….
    pub fn code(self) -> String {
        self.as_str().to_ascii_uppercase()
    }
}
