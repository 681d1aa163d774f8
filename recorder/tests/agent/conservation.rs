//! What is in the mailbox happened; what is missing there lies in a counted loss of its container: with a kernel buffer and a share that
//! are big enough or too small, and an agent that is paused, killed and started again at random while containers act.
//!
//! `SCHEDULES=1000` runs so many, `AT_ONCE=8` as many beside each other, `SCHEDULE=17` that one alone; `AVOID="fexit tp_btf"` lets agents do
//! without these hooks. Schedules have numbers: each is the same every time.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use nix::sys::signal::Signal;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use runtimemap_crds::{LossCause, ObservedContainer};
use runtimemap_recorder::mailbox::Letter;

use crate::{
    flood,
    pod::Container,
    rig::{Agent, Rig, wait_until},
};

/// As many as a quick run makes.
const FEW: u64 = 6;
/// The default buffer and share, which no schedule fills.
const PLENTY: (&str, &str) = ("16Mi", "10000");

/// What becomes of the agent before and while the containers do what a step has for them.
#[derive(Clone, Copy, Debug)]
enum Agents {
    Stays,
    IsPaused,
    IsKilled,
    Ends,
    Comes,
}

/// Acts of one container: files opened, programs started, connections tried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acts {
    pub(crate) opens: usize,
    pub(crate) execs: usize,
    pub(crate) connects: usize,
}

/// As many of each as a profile lists one by one.
const MOST: Acts = Acts { opens: 600, execs: 40, connects: 100 };

#[derive(Clone, Debug)]
struct Step {
    agent: Agents,
    /// By container. Those that are not there yet start first.
    acts: Vec<Acts>,
}

#[derive(Clone, Debug)]
struct Schedule {
    buffer: &'static str,
    rate: &'static str,
    pins: bool,
    steps: Vec<Step>,
    /// Step at which each container starts; the first one is there from the beginning, so that everything is attached.
    starts: Vec<usize>,
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let agent = prop_oneof![
        2 => Just(Agents::Stays), 2 => Just(Agents::IsPaused), 2 => Just(Agents::IsKilled), 1 => Just(Agents::Ends), 3 => Just(Agents::Comes)
    ];
    let acts = prop_oneof![
        Just(Acts { opens: 500, execs: 0, connects: 0 }),
        (0..120usize, 0..12usize, 0..30usize).prop_map(|(opens, execs, connects)| Acts { opens, execs, connects })
    ];
    let step = (agent, prop::collection::vec(acts, 3)).prop_map(|(agent, acts)| Step { agent, acts });
    let buffer = prop_oneof![Just(PLENTY.0), Just("64Ki")];
    let rate = prop_oneof![3 => Just(PLENTY.1), 1 => Just("100")];
    (buffer, rate, prop::bool::weighted(0.75), prop::collection::vec(step, 2..6), prop::collection::vec(0..4usize, 0..3)).prop_map(
        |(buffer, rate, pins, steps, later)| {
            let starts = [0].into_iter().chain(later.into_iter().map(|step| step.min(steps.len() - 1))).collect();
            Schedule { buffer, rate, pins, steps, starts }
        },
    )
}

fn schedule(number: u64) -> Schedule {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    schedules().new_tree(&mut runner).unwrap().current()
}

/// Two letters and one that no number has: what looks like a number would be folded.
fn word(number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
    format!("{}{}y", letter(number / 26), letter(number))
}

