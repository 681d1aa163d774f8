//! Collapsing is a closure, bounded, and loses nothing that was seen.

use proptest::prelude::*;
use runtimemap_crds::{
    ApplicationProfileSpec, ContainerProfile, Exec, Open, Origin,
    collapse::{ExecSet, OpenSet, Thresholds, close, close_execs, close_opens, literal_argument, literal_path, matches, matches_args},
    yaml,
};

/// Low thresholds, so that few paths cross them, and budgets that nothing here exceeds.
fn low() -> Thresholds {
    Thresholds {
        children: 3,
        directories: Vec::new(),
        arguments: 2,
        argument_bytes: 8,
        argument_count: 3,
        open_bytes: 1 << 20,
        exec_bytes: 1 << 20,
        profile_bytes: 1 << 20,
    }
}

fn open(path: &str) -> Open {
    Open { path: path.to_owned(), flags: vec!["O_RDONLY".to_owned()], ..Open::default() }
}

fn paths(opens: &[Open]) -> Vec<&str> {
    opens.iter().map(|open| open.path.as_str()).collect()
}

/// A literal path of few names, some of which are generated, pinned or pose as patterns.
fn any_path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "d",
        "e",
        "etc",
        "passwd",
        "shadow",
        "tmp",
        "proc",
        "7",
        "1234",
        "0123456789abcdef0123456789abcdef",
        "⋯",
        "*",
        "\\\\",
        "",
    ]);
    (prop::collection::vec(name, 1..6), prop::bool::weighted(0.9))
        .prop_map(|(names, absolute)| format!("{}{}", if absolute { "/" } else { "" }, names.join("/")))
}

fn any_opens() -> impl Strategy<Value = Vec<Open>> {
    let flags = prop::collection::btree_set(prop::sample::select(vec!["O_RDONLY", "O_RDWR", "O_CREAT"]), 0..3);
    let one = (any_path(), flags).prop_map(|(path, flags)| Open {
        path: literal_path(&path),
        flags: flags.into_iter().map(str::to_owned).collect(),
        ..Open::default()
    });
    prop::collection::vec(one, 0..30)
}

fn any_execs() -> impl Strategy<Value = Vec<Exec>> {
    let argument = prop::sample::select(vec!["a", "b", "c", "d", "*", "⋯", "x⋯", "long argument", "long ago", "é"]);
    let path = prop::sample::select(vec!["/bin/sh", "/tmp/a", "/tmp/b", "/tmp/c", "/tmp/d", "/tmp/1234/x"]);
    let interpreter = prop::sample::select(vec!["", "", "/bin/sh", "/bin/awk", "/bin/sed"]);
    let origin = prop::sample::select(vec![Origin::Entrypoint, Origin::Exec]);
    let one = (path, interpreter, prop::collection::vec(argument, 0..6), origin).prop_map(|(path, interpreter, args, origin)| Exec {
        path: literal_path(path),
        interpreter: interpreter.to_owned(),
        args: args.into_iter().map(literal_argument).collect(),
        origin,
        ..Exec::default()
    });
    prop::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn closing_opens_early_or_late_is_the_same(a in any_opens(), b in any_opens()) {
        let thresholds = low();
        let close = |opens: Vec<Open>| close_opens(opens, &thresholds).0;
        let late = close([a.clone(), b.clone()].concat());
        prop_assert_eq!(&close([close(a.clone()), b.clone()].concat()), &late);
        prop_assert_eq!(&close([b, close(a)].concat()), &late);
        prop_assert_eq!(&close(late.clone()), &late);
    }

    #[test]
    fn opens_in_any_order_are_the_same(a in any_opens().prop_shuffle(), seed in any::<prop::sample::Index>()) {
        let set = |opens: &[Open]| {
            let mut set = OpenSet::new(&low());
            opens.iter().for_each(|open| set.insert_pattern(open.clone()));
            set.into_opens()
        };
        let mut rotated = a.clone();
        if !a.is_empty() {
            rotated.rotate_left(seed.index(a.len()));
        }
        prop_assert_eq!(set(&a), set(&rotated));
    }

    #[test]
    fn every_open_is_matched_by_what_it_became(paths in prop::collection::vec(any_path(), 0..30)) {
        let mut set = OpenSet::new(&low());
        paths.iter().for_each(|path| set.insert(open(path)));
        let opens = set.into_opens();
        for path in &paths {
            prop_assert!(opens.iter().any(|open| matches(&open.path, path)), "{path} is in none of {:?}", self::paths(&opens));
        }
        for open in &opens {
            prop_assert!(paths.iter().any(|path| matches(&open.path, path)), "{} came from nothing", open.path);
        }
    }

    #[test]
    fn closing_execs_early_or_late_is_the_same(a in any_execs(), b in any_execs()) {
        let thresholds = low();
        let close = |execs: Vec<Exec>| close_execs(execs, &thresholds).0;
        let late = close([a.clone(), b.clone()].concat());
        prop_assert_eq!(&close([close(a.clone()), b.clone()].concat()), &late);
        prop_assert_eq!(&close([b, close(a)].concat()), &late);
        prop_assert_eq!(&close(late.clone()), &late);
    }

    #[test]
    fn execs_in_any_order_are_the_same(a in any_execs(), seed in any::<prop::sample::Index>()) {
        let set = |execs: &[Exec]| {
            let mut set = ExecSet::new(&low());
            execs.iter().for_each(|exec| set.insert_pattern(exec.clone()));
            set.into_execs()
        };
        let mut rotated = a.clone();
        if !a.is_empty() {
            rotated.rotate_left(seed.index(a.len()));
        }
        rotated.reverse();
        prop_assert_eq!(set(&a), set(&rotated));
    }

    #[test]
    fn every_exec_is_matched_by_what_it_became(
        lists in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "*", "⋯", "x⋯", "long argument", "long ago", "long\\\\⋯"]), 0..6),
            0..40,
        ),
        // Of one name and length, so that positions are folded before whole lists are.
        same_shape in any::<bool>(),
    ) {
        let shape = |list: Vec<&'static str>| match list.as_slice() {
            [a, b, ..] if same_shape => vec!["sh", a, b],
            _ if same_shape => vec!["sh", "a", "b"],
            _ => list,
        };
        let lists: Vec<Vec<String>> = lists.into_iter().map(|list| shape(list).into_iter().map(str::to_owned).collect()).collect();
        let mut set = ExecSet::new(&low());
        for args in &lists {
            set.insert(Exec { path: "/bin/sh".to_owned(), args: args.clone(), ..Exec::default() }, false);
        }
        let execs = set.into_execs();
        for args in &lists {
            prop_assert!(execs.iter().any(|exec| matches_args(&exec.args, args)), "{args:?} is in none of {execs:?}");
        }
    }

    #[test]
    fn over_its_budget_a_list_still_covers_all_and_closes_to_itself(
        paths in prop::collection::vec(any_path(), 0..40),
        budget in 300_usize..3000,
    ) {
        let thresholds = Thresholds { open_bytes: budget, children: 50, ..low() };
        let opens: Vec<Open> = paths.iter().map(|path| open(&literal_path(path))).collect();
        let (closed, truncated) = close_opens(opens.clone(), &thresholds);
        for path in &paths {
            prop_assert!(closed.iter().any(|open| matches(&open.path, path)), "{path} is in none of {:?}", self::paths(&closed));
        }
        prop_assert_eq!(close_opens(closed.clone(), &thresholds), (closed.clone(), false));
        if !truncated {
            prop_assert_eq!(closed, close_opens(opens, &Thresholds { children: 50, ..low() }).0);
        }
    }
}

