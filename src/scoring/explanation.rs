//! Verdicts in words: what happened, and what to do next.
//!
//! Pages and the API show the same words; whoever reads them trains models and need not know how a
//! sandbox works.

use serde::Serialize;

use super::kind::SubmissionKind;
use super::sandbox::Limits;
use super::verdict::Verdict;

/// A verdict in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The verdict in two or three words.
    pub title: &'static str,
    /// What happened.
    pub happened: String,
    /// What to do next; empty where nothing is to be done.
    pub next: String,
}

impl Verdict {
    /// The verdict in words, for a submission of this kind that ran under these limits.
    pub fn explain(self, kind: SubmissionKind, limits: &Limits) -> Explanation {
        let (title, happened, next) = self.words(kind, limits);
        Explanation {
            title,
            happened,
            next,
        }
    }

    fn words(self, kind: SubmissionKind, limits: &Limits) -> (&'static str, String, String) {
        let what = what(kind);
        let memory = bytes_in_words(limits.memory_bytes);
        let (cpu, wall) = (limits.cpu_seconds, limits.wall_seconds);
        match self {
            Self::Ok => ("Scored", "Its predictions were compared with the hidden solution.".into(), String::new()),
            Self::RuntimeError => (
                "It stopped with an error",
                format!("{what} ended by itself before it had written its predictions."),
                match kind {
                    SubmissionKind::Onnx => {
                        "Run the file with ONNX Runtime on the sample features of the starter kit: it fails there in the \
                         same way. Look for inputs that may be empty (NaN) and for classes the model never saw."
                            .into()
                    }
                    _ => format!(
                        "The last lines of what it printed name the error, where this challenge shows them. Try the same zip \
                         with the sample features of the starter kit: `paddock sandbox run --kind {kind} --features \
                         sample-features.csv submission.zip`. Often a package is not in the runtime, or a file is opened by \
                         a path of your own machine instead of one beside your code."
                    ),
                },
            ),
            Self::CpuLimit => (
                "Too much computing time",
                format!(
                    "{what} used more than {} of CPU time. All its processes and threads count together: four busy threads \
                     use four seconds in one.",
                    seconds(cpu)
                ),
                format!(
                    "Train at home and send the trained model; here only predict. Predict all rows in one call instead of \
                     one by one, or take a smaller model, until it needs clearly less than {}.",
                    seconds(cpu)
                ),
            ),
            Self::WallLimit => (
                "Took too long",
                format!("{what} was not done after {}, waiting included.", seconds(wall)),
                format!(
                    "Look for something that waits: a sleep, a lock, a download (there is no network here), or input from a \
                     terminal. If it computes all the time, make it faster; {} is the most.",
                    seconds(wall)
                ),
            ),
            Self::MemoryLimit => (
                "Out of memory",
                format!(
                    "{what} needed more than {memory} of memory. Files that it wrote to /tmp count as well, and so do copies \
                     of a table."
                ),
                format!(
                    "Read only the columns you need, use float32 instead of float64, predict in parts of some thousand rows, \
                     and start fewer processes: each has a copy. {memory} is the most for all of them together."
                ),
            ),
            Self::OutputLimit => (
                "Predictions too large",
                format!(
                    "{what} wrote more than {} of predictions.",
                    bytes_in_words(limits.output_bytes)
                ),
                "Write one row for each id and only the columns that are asked for; round numbers to the digits that matter."
                    .into(),
            ),
            Self::LogLimit => (
                "Printed too much",
                format!(
                    "{what} printed more than {} to its output.",
                    bytes_in_words(limits.log_bytes)
                ),
                "Switch off progress bars and verbose training, and print no tables. Predictions go to the output file, not \
                 to the screen."
                    .into(),
            ),
            Self::Policy => (
                "Stopped by the sandbox",
                format!(
                    "{what} asked the operating system for something that no model needs, such as watching other processes or \
                     changing what is mounted, and was ended at once."
                ),
                "Leave out whatever starts debuggers, containers or system tools. If you only use the packages of the runtime \
                 and this still happens, write to the organizer with the name of the package: it may need to be allowed."
                    .into(),
            ),
            Self::Invalid if kind.is_model() => (
                "Predictions not as asked",
                format!("{what} ran to its end, but what it wrote is not what this challenge asks for."),
                "Compare the columns and ids with the sample submission. Each id of the features comes once, no number may be \
                 missing, infinite or NaN, and probabilities lie from 0 to 1."
                    .into(),
            ),
            Self::Invalid => (
                "File not as asked",
                "The file is not what this challenge asks for.".into(),
                "Compare it with the sample submission, mend the line that is named, and send it again.".into(),
            ),
            Self::Rejected => (
                "Not accepted as a model",
                "The file was looked through before anything was run, and it is not a model that can be run here.".into(),
                match kind {
                    SubmissionKind::Onnx => {
                        "Export the model again with the inputs and outputs that the challenge's page lists, and its weights \
                         inside the .onnx file."
                            .into()
                    }
                    _ => "Zip the files again from inside their folder, without links and without archives in the archive.".into(),
                },
            ),
            Self::Refused => (
                "Not run: our machine was not ready",
                "The worker could not seal its sandbox, so nothing of your submission was run. This is not your fault.".into(),
                "It does not count. The organizer is told on the workers page; send it again later.".into(),
            ),
            Self::PlatformFault => (
                "We failed",
                "The platform could not score this submission. This is not your fault.".into(),
                "It does not count. Send it again, or tell the organizer.".into(),
            ),
            Self::Cancelled => (
                "Stopped by the organizer",
                "The organizer stopped this run before it was done.".into(),
                "It does not count. Ask the organizer why, then send it again.".into(),
            ),
        }
    }
}