/// Files to open, at most thirty in a directory, and scripts to run.
pub(crate) fn prepare(folder: &Path) {
    for number in 0..MOST.opens {
        fs::create_dir_all(file(folder, number).parent().unwrap()).unwrap();
        fs::write(file(folder, number), "").unwrap();
    }
    fs::create_dir(folder.join("run")).unwrap();
    for number in 0..MOST.execs {
        fs::write(program(folder, number), "#!/bin/true\n").unwrap();
        fs::set_permissions(program(folder, number), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn file(folder: &Path, number: usize) -> PathBuf {
    folder.join("files").join(word(number / 30)).join(word(number % 30))
}

fn program(folder: &Path, number: usize) -> PathBuf {
    folder.join("run").join(word(number))
}

fn address(number: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 77, u8::try_from(number + 1).unwrap()).into()
}

/// Everything of three kinds that a container did, or that is known of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Facts {
    opens: BTreeSet<String>,
    execs: BTreeSet<String>,
    peers: BTreeSet<IpAddr>,
}

impl Facts {
    pub(crate) fn len(&self) -> usize {
        self.opens.len() + self.execs.len() + self.peers.len()
    }

    /// Those that the other one has not.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self {
            opens: self.opens.difference(&other.opens).cloned().collect(),
            execs: self.execs.difference(&other.execs).cloned().collect(),
            peers: self.peers.difference(&other.peers).copied().collect(),
        }
    }

    /// What the controller has of the acts of a container.
    pub(crate) fn told(letters: &BTreeSet<String>, folder: &Path) -> Self {
        let below = |path: &str, part: &str| Path::new(path).starts_with(folder.join(part));
        let mut facts = Self::default();
        for letter in letters {
            match serde_json::from_str(letter).unwrap() {
                Letter::Open(open) if below(&open.path, "files") => drop(facts.opens.insert(open.path)),
                Letter::Exec(exec) if below(&exec.path, "run") => drop(facts.execs.insert(exec.path)),
                Letter::Flow(flow) if flow.port == 7 && !flow.ingress => drop(facts.peers.insert(flow.address)),
                Letter::Truncated(list) => panic!("{list} was folded: these are too many acts for this test"),
                _ => {}
            }
        }
        facts
    }
}

/// A container with what it was told to do.
pub(crate) struct Actor {
    pub(crate) container: Container,
    done: Acts,
}

impl Actor {
    pub(crate) fn new(container: Container) -> Self {
        Self { container, done: Acts::default() }
    }

    /// Lets it begin the next acts.
    pub(crate) fn begin(&mut self, folder: &Path, acts: Acts) {
        let next = |done: &mut usize, more: usize, most: usize| {
            let from = *done;
            *done = (from + more).min(most);
            from..*done
        };
        let words = |paths: Vec<PathBuf>| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        let files = words(next(&mut self.done.opens, acts.opens, MOST.opens).map(|number| file(folder, number)).collect());
        let programs = words(next(&mut self.done.execs, acts.execs, MOST.execs).map(|number| program(folder, number)).collect());
        let peers = next(&mut self.done.connects, acts.connects, MOST.connects);
        let peers = peers.map(|number| address(number).to_string()).collect::<Vec<_>>().join(" ");
        self.container.begin(&format!(
            "for f in {files}; do : <$f; done; for p in {programs}; do $p; done; for a in {peers}; do : </dev/tcp/$a/7; done 2>/dev/null"
        ));
    }

    pub(crate) fn issued(&self, folder: &Path) -> Facts {
        Facts {
            opens: (0..self.done.opens).map(|number| file(folder, number).display().to_string()).collect(),
            execs: (0..self.done.execs).map(|number| program(folder, number).display().to_string()).collect(),
            peers: (0..self.done.connects).map(address).collect(),
        }
    }
}

/// What schedules came to.
#[derive(Default)]
struct Figures {
    schedules: u64,
    containers: usize,
    issued: usize,
    missing: usize,
    /// Containers of which nothing was lost.
    whole: usize,
    losses: BTreeMap<LossCause, u64>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.containers += other.containers;
        self.issued += other.issued;
        self.missing += other.missing;
        self.whole += other.whole;
        other.losses.into_iter().for_each(|(cause, count)| *self.losses.entry(cause).or_default() += count);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, containers, issued, missing, whole, losses } = self;
        write!(out, "{schedules} schedules, {containers} containers, {issued} acts, {missing} of them not told; ")?;
        write!(out, "nothing lost and all told: {whole} containers; losses counted: {losses:?}")
    }
}

