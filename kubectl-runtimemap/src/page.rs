//! Text for a person: lines, tables and lists of words, as wide and as colourful as the screen is.
//!
//! Everything is escaped here, at the two places where text comes in, so that no section can forget to.

mod table;

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};

use crate::escape;

pub(crate) use table::Table;

/// Columns of lists of words where there is no terminal to ask.
const WIDTH: usize = 100;
/// Columns that everything in a section is indented by.
const INDENT: usize = 2;

/// Where the page will be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Screen {
    /// Columns of the terminal. None where there is none: lines are as long as what they hold.
    pub(crate) width: Option<u16>,
    /// Whether colours may be used.
    pub(crate) colour: bool,
}

impl Screen {
    /// That of standard output. NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM are honoured.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let width = if stdout.is_terminal() { terminal_size::terminal_size_of(&stdout).map(|(width, _)| width.0) } else { None };
        Self { width, colour: AutoStream::choice(&stdout) != ColorChoice::Never }
    }

    /// That of standard error, where questions are asked.
    pub(crate) fn of_stderr() -> Self {
        Self { width: None, colour: AutoStream::choice(&io::stderr()) != ColorChoice::Never }
    }
}

/// How a line stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Heading,
    Warning,
    Faint,
    /// Of a diff: only in the first.
    Removed,
    /// Only in the second.
    Added,
    /// Where in the text.
    Hunk,
}

impl Style {
    /// The parameter of the terminal's SGR sequence.
    fn parameter(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Heading => Some(1),
            Self::Warning => Some(33),
            Self::Faint => Some(2),
            Self::Removed => Some(31),
            Self::Added => Some(32),
            Self::Hunk => Some(36),
        }
    }
}

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page {
    screen: Screen,
    text: String,
    /// Whether the last line was one of [`Page::nothing`].
    after_nothing: bool,
}

impl Page {
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen, text: String::new(), after_nothing: false }
    }

    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, style: Style, text: &str) {
        let text = escape::line(text);
        self.styled(style, &text);
    }

    /// A line that belongs to the heading above it.
    pub(crate) fn item(&mut self, style: Style, text: &str) {
        self.line(style, &format!("{:INDENT$}{text}", ""));
    }

    /// A heading of its own after an empty line.
    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        self.line(Style::Heading, text);
    }

    /// A heading with nothing below it. Several stand together.
    pub(crate) fn nothing(&mut self, text: &str) {
        if !self.after_nothing {
            self.blank();
        }
        self.line(Style::Heading, text);
        self.after_nothing = true;
    }

    /// An empty line, unless it would be the first.
    pub(crate) fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A table of its own, as kubectl prints one.
    pub(crate) fn plain_table(&mut self, table: &Table) {
        for (style, line) in table.lines(self.screen.width) {
            self.styled(style, &line);
        }
    }

    /// A table, under the heading above it.
    pub(crate) fn table(&mut self, table: &Table) {
        let width = self.screen.width.map(|width| width.saturating_sub(INDENT as u16));
        for (style, line) in table.lines(width) {
            self.styled(style, &format!("{:INDENT$}{line}", ""));
        }
    }

    /// Words side by side, at most `rows` rows of them if that is given. Returns how many were left out.
    pub(crate) fn words(&mut self, words: &[String], rows: Option<usize>) -> usize {
        let words: Vec<_> = words.iter().map(|word| escape::line(word)).collect();
        let widest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0) + 2;
        let columns = (self.screen.width.map_or(WIDTH, usize::from).saturating_sub(INDENT) / widest).max(1);
        let shown = rows.map_or(words.len(), |rows| words.len().min(rows * columns));
        for row in words[..shown].chunks(columns) {
            let line: String = row.iter().map(|word| format!("{word:widest$}")).collect();
            self.styled(Style::Plain, &format!("{:INDENT$}{}", "", line.trim_end()));
        }
        words.len() - shown
    }

    /// Takes escaped text only.
    fn styled(&mut self, style: Style, text: &str) {
        self.after_nothing = false;
        match style.parameter() {
            Some(parameter) if self.screen.colour => self.text.push_str(&format!("\x1b[{parameter}m{text}\x1b[0m\n")),
            _ => {
                self.text.push_str(text);
                self.text.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: Option<u16>, colour: bool) -> Page {
        Page::new(Screen { width, colour })
    }

    #[test]
    fn t3_a_line_is_one_line_without_control_bytes_of_others() {
        let mut page = page(None, true);
        page.line(Style::Warning, "a\n\x1b[2Jb");
        assert_eq!(page.into_text(), "\x1b[33ma\\n\\x1b[2Jb\x1b[0m\n");
    }

    #[test]
    fn words_fill_the_width_and_what_is_left_out_is_counted() {
        let words: Vec<String> = (0..7).map(|n| format!("word{n}")).collect();
        let mut narrow = page(Some(18), false);
        assert_eq!(narrow.words(&words, Some(2)), 3);
        assert_eq!(narrow.into_text(), "  word0  word1\n  word2  word3\n");
        let mut wide = page(None, false);
        assert_eq!(wide.words(&words, None), 0);
        assert_eq!(wide.into_text().lines().count(), 1);
        let mut tiny = page(Some(1), false);
        assert_eq!(tiny.words(&words, None), 0);
        assert_eq!(tiny.into_text().lines().count(), 7);
    }
}
