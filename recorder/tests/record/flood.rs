//! A container that does as much as it can, with names as bad as it can make them.

use std::fs;

use crate::rig::{Rig, wait_until};

/// Opens files of distinct names with newlines, escapes, invalid UTF-8 and great lengths for half a minute, and starts programs with long arguments.
const FLOOD: &str = r#"
    $| = 1; print "ready\n"; my $end = time + 30; my ($n, $opened) = (0, 0); mkdir "$ARGV[0]/d"; my $long = "$ARGV[0]" . ("/" . ("l" x 250)) x 15; $long .= "/" . ("m" x (4075 - length $long));
    my $deep = ""; for (split m{/}, $long) { next if $_ eq ""; $deep .= "/$_"; mkdir $deep; }
    while (time < $end) {
        for (1 .. 1000) {
            $n++;
            my $name = sprintf "%s/d%d/\n\e[31m\xff%x\x{07}%s", $ARGV[0], $n % 50, $n * 2654435761 % 4294967296, "y" x ($n % 90);
            mkdir "$ARGV[0]/d" . ($n % 50) if $n < 200;
            if (open my $file, ">", $name) { $opened++; close $file; unlink $name; }
            if ($n % 20 == 0 and open my $file, ">", "$long/$n") { $opened++; close $file; unlink "$long/$n"; }
        }
        system("/bin/true", "x" x 131071, $n) if $n % 10000 == 0;
    }
    print "opened $opened\n";
"#;

#[test]
fn r14_a_flood_neither_grows_the_recorder_nor_the_profile_nor_passes_unmentioned() {
    let rig = Rig::new();
    // In memory: a disk would be the slower of the two.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut running = rig.start(&["--", "perl", "-e", FLOOD, folder.path().to_str().unwrap()]);
    running.wait_for_output("ready");
    let (before, mut peak) = (resident(running.pid()).unwrap(), 0);
    wait_until("the end of the flood", || {
        let now = resident(running.pid());
        peak = peak.max(now.unwrap_or_default());
        now.is_none()
    });
    let opened = running.wait_for_output("opened ");
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let opened: u64 = opened.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(opened > 2_000, "no flood: {opened}");
    assert!(peak < 64 << 10, "{peak} kB, and {before} kB before the flood");
    let text = fs::read_to_string(rig.path("map.yaml")).unwrap();
    let profile = text.split("\n---\n").next().unwrap();
    assert!(profile.len() < 50_000, "{}", profile.len());
    assert!(!text.bytes().any(|byte| byte < b' ' && byte != b'\n'), "a control character");
    let status = rig.object("ApplicationProfile")["status"].clone();
    // 128 kB of arguments are more than is read.
    assert!(status["losses"].to_string().contains("TooLong"), "{status}");
    assert_eq!(rig.condition("EventsLost"), "True");
    // Every name was another one: what is not among the facts is among the losses.
    let lost: u64 = status["losses"].as_array().unwrap().iter().map(|loss| loss["count"].as_u64().unwrap()).sum();
    let seen = rig.opened_below(folder.path());
    assert!(seen <= opened && seen + lost >= opened, "opened {opened}, seen {seen}, lost {lost}: {status}");
    eprintln!("opened {opened}, seen {seen}, lost {lost}; {peak} kB at most, {before} kB before");
}

/// Resident size of a process in kB; None once it has ended.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().split(' ').next()?.parse().ok()
}
