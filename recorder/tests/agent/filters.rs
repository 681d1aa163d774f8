//! Approved seccomp filters where the kubelet finds them: whole, kept apart from everything else, and gone when nobody names them.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use nix::mount::MsFlags;
use runtimemap_crds::FilterFile;

use crate::rig::{Mount, Rig, wait_until};

/// A rig whose agents have a folder for filters.
fn rig(more: &[&str]) -> (Rig, PathBuf) {
    let mut rig = Rig::new();
    let folder = rig.path("seccomp/runtimemap");
    fs::create_dir_all(&folder).unwrap();
    rig.flags.extend(["--seccomp".to_owned(), folder.to_str().unwrap().to_owned()]);
    rig.flags.extend(more.iter().map(|&flag| flag.to_owned()));
    (rig, folder)
}

fn file(name: &str, content: &str) -> FilterFile {
    FilterFile { namespace: "shop".into(), name: name.into(), content: format!("{{\"defaultAction\": \"{content}\"}}\n") }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Both names of a filter.
fn both(file: &FilterFile) -> Vec<String> {
    [&file.name, &file.hashed()].map(|name| format!("{name}.json")).to_vec().into_iter().rev().collect()
}

fn wait_for_report(rig: &Rig, ids: &[String]) {
    wait_until("a report of the filters", || rig.cluster.filters().is_some_and(|report| report.there == ids && report.trouble.is_empty()));
}

#[test]
fn an_approved_filter_is_there_under_both_names_and_goes_when_nobody_names_it() {
    let (rig, folder) = rig(&["--seccomp-stay=1s"]);
    let agent = rig.agent();
    // The controller hears of the folder before anything is to be in it.
    wait_for_report(&rig, &[]);
    let (old, new) = (file("deployment-web", "SCMP_ACT_ERRNO"), file("deployment-web", "SCMP_ACT_LOG"));
    rig.cluster.order_filters(std::slice::from_ref(&old));
    wait_for_report(&rig, &[old.id()]);
    let shop = folder.join("shop");
    let mut expected = both(&old);
    expected.sort();
    assert_eq!(names(&shop), expected);
    let read = |name: &str| fs::read_to_string(shop.join(format!("{name}.json"))).unwrap();
    assert_eq!((read("deployment-web"), read(&old.hashed())), (old.content.clone(), old.content.clone()));
    // Another content: the name without a hash is its own at once, and the old one goes later.
    rig.cluster.order_filters(std::slice::from_ref(&new));
    wait_for_report(&rig, &[new.id()]);
    wait_until("the old one's end", || names(&shop).len() == 2);
    assert_eq!((read("deployment-web"), read(&new.hashed())), (new.content.clone(), new.content.clone()));
    // The next agent knows which it is to remove.
    agent.kill();
    let agent = rig.agent();
    rig.cluster.order_filters(&[]);
    wait_until("the end of both", || names(&folder).is_empty());
    wait_for_report(&rig, &[]);
    agent.end();
}

#[test]
fn a_symbolic_link_in_the_way_is_not_followed_and_is_told_of() {
    let (rig, folder) = rig(&[]);
    let elsewhere = rig.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, folder.join("shop")).unwrap();
    let agent = rig.agent();
    let web = file("deployment-web", "SCMP_ACT_ERRNO");
    rig.cluster.order_filters(std::slice::from_ref(&web));
    wait_until("the trouble", || rig.cluster.filters().is_some_and(|report| report.trouble.contains("symbolic link")));
    assert_eq!(names(&elsewhere), Vec::<String>::new());
    // Out of the way, it is tried again.
    fs::remove_file(folder.join("shop")).unwrap();
    wait_for_report(&rig, &[web.id()]);
    let log = agent.end();
    assert_eq!(log.matches("failed to write the seccomp filter").count(), 1, "{log}");
    assert!(log.contains("seccomp filters can be written again"), "{log}");
}

#[test]
fn an_agent_that_is_killed_over_a_file_leaves_no_half_of_it() {
    let (rig, folder) = rig(&[]);
    let web = file("deployment-web", "SCMP_ACT_ERRNO");
    let agent = rig.agent();
    // Killed at the moment when the file is whole and has no name yet.
    let kill = "--inject=rename,renameat,renameat2:error=EIO:signal=SIGKILL";
    let (calls, said) = (rig.path("calls"), rig.path("said"));
    let mut strace = Command::new("strace")
        .args(["--follow-forks", "--trace=rename,renameat,renameat2", kill, "--output"])
        .arg(&calls)
        .arg(format!("--attach={}", agent.pid()))
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    wait_until("strace", || fs::read_to_string(&said).unwrap().contains("attached"));
    rig.cluster.order_filters(std::slice::from_ref(&web));
    agent.ended();
    strace.wait().unwrap();
    let calls = fs::read_to_string(&calls).unwrap();
    assert!(calls.contains("\".new\""), "it was killed elsewhere: {calls}");
    let shop = folder.join("shop");
    assert_eq!(names(&shop), [".new"]);
    let agent = rig.agent();
    wait_for_report(&rig, &[web.id()]);
    let mut expected = both(&web);
    expected.sort();
    assert_eq!(names(&shop), expected);
    assert_eq!(fs::read_to_string(shop.join("deployment-web.json")).unwrap(), web.content);
    agent.end();
}

#[test]
fn a_full_disk_and_a_folder_that_cannot_be_written_are_told_of_and_tried_again() {
    for (flags, said) in [(MsFlags::empty(), "make room on the node's disk"), (MsFlags::MS_RDONLY, "the agent needs this folder writable")]
    {
        let (rig, folder) = rig(&[]);
        let mounted = Mount::new(&folder, flags, "size=16k");
        if flags.is_empty() {
            // Not a page is left.
            let full = (0..).take_while(|number| fs::write(folder.join(format!("full{number}")), [0; 4096]).is_ok()).count();
            assert!(full > 0);
        }
        let agent = rig.agent();
        let web = file("deployment-web", "SCMP_ACT_ERRNO");
        rig.cluster.order_filters(std::slice::from_ref(&web));
        wait_until(said, || rig.cluster.filters().is_some_and(|report| report.trouble.contains(said)));
        assert!(!names(&folder.join("shop")).iter().any(|name| name.ends_with(".json")));
        drop(mounted);
        wait_for_report(&rig, &[web.id()]);
        let log = agent.end();
        assert_eq!(log.matches(said).count(), 1, "{log}");
    }
}
