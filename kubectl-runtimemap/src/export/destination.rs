//! Where an export goes.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// Where an export goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    Directory(PathBuf),
}

/// A file to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// Names below the directory, the last of them the file's.
    pub(super) path: Vec<String>,
    pub(super) text: String,
}

/// Writes all documents below a directory, which is made if it is not there. Returns one line for each, for standard output.
pub(super) fn write(directory: &Path, documents: &[Document]) -> anyhow::Result<String> {
    let mut paths = BTreeSet::new();
    for Document { path, .. } in documents {
        for name in path {
            check(name)?;
        }
        if !paths.insert(path) {
            bail!("two objects would be written to {}; name the one that is meant", path.join("/"));
        }
    }
    let mut lines = String::new();
    for Document { path, text } in documents {
        let file = path.iter().fold(directory.to_owned(), |file, name| file.join(name));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("failed to make the directory {}", folder.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
        lines.push_str(&format!("{}\n", crate::escape::line(&file.display().to_string())));
    }
    Ok(lines)
}

/// A name comes from a file that anybody may have written: it must not lead out of the directory.
fn check(name: &str) -> anyhow::Result<()> {
    let inside = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.iter().copied().all(inside) && ends(bytes.first()) && ends(bytes.last()) {
        return Ok(());
    }
    bail!("{name:?} is no name that Kubernetes takes, so no file is called that; mend the name in the object's metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &[&str]) -> Document {
        Document { path: path.iter().map(|name| (*name).to_owned()).collect(), text: "x\n".into() }
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        for path in [&["..", "x.json"][..], &["a/../../x"], &["/etc/x"], &["C:x"], &[""], &["a\0b"], &["a\\b"], &["A"], &[".x"], &["x."]] {
            let error = write(directory.path(), &[document(&["good"]), document(path)]).unwrap_err();
            assert!(error.to_string().contains("is no name that Kubernetes takes"), "{path:?}: {error}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is written when anything is refused");
    }

    #[test]
    fn one_file_is_never_written_twice() {
        let directory = tempfile::tempdir().unwrap();
        let error = write(directory.path(), &[document(&["a", "b"]), document(&["a", "b"])]).unwrap_err();
        assert_eq!(error.to_string(), "two objects would be written to a/b; name the one that is meant");
    }

    #[test]
    fn directories_are_made() {
        let directory = tempfile::tempdir().unwrap();
        let lines = write(&directory.path().join("new"), &[document(&["a", "b.json"])]).unwrap();
        assert_eq!(fs::read_to_string(lines.trim_end()).unwrap(), "x\n");
    }
}
