//! Where a container reads and where it writes.

use runtimemap_crds::Open;
use runtimemap_policy::security_context::is_written;

use super::{
    View,
    place::{self, Place},
    wording::{count, list, shorten, time},
};
use crate::page::{Page, Table};

/// Characters of a directory and of the names in it, in the short form.
const WIDTHS: (usize, usize) = (48, 56);

pub(super) fn write(page: &mut Page, opens: &[Open], view: &View) {
    let (written, read): (Vec<&Open>, Vec<&Open>) = opens.iter().partition(|open| is_written(open));
    if read.is_empty() {
        page.nothing("Reads no file");
    } else {
        page.heading(&format!("Reads {}", count(read.len(), "file or directory", "files and directories")));
        page.table(&if view.wide { evidence(&read) } else { places(&read, view) });
    }
    if written.is_empty() {
        page.nothing("Writes no file");
    } else {
        page.heading(&format!("Writes {}", count(written.len(), "file", "files")));
        page.table(&if view.wide { evidence(&written) } else { writes(&written) });
    }
}

fn has(open: &Open, flags: &[&str]) -> bool {
    open.flags.iter().any(|flag| flags.contains(&flag.as_str()))
}

fn places(read: &[&Open], view: &View) -> Table {
    let mut table = Table::new(&["", "DIRECTORY", "FILES", "NAMES"]);
    let paths = read.iter().map(|open| (open.path.as_str(), has(open, &["O_DIRECTORY"])));
    let mut last = "";
    for Place { class, directory, files, names } in place::places(paths, !view.full()) {
        let label = if class == last { "" } else { class };
        last = class;
        let names = names.iter().map(String::as_str);
        let row = if view.full() { (directory, list(names, None)) } else { (shorten(&directory, WIDTHS.0), list(names, Some(WIDTHS.1))) };
        table.row([label.to_owned(), row.0, files.to_string(), row.1]);
    }
    table
}

/// Every path that is written, always: these are what a read-only root file system would refuse.
fn writes(written: &[&Open]) -> Table {
    let mut table = Table::new(&["HOW", "PATH"]);
    for open in written {
        table.row([how(open), open.path.clone()]);
    }
    table
}

fn how(open: &Open) -> String {
    let words = [
        ("read", has(open, &["O_RDONLY", "O_RDWR"])),
        ("write", has(open, &["O_WRONLY", "O_RDWR"])),
        ("append", has(open, &["O_APPEND"])),
        ("truncate", has(open, &["O_TRUNC"])),
        ("create", has(open, &["O_CREAT", "O_TMPFILE"])),
    ];
    let is = |word| words.iter().any(|&(other, holds)| holds && word == other);
    // To append is to write.
    let shown = words.iter().filter(|(word, holds)| *holds && !(*word == "write" && is("append") && !is("read")));
    shown.map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

fn evidence(opens: &[&Open]) -> Table {
    let mut table = Table::new(&["FIRST SEEN", "POD", "FLAGS", "PATH"]);
    for Open { path, flags, first_seen, pod } in opens {
        table.row([time(first_seen.as_ref()), pod.clone(), flags.join("|"), path.clone()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(flags: &str) -> Open {
        Open { flags: flags.split('|').map(str::to_owned).collect(), ..Open::default() }
    }

    #[test]
    fn what_changes_a_file_or_its_directory_is_written() {
        for (flags, words) in [
            ("O_WRONLY|O_CREAT|O_APPEND", "append, create"),
            ("O_RDWR", "read, write"),
            ("O_RDONLY|O_WRONLY|O_TRUNC", "read, write, truncate"),
            ("O_RDONLY|O_CREAT", "read, create"),
        ] {
            assert!(is_written(&open(flags)), "{flags}");
            assert_eq!(how(&open(flags)), words, "{flags}");
        }
        for flags in ["O_RDONLY|O_CLOEXEC", "O_PATH|O_DIRECTORY", "O_RDONLY|O_NONBLOCK"] {
            assert!(!is_written(&open(flags)), "{flags}");
        }
    }
}
