//! Links: what keeps a program attached. A pinned one stays when the recorder ends.

use std::{collections::BTreeMap, os::fd::BorrowedFd, path::PathBuf};

use aya::programs::{
    cgroup_skb::CgroupSkbLink,
    kprobe::KProbeLink,
    links::{FdLink, PinnedLink},
};

use super::{bpf, load::chain};

/// Links by name: that of the program, and for packets the cgroup's inode number behind it.
#[derive(Default)]
pub(super) struct Links {
    held: BTreeMap<String, Held>,
    /// Where new ones are pinned.
    folder: Option<PathBuf>,
}

/// One link, which lasts as long as this value, or as its pin.
pub(super) enum Held {
    /// By descriptor.
    Link(FdLink),
    /// By descriptor and by pin.
    Pinned(PinnedLink),
    /// A probe from before Linux 5.15.
    #[expect(dead_code, reason = "held for its end")]
    Probe(KProbeLink),
    /// A cgroup's program from before Linux 5.7.
    #[expect(dead_code, reason = "held for its end")]
    Packets(CgroupSkbLink),
}

impl Links {
    /// Whether there is one of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.held.contains_key(name)
    }

    /// Whether one of these programs is attached anywhere.
    pub(super) fn names(&self) -> Vec<String> {
        self.held.keys().cloned().collect()
    }

    /// Keeps a link, pinned if links are.
    ///
    /// # Errors
    /// If it cannot be pinned; it ends then.
    pub(super) fn keep(&mut self, name: String, held: Held) -> Result<(), String> {
        let held = match (&self.folder, held) {
            (Some(folder), Held::Link(link)) => Held::Pinned(link.pin(folder.join(&name)).map_err(|error| chain(&error))?),
            (Some(_), Held::Probe(_) | Held::Packets(_)) => return Err(format!("the link of {name} cannot be pinned on this kernel")),
            (_, held) => held,
        };
        self.held.insert(name, held);
        Ok(())
    }

    /// Keeps a link that aya does not know, by its pin: it may be closed then.
    ///
    /// # Errors
    /// If it cannot be pinned, or if links are not; it ends then.
    pub(super) fn keep_open(&mut self, name: &str, link: BorrowedFd<'_>) -> Result<(), String> {
        let folder = self.folder.as_ref().ok_or_else(|| format!("there is no folder to pin the link of {name} in"))?;
        let path = folder.join(name);
        bpf::pin(link, &path).map_err(|error| format!("{}: {error}", path.display()))?;
        let pinned = PinnedLink::from_pin(&path).map_err(|error| chain(&error))?;
        self.held.insert(name.to_owned(), Held::Pinned(pinned));
        Ok(())
    }

    /// Pins what is held, and from now on whatever is kept.
    ///
    /// # Errors
    /// If one cannot be; all are held without a pin then.
    pub(super) fn pin_to(&mut self, folder: PathBuf) -> Result<(), String> {
        self.folder = Some(folder);
        let mut failure = None;
        for (name, held) in std::mem::take(&mut self.held) {
            if failure.is_none() && matches!(held, Held::Probe(_) | Held::Packets(_)) {
                failure = Some(format!("the link of {name} cannot be pinned on this kernel"));
            }
            match held {
                Held::Link(link) if failure.is_none() => failure = self.keep(name, Held::Link(link)).err(),
                other => {
                    self.held.insert(name, other);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Takes over what is pinned in a folder that was moved or belonged to somebody else.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn adopt(folder: PathBuf) -> Result<Self, String> {
        let mut held = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).map_err(|error| error.to_string())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            held.insert(name, Held::Pinned(PinnedLink::from_pin(entry.path()).map_err(|error| chain(&error))?));
        }
        Ok(Self { held, folder: Some(folder) })
    }

    /// Ends the links whose names this holds for.
    ///
    /// # Errors
    /// If a pin cannot be removed.
    pub(super) fn end(&mut self, which: impl Fn(&str) -> bool) -> Result<(), String> {
        let names: Vec<String> = self.held.keys().filter(|name| which(name)).cloned().collect();
        for name in names {
            if let Some(Held::Pinned(link)) = self.held.remove(&name) {
                link.unpin().map_err(|error| format!("{name}: {error}"))?;
            }
        }
        Ok(())
    }
}
