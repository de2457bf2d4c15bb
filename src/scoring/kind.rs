//! What may be sent to a challenge.

crate::text_enum! {
    /// What may be sent to a challenge; its organizer chooses which.
    pub enum SubmissionKind {
        /// A file of predictions, made on the competitor's own machine.
        Predictions = "predictions",
        /// A model in the ONNX format, run on the features inside the sandbox.
        Onnx = "onnx",
        /// Python code in a zip, run on the features inside the sandbox.
        Python = "python",
    }
}

impl SubmissionKind {
    /// Whether it is run: whether it needs features and a sandbox.
    pub fn is_model(self) -> bool {
        self != Self::Predictions
    }
}
