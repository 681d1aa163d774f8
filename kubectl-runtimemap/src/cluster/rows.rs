//! Lists as tables that the server makes: fast, and small however many objects there are.

use std::collections::BTreeMap;

use futures_util::io::AsyncBufReadExt as _;
use http::Request;
use serde::Deserialize;
use serde_json::Value;

use super::{Cluster, Failure, PageMetadata, Query, Resource, uri};

/// What is asked for: the columns, and of each object its metadata alone.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    #[serde(default)]
    metadata: PageMetadata,
    /// A watch says them once, with its first change.
    #[serde(default)]
    column_definitions: Option<Vec<Column>>,
    #[serde(default)]
    rows: Option<Vec<Row>>,
}

impl Table {
    fn columns(&mut self) -> Vec<String> {
        self.column_definitions.take().unwrap_or_default().into_iter().map(|column| column.name).collect()
    }

    fn read(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| Failure::Unreadable(error.to_string()))
    }
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
    #[serde(default)]
    object: Object,
}

#[derive(Default, Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
}

/// Of the metadata only what is shown.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
}

/// The cells of an object, by the names of the columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cells {
    pub(crate) namespace: String,
    pub(crate) name: String,
    cells: BTreeMap<String, Value>,
}

impl Cells {
    /// The cell of a column; empty where there is none.
    pub(crate) fn text(&self, column: &str) -> String {
        match self.cells.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(value) => value.to_string(),
        }
    }

    /// Cells as a test or a file has them.
    pub(crate) fn new(namespace: &str, name: &str, cells: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let cells = cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), cells }
    }
}

/// The rows of a list, page by page.
pub(crate) struct Rows<'a> {
    cluster: &'a Cluster,
    path: String,
    parameters: BTreeMap<&'static str, String>,
    /// None before the first page; empty after the last.
    next: Option<String>,
    /// Version of the list, to watch from.
    pub(crate) version: String,
}

impl Cluster {
    /// The rows of a kind.
    pub(crate) fn rows(&self, resource: &Resource, query: Query<'_>) -> Rows<'_> {
        let mut parameters = query.parameters();
        parameters.insert("includeObject", "Metadata".to_owned());
        Rows { cluster: self, path: resource.path(query.namespace), parameters, next: None, version: String::new() }
    }
}

impl Rows<'_> {
    /// The next page; None after the last.
    pub(crate) fn page(&mut self) -> Result<Option<Vec<Cells>>, Failure> {
        let next = match &self.next {
            Some(next) if next.is_empty() => return Ok(None),
            Some(next) => next.clone(),
            None => String::new(),
        };
        let mut parameters = self.parameters.clone();
        self.cluster.chunked(&mut parameters, &next);
        let text = self.cluster.text(http::Method::GET, &uri(&self.path, &parameters), &[("Accept", TABLE)], Vec::new());
        let text = text.map_err(|failure| {
            if failure.is_expired() {
                Failure::Unreadable("the list took so long that the server forgot it; try again, or with a larger --chunk-size".into())
            } else {
                failure
            }
        })?;
        let mut table = Table::read(&text)?;
        self.next = Some(table.metadata.next.clone());
        self.version.clone_from(&table.metadata.resource_version);
        let names = table.columns();
        Ok(Some(table.rows.into_iter().flatten().map(|row| row.cells(&names)).collect()))
    }
}

impl Row {
    fn cells(self, names: &[String]) -> Cells {
        let Metadata { namespace, name, .. } = self.object.metadata;
        Cells { namespace, name, cells: names.iter().cloned().zip(self.cells).collect() }
    }
}

/// What happened to an object that is watched.
#[derive(Deserialize)]
struct Change {
    #[serde(rename = "type")]
    type_: String,
    object: Value,
}

impl Change {
    /// Reads a line of a watch. Columns are those of the lines before, until it names others.
    fn read(line: &str, columns: &mut Vec<String>) -> Result<Vec<(String, Event)>, Failure> {
        let unreadable = |error: serde_json::Error| Failure::Unreadable(error.to_string());
        let Self { type_, object } = serde_json::from_str(line).map_err(unreadable)?;
        if type_ == "ERROR" {
            return Err(Failure::Refused(Box::new(serde_json::from_value(object).map_err(unreadable)?)));
        }
        let mut table: Table = serde_json::from_value(object).map_err(unreadable)?;
        let named = table.columns();
        if !named.is_empty() {
            *columns = named;
        }
        let event = |row: Row| {
            let version = row.object.metadata.resource_version.clone();
            let cells = row.cells(columns);
            (version, if type_ == "DELETED" { Event::Deleted(cells) } else { Event::Row(cells) })
        };
        Ok(table.rows.into_iter().flatten().map(event).collect())
    }
}

/// A change, for whoever watches.
pub(crate) enum Event {
    /// The object came or changed.
    Row(Cells),
    /// It went.
    Deleted(Cells),
}

impl Cluster {
    /// Watches a kind from a version on and tells of each change, until `tell` fails or the server ends the watch for good.
    pub(crate) fn watch(
        &self,
        resource: &Resource,
        query: Query<'_>,
        version: &str,
        mut tell: impl FnMut(Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut version = version.to_owned();
        let mut columns = Vec::new();
        loop {
            let mut parameters = query.parameters();
            parameters.insert("watch", "true".to_owned());
            parameters.insert("includeObject", "Metadata".to_owned());
            parameters.insert("resourceVersion", version.clone());
            let request = Request::get(uri(&resource.path(query.namespace), &parameters)).header("Accept", TABLE).body(Vec::new())?;
            let stream = self.runtime.block_on(self.client.request_stream(request)).map_err(Failure::of)?;
            let mut lines = std::pin::pin!(stream);
            loop {
                let mut line = String::new();
                // The server ends a watch after some minutes; then another begins where it ended.
                if self.runtime.block_on(lines.read_line(&mut line)).unwrap_or(0) == 0 {
                    break;
                }
                for (newer, event) in Change::read(&line, &mut columns)? {
                    version = newer;
                    tell(event)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    /// As the API server answers, and a watch of the same.
    const ANSWERS: [&str; 2] = [
        r#"{"kind":"Table","metadata":{"resourceVersion":"7","continue":"x"},"columnDefinitions":[{"name":"Name","type":"string"}],"rows":[{"cells":["a",1,null],"object":{"metadata":{"name":"a","namespace":"b","resourceVersion":"6"}}}]}"#,
        r#"{"type":"MODIFIED","object":{"columnDefinitions":null,"rows":[{"cells":["a"],"object":{"metadata":{"name":"a"}}}]}}"#,
    ];

    #[test]
    fn a_change_without_columns_has_those_of_the_one_before() {
        let mut columns = vec!["Name".to_owned()];
        let events = Change::read(ANSWERS[1], &mut columns).unwrap();
        let [(_, Event::Row(cells))] = events.as_slice() else { panic!("one row") };
        assert_eq!((cells.text("Name"), columns.len()), ("a".to_owned(), 1));
    }

    #[test]
    fn any_answer_of_a_server_is_rows_or_an_error() {
        let read = |text: String| {
            if let Ok(mut table) = Table::read(&text) {
                let columns = table.columns();
                let _: Vec<Cells> = table.rows.into_iter().flatten().map(|row| row.cells(&columns)).collect();
            }
            let _ = Change::read(&text, &mut vec!["Name".to_owned()]);
        };
        fuzz::run(&fuzz::damaged(&ANSWERS), read);
        fuzz::run(&fuzz::changed(&ANSWERS), |text| text.split("\n---\n").map(str::to_owned).for_each(read));
    }
}