#[test]
fn a_directory_is_listed_up_to_its_threshold_and_folded_beyond() {
    let thresholds = Thresholds::default();
    let names = |directory: &str, count| (0..count).map(|i| open(&format!("{directory}/f{i}"))).collect::<Vec<_>>();
    assert_eq!(close_opens(names("/srv/www", 50), &thresholds).0.len(), 50);
    assert_eq!(paths(&close_opens(names("/srv/www", 51), &thresholds).0), ["/srv/www/*"]);
    assert_eq!(close_opens(names("/etc/conf.d", 100), &thresholds).0.len(), 100);
    assert_eq!(paths(&close_opens(names("/etc/conf.d", 101), &thresholds).0), ["/etc/conf.d/*"]);
}

#[test]
fn a_folded_directory_keeps_all_flags() {
    let mut opens: Vec<Open> = (0..51).map(|i| open(&format!("/srv/{i}x"))).collect();
    opens[7].flags = vec!["O_WRONLY".to_owned()];
    assert_eq!(close_opens(opens, &Thresholds::default()).0[0].flags, ["O_RDONLY", "O_WRONLY"]);
}

#[test]
fn normal_programs_stay_precise() {
    let seen = [
        "/etc/nginx/nginx.conf",
        "/etc/ssl/openssl.cnf",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0.11.2",
        "/usr/lib/python3.11/os.py",
        "/usr/lib/python3.11/__pycache__/re.cpython-311.pyc",
        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
        "/usr/lib/postgresql/15/bin/postgres",
        "/var/lib/postgresql/15/main/PG_VERSION",
        "/var/lib/postgresql/15/main/global/pg_control",
        "/var/log/nginx/access.log",
        "/run/nginx.pid",
        "/tmp/ccAb1Cd2.s",
        "/proc/self/status",
        "/proc/meminfo",
        "/dev/null",
    ];
    let (opens, truncated) = close_opens(seen.map(open).to_vec(), &Thresholds::default());
    let mut expected = seen.to_vec();
    expected.sort_unstable();
    assert_eq!((paths(&opens), truncated), (expected, false));
}

