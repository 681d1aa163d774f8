//! The ledger on disk: facts, what of them was told, the batch on its way. What is in it survives the agent's end at any instant.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition,
    backends::{FileBackend, InMemoryBackend},
};

/// What is known of the node itself, by name; JSON.
const NODE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("node");
/// Containers, by pod and id; JSON.
const CONTAINERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("containers");
/// Letters, by container, with what became of each.
const LETTERS: TableDefinition<'_, (&str, &str), u8> = TableDefinition::new("letters");
/// Behind every letter, which is JSON and begins with a brace or a quote.
const LAST: &str = "~";
/// Memory that the store may use for pages.
const CACHE: usize = 8 << 20;

/// The ledger cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has it.
    #[error("failed to lock {}: another agent{owner} runs on this node; there must be only one", path.display())]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// Who, if it says so.
        owner: String,
    },
    /// It cannot be written.
    #[error("failed to write the ledger {}: {error}", path.display())]
    Write {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// Changes that go to disk together. The last of several about the same thing counts.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Of the node.
    pub(super) node: BTreeMap<&'static str, Vec<u8>>,
    /// Containers; None forgets one, with its letters.
    pub(super) containers: BTreeMap<String, Option<Vec<u8>>>,
    /// Letters; None forgets one.
    pub(super) letters: BTreeMap<(String, String), Option<u8>>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.node.is_empty() && self.containers.is_empty() && self.letters.is_empty()
    }
}

/// A container as it was written down.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) container: Vec<u8>,
    pub(super) letters: BTreeMap<String, u8>,
}

/// The ledger's file, or memory where there can be none.
pub(super) struct Store {
    path: PathBuf,
    database: Option<Database>,
    pending: Changes,
    /// Why it lives in memory only, or was not written the last time.
    trouble: Option<String>,
    _lock: Option<Flock<fs::File>>,
}

impl Store {
    /// Opens or makes the ledger in a folder. One that cannot be read is put aside, and where none can be written it lives in memory:
    /// either is said by [`Store::trouble`].
    ///
    /// # Errors
    /// If another agent has it.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("ledger.redb");
        let lock = match lock(folder) {
            Ok(lock) => lock,
            Err(Refusal::Held(error)) => return Err(error),
            Err(Refusal::Other(error)) => return Ok(Self::in_memory(path, &format!("{}: {error}", folder.display()))),
        };
        let (database, trouble) = match database(&path) {
            Ok(database) => (Some(database), None),
            Err(error) => {
                let aside = folder.join("ledger.damaged");
                let moved = fs::rename(&path, &aside).map_err(|error| error.to_string());
                match moved.and_then(|()| database(&path)) {
                    Ok(database) => (
                        Some(database),
                        Some(format!("the ledger {} could not be read ({error}) and is now {}", path.display(), aside.display())),
                    ),
                    Err(_) => return Ok(Self { _lock: Some(lock), ..Self::in_memory(path, &error) }),
                }
            }
        };
        Ok(Self { path, database, pending: Changes::default(), trouble, _lock: Some(lock) })
    }

    fn in_memory(path: PathBuf, why: &str) -> Self {
        let database = redb::Builder::new().create_with_backend(InMemoryBackend::new()).ok();
        let trouble = Some(format!("the ledger {} cannot be written, so it lives in memory: {why}", path.display()));
        Self { path, database, pending: Changes::default(), trouble, _lock: None }
    }

    /// What is wrong with it, in words.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What is known of the node, by name.
    pub(super) fn node(&self, name: &str) -> Option<Vec<u8>> {
        let read = self.database.as_ref()?.begin_read().ok()?;
        let value = read.open_table(NODE).ok()?.get(name).ok()??.value().to_vec();
        Some(value)
    }

    /// All containers. One that cannot be read is left out.
    pub(super) fn containers(&self) -> BTreeMap<String, Entry> {
        self.read(None).unwrap_or_default()
    }

    /// One container.
    pub(super) fn container(&self, key: &str) -> Option<Entry> {
        self.read(Some(key)).ok()?.remove(key)
    }

    fn read(&self, only: Option<&str>) -> Result<BTreeMap<String, Entry>, redb::Error> {
        let mut found = BTreeMap::<String, Entry>::new();
        let Some(database) = &self.database else { return Ok(found) };
        let read = database.begin_read()?;
        let containers = match read.open_table(CONTAINERS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(found),
            other => other?,
        };
        for entry in containers.iter()? {
            let (key, value) = entry?;
            if only.is_none_or(|only| only == key.value()) {
                found.insert(key.value().to_owned(), Entry { container: value.value().to_vec(), letters: BTreeMap::new() });
            }
        }
        let letters = read.open_table(LETTERS)?;
        for (key, entry) in &mut found {
            for row in letters.range((key.as_str(), "")..(key.as_str(), LAST))? {
                let (letter, state) = row?;
                entry.letters.insert(letter.value().1.to_owned(), state.value());
            }
        }
        Ok(found)
    }

    /// Notes changes for the next [`Store::write`].
    pub(super) fn changes(&mut self) -> &mut Changes {
        &mut self.pending
    }

    /// Puts all changes on disk. False if that failed: they are kept, to be tried again.
    pub(super) fn write(&mut self) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        if self.database.is_none() {
            // After a failure of the disk the file has to be opened anew.
            self.database = database(&self.path).ok();
        }
        let written = match &self.database {
            Some(database) => write(database, &self.pending).map_err(|error| error.to_string()),
            None => Err("it cannot be opened again".to_owned()),
        };
        match written {
            Ok(()) => {
                self.pending = Changes::default();
                if self.trouble.as_ref().is_some_and(|trouble| trouble.starts_with("failed")) {
                    self.trouble = None;
                }
                true
            }
            Err(error) => {
                self.database = None;
                self.trouble = Some(Error::Write { path: self.path.clone(), error }.to_string());
                false
            }
        }
    }
}

