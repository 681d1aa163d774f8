//! The person at the terminal.

use std::{
    env, fs,
    io::{self, BufRead, Write},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{
    escape,
    page::{Page, Screen, Style},
};

/// Whoever decides. Questions go to standard error: standard output is for what was done.
pub(crate) trait Dialogue {
    /// Shows a line. It is one line, whatever somebody named in it.
    fn say(&mut self, line: &str) -> anyhow::Result<()>;
    /// Asks, and waits for a line. None: nobody answers any more.
    fn ask(&mut self, question: &str) -> anyhow::Result<Option<String>>;
    /// Has a text changed.
    fn edit(&mut self, text: &str) -> anyhow::Result<String>;
}

/// Shows several lines.
pub(crate) fn say_all(dialogue: &mut dyn Dialogue, lines: &[String]) -> anyhow::Result<()> {
    lines.iter().try_for_each(|line| dialogue.say(line))
}

/// Somebody at a real one.
pub(crate) struct Terminal {
    screen: Screen,
}

impl Terminal {
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen }
    }
}

impl Dialogue for Terminal {
    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let style = if line.starts_with("Warning: ") || line.trim_start().starts_with('!') {
            Style::Warning
        } else if line.ends_with(']') && !line.starts_with(' ') {
            Style::Heading
        } else {
            Style::Plain
        };
        let mut page = Page::new(self.screen);
        page.line(style, line);
        io::stderr().write_all(page.into_text().as_bytes()).context("failed to write to the terminal")
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<Option<String>> {
        let mut stderr = io::stderr();
        write!(stderr, "{}", escape::line(question))?;
        stderr.flush()?;
        let mut line = String::new();
        let length = io::stdin().lock().read_line(&mut line).context("failed to read the answer")?;
        Ok((length > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
    }

    fn edit(&mut self, text: &str) -> anyhow::Result<String> {
        let file = tempfile::Builder::new().prefix("runtimemap-").suffix(".yaml").tempfile().context("failed to make a file to edit")?;
        fs::write(file.path(), text).context("failed to write the file to edit")?;
        // As kubectl edit chooses.
        let editor = ["KUBE_EDITOR", "EDITOR"].into_iter().find_map(|name| env::var(name).ok().filter(|value| !value.trim().is_empty()));
        let editor = editor.unwrap_or_else(|| if cfg!(windows) { "notepad" } else { "vi" }.to_owned());
        let mut words = editor.split_whitespace();
        let Some(program) = words.next() else { bail!("there is no editor: set KUBE_EDITOR") };
        let status =
            Command::new(program).args(words).arg(file.path()).status().with_context(|| format!("failed to run the editor {program}"))?;
        if !status.success() {
            bail!("the editor {program} failed: {status}");
        }
        fs::read_to_string(file.path()).context("failed to read what was edited")
    }
}
