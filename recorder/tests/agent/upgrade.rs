//! Agents of two versions after each other: what one has left to the other is understood, or counted, and never taken for something else.

use std::{env, ffi::OsString, path::Path};

use runtimemap_crds::LossCause;
use runtimemap_recorder::mailbox::Letter;

use crate::{
    conservation::{Actor, Acts, Facts, prepare},
    flood,
    rig::{Rig, recorder},
};

/// How often one takes the other's place.
const UPGRADES: usize = 6;

/// An agent whose records and maps are laid out otherwise.
fn other() -> OsString {
    let said = "RECORDER_OF_ANOTHER_LAYOUT has to name a recorder of another layout: `make kernel` builds it";
    env::var_os("RECORDER_OF_ANOTHER_LAYOUT").unwrap_or_else(|| panic!("{said}"))
}

/// Every path of a letter is one that is, or was, there: what is read by another layout would be nonsense.
fn is_sound(letter: &Letter, folder: &Path) -> bool {
    let there = |path: &str| Path::new(path).starts_with(folder) || Path::new(path).exists() || path.starts_with("/proc/");
    match letter {
        Letter::Open(open) => there(&open.path),
        Letter::Exec(exec) => there(&exec.path),
        Letter::Flow(flow) => flow.address.is_loopback(),
        _ => true,
    }
}

#[test]
fn what_an_agent_of_another_layout_left_is_understood_or_counted() {
    let mut rig = Rig::new();
    let folder = rig.path("acts");
    std::fs::create_dir(&folder).unwrap();
    prepare(&folder);
    let pod = rig.pod();
    let mut agent = rig.agent();
    let mut busy = pod.container();
    busy.act(":");
    rig.cluster.wait_for(&busy.id, "bash");
    let flooded = rig.path("flood");
    busy.begin(&flood::until_the_end(&flooded, 1000));
    let mut actor = Actor::new(pod.container());
    let acts = Acts { opens: 30, execs: 2, connects: 5 };
    for number in 0..UPGRADES {
        actor.begin(&folder, acts);
        actor.container.finish();
        if number % 2 == 0 {
            agent.kill();
        } else {
            agent.end();
        }
        // Nobody has read these when the other one comes.
        actor.begin(&folder, acts);
        actor.container.finish();
        rig.recorder = if number % 2 == 0 { other() } else { recorder() };
        agent = rig.agent();
        actor.begin(&folder, acts);
        actor.container.finish();
    }
    flood::end(&flooded);
    busy.finish();
    for container in [&mut busy, &mut actor.container] {
        container.end();
        let id = &container.id;
        let observed = rig.closed(id);
        assert!(observed.startup_observed);
        assert!(observed.losses.keys().eq([&LossCause::Upgrade]), "{:?}", observed.losses);
        let letters: Vec<Letter> = rig.cluster.letters(id).iter().map(|letter| serde_json::from_str(letter).unwrap()).collect();
        let unsound: Vec<&Letter> = letters.iter().filter(|letter| !is_sound(letter, &rig.path(""))).collect();
        assert!(unsound.is_empty(), "{unsound:?}");
    }
    let id = &actor.container.id;
    let (issued, told) = (actor.issued(&folder), Facts::told(&rig.cluster.letters(id), &folder));
    let (missing, lost) = (issued.without(&told), rig.cluster.observed(id).unwrap().losses);
    assert_eq!(told.without(&issued), Facts::default());
    assert!(missing.len() > 0, "the other layout was read, or nothing was left unread: this shows nothing");
    assert!(u64::try_from(missing.len()).unwrap() <= lost[&LossCause::Upgrade], "missing are {missing:?}, lost {lost:?}");
    eprintln!("FIGURE {UPGRADES} upgrades: {} acts, {} of them not told, lost by count {lost:?}", issued.len(), missing.len());
    agent.end();
    // Both versions are gone, and with them all that they had in the kernel.
    assert!(rig.detach().status.success());
    assert!(!rig.path("bpf/runtimemap").exists());
}

#[test]
fn what_was_lost_before_the_other_came_is_counted() {
    let mut rig = Rig::new();
    // Of what is new, the kernel takes 200 at once and 100 a second.
    rig.flags.extend(["--rate", "100"].map(str::to_owned));
    let folder = rig.path("acts");
    std::fs::create_dir(&folder).unwrap();
    prepare(&folder);
    let agent = rig.agent();
    let mut actor = Actor::new(rig.pod().container());
    actor.container.act(":");
    rig.cluster.wait_for(&actor.container.id, "bash");
    agent.kill();
    actor.begin(&folder, Acts { opens: 600, execs: 0, connects: 0 });
    actor.container.finish();
    rig.recorder = other();
    let agent = rig.agent();
    actor.container.end();
    let id = &actor.container.id;
    let lost = rig.closed(id).losses;
    let missing = actor.issued(&folder).without(&Facts::told(&rig.cluster.letters(id), &folder)).len();
    assert!(missing > 200 && u64::try_from(missing).unwrap() <= lost.values().sum(), "{missing} are missing, lost {lost:?}");
    assert!(lost.contains_key(&LossCause::Throttled) && lost.contains_key(&LossCause::Upgrade), "{lost:?}");
    agent.end();
}
