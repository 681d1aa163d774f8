//! What a container runs.

use runtimemap_crds::Exec;

use super::{
    View,
    wording::{count, foreign_origin, origin, shorten, time},
};
use crate::page::{Page, Table};

/// Command lines of one program that are shown before the rest is only counted.
const LINES: usize = 3;
/// Characters of a program and of a command line in the short form.
const WIDTHS: (usize, usize) = (48, 100);

pub(super) fn write(page: &mut Page, execs: &[Exec], view: &View) {
    // Lists are sorted by path, so those of one program stand side by side.
    let programs: Vec<&[Exec]> = execs.chunk_by(|a, b| a.path == b.path).collect();
    if execs.is_empty() {
        page.nothing("Runs no program");
        return;
    }
    let variants = if execs.len() == programs.len() { String::new() } else { format!(", {} command lines", execs.len()) };
    page.heading(&format!("Runs {}{variants}", count(programs.len(), "program", "programs")));
    if view.wide {
        page.table(&evidence(execs));
        return;
    }
    let mut table = Table::new(&["PROGRAM", "BY", "COMMAND LINE"]);
    for program in programs {
        let shown = if view.full() { program.len() } else { LINES.min(program.len()) };
        for (index, exec) in program[..shown].iter().enumerate() {
            let path = if index > 0 { String::new() } else { exec.path.clone() };
            let line = command_line(exec);
            let (path, line) = if view.full() { (path, line) } else { (shorten(&path, WIDTHS.0), shorten(&line, WIDTHS.1)) };
            table.row([path, foreign_origin(exec.origin).to_owned(), line]);
        }
        if shown < program.len() {
            table.row([String::new(), String::new(), format!("… and {} more", program.len() - shown)]);
        }
    }
    page.table(&table);
}

fn evidence(execs: &[Exec]) -> Table {
    let mut table = Table::new(&["FIRST SEEN", "POD", "ORIGIN", "PROGRAM", "INTERPRETER", "COMMAND LINE"]);
    for exec in execs {
        let Exec { path, interpreter, args: _, origin: by, first_seen, pod } = exec;
        let origin = origin(*by).to_owned();
        table.row([time(first_seen.as_ref()), pod.clone(), origin, path.clone(), interpreter.clone(), quoted(exec)]);
    }
    table
}

fn command_line(exec: &Exec) -> String {
    if exec.interpreter.is_empty() { quoted(exec) } else { format!("{} (by {})", quoted(exec), exec.interpreter) }
}

/// Arguments as a shell would want them, so that it can be seen where each ends.
pub(crate) fn quoted(exec: &Exec) -> String {
    exec.args.iter().map(|arg| word(arg)).collect::<Vec<_>>().join(" ")
}

fn word(arg: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%^⋯*\\".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_seen_where_an_argument_ends() {
        let args = ["sh", "-c", "a b", "", "it's", "*", "--x=1"].map(str::to_owned).to_vec();
        assert_eq!(quoted(&Exec { args, ..Exec::default() }), r"sh -c 'a b' '' 'it'\''s' * --x=1");
    }
}
