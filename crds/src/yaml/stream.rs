//! Reading a stream of documents.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};

use super::block;
use crate::{GROUP, VERSION, object::Object};

/// Longest stream that is read, in bytes. Objects stay below 50 kB and a file has a few of them.
pub const MAX_BYTES: usize = 16 << 20;

/// A stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is longer than anything the recorder writes.
    #[error("failed to read YAML: the stream has {bytes} bytes, more than {MAX_BYTES}; split it into several files")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It holds no document.
    #[error("failed to read YAML: the stream is empty")]
    Empty,
    /// A document is malformed.
    #[error("failed to read document {document} at line {line}{}: {message}", at(field))]
    Document {
        /// Which document of the stream, from 1.
        document: usize,
        /// Line of the stream, from 1.
        line: usize,
        /// Path of the field, for example `spec.containers[0].name`. Empty where it is not known.
        field: String,
        /// What is wrong.
        message: String,
    },
}

fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(", field {field}") }
}

/// Reads all objects of a stream in their order. Empty documents are passed over. JSON is YAML and read as well.
///
/// # Errors
/// If the stream is longer than [`MAX_BYTES`], empty, not YAML, or holds an object of another API.
pub fn from_stream(text: &str) -> Result<Vec<Object>, ReadError> {
    if text.len() > MAX_BYTES {
        return Err(ReadError::TooLong { bytes: text.len() });
    }
    let objects: Vec<Object> = documents(text)
        .into_iter()
        .filter(|document| !document.is_blank())
        .enumerate()
        .map(|(index, document)| Document { number: index + 1, ..document }.read())
        .collect::<Result<_, _>>()?;
    if objects.is_empty() { Err(ReadError::Empty) } else { Ok(objects) }
}

/// A piece of the stream.
struct Document<'a> {
    number: usize,
    /// Lines of the stream before it.
    lines_before: usize,
    text: &'a str,
}

/// What says how to read the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(default)]
    api_version: Cow<'a, str>,
    #[serde(default)]
    kind: Cow<'a, str>,
}

impl<'a> Head<'a> {
    /// From the two lines that say it, as everybody writes them; None where it takes a reader of YAML to find it. To read a document
    /// only for these two takes as long as to read it.
    fn of(text: &'a str) -> Option<Self> {
        let (mut api_version, mut kind) = (None, None);
        for line in text.lines() {
            for (key, found) in [("apiVersion:", &mut api_version), ("kind:", &mut kind)] {
                let Some(value) = line.strip_prefix(key) else { continue };
                let value = value.trim();
                let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'));
                if value.is_empty() || !is_plain || found.replace(value).is_some() {
                    return None;
                }
            }
        }
        Some(Self { api_version: api_version?.into(), kind: kind?.into() })
    }
}

impl Document<'_> {
    fn is_blank(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.strip_prefix("---").unwrap_or(line).trim_start();
            line.is_empty() || line.starts_with('#')
        })
    }

    fn read(&self) -> Result<Object, ReadError> {
        let Head { api_version, kind } = match Head::of(self.text) {
            Some(head) => head,
            None => self.parse()?,
        };
        if api_version != format!("{GROUP}/{VERSION}") {
            let message = format!("apiVersion is {api_version:?}, expected \"{GROUP}/{VERSION}\"");
            return Err(self.error(1, "apiVersion", message));
        }
        Ok(match &*kind {
            "ApplicationProfile" => Object::ApplicationProfile(self.parse()?),
            "NetworkNeighborhood" => Object::NetworkNeighborhood(self.parse()?),
            "GeneratedNetworkPolicy" => Object::GeneratedNetworkPolicy(self.parse()?),
            "SeccompProfile" => Object::SeccompProfile(self.parse()?),
            _ => {
                let message = format!("kind is {kind:?}, expected one of {}", Object::KINDS.join(", "));
                return Err(self.error(1, "kind", message));
            }
        })
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        // JSON is YAML, and block YAML is soon JSON: its reader takes a tenth of the time. What it does not take may still be YAML, or
        // is wrong, and then the other says where.
        let content = self.text.trim_start_matches("---").trim_start();
        let json = if content.starts_with('{') { Some(Cow::Borrowed(content)) } else { block::to_json(self.text).map(Cow::Owned) };
        if let Some(Ok(parsed)) = json.map(|json| serde_json::from_str(&json)) {
            return Ok(parsed);
        }
        let options = serde_saphyr::options! { with_snippet: false };
        let mut field = String::new();
        let parsed = serde_saphyr::with_deserializer_from_str_with_options(self.text, options, |deserializer| {
            serde_path_to_error::deserialize(deserializer).map_err(|error| {
                field = error.path().to_string();
                error.into_inner()
            })
        });
        parsed.map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            // The message is one line; the location in it counts from the document, ours from the stream.
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default();
            let message = message.split(" at line ").next().unwrap_or_default();
            let field = if field == "." { "" } else { &field };
            self.error(usize::try_from(line).unwrap_or(1), field, message.to_owned())
        })
    }

    fn error(&self, line: usize, field: &str, message: String) -> ReadError {
        ReadError::Document { document: self.number, line: self.lines_before + line, field: field.to_owned(), message }
    }
}

/// Cuts a stream at its `---` and `...` lines. Such a line ends a document wherever it stands: YAML forbids it inside a
/// scalar.
fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    let mut push = |start: usize, end: usize, lines_before| {
        documents.push(Document { number: 0, lines_before, text: &text[start..end] });
    };
    for (line, content) in text.split_inclusive('\n').enumerate() {
        let marker =
            |word: &str| content.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if marker("---") {
            push(start, offset, start_line);
            (start, start_line) = (offset, line);
        } else if marker("...") {
            push(start, offset, start_line);
            (start, start_line) = (offset + content.len(), line + 1);
        }
        offset += content.len();
    }
    push(start, text.len(), start_line);
    documents
}