/// Runs one.
fn run(schedule: &Schedule, folder: &Path) -> Figures {
    let mut rig = Rig::new();
    rig.flags.extend(["--buffer", schedule.buffer, "--rate", schedule.rate].map(str::to_owned));
    rig.flags.extend((!schedule.pins).then(|| "--no-pins".to_owned()));
    rig.flags.extend(env::var("AVOID").iter().flat_map(|hooks| hooks.split_whitespace()).map(|hook| format!("--avoid={hook}")));
    let pod = rig.pod();
    let mut agent = Some(rig.agent());
    let mut actors = BTreeMap::<usize, Actor>::new();
    let mut first = pod.container();
    // Everything is attached now.
    first.act(":");
    rig.cluster.wait_for(&first.id, "bash");
    actors.insert(0, Actor::new(first));
    for (number, step) in schedule.steps.iter().enumerate() {
        let later = schedule.starts.iter().enumerate().skip(1).filter(|(_, start)| **start == number);
        actors.extend(later.map(|(index, _)| (index, Actor::new(pod.container()))));
        actors.iter_mut().for_each(|(index, actor)| actor.begin(folder, step.acts[*index]));
        agent = pass(&rig, agent, step.agent);
        actors.values_mut().for_each(|actor| actor.container.finish());
    }
    let agent = pass(&rig, agent, Agents::Comes).unwrap();
    let mut figures = Figures { schedules: 1, ..Figures::default() };
    for actor in actors.values_mut() {
        actor.container.end();
        let observed = rig.closed(&actor.container.id);
        let (issued, told) = (actor.issued(folder), Facts::told(&rig.cluster.letters(&actor.container.id), folder));
        assert_eq!(told.without(&issued), Facts::default(), "told, and not done");
        let missing = issued.without(&told);
        covered(schedule, &observed, &missing);
        figures.containers += 1;
        figures.issued += issued.len();
        figures.missing += missing.len();
        figures.whole += usize::from(observed.losses.is_empty() && missing.len() == 0);
        observed.losses.into_iter().for_each(|(cause, count)| *figures.losses.entry(cause).or_default() += count);
    }
    agent.end();
    figures
}

/// Fails if something is missing that no loss speaks of, or if a loss has no reason.
fn covered(schedule: &Schedule, observed: &ObservedContainer, missing: &Facts) {
    let (losses, startup) = (&observed.losses, observed.startup_observed);
    let allowed = |cause: &LossCause| match cause {
        LossCause::RingFull => schedule.buffer != PLENTY.0,
        LossCause::Throttled => schedule.rate != PLENTY.1,
        LossCause::Unwatched => !schedule.pins,
        LossCause::Missed => skips_programs(),
        _ => false,
    };
    assert!(losses.keys().all(allowed), "a loss without a reason: {losses:?}");
    // Where the buffer is full, that a container begins may be lost like anything else: it is found later, and counts as one that ran.
    assert!(startup || !schedule.pins || schedule.buffer != PLENTY.0, "its beginning was not seen");
    // Where nobody recorded, nobody knows how much happened.
    if startup && !losses.contains_key(&LossCause::Unwatched) {
        let counted: u64 = losses.values().sum();
        assert!(u64::try_from(missing.len()).unwrap() <= counted, "missing are {missing:?}, lost by count are {losses:?}");
    }
}

/// Whether this kernel interrupts programs for other processes, and skips them meanwhile.
fn skips_programs() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().starts_with("7.")
}

/// What becomes of the agent.
fn pass(rig: &Rig, agent: Option<Agent>, what: Agents) -> Option<Agent> {
    match (what, agent) {
        (Agents::Comes, None) => Some(rig.agent()),
        (Agents::Comes, Some(agent)) => {
            agent.signal(Signal::SIGCONT);
            Some(agent)
        }
        (Agents::IsPaused, Some(agent)) => {
            agent.signal(Signal::SIGSTOP);
            Some(agent)
        }
        (Agents::IsKilled, Some(agent)) => {
            agent.kill();
            None
        }
        (Agents::Ends, Some(agent)) => {
            agent.signal(Signal::SIGCONT);
            agent.end();
            None
        }
        (_, agent) => agent,
    }
}

