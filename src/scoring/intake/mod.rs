//! Intake: what a model submission is, before it is accepted and before anything of it is run.
//!
//! [`unpack`] and [`check_archive`] read a zip and refuse what no honest tool makes; [`check_python`] finds
//! out how the code in it is started; [`check_model`] holds an ONNX file against the challenge's contract.
//! Every refusal names the entry, node or input, and says what to do. Pure but for the files given: no
//! database, no HTTP, and no code of a submission is run. Start reading at [`check_archive`].

mod archive;
mod contents;
mod names;
mod onnx;
mod protobuf;
mod python;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod onnx_tests;

pub use archive::{
    ArchiveError, ArchiveLimits, Entries, Entry, EntryProblem, check_archive, unpack,
};
pub use names::NameProblem;
pub use onnx::{ModelError, check_model};
pub use python::{CodeError, PythonEntry, PythonError, check_code, check_python, unpack_code};
