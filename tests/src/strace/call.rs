//! One system call.

use std::borrow::Cow;

use super::{Unreadable, text};

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// With this value; a descriptor with its path as strace writes it.
    Value(&'a str),
    /// With this error, by name.
    Error(&'a str),
    /// Its thread ended in it, or never came back from it.
    Never,
}

/// A system call from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The thread.
    pub pid: u32,
    /// strace's name of it.
    pub name: &'a str,
    /// Arguments as written, not yet split.
    pub arguments: Cow<'a, str>,
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// Line on which it begins.
    pub began: usize,
}

impl<'a> Call<'a> {
    /// Reads `name(arguments) = result`, whole on one line, or begun on one and resumed on a later one.
    pub(super) fn read(pid: u32, name: &'a str, arguments: Cow<'a, str>, result: &'a str, began: usize) -> Result<Self, Unreadable> {
        Ok(Self { pid, name, arguments, outcome: outcome(result)?, began })
    }

    /// The arguments.
    pub fn split(&self) -> Vec<&str> {
        text::split(&self.arguments)
    }

    /// The value it gave, if it succeeded.
    pub fn value(&self) -> Option<&'a str> {
        match self.outcome {
            Outcome::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The number it gave, if it succeeded.
    pub fn number(&self) -> Option<i64> {
        let value = self.value()?;
        // In a namespace of its own a process sees another number than strace: `2 /* 10480 in strace's PID NS */`.
        let value = value.split_once("/* ").filter(|(_, rest)| rest.ends_with("in strace's PID NS */")).map_or(value, |(_, rest)| rest);
        let digits = value.split(['<', ' ']).next()?;
        digits.parse().ok()
    }
}

/// Reads what stands after ` = `.
fn outcome(text: &str) -> Result<Outcome<'_>, Unreadable> {
    // The second is for a thread that was killed while strace looked at it.
    if text == "?" || text == "? <unavailable>" {
        return Ok(Outcome::Never);
    }
    // The kernel restarts the call after the signal: `? ERESTARTSYS (To be restarted if SA_RESTART is set)`.
    if let Some(rest) = text.strip_prefix("? ").or_else(|| text.strip_prefix("-1 ")) {
        let name = rest.split(' ').next().unwrap_or_default();
        if name.starts_with('E') {
            return Ok(Outcome::Error(name));
        }
    }
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return Ok(Outcome::Value(text));
    }
    Err(Unreadable::new("an unknown result", text))
}
