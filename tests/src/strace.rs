//! Reads the log of `strace -f -y -o`: every line, or an error. Nothing is skipped because it looks odd.

mod call;
mod log;
mod text;

pub use call::{Call, Outcome};
pub use log::{Event, parse};
pub use text::{descriptor_path, fields, quoted, split, strings, unquote};

/// A line that this reader does not understand.
#[derive(Debug)]
pub struct Unreadable {
    /// Its number, from 1; 0 where it is not known.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
    /// The line, cut to a readable length.
    pub text: String,
}

impl Unreadable {
    pub(crate) fn new(problem: &str, text: &str) -> Self {
        Self { line: 0, problem: problem.into(), text: text.chars().take(300).collect() }
    }

    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = line;
        self
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed to read line {} of strace's log, {}: {}", self.line, self.problem, self.text)
    }
}

impl std::error::Error for Unreadable {}
