//! Reading objects from files and standard input.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use anyhow::{Context, bail};
use runtimemap_crds::{Object, yaml};
use serde_json::Value;

use crate::escape;

/// Where objects come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Source {
    /// All its objects, in their order.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<Object>> {
        let text = self.text()?;
        match yaml::from_stream(&text) {
            Ok(objects) => Ok(objects),
            Err(yaml::ReadError::Empty) => bail!("{self} holds no object; write one with `runtimemap-recorder record --output FILE`"),
            Err(error) => match listed(&text) {
                Some(items) => self.items(items),
                None => Err(error).context(self.to_string()),
            },
        }
    }

    /// The objects of a list.
    fn items(&self, items: Vec<Value>) -> anyhow::Result<Vec<Object>> {
        let mut objects = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            // What YAML takes as it is and what JSON does is not quite the same.
            let read = yaml::from_stream(&escape::json(&item.to_string()));
            objects.extend(read.with_context(|| format!("{self}, item {} of the list", index + 1))?);
        }
        if objects.is_empty() {
            bail!("{self} holds a list without items; write an object with `runtimemap-recorder record --output FILE`");
        }
        Ok(objects)
    }

    /// All its text.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        match self {
            Self::Stdin => self.limited(io::stdin().lock()),
            Self::File(path) => {
                if path.is_dir() {
                    bail!("failed to read {self}: it is a directory; give the files in it, each with -f");
                }
                let file = File::open(path).with_context(|| format!("failed to open {self}"))?;
                self.limited(file)
            }
        }
    }

    fn limited(&self, reader: impl Read) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        // One byte more than what may be read tells a stream that is too long; the rest of it stays where it is.
        let limit = yaml::MAX_BYTES as u64 + 1;
        reader.take(limit).read_to_end(&mut bytes).with_context(|| format!("failed to read {self}"))?;
        if bytes.len() > yaml::MAX_BYTES {
            bail!(
                "{self} is longer than {} MiB, more than objects of runtimemap ever are; split it into several files",
                yaml::MAX_BYTES >> 20
            );
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count() + 1;
            anyhow::anyhow!("{self} is not text: line {line} is not UTF-8; give the YAML that runtimemap-recorder wrote")
        })
    }
}

/// The items, if the text is a v1 List: as kubectl, and `show`, print several objects.
fn listed(text: &str) -> Option<Vec<Value>> {
    let json = if text.trim_start().starts_with('{') { serde_json::from_str(text).ok() } else { None };
    let mut list: Value = json.or_else(|| serde_saphyr::from_str(text).ok())?;
    if list["apiVersion"] != "v1" || list["kind"] != "List" {
        return None;
    }
    match list["items"].take() {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(reader: impl Read) -> String {
        Source::Stdin.limited(reader).unwrap_err().to_string()
    }

    #[test]
    fn a_stream_without_an_end_is_refused() {
        let message = error(io::repeat(b'a'));
        assert_eq!(message, "standard input is longer than 16 MiB, more than objects of runtimemap ever are; split it into several files");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_by_their_line() {
        assert!(error(&b"a\nb\n\xff"[..]).contains("line 3 is not UTF-8"));
    }

    #[test]
    fn a_dash_is_standard_input() {
        assert_eq!(Source::from(PathBuf::from("-")), Source::Stdin);
        assert_eq!(Source::from(PathBuf::from("./-")), Source::File("./-".into()));
    }
}