/// The limits of a run, each with what it limits, for people.
pub fn limits_in_words(limits: &Limits) -> [(&'static str, String); 7] {
    [
        ("Memory", bytes_in_words(limits.memory_bytes)),
        ("CPU time", seconds(limits.cpu_seconds)),
        ("Time on the clock", seconds(limits.wall_seconds)),
        ("Processes and threads", limits.processes.to_string()),
        ("Files in /tmp", bytes_in_words(limits.tmp_bytes)),
        ("Predictions", bytes_in_words(limits.output_bytes)),
        ("Printed", bytes_in_words(limits.log_bytes)),
    ]
}

fn what(kind: SubmissionKind) -> &'static str {
    match kind {
        SubmissionKind::Predictions => "Reading the file",
        SubmissionKind::Onnx => "The model",
        SubmissionKind::Python => "The code",
    }
}

fn seconds(seconds: u32) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        0..=119 => format!("{seconds} seconds"),
        _ if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
        _ => format!("{} minutes and {} seconds", seconds / 60, seconds % 60),
    }
}

/// A limit as its organizer set it: in binary units where it is whole in them.
pub fn bytes_in_words(bytes: u64) -> String {
    let mut size = bytes;
    for unit in ["bytes", "KiB", "MiB"] {
        if size < 1024 || !size.is_multiple_of(1024) {
            return format!("{size} {unit}");
        }
        size /= 1024;
    }
    format!("{size} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_says_what_happened_and_what_to_do_without_jargon() {
        let mut titles = std::collections::HashSet::new();
        for verdict in Verdict::ALL.iter().copied() {
            for kind in SubmissionKind::ALL.iter().copied() {
                let said = verdict.explain(kind, &Limits::default());
                titles.insert(said.title);
                assert!(said.happened.ends_with('.'), "{said:?}");
                assert_eq!(said.next.is_empty(), verdict == Verdict::Ok, "{said:?}");
                let all = format!("{} {} {}", said.title, said.happened, said.next).to_lowercase();
                for jargon in [
                    "seccomp",
                    "cgroup",
                    "namespace",
                    "rlimit",
                    "landlock",
                    "syscall",
                    "oom",
                ] {
                    let words = all.split(|letter: char| !letter.is_alphabetic());
                    assert!(
                        !words.into_iter().any(|word| word == jargon),
                        "{jargon}: {all}"
                    );
                }
                if verdict.is_competitors() || verdict == Verdict::Ok {
                    assert!(!all.contains("not your fault"), "{all}");
                } else {
                    assert!(said.next.contains("does not count"), "{all}");
                }
            }
        }
        assert_eq!(
            titles.len(),
            Verdict::ALL.len() + 1,
            "one title each, and one for invalid files"
        );
    }

    #[test]
    fn limits_are_said_in_their_numbers() {
        let limits = Limits {
            memory_bytes: 1536 << 20,
            cpu_seconds: 90,
            wall_seconds: 180,
            log_bytes: 100_000,
            ..Limits::default()
        };
        let said = |verdict: Verdict| verdict.explain(SubmissionKind::Python, &limits).happened;
        assert!(said(Verdict::MemoryLimit).contains("1536 MiB"));
        assert!(said(Verdict::CpuLimit).contains("more than 90 seconds of CPU time"));
        assert!(said(Verdict::WallLimit).contains("not done after 3 minutes"));
        assert!(said(Verdict::LogLimit).contains("more than 100000 bytes"));
    }
}