fn write(database: &Database, changes: &Changes) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut node = transaction.open_table(NODE)?;
        for (name, value) in &changes.node {
            node.insert(*name, value.as_slice())?;
        }
        let mut containers = transaction.open_table(CONTAINERS)?;
        let mut letters = transaction.open_table(LETTERS)?;
        for (key, value) in &changes.containers {
            match value {
                Some(value) => {
                    containers.insert(key.as_str(), value.as_slice())?;
                }
                None => {
                    containers.remove(key.as_str())?;
                    letters.retain_in((key.as_str(), "")..(key.as_str(), LAST), |_, _| false)?;
                }
            }
        }
        for ((key, letter), state) in &changes.letters {
            match state {
                Some(state) => letters.insert((key.as_str(), letter.as_str()), state)?,
                None => letters.remove((key.as_str(), letter.as_str()))?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

fn database(path: &Path) -> Result<Database, String> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(|error| error.to_string())?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| error.to_string())?;
    let backend = FileBackend::new(file).map_err(|error| error.to_string())?;
    let database = redb::Builder::new().set_cache_size(CACHE).create_with_backend(backend).map_err(|error| error.to_string())?;
    // Reading whole shows at once whether it holds together, and makes the tables.
    write(&database, &Changes::default()).map_err(|error| error.to_string())?;
    Ok(database)
}

enum Refusal {
    Held(Error),
    Other(io::Error),
}

/// Makes the folder, for root alone, and takes the lock in it, which ends with the process.
fn lock(folder: &Path) -> Result<Flock<fs::File>, Refusal> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Refusal::Other)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(Refusal::Other)?;
    let path = folder.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(Refusal::Other)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| write!(*lock, "{}", std::process::id()));
            written.map_err(Refusal::Other)?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            let owner = match file.read_to_string(&mut pid) {
                Ok(length) if length > 0 => format!(" (process {})", pid.trim()),
                _ => String::new(),
            };
            Err(Refusal::Held(Error::Locked { path, owner }))
        }
        Err((_, error)) => Err(Refusal::Other(error.into())),
    }
}

/// Fails if an agent has the ledger in this folder. Fine if there is none.
///
/// # Errors
/// If an agent runs.
pub(super) fn unlocked(folder: &Path) -> Result<(), Error> {
    if !folder.join("lock").exists() {
        return Ok(());
    }
    match lock(folder) {
        Err(Refusal::Held(error)) => Err(error),
        Ok(_) | Err(Refusal::Other(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &mut Store, key: &str, letter: &str, state: Option<u8>) {
        store.changes().containers.insert(key.to_owned(), Some(b"{}".to_vec()));
        store.changes().letters.insert((key.to_owned(), letter.to_owned()), state);
    }

    #[test]
    fn what_was_written_is_there_again_and_what_was_forgotten_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        assert_eq!((store.trouble(), store.node("ledger")), (None, None));
        store.changes().node.insert("ledger", b"name".to_vec());
        put(&mut store, "a/1", "{\"open\":1}", Some(0));
        put(&mut store, "a/1", "{\"open\":2}", Some(1));
        put(&mut store, "b/1", "{\"open\":1}", Some(0));
        assert!(store.write());
        put(&mut store, "a/1", "{\"open\":2}", None);
        store.changes().containers.insert("b/1".to_owned(), None);
        assert!(store.write());
        drop(store);
        let store = Store::open(&folder.path().join("state")).unwrap();
        assert_eq!(store.node("ledger").unwrap(), b"name");
        let all = store.containers();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["a/1"]);
        assert_eq!(all["a/1"].letters, BTreeMap::from([("{\"open\":1}".to_owned(), 0)]));
        assert!(store.container("b/1").is_none());
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        drop(Store::open(&state).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("ledger.redb")), mode(&state.join("lock"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn there_is_one_agent_for_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let first = Store::open(folder.path()).unwrap();
        let error = Store::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("another agent (process {})", std::process::id())), "{error}");
        assert!(unlocked(folder.path()).is_err());
        drop(first);
        assert!(unlocked(folder.path()).is_ok());
        Store::open(folder.path()).unwrap();
    }

    #[test]
    fn a_damaged_ledger_is_put_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ledger.redb"), "no ledger at all, but long enough to be looked at".repeat(100)).unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert!(store.trouble().unwrap().contains("could not be read"), "{:?}", store.trouble());
        assert!(folder.path().join("ledger.damaged").exists());
        put(&mut store, "a/1", "{}", Some(0));
        assert!(store.write());
    }

    #[test]
    fn where_nothing_can_be_written_it_lives_in_memory_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let mut store = Store::open(&folder.path().join("file/state")).unwrap();
        assert!(store.trouble().unwrap().contains("lives in memory"), "{:?}", store.trouble());
        put(&mut store, "a/1", "{}", Some(0));
        assert!(store.write());
        assert_eq!(store.containers().len(), 1);
    }
}
