//! Files by directory, and directories by what they are for.

use std::collections::BTreeMap;

/// Directories of one class that are listed before those deepest down are folded into the ones above them.
const DIRECTORIES: usize = 6;
/// Names that a folded directory keeps at the least: `/usr/share/zoneinfo` says something, `/usr` does not.
const DEPTH: usize = 3;

/// Files of one directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What it is for.
    pub(super) class: &'static str,
    /// The directory; `/…` at its end where directories below it are counted in.
    pub(super) directory: String,
    /// How many files.
    pub(super) files: usize,
    /// Their names, where they are directly in it.
    pub(super) names: Vec<String>,
}

/// Classes in the order in which they are listed.
const CLASSES: [&str; 5] = ["data", "config", "libraries", "devices", "kernel"];

fn class(path: &str) -> &'static str {
    let under = |directories: &[&str]| {
        directories.iter().any(|directory| path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    if under(&["/proc", "/sys"]) {
        "kernel"
    } else if under(&["/dev"]) {
        "devices"
    } else if name.ends_with(".so")
        || name.contains(".so.")
        || name.starts_with("ld.so.")
        || under(&["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"])
    {
        "libraries"
    } else if under(&["/etc", "/usr/local/etc"]) {
        "config"
    } else {
        "data"
    }
}

/// What one directory holds.
#[derive(Default)]
struct Directory {
    files: usize,
    names: Vec<String>,
    /// Whether directories below it are counted in.
    folded: bool,
}

/// Groups paths; `true` beside a path says that it is a directory. With `fold`, a class with many directories shows
/// those above them.
pub(super) fn places<'a>(paths: impl IntoIterator<Item = (&'a str, bool)>, fold: bool) -> Vec<Place> {
    let mut classes: BTreeMap<&'static str, BTreeMap<String, Directory>> = BTreeMap::new();
    for (path, is_directory) in paths {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let directory = if directory.is_empty() && path.starts_with('/') { "/" } else { directory };
        // The root itself.
        let name = if name.is_empty() { "." } else { name };
        let mark = if is_directory { "/" } else { "" };
        let entry = classes.entry(class(path)).or_default().entry(directory.to_owned()).or_default();
        entry.files += 1;
        entry.names.push(format!("{name}{mark}"));
    }
    let mut places = Vec::new();
    for class in CLASSES {
        let Some(mut directories) = classes.remove(class) else { continue };
        while fold && directories.len() > DIRECTORIES && fold_deepest(&mut directories) {}
        places.extend(directories.into_iter().map(|(directory, Directory { files, names, folded })| {
            let directory = if folded { format!("{}/…", directory.trim_end_matches('/')) } else { directory };
            Place { class, directory, files, names }
        }));
    }
    places
}

fn depth(directory: &str) -> usize {
    directory.split('/').filter(|name| !name.is_empty()).count()
}

/// Moves the files of all directories as deep as the deepest into the directories above them. Whether anything moved.
fn fold_deepest(directories: &mut BTreeMap<String, Directory>) -> bool {
    let deepest = directories.keys().map(|directory| depth(directory)).max().unwrap_or(0);
    if deepest <= DEPTH {
        return false;
    }
    let deep: Vec<String> = directories.keys().filter(|directory| depth(directory) == deepest).cloned().collect();
    for directory in deep {
        let Some(Directory { files, .. }) = directories.remove(&directory) else { continue };
        let above = directory.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let entry = directories.entry(above).or_default();
        entry.files += files;
        entry.folded = true;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(paths: &[&str], fold: bool) -> Vec<String> {
        let places = places(paths.iter().map(|path| (*path, false)), fold);
        places
            .into_iter()
            .map(|Place { class, directory, files, names }| format!("{class} {directory} {files} {}", names.join(" ")))
            .collect()
    }

    #[test]
    fn files_are_grouped_by_directory_and_use() {
        let paths = [
            "/",
            "/.env",
            "/dev/null",
            "/etc/ld.so.cache",
            "/etc/passwd",
            "/etc/ssl/cert.pem",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/libexec/tool",
            "/opt/app/libx.so",
            "/proc/⋯/stat",
            "/srv/a",
            "relative",
        ];
        assert_eq!(
            rows(&paths, false),
            [
                "data  1 relative",
                "data / 2 . .env",
                "data /libexec 1 tool",
                "data /srv 1 a",
                "config /etc 1 passwd",
                "config /etc/ssl 1 cert.pem",
                "libraries /etc 1 ld.so.cache",
                "libraries /lib/x86_64-linux-gnu 1 libc.so.6",
                "libraries /opt/app 1 libx.so",
                "devices /dev 1 null",
                "kernel /proc/⋯ 1 stat",
            ]
        );
    }

    #[test]
    fn many_directories_are_folded_and_no_file_is_lost() {
        let paths: Vec<String> =
            (0..20).flat_map(|n| [format!("/usr/lib/python3/d{n}/x/a.py"), format!("/usr/lib/python3/d{n}/b.py")]).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        assert_eq!(rows(&paths, true), ["libraries /usr/lib/python3/… 40 "]);
        assert_eq!(rows(&paths, false).len(), 40);
    }

    #[test]
    fn a_class_is_a_whole_name_not_a_beginning() {
        for (path, expected) in
            [("/etcetera/x", "data"), ("/device", "data"), ("/etc", "config"), ("/proc", "kernel"), ("/a/libx.so.1", "libraries")]
        {
            assert_eq!(class(path), expected, "{path}");
        }
    }
}
