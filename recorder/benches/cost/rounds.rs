//! Runs every load under every condition, round by round, and compares within each round.

use std::{collections::BTreeMap, fmt::Write, time::Instant};

use crate::{
    condition::Condition,
    figures::{Spread, time},
    loads::{Amount, Load, load},
    stage::Stage,
    watcher::Watcher,
};

/// Nanoseconds per operation, by round.
type Figures = BTreeMap<usize, f64>;

/// What was measured, by place of the load, and why something was not.
#[derive(Default)]
struct Results {
    figures: BTreeMap<(usize, Condition), Figures>,
    excuses: BTreeMap<(usize, Condition), String>,
}

/// Measures these loads, and gives the table.
pub(crate) fn table(names: &[&str], observers: Option<&str>, rounds: usize) -> String {
    let mut stage = Stage::new();
    let loads: Vec<Load> = names.iter().map(|name| load(name, &mut stage)).collect();
    let chosen = Condition::chosen(observers);
    let mut results = Results::default();
    for round in 0..rounds {
        let began = Instant::now();
        for condition in Condition::order(&chosen, round) {
            // Again, if somebody else came to observe meanwhile.
            while !measure(condition, round, &loads, &mut stage, &mut results) {
                eprintln!("round {}: somebody else observed beside {}", round + 1, condition.name());
            }
        }
        eprintln!("round {} of {rounds}: {:.0} s", round + 1, began.elapsed().as_secs_f64());
    }
    let mut text = "| load | observer | each | over bare | × bare | × empty program |\n|---|---|---|---|---|---|\n".to_owned();
    for (place, load) in loads.iter().enumerate() {
        for &condition in &chosen {
            let _ = writeln!(text, "| {} | {} | {} |", load.name, condition.name(), results.cells(place, load, condition));
        }
    }
    loads.iter().for_each(|load| text += &format!("\n- {}: {}", load.name, load.what));
    text
}

/// Runs all loads under one condition. All of them once before, so that nothing is new, but where that is what is measured. False if it
/// was another condition in the end.
fn measure(condition: Condition, round: usize, loads: &[Load], stage: &mut Stage, results: &mut Results) -> bool {
    let anew = condition == Condition::Novelty;
    let (loads, others): (Vec<_>, Vec<_>) = loads.iter().enumerate().partition(|(_, load)| load.differs || !anew);
    for (place, _) in others {
        results.excuses.insert((place, condition), "its acts are new only once".to_owned());
    }
    if loads.is_empty() {
        return true;
    }
    let watcher = match Watcher::begin(condition, stage) {
        Ok(watcher) => watcher,
        Err(why) => {
            results.excuses.extend(loads.iter().map(|(place, _)| ((*place, condition), why.clone())));
            return true;
        }
    };
    if !anew {
        for (_, load) in &loads {
            (load.run)(stage, Amount::Once);
        }
    }
    for (place, load) in loads {
        watcher.rest();
        let figure = (load.run)(stage, if anew { Amount::Once } else { Amount::Whole });
        results.figures.entry((place, condition)).or_default().insert(round, figure);
    }
    Watcher::is_alone(condition)
}

impl Results {
    fn cells(&self, place: usize, load: &Load, condition: Condition) -> String {
        let of = |condition| self.figures.get(&(place, condition));
        let (Some(own), Some(bare)) = (of(condition), of(Condition::Bare)) else {
            let why = self.excuses.get(&(place, condition)).map_or("not measured", String::as_str);
            return format!("{why} | | |");
        };
        let each = Spread::of(own.values().copied()).map(|spread| spread.middle).unwrap_or_default();
        let each = if load.rate { format!("{:.0} a second", 1e9 / each) } else { time(each) };
        if condition == Condition::Bare {
            return format!("{each} | | |");
        }
        let over = compare(own, bare, |own, bare| own - bare).map(|spread| time(spread.middle)).unwrap_or_default();
        let ratio = |base: Option<&Figures>| compare(own, base?, |own, base| own / base).map(|spread| spread.to_string());
        let empty = if condition == Condition::Empty { None } else { ratio(of(Condition::Empty)) };
        format!("{each} | {over} | {} | {}", ratio(Some(bare)).unwrap_or_default(), empty.unwrap_or_default())
    }
}

/// Two conditions, round by round.
fn compare(own: &Figures, base: &Figures, how: impl Fn(f64, f64) -> f64) -> Option<Spread> {
    Spread::of(own.iter().filter_map(|(round, own)| Some(how(*own, *base.get(round)?))))
}
