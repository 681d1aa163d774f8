//! The log's lines, and calls put together from the line that begins them and the one that ends them.

use std::{borrow::Cow, collections::HashMap};

use super::{Call, Unreadable, text};

/// What happened, in the order of the log. A call stands where it ended.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A system call.
    Call(Call<'a>),
    /// A thread ended.
    Exited(u32),
    /// A thread makes calls of the 32-bit table from here on, or no longer.
    Mode {
        /// The thread.
        pid: u32,
        /// Whether it does.
        compat: bool,
    },
}

const UNFINISHED: &str = "<unfinished ...>";
/// Another thread's call whose end strace shows first says so.
const CHANGED: &str = " <pid changed to ";
/// The call of a thread that was killed before strace had asked which one it is, and so before the kernel entered it.
const NAMELESS: &str = "???()";

struct Begun<'a> {
    name: &'a str,
    arguments: &'a str,
    line: usize,
}

/// Reads a whole log.
///
/// # Errors
/// At the first line that is not understood.
pub fn parse(log: &str) -> Result<Vec<Event<'_>>, Unreadable> {
    let mut reader = Reader { begun: HashMap::new(), events: Vec::new() };
    for (index, line) in log.lines().enumerate() {
        reader.line(line, index + 1).map_err(|error| error.at(index + 1))?;
    }
    let mut left: Vec<u32> = reader.begun.keys().copied().collect();
    left.sort_unstable();
    for pid in left {
        reader.never(pid)?;
    }
    Ok(reader.events)
}

struct Reader<'a> {
    begun: HashMap<u32, Begun<'a>>,
    events: Vec<Event<'a>>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str, number: usize) -> Result<(), Unreadable> {
        let (pid, rest) = line.split_once(' ').ok_or_else(|| Unreadable::new("no pid", line))?;
        let pid: u32 = pid.parse().map_err(|_| Unreadable::new("no pid", line))?;
        let rest = rest.trim_start();
        if rest.starts_with("--- ") && rest.ends_with(" ---") {
            return Ok(());
        }
        if let Some(note) = rest.strip_prefix("+++ ").and_then(|note| note.strip_suffix(" +++")) {
            return self.note(pid, note, line);
        }
        if let Some(mode) = rest.strip_prefix("[ Process PID=").and_then(|rest| rest.strip_suffix(" mode. ]")) {
            let compat = match mode.split_once(" runs in ") {
                Some((_, "32 bit")) => true,
                Some((_, "64 bit")) => false,
                _ => return Err(Unreadable::new("an unknown mode", line)),
            };
            self.events.push(Event::Mode { pid, compat });
            return Ok(());
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            return self.resumed(pid, resumed, line);
        }
        self.call(pid, rest, line, number)
    }

    fn note(&mut self, pid: u32, note: &str, line: &str) -> Result<(), Unreadable> {
        if let Some(other) = note.strip_prefix("superseded by execve in pid ") {
            // The thread that called execve takes over the leader's pid, and its call ends under that.
            let other = other.parse().map_err(|_| Unreadable::new("no pid", line))?;
            self.never(pid)?;
            if let Some(begun) = self.begun.remove(&other) {
                self.begun.insert(pid, begun);
            }
            self.events.push(Event::Exited(other));
            return Ok(());
        }
        if note.starts_with("exited with ") || note.starts_with("killed by ") {
            self.never(pid)?;
            self.events.push(Event::Exited(pid));
            return Ok(());
        }
        Err(Unreadable::new("an unknown note", line))
    }

    /// A call that the thread will not come back from.
    fn never(&mut self, pid: u32) -> Result<(), Unreadable> {
        if let Some(begun) = self.begun.remove(&pid) {
            self.events.push(Event::Call(Call::read(pid, begun.name, begun.arguments.into(), "?", begun.line)?));
        }
        Ok(())
    }

    fn call(&mut self, pid: u32, rest: &'a str, line: &str, number: usize) -> Result<(), Unreadable> {
        if rest.strip_prefix(NAMELESS).is_some_and(|rest| rest.trim_start() == "= ?") {
            return Ok(());
        }
        let open = rest.find('(').ok_or_else(|| Unreadable::new("no call", line))?;
        let name = &rest[..open];
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Unreadable::new("no name of a call", line));
        }
        if self.begun.contains_key(&pid) {
            return Err(Unreadable::new("a call inside of another", line));
        }
        let changed = || rest.strip_suffix(" ...>").and_then(|rest| rest.rsplit_once(CHANGED)).map(|(rest, _)| rest);
        if let Some(begun) = rest.strip_suffix(UNFINISHED).or_else(changed) {
            self.begun.insert(pid, Begun { name, arguments: &begun[open + 1..], line: number });
            return Ok(());
        }
        let end = text::end_of_values(rest, open + 1);
        let arguments = Cow::Borrowed(without_mark(&rest[open + 1..end]));
        let call = Call::read(pid, name, arguments, result(rest, end, line)?, number)?;
        self.events.push(Event::Call(call));
        Ok(())
    }

    fn resumed(&mut self, pid: u32, resumed: &'a str, line: &str) -> Result<(), Unreadable> {
        let (name, rest) = resumed.split_once(" resumed>").ok_or_else(|| Unreadable::new("no name of a resumed call", line))?;
        let begun = self.begun.remove(&pid).ok_or_else(|| Unreadable::new("a call resumed that never began", line))?;
        if begun.name != name {
            return Err(Unreadable::new("another call resumed than began", line));
        }
        let whole = format!("{}{rest}", begun.arguments);
        let end = text::end_of_values(&whole, 0);
        // The result begins as far from the line's end as from the whole's.
        let tail = whole.len() - end;
        let at = rest.len().checked_sub(tail).ok_or_else(|| Unreadable::new("a resumed call without end", line))?;
        let result = result(rest, at, line)?;
        let arguments = Cow::Owned(without_mark(&whole[..end]).to_owned());
        self.events.push(Event::Call(Call::read(pid, begun.name, arguments, result, begun.line)?));
        Ok(())
    }
}

/// A call that a dying thread left is written `futex(0x1 <unfinished ...>) = ?`.
fn without_mark(arguments: &str) -> &str {
    arguments.strip_suffix(UNFINISHED).unwrap_or(arguments).trim_end()
}

/// What stands after `) = ` where the bracket is at `end`.
fn result<'a>(text: &'a str, end: usize, line: &str) -> Result<&'a str, Unreadable> {
    let rest = text.get(end..).and_then(|rest| rest.strip_prefix(')')).ok_or_else(|| Unreadable::new("no end of the arguments", line))?;
    rest.trim_start().strip_prefix("= ").ok_or_else(|| Unreadable::new("no result", line))
}

#[cfg(test)]
mod tests;
