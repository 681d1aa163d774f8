//! Tables that look like kubectl's.

use comfy_table::{ContentArrangement, presets};

use super::Style;
use crate::escape;

/// Rows under a header. A column that is empty in every row is left out.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. Names of columns are upper case; all of them empty means no header line.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| escape::line(&cell).into_owned()).collect());
    }

    /// Its lines, no longer than `width` if that is given.
    pub(super) fn lines(&self, width: Option<u16>) -> Vec<(Style, String)> {
        let used: Vec<usize> = (0..self.header.len()).filter(|&column| self.rows.iter().any(|row| !row[column].is_empty())).collect();
        if used.is_empty() {
            return Vec::new();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        match width {
            Some(width) => table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        let has_header = used.iter().any(|&column| !self.header[column].is_empty());
        if has_header {
            table.set_header(used.iter().map(|&column| self.header[column]));
        }
        for row in &self.rows {
            table.add_row(used.iter().map(|&column| row[column].as_str()));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        let style = |index| if has_header && index == 0 { Style::Faint } else { Style::Plain };
        table.lines().enumerate().map(|(index, line)| (style(index), line.trim_end().to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table, width: Option<u16>) -> Vec<String> {
        table.lines(width).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn columns_without_content_are_left_out() {
        let mut table = Table::new(&["A", "B", "C"]);
        table.row(["1".into(), String::new(), "x".into()]);
        table.row(["22".into(), String::new(), "y\n".into()]);
        assert_eq!(text(&table, None), ["A    C", "1    x", "22   y\\n"]);
        assert!(text(&Table::new(&["A"]), None).is_empty());
    }

    #[test]
    fn a_table_is_no_wider_than_the_screen() {
        let mut table = Table::new(&["", ""]);
        table.row(["/usr/sbin/nginx".into(), "a b c d e f g h i j k l m n o p q r s t".into()]);
        let lines = text(&table, Some(40));
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
    }
}