#[test]
fn what_is_missing_lies_in_a_counted_loss() {
    let named = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let numbers = named("SCHEDULE").map_or(0..named("SCHEDULES").unwrap_or(FEW), |number| number..number + 1);
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let next = AtomicU64::new(numbers.start);
    let worker = || {
        let mut figures = Figures::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return figures;
            }
            let schedule = schedule(number);
            let result = std::panic::catch_unwind(|| run(&schedule, folder.path()));
            figures.add(result.unwrap_or_else(|_| panic!("SCHEDULE={number} failed: {schedule:#?}")));
            if figures.schedules.is_multiple_of(50) {
                eprintln!("schedule {number} passed");
            }
        }
    };
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..named("AT_ONCE").unwrap_or(2)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().for_each(|worker| figures.add(worker.join().unwrap()));
    });
    assert!(
        named("SCHEDULE").is_some() || figures.missing > 0 && figures.whole > 0,
        "schedules that lose nothing, or everything, show nothing: {figures}"
    );
    eprintln!("FIGURE conservation: {figures}");
}

/// Containers that begin and act beside each other while the agent is paused: what the kernel skips of that it skipped before the agent heard
/// of them, and it is their loss. Only kernels that interrupt programs skip anything (`AVOID="kprobe sys_exit"`, see `make kernels`); on others
/// nothing is missing.
#[test]
fn what_was_skipped_before_the_agent_heard_of_a_container_is_its_loss() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let none = Step { agent: Agents::IsPaused, acts: vec![Acts::default(); 5] };
    let all = Step { agent: Agents::Stays, acts: vec![Acts { opens: MOST.opens, execs: 0, connects: 0 }; 5] };
    let schedule = Schedule { buffer: PLENTY.0, rate: PLENTY.1, pins: true, steps: vec![none, all], starts: vec![0, 1, 1, 1, 1] };
    eprintln!("FIGURE skipped: {}", run(&schedule, folder.path()));
}

#[test]
fn a_flood_in_one_container_costs_another_nothing() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let (mut loud, mut quiet) = (pod.container(), Actor::new(pod.container()));
    let flooded = rig.path("flood");
    loud.begin(&flood::until_the_end(&flooded, flood::UNBOUNDED));
    for _ in 0..20 {
        quiet.begin(folder.path(), Acts { opens: 30, execs: 2, connects: 5 });
        quiet.container.finish();
    }
    let throttled = || rig.cluster.observed(&loud.id).is_some_and(|observed| observed.losses.contains_key(&LossCause::Throttled));
    wait_until("a flood that is more than one's share", throttled);
    flood::end(&flooded);
    loud.finish();
    loud.end();
    quiet.container.end();
    let (lost, observed) = (rig.closed(&loud.id).losses, rig.closed(&quiet.container.id));
    let told = Facts::told(&rig.cluster.letters(&quiet.container.id), folder.path());
    assert_eq!((told, observed.losses), (quiet.issued(folder.path()), BTreeMap::new()), "beside {lost:?}");
    agent.end();
}

/// While one container acts and another one has 2,000 new facts a second, which the buffer holds for as long as an agent is away.
#[test]
fn a_hundred_kills_under_load_lose_nothing() {
    const KILLS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let rig = Rig::new();
    let mut agent = rig.agent();
    let pod = rig.pod();
    let (mut busy, mut actor) = (pod.container(), Actor::new(pod.container()));
    let flooded = rig.path("flood");
    busy.begin(&flood::until_the_end(&flooded, 2000));
    for number in 0..KILLS {
        let written = rig.cluster.written().len();
        actor.begin(folder.path(), Acts { opens: 6, execs: usize::from(number % 3 == 0), connects: 1 });
        // As soon as it is there, when it has taken over what the one before has left, and when it has told of what happened meanwhile.
        match number % 3 {
            0 => {}
            1 => agent.wait_for_log("recording the containers"),
            _ => wait_until("a batch", || rig.cluster.written().len() > written),
        }
        agent.kill();
        actor.container.finish();
        agent = rig.begin(&[]);
    }
    flood::end(&flooded);
    busy.finish();
    busy.end();
    actor.container.end();
    let observed = rig.closed(&actor.container.id);
    let told = Facts::told(&rig.cluster.letters(&actor.container.id), folder.path());
    assert_eq!((told, observed.losses), (actor.issued(folder.path()), BTreeMap::new()));
    assert_eq!((observed.startup_observed, rig.closed(&busy.id).losses), (true, BTreeMap::new()));
    eprintln!("FIGURE {KILLS} kills beside {} new opens: nothing lost", flood::issued(&flooded));
    agent.end();
}