#[test]
fn names_made_up_at_run_time_collapse_at_once() {
    let mut set = OpenSet::new(&Thresholds::default());
    for path in [
        "/proc/1/stat",
        "/proc/22/stat",
        "/proc/22/task/23/comm",
        "/proc/22/fd/3",
        "/dev/pts/0",
        "/var/lib/postgresql/15/main/base/16384/1259_vm",
        "/var/lib/postgresql/15/main/base/16385/2619",
        "/var/lib/postgresql/15/main/base/16384/PG_VERSION",
        "/tmp/⋯",
        "/tmp/*",
    ] {
        set.insert(open(path));
    }
    assert_eq!(
        paths(&set.into_opens()),
        [
            "/dev/pts/⋯",
            "/proc/⋯/fd/⋯",
            "/proc/⋯/stat",
            "/proc/⋯/task/⋯/comm",
            "/tmp/\\*",
            "/tmp/\\⋯",
            "/var/lib/postgresql/15/main/base/⋯/PG_VERSION",
            "/var/lib/postgresql/15/main/base/⋯/⋯",
        ]
    );
}

#[test]
fn a_flood_in_the_root_hides_nothing_well_known() {
    let mut set = OpenSet::new(&Thresholds::default());
    set.insert(open("/etc/shadow"));
    set.insert(open("/usr/bin/env"));
    (0..1000).for_each(|i| set.insert(open(&format!("/x{i}/y"))));
    (0..1000).for_each(|i| set.insert(open(&format!("/etc/x{i}"))));
    assert_eq!(paths(&set.into_opens()), ["/*", "/etc/*", "/etc/shadow", "/usr/bin/env"]);
}

#[test]
fn r14_arguments_that_never_repeat_collapse() {
    let mut set = ExecSet::new(&Thresholds::default());
    for i in 0..1000 {
        let args = ["convert", "-quality", "90", &format!("in{i}.png"), "out.png"].map(str::to_owned).to_vec();
        set.insert(Exec { path: "/usr/bin/convert".to_owned(), args, ..Exec::default() }, false);
    }
    let execs = set.into_execs();
    assert_eq!(execs.len(), 1);
    assert_eq!(execs[0].args, ["convert", "-quality", "90", "⋯", "out.png"]);
}

#[test]
fn r14_a_flood_of_hostile_names_stays_small_and_is_reported() {
    let mut opens = OpenSet::new(&Thresholds::default());
    let mut execs = ExecSet::new(&Thresholds::default());
    for i in 0..120_000_u32 {
        // Directories that never reach their threshold, each of long and odd names.
        let (a, b, c) = (i % 49, i / 49 % 49, i / 2401);
        let odd = ["\n", "\\xff", "\u{1b}[2J", "\u{202e}", "é"][a as usize % 5];
        let path = format!("/data/d{a}{odd}/e{b}/f{c}{}", "x".repeat(i as usize % 2000));
        opens.insert(open(&path));
        if i % 4 == 0 {
            let args = vec!["sh".to_owned(), format!("{a}"), format!("{b}"), format!("{c}"), "x".repeat(131_072)];
            execs.insert(Exec { path: format!("/srv/{}/{}", i % 40, i / 40 % 40), args, ..Exec::default() }, false);
        }
    }
    opens.insert(open("/etc/passwd"));
    let limits = Thresholds::default();
    assert!(opens.bytes() <= limits.open_bytes && opens.truncated(), "{}", opens.bytes());
    assert!(execs.bytes() <= limits.exec_bytes && execs.truncated(), "{} {}", execs.bytes(), execs.truncated());
    let container = ContainerProfile { name: "web".to_owned(), opens: opens.into_opens(), execs: execs.into_execs(), ..Default::default() };
    let mut spec = ApplicationProfileSpec { containers: vec![container], ..Default::default() };
    close(&mut spec, &limits);
    assert!(spec.containers[0].opens.iter().any(|open| open.path == "/etc/passwd"));
    let text = yaml::to_string(&spec).unwrap();
    assert!(text.len() < 50_000, "{} bytes", text.len());
}

#[test]
fn o3_a_profile_over_its_budget_says_which_list_was_cut() {
    let opens = |count| (0..count).map(|i| open(&format!("/srv/{}/{}/{i}x", i / 900, i / 30))).collect::<Vec<_>>();
    let container = |name: &str, count| ContainerProfile { name: name.to_owned(), opens: opens(count), ..Default::default() };
    let mut spec = ApplicationProfileSpec { containers: vec![container("big", 800), container("small", 20)], ..Default::default() };
    assert_eq!(close(&mut spec, &Thresholds::default()), ["big.opens"]);
    assert_eq!(spec.containers[1].opens.len(), 20);
    assert!(yaml::to_string(&spec).unwrap().len() < 50_000);
    let closed = spec.clone();
    assert_eq!(close(&mut spec, &Thresholds::default()), Vec::<String>::new());
    assert_eq!(spec, closed);
}

#[test]
fn a_path_of_any_depth_is_taken() {
    let mut set = OpenSet::new(&Thresholds::default());
    set.insert_pattern(open(&"/a".repeat(500_000)));
    assert_eq!(set.into_opens().len(), 1);
}
