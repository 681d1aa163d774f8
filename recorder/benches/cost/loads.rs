//! What is run.

use crate::{
    servers,
    stage::{FILES, PROGRAMS, Stage},
};

/// For so long a small load is run.
const MILLISECONDS: u32 = 300;

/// In the order of the table.
pub(crate) const NAMES: [&str; 10] =
    ["getppid", "open", "distinct-opens", "connect", "exec", "distinct-execs", "nginx", "redis", "postgres", "gcc"];

/// Runs it, and gives nanoseconds per operation.
type Run = Box<dyn Fn(&mut Stage, Amount) -> f64>;

/// Something to run in the container, or against a server in it.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// Whether its acts differ, so that all of them can be new.
    pub(crate) differs: bool,
    /// Whether its figure is written as operations a second.
    pub(crate) rate: bool,
    pub(crate) run: Run,
}

/// How much of a load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Each act that there is, once or a few times.
    Once,
    /// As often as a measurement takes.
    Whole,
}

/// A load of this name, with what it needs.
pub(crate) fn load(name: &str, stage: &mut Stage) -> Load {
    match name {
        "getppid" => small("getppid", "getppid()", "getppid".to_owned()),
        "open" => small("open", "open and close of one file, 8 components", format!("open {}", stage.deep_file().display())),
        "distinct-opens" => {
            let words = format!("open {} {FILES}", stage.rig.path("files").display());
            Load { differs: true, ..small("distinct-opens", "open and close of each of 10,000 files", words) }
        }
        "connect" => small("connect", "connect, accept, close both", "connect".to_owned()),
        "exec" => small("exec", "fork and exec of a static program", format!("exec {}", stage.rig.path("load").display())),
        "distinct-execs" => {
            let words = format!("exec {} {PROGRAMS}", stage.rig.path("programs").display());
            Load { differs: true, ..small("distinct-execs", "fork and exec of each of 300 programs", words) }
        }
        "nginx" => servers::nginx(stage),
        "redis" => servers::redis(stage),
        "postgres" => servers::postgres(stage),
        "gcc" => servers::gcc(stage),
        _ => panic!("{name} is no load"),
    }
}

/// A loop of the small program.
fn small(name: &'static str, what: &'static str, words: String) -> Load {
    let run = move |stage: &mut Stage, amount: Amount| match amount {
        Amount::Once => stage.run(&words, 0).0,
        Amount::Whole => stage.run(&words, MILLISECONDS).1,
    };
    Load { name, what, differs: false, rate: false, run: Box::new(run) }
}
