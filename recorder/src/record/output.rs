//! Where the result goes: whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// To a file.
    #[error("failed to write {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// To standard output.
    #[error("failed to write to standard output: {0}")]
    Stdout(io::Error),
}

/// A place for the result that is known to be writable.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output.
    Stdout,
    /// A device, a pipe or whatever else cannot be replaced.
    Device(PathBuf, File),
    /// A file, written beside and then renamed, so that nobody ever reads half of it.
    File(Replacement),
}

/// A file that takes another's place when it is complete. Dropped before that, it vanishes.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    beside: PathBuf,
    file: File,
    done: bool,
}

impl Output {
    /// Opens the place; None is standard output.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn prepare(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let failed = |source| Error::File { path: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(known) if known.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(known) if !known.is_file() => Ok(Self::Device(path.to_owned(), OpenOptions::new().write(true).open(path).map_err(failed)?)),
            Ok(known) => {
                // A link keeps pointing to the file that is replaced; and who may not write the file may not replace it.
                let target = fs::canonicalize(path).map_err(failed)?;
                OpenOptions::new().write(true).open(&target).map_err(failed)?;
                let replacement = Replacement::beside(target).map_err(failed)?;
                replacement.file.set_permissions(known.permissions()).map_err(failed)?;
                Ok(Self::File(replacement))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(Replacement::beside(path.to_owned()).map_err(failed)?)),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes the result. A reader of standard output that has gone is none of our business.
    ///
    /// # Errors
    /// If not all of it could be written; a file that was there before is then as it was.
    pub(super) fn commit(self, text: &str) -> Result<(), Error> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Stdout(error)),
                    _ => Ok(()),
                }
            }
            Self::Device(path, mut file) => file.write_all(text.as_bytes()).map_err(|source| Error::File { path, source }),
            Self::File(mut replacement) => {
                replacement.commit(text).map_err(|source| Error::File { path: replacement.target.clone(), source })
            }
        }
    }
}

impl Replacement {
    fn beside(target: PathBuf) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let beside = target.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        Ok(Self { target, beside, file, done: false })
    }

    fn commit(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.target)?;
        self.done = true;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.done {
            // Nothing can be done about a file that will not go.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        drop(Output::prepare(Some(&path)).unwrap());
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path())), ("old", vec!["map.yaml".to_owned()]));
        Output::prepare(Some(&path)).unwrap().commit("new").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path())), ("new", vec!["map.yaml".to_owned()]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        Output::prepare(Some(&link)).unwrap().commit("new").unwrap();
        assert_eq!((fs::read_link(&link).unwrap(), fs::read_to_string(&file).unwrap()), ("file".into(), "new".to_owned()));
        Output::prepare(Some(Path::new("/dev/null"))).unwrap().commit("x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_full_disk_and_a_missing_folder_are_errors() {
        let error = Output::prepare(Some(Path::new("/dev/full"))).unwrap().commit("x").unwrap_err();
        assert_eq!(error.to_string(), "failed to write /dev/full: No space left on device (os error 28)");
        let error = Output::prepare(Some(Path::new("/nowhere/map.yaml"))).unwrap_err();
        assert!(error.to_string().starts_with("failed to write /nowhere/map.yaml: "), "{error}");
    }
}
