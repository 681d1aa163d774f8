//! Medians with quartiles, and how figures are written.

use std::fmt;

/// The middle of some figures, and what half of them lie between.
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// None of no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // A place of quarters, between two neighbors where it is none of them.
        let at = |quarters: usize| {
            let (place, rest) = (last * quarters / 4, last * quarters % 4);
            sorted[place] + (sorted[(place + 1).min(last)] - sorted[place]) * rest as f64 / 4.0
        };
        Some(Self { low: at(1), middle: at(2), high: at(3) })
    }
}

/// As a ratio.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, middle, high } = self;
        let digits = if *middle < 10.0 { 3 } else { 0 };
        write!(f, "{middle:.digits$} ({low:.digits$}–{high:.digits$})")
    }
}

/// A time, given in nanoseconds.
pub(crate) fn time(nanoseconds: f64) -> String {
    match nanoseconds.abs() {
        size if size < 1e4 => format!("{nanoseconds:.0} ns"),
        size if size < 1e7 => format!("{:.1} µs", nanoseconds / 1e3),
        _ => format!("{:.1} ms", nanoseconds / 1e6),
    }
}
