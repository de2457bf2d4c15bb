//! How far a longer piece of work has come: a bar for people, plain lines for logs.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;

/// A piece of work under way.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: String,
}

impl Progress {
    /// Announces a piece of work of `total` steps, with 0 for one whose length nobody knows.
    pub fn begin(what: impl Into<String>, total: u64) -> io::Result<Self> {
        let what = what.into();
        if !io::stderr().is_terminal() {
            output::line(format!("{what} …"))?;
            return Ok(Self { bar: None, what });
        }
        let (bar, template) = match total {
            0 => (ProgressBar::new_spinner(), "{spinner} {msg}"),
            total => (ProgressBar::new(total), "{bar:24} {pos}/{len} {msg}"),
        };
        bar.set_style(
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─"),
        );
        bar.set_message(what.clone());
        bar.enable_steady_tick(Duration::from_millis(100));
        Ok(Self {
            bar: Some(bar),
            what,
        })
    }

    /// Shows how many steps are done.
    pub fn done(&self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(steps);
        }
    }

    /// Ends the work with a line that says what came of it.
    pub fn finish(self, outcome: &str) -> io::Result<()> {
        match &self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                output::line(format!("✓ {}: {outcome}", self.what))
            }
            None => output::line(format!("  {outcome}")),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
