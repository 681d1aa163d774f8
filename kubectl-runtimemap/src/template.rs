//! `-o jsonpath=…` and `-o custom-columns=…`: kubectl's templates over JSON.

mod path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::escape;
use path::Path;

/// What kubectl prints for nothing in a column.
const NONE: &str = "<none>";

/// A jsonpath template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Path(Path),
    Range(Path, Vec<Piece>),
}

/// Headings and the path of each column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns(Vec<(String, Path)>);

impl Template {
    /// Reads `{.a.b}{"\n"}{range .items[*]}…{end}`; without braces the whole is one path.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let relaxed = if text.contains('{') { text.to_owned() } else { format!("{{{text}}}") };
        let mut rest = relaxed.as_str();
        let (pieces, ended) = pieces(&mut rest)?;
        if ended {
            bail!("jsonpath: {{end}} without {{range}}");
        }
        Ok(Self(pieces))
    }

    /// The text for a value. No newline is added, as kubectl adds none.
    pub(crate) fn text(&self, value: &Value) -> anyhow::Result<String> {
        let mut text = String::new();
        write(&self.0, value, &mut text)?;
        Ok(text)
    }
}

fn pieces(rest: &mut &str) -> anyhow::Result<(Vec<Piece>, bool)> {
    let mut pieces = Vec::new();
    while let Some(start) = rest.find('{') {
        if start > 0 {
            pieces.push(Piece::Text(rest[..start].to_owned()));
        }
        let (action, after) = action(&rest[start + 1..])?;
        *rest = after;
        match action.trim() {
            "end" => return Ok((pieces, true)),
            action if action.starts_with('"') || action.starts_with('\'') => pieces.push(Piece::Text(path::string(action)?)),
            action => match action.strip_prefix("range").filter(|path| path.starts_with(char::is_whitespace)) {
                Some(path) => {
                    let path = Path::parse(path.trim())?;
                    let (inner, ended) = self::pieces(rest)?;
                    if !ended {
                        bail!("jsonpath: {{range}} without {{end}}");
                    }
                    pieces.push(Piece::Range(path, inner));
                }
                None => pieces.push(Piece::Path(Path::parse(action)?)),
            },
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text((*rest).to_owned()));
        *rest = "";
    }
    Ok((pieces, false))
}

/// What stands before the brace that closes, quotes minded.
fn action(text: &str) -> anyhow::Result<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '}') => return Ok((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    bail!("jsonpath: a '{{' is not closed")
}

fn write(pieces: &[Piece], value: &Value, text: &mut String) -> anyhow::Result<()> {
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Path(path) => {
                let found: Vec<String> = path.values(value)?.into_iter().map(plain).collect();
                text.push_str(&found.join(" "));
            }
            Piece::Range(path, inner) => {
                for item in path.values(value)? {
                    write(inner, item, text)?;
                }
            }
        }
    }
    Ok(())
}

/// A string as it is, but for what must not reach a terminal; anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape::line(text).into_owned(),
        Value::Null => String::new(),
        value => escape::json(&value.to_string()).into_owned(),
    }
}

impl Columns {
    /// Reads `NAME:.metadata.name,PHASE:.status.phase`.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let column = |column: &str| {
            let (heading, path) = column
                .split_once(':')
                .filter(|(heading, path)| !heading.is_empty() && !path.is_empty())
                .with_context(|| format!("custom-columns: {column:?} is no column; give HEADING:PATH, such as NAME:.metadata.name"))?;
            Ok((heading.to_owned(), Path::parse(path.trim_start_matches('{').trim_end_matches('}'))?))
        };
        path::outside_brackets(text, ',').into_iter().map(column).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Headings and a row for each value, in columns.
    pub(crate) fn text(&self, values: &[Value]) -> anyhow::Result<String> {
        let mut rows = vec![self.0.iter().map(|(heading, _)| escape::line(heading).into_owned()).collect::<Vec<_>>()];
        for value in values {
            let cell = |(_, path): &(String, Path)| {
                let found: Vec<String> = path.values(value)?.into_iter().map(plain).filter(|text| !text.is_empty()).collect();
                anyhow::Ok(if found.is_empty() { NONE.to_owned() } else { found.join(",") })
            };
            rows.push(self.0.iter().map(cell).collect::<anyhow::Result<_>>()?);
        }
        let widths: Vec<usize> = (0..self.0.len())
            .map(|column| rows.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or(0) + 3)
            .collect();
        let line = |row: &Vec<String>| {
            let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            format!("{}\n", line.trim_end())
        };
        Ok(rows.iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fuzz;

    fn of(template: &str, value: &Value) -> String {
        Template::parse(template).unwrap().text(value).unwrap()
    }

    #[test]
    fn templates_print_what_kubectl_prints() {
        let value = json!({
            "items": [
                {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "n": 1, "on": true},
                {"metadata": {"name": "b"}, "n": 2, "on": false},
            ],
        });
        for (template, expected) in [
            ("{.items[*].metadata.name}", "a b"),
            (".items[0].metadata.name", "a"),
            ("{.items[-1:].n}", "2"),
            ("{range .items[*]}{.metadata.name}{\"\\t\"}{.n}{'\\n'}{end}", "a\t1\nb\t2\n"),
            ("{.items[0].metadata.labels.app\\.io/x}", "1"),
            ("{.items[0].metadata.labels['app\\.io/x']}", "1"),
            ("{.items[?(@.metadata.name==\"b\")].n}", "2"),
            ("{.items[?(@.n>1)].metadata.name}", "b"),
            ("n={..n}", "n=1 2"),
            ("{.missing}", ""),
            ("{.items[1]['n','on']}", "2 false"),
            ("{$.items[0].metadata.labels}", "{\"app.io/x\":\"1\"}"),
            ("{.items[*]['metadata'].name}", "a b"),
        ] {
            assert_eq!(of(template, &value), expected, "{template}");
        }
        assert_eq!(of("{.a}", &json!({"a": "x\u{1b}[2J\ny"})), "x\\x1b[2J\\ny");
    }

    #[test]
    fn columns_are_aligned_and_say_what_is_not_there() {
        let columns = Columns::parse("NAME:.metadata.name,PHASE:.status.phase,ON:.c[?(@.t=='x')].s").unwrap();
        let values = [json!({"metadata": {"name": "long-name"}, "c": [{"t": "x", "s": "True"}]}), json!({"status": {"phase": "Complete"}})];
        let text = columns.text(&values).unwrap();
        assert_eq!(text, "NAME        PHASE      ON\nlong-name   <none>     True\n<none>      Complete   <none>\n");
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        for text in ["{.a", "{range .a}{.b}", "{end}", "{.a[}", "{\"a}", "{.a..}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        for text in ["", "NAME", ":.a", "A:", "A:.b,"] {
            assert!(Columns::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_text_is_a_template_or_an_error() {
        const LANGUAGE: &[&str] = &[
            "{", "}", ".a", ".b", ".c", "..", "*", "[", "]", "[*]", "[0]", "[-1:]", "[1:2:0]", "[?(", "@.b", "==", "1", "\"x\"", "'", "\\",
            ")]", "range ", "end", "$", "(", ",", ":", "A:", " ", "&&",
        ];
        fuzz::run(&fuzz::words(LANGUAGE), |text| {
            let value = json!({"a": [{"b": 1}, {"b": "y"}], "c": "x"});
            if let Ok(template) = Template::parse(&text) {
                let _ = template.text(&value);
            }
            if let Ok(columns) = Columns::parse(&text) {
                let _ = columns.text(&[value]);
            }
        });
    }
}
