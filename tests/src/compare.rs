//! Both sides of one run against each other.

use crate::{
    sets::{Column, Sets},
    witness::Witness,
};

/// A difference that is known, with its cause.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Where.
    pub column: Column,
    /// Whether a line is meant.
    pub covers: fn(&str) -> bool,
    /// Why the two differ.
    pub cause: &'static str,
}

/// How the two sides of a column differ.
#[derive(Clone, Debug)]
pub struct Score {
    /// The column.
    pub column: Column,
    /// Lines that the witness saw.
    pub truth: usize,
    /// Lines that the recorder has.
    pub recorded: usize,
    /// Seen and not recorded.
    pub missing: Vec<String>,
    /// Recorded and not seen.
    pub surplus: Vec<String>,
    /// Differences with a known cause: how many lines each covers.
    pub excepted: Vec<(&'static str, usize)>,
}

impl Score {
    /// Share of the truth that is recorded, in percent.
    pub fn recall(&self) -> f64 {
        percent(self.truth - self.missing.len(), self.truth)
    }

    /// Share of what is recorded that is true, in percent.
    pub fn precision(&self) -> f64 {
        percent(self.recorded - self.surplus.len(), self.recorded)
    }

    /// Whether both are whole.
    pub fn perfect(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty()
    }
}

pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Compares one column. Lines that an exception covers count on neither side; a doubtful one counts if it is recorded.
pub fn score(column: Column, witness: &Witness, recorded: &Sets, exceptions: &[Exception]) -> Score {
    let recorded = recorded.get(column);
    let mut truth = witness.sets.get(column).clone();
    let mut excepted: Vec<(&'static str, usize)> = Vec::new();
    for ((_, line), cause) in witness.doubtful.iter().filter(|((of, _), _)| *of == column) {
        if recorded.contains(line) {
            truth.insert(line.clone());
        } else {
            count(&mut excepted, cause);
        }
    }
    let mut without = |difference: Vec<&String>| -> Vec<String> {
        difference
            .into_iter()
            .filter(|line| {
                let known = exceptions
                    .iter()
                    .find(|exception| exception.column == column && (exception.covers)(line))
                    .map(|exception| exception.cause);
                let Some(cause) = known else { return true };
                count(&mut excepted, cause);
                false
            })
            .cloned()
            .collect()
    };
    let missing = without(truth.difference(recorded).collect());
    let surplus = without(recorded.difference(&truth).collect());
    let both = truth.intersection(recorded).count();
    Score { column, truth: both + missing.len(), recorded: both + surplus.len(), missing, surplus, excepted }
}

fn count(excepted: &mut Vec<(&'static str, usize)>, cause: &'static str) {
    match excepted.iter_mut().find(|(other, _)| *other == cause) {
        Some((_, count)) => *count += 1,
        None => excepted.push((cause, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(lines: &[&str]) -> Sets {
        let mut sets = Sets::default();
        for line in lines {
            sets.insert(Column::Syscalls, (*line).into());
        }
        sets
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_lower_recall_and_precision() {
        let witness = Witness { sets: sets(&["read", "write", "close", "open"]), ..Witness::default() };
        let score = score(Column::Syscalls, &witness, &sets(&["read", "write", "bpf"]), &[]);
        assert_eq!((score.recall(), score.perfect()), (50.0, false));
        assert_eq!(score.precision().round(), 67.0);
        assert_eq!(score.missing, ["close", "open"]);
        assert_eq!(score.surplus, ["bpf"]);
    }

    #[test]
    fn a_named_exception_is_counted_and_covers_nothing_else() {
        let witness = Witness { sets: sets(&["read", "write", "close"]), ..Witness::default() };
        let exception = Exception { column: Column::Syscalls, covers: |line| line == "close", cause: "known" };
        let score = score(Column::Syscalls, &witness, &sets(&["read"]), &[exception]);
        assert_eq!(score.excepted, [("known", 1)]);
        assert_eq!((score.truth, score.missing), (2, vec!["write".to_owned()]));
    }

    #[test]
    fn a_doubtful_line_may_be_recorded_or_not() {
        let mut witness = Witness { sets: sets(&["read"]), ..Witness::default() };
        witness.doubtful.insert((Column::Syscalls, "futex".into()), "why");
        let without = score(Column::Syscalls, &witness, &sets(&["read"]), &[]);
        assert!(without.perfect());
        assert_eq!(without.excepted, [("why", 1)]);
        assert!(score(Column::Syscalls, &witness, &sets(&["read", "futex"]), &[]).perfect());
    }
}
