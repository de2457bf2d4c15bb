//! Printing: lines and tables on standard output, errors on standard error. Unlike `println!`, a reader
//! who leaves is an error that the command line passes over in silence, not a panic.

use std::io::{self, ErrorKind, Write};

/// Prints a line.
pub fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", text.as_ref())?;
    output.flush()
}

/// Prints rows under a heading, in columns as wide as their widest cell.
pub fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> io::Result<()> {
    let mut widths = heading.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut output = io::stdout().lock();
    let heading = heading.map(str::to_owned);
    for row in std::iter::once(&heading).chain(rows) {
        let cells = row.iter().zip(widths);
        let text: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(output, "{}", text.join("  ").trim_end())?;
    }
    output.flush()
}

/// Whether an error only says that nobody reads the output any more.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

/// Prints an error with its causes in one line.
pub fn print_error(error: &anyhow::Error) {
    // Where standard error is closed too, the exit code says what there is to say.
    let _ = writeln!(io::stderr(), "error: {}", one_line(error));
}

fn one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors already say in their own words what their cause says.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let missing = || io::Error::new(ErrorKind::NotFound, "no such file");
        let told = Err::<(), _>(missing())
            .context("laps.csv cannot be read")
            .unwrap_err();
        assert_eq!(one_line(&told), "laps.csv cannot be read: no such file");
        let repeated = Err::<(), _>(missing())
            .context("laps.csv: no such file")
            .unwrap_err();
        assert_eq!(one_line(&repeated), "laps.csv: no such file");
    }
}
