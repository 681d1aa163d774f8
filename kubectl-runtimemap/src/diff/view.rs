//! How differences are shown: as a unified diff, or by another program.

use std::{env, fs, process::Command};

use anyhow::{Context, bail};
use similar::TextDiff;

use super::surface::Pair;
use crate::page::{Page, Screen, Style};

/// kubectl's own variable.
const EXTERNAL: &str = "KUBECTL_EXTERNAL_DIFF";
/// Lines around a difference.
const CONTEXT: usize = 3;

/// The program that is to show them.
pub(super) fn external() -> Option<String> {
    env::var(EXTERNAL).ok().filter(|program| !program.trim().is_empty())
}

/// A unified diff of each pair.
pub(super) fn unified(pairs: &[&Pair], screen: Screen) -> String {
    let mut page = Page::new(screen);
    for pair in pairs {
        let (first, second) = (pair.first.1.text(), pair.second.1.text());
        let (from, to) = (format!("{}/{}", pair.first.0, pair.name()), format!("{}/{}", pair.second.0, pair.name()));
        let diff = TextDiff::from_lines(&first, &second);
        for line in diff.unified_diff().context_radius(CONTEXT).header(&from, &to).to_string().lines() {
            let style = match line.as_bytes() {
                [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => Style::Heading,
                [b'-', ..] => Style::Removed,
                [b'+', ..] => Style::Added,
                [b'@', ..] => Style::Hunk,
                _ => Style::Plain,
            };
            page.line(style, line);
        }
    }
    page.into_text()
}

/// Writes both sides into directories and has the program compare those. Whether it found a difference.
pub(super) fn by_program(program: &str, pairs: &[Pair]) -> anyhow::Result<bool> {
    let mut words = program.split_whitespace();
    let Some(name) = words.next() else { bail!("{EXTERNAL} is empty") };
    let folder = tempfile::tempdir().context("failed to make a directory for both sides")?;
    let mut folders = Vec::new();
    for (side, second) in [("first", false), ("second", true)] {
        let path = folder.path().join(pairs.first().map_or(side, |pair| if second { pair.second.0 } else { pair.first.0 }));
        fs::create_dir(&path).with_context(|| format!("failed to make {}", path.display()))?;
        for pair in pairs {
            // No name of Kubernetes has a slash or a comma.
            let file = path.join(pair.name().replace(['/', '\\'], ","));
            let text = if second { pair.second.1.text() } else { pair.first.1.text() };
            fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
        }
        folders.push(path);
    }
    let status =
        Command::new(name).args(words).args(&folders).status().with_context(|| format!("failed to run {name}, which {EXTERNAL} names"))?;
    match status.code() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => bail!("{name}, which {EXTERNAL} names, failed: {status}"),
    }
}
