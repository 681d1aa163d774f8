//! The table that `make truth` prints.

use std::fmt::Write;

use crate::{
    compare::{Score, percent},
    sets::Column,
};

/// Lines of a difference that are printed; the rest is counted.
const SHOWN: usize = 12;

/// Heading of the table.
pub fn heading() -> String {
    format!("{:<22} {:<12} {:>8} {:>8} {:>8} {:>9}", "PROGRAM", "KIND", "TRUTH", "RECORDED", "RECALL", "PRECISION")
}

/// One row, and below it whatever is not as it should be.
pub fn row(program: &str, score: &Score) -> String {
    let mut text = format!(
        "{program:<22} {:<12} {:>8} {:>8} {:>7.2}% {:>8.2}%",
        score.column,
        score.truth,
        score.recorded,
        below(score.recall()),
        below(score.precision())
    );
    for (cause, count) in &score.excepted {
        let _ = write!(text, "\n    {count} left out: {cause}");
    }
    list(&mut text, "missing", &score.missing);
    list(&mut text, "surplus", &score.surplus);
    text
}

/// All programs' rows of one column in one.
pub fn total(column: Column, scores: &[Score]) -> String {
    let sum = |count: fn(&Score) -> usize| scores.iter().map(count).sum::<usize>();
    let (truth, recorded) = (sum(|score| score.truth), sum(|score| score.recorded));
    let (missing, surplus) = (sum(|score| score.missing.len()), sum(|score| score.surplus.len()));
    let (recall, precision) = (percent(truth - missing, truth), percent(recorded - surplus, recorded));
    format!("{:<22} {column:<12} {truth:>8} {recorded:>8} {:>7.2}% {:>8.2}%", "all programs", below(recall), below(precision))
}

/// 99.996 must not read 100.00.
fn below(percent: f64) -> f64 {
    (percent * 100.0).floor() / 100.0
}

fn list(text: &mut String, what: &str, lines: &[String]) {
    for line in lines.iter().take(SHOWN) {
        let line: String = line.escape_debug().take(300).collect();
        let _ = write!(text, "\n    {what}: {line}");
    }
    if lines.len() > SHOWN {
        let _ = write!(text, "\n    {what}: {} more", lines.len() - SHOWN);
    }
}
