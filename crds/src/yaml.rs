//! The one place where YAML is written and read.
//!
//! Readers of YAML 1.1 (kubectl, PyYAML) take `y`, `on`, `no`, `1e3` and `012` for booleans and numbers, so a string
//! that looks like anything else is quoted. Control characters are written as escapes, never as themselves.

mod block;
mod stream;

use serde::Serialize;

pub use stream::{MAX_BYTES, ReadError, from_stream};

use crate::object::Object;

/// A value could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write YAML: {0}")]
pub struct WriteError(#[from] serde_saphyr::ser::Error);

/// One document, without a `---` line. Ends in a newline.
///
/// # Errors
/// If the value has a map whose keys are no scalars, which no type of this API has.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, WriteError> {
    let options = serde_saphyr::ser_options! {
        // Block scalars carry control characters and trailing blanks as they are; quotes escape them.
        prefer_block_scalars: false,
        yaml_12: false,
    };
    let mut text = serde_saphyr::to_string_with_options(value, options)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Several documents, of whatever kinds, each but the first after a `---` line.
///
/// # Errors
/// As [`to_string`].
pub fn to_stream<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Result<String, WriteError> {
    let mut stream = String::new();
    for object in objects {
        if !stream.is_empty() {
            stream.push_str("---\n");
        }
        stream.push_str(&to_string(object)?);
    }
    Ok(stream)
}
