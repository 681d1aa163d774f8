//! Completion: what kubectl's own asks of a plugin, and the program through which it asks.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use anyhow::Context;
use clap::{Arg, Command, FromArgMatches as _};
use runtimemap_crds::ApplicationProfile;

use crate::{
    cli::Report,
    cluster::{Cluster, Connection, NAMESPACES, NEIGHBORHOODS, PROFILES, Query},
    escape,
};

/// kubectl asks a program of this name for words to complete.
const SHIM: &str = "kubectl_complete-runtimemap";
/// Longest list of names that a person still reads.
const MOST: usize = 500;
/// After the words kubectl wants to know: complete no file names.
const NO_FILES: &str = ":4\n";
/// Or: do.
const FILES: &str = ":0\n";

/// What to print or to install.
#[derive(Debug, PartialEq)]
pub(crate) enum Completion {
    Install(Option<PathBuf>),
    Bash,
    Zsh,
    Fish,
}

/// Prints a script, or installs the program.
pub(crate) fn completion(plan: &Completion) -> anyhow::Result<Report> {
    Ok(match plan {
        Completion::Install(directory) => install(directory.clone())?,
        Completion::Bash => include_str!("completion/bash.sh").to_owned().into(),
        Completion::Zsh => include_str!("completion/zsh.zsh").to_owned().into(),
        Completion::Fish => include_str!("completion/fish.fish").to_owned().into(),
    })
}

fn install(directory: Option<PathBuf>) -> anyhow::Result<Report> {
    let plugin = env::current_exe().context("failed to find the plugin's own place")?;
    let directory = match directory {
        Some(directory) => directory,
        None => plugin.parent().map(PathBuf::from).context("the plugin is in no directory")?,
    };
    let windows = cfg!(windows);
    let file = directory.join(if windows { format!("{SHIM}.cmd") } else { SHIM.to_owned() });
    let text = if windows { "@kubectl-runtimemap.exe __complete %*\r\n" } else { "#!/bin/sh\nexec kubectl-runtimemap __complete \"$@\"\n" };
    fs::write(&file, text)
        .with_context(|| format!("failed to write {}; give a directory that you may write with --directory", file.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("failed to make {} executable", file.display()))?;
    }
    let on_path = env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|entry| entry == directory));
    let mut report = Report::from(format!("{}\n", escape::line(&file.display().to_string())));
    if !on_path {
        report.remarks.push(format!("Warning: {} is not in PATH, where kubectl looks for it", directory.display()));
    }
    report.remarks.push("kubectl's own completion has to be on: kubectl completion --help".to_owned());
    Ok(report)
}

/// What the words of a command line tell of the cluster that they mean.
struct Line {
    connection: Connection,
    namespace: Option<String>,
    all_namespaces: bool,
}

impl Line {
    /// Reads what can be read: the line is not finished, and need not be right.
    fn of(root: &Command, before: &[String]) -> anyhow::Result<Self> {
        let matches = root.clone().no_binary_name(true).ignore_errors(true).try_get_matches_from(before)?;
        let mut leaf = &matches;
        while let Some((_, inner)) = leaf.subcommand() {
            leaf = inner;
        }
        Ok(Self {
            connection: Connection::from_arg_matches(leaf)?,
            namespace: leaf.try_get_one::<String>("namespace").ok().flatten().cloned(),
            all_namespaces: leaf.try_get_one::<bool>("all_namespaces").ok().flatten().copied().unwrap_or(false),
        })
    }

    /// The cluster, and the namespace that is meant.
    fn connect(&self) -> anyhow::Result<(Cluster, Option<String>)> {
        let cluster = Cluster::connect(&self.connection)?;
        let namespace = self.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned());
        Ok((cluster, (!self.all_namespaces).then_some(namespace)))
    }
}

/// The words that may stand at the end of a command line, one a line, and what kubectl is to do with them. Never an error: a shell
/// that completes has nowhere to show one.
pub(crate) fn complete(root: &mut Command, words: &[String]) -> String {
    root.build();
    let root: &Command = root;
    let Some((last, before)) = words.split_last() else { return NO_FILES.to_owned() };
    let mut command = root;
    let mut previous: Option<&Arg> = None;
    let mut named = 0;
    for word in before {
        if previous.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            previous = flag(command, word).filter(|arg| takes_value(arg) && !word.contains('='));
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        } else {
            named += 1;
        }
    }
    if let Some(arg) = previous {
        return values(root, arg, last, before);
    }
    if let Some((name, value)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        let Some(arg) = flag(command, name) else { return NO_FILES.to_owned() };
        return values(root, arg, value, before);
    }
    if last.starts_with('-') {
        let flags = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some(format!("--{}\t{}", arg.get_long()?, help.lines().next().unwrap_or_default()))
        });
        return listed(flags, last, NO_FILES);
    }
    if command.has_subcommands() {
        let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let verbs = verbs.map(|verb| {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            format!("{}\t{}", verb.get_name(), about.lines().next().unwrap_or_default())
        });
        return listed(verbs, last, NO_FILES);
    }
    let takes_names = command.get_positionals().any(|arg| arg.get_id() == "names");
    if takes_names && named < 100 {
        listed(Line::of(root, before).and_then(|line| workloads(&line)).unwrap_or_default(), last, NO_FILES)
    } else {
        NO_FILES.to_owned()
    }
}

fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.split('=').next().unwrap_or_default();
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| name == format!("-{short}")),
    })
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|number| number.takes_values())
        || matches!(arg.get_action(), clap::ArgAction::Set | clap::ArgAction::Append)
}

/// The values of a flag.
fn values(root: &Command, arg: &Arg, start: &str, before: &[String]) -> String {
    let possible: Vec<String> =
        arg.get_possible_values().iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect();
    if !possible.is_empty() {
        return listed(possible, start, NO_FILES);
    }
    match arg.get_id().as_str() {
        "namespace" | "against_namespace" => {
            listed(Line::of(root, before).and_then(|line| namespaces(&line)).unwrap_or_default(), start, NO_FILES)
        }
        "container" => listed(Line::of(root, before).and_then(|line| containers(&line, before)).unwrap_or_default(), start, NO_FILES),
        _ if arg.get_value_names().is_some_and(|names| names.iter().any(|name| ["FILE", "DIR", "PATH"].contains(&name.as_str()))) => {
            FILES.to_owned()
        }
        _ => NO_FILES.to_owned(),
    }
}

fn namespaces(line: &Line) -> anyhow::Result<Vec<String>> {
    let (cluster, _) = line.connect()?;
    let page = cluster.rows(&NAMESPACES, Query::default()).page()?.unwrap_or_default();
    Ok(page.into_iter().map(|cells| cells.name).take(MOST).collect())
}

/// `kind/name` of what was learned.
fn workloads(line: &Line) -> anyhow::Result<Vec<String>> {
    let (cluster, namespace) = line.connect()?;
    let query = Query { namespace: namespace.as_deref(), ..Query::default() };
    let page = match cluster.rows(&PROFILES, query).page() {
        Err(failure) if failure.is_forbidden() => cluster.rows(&NEIGHBORHOODS, query).page(),
        page => page,
    };
    let page = page?.unwrap_or_default();
    Ok(page.into_iter().take(MOST).map(|cells| format!("{}/{}", cells.text("Kind").to_lowercase(), cells.text("Workload"))).collect())
}

/// Containers of the workloads on the line, or of all in the namespace.
fn containers(line: &Line, before: &[String]) -> anyhow::Result<Vec<String>> {
    let (cluster, namespace) = line.connect()?;
    let query = Query { namespace: namespace.as_deref(), ..Query::default() };
    let profiles: Vec<ApplicationProfile> = cluster.list(&PROFILES, query)?;
    let named = |profile: &ApplicationProfile| {
        let workload = &profile.spec.workload;
        let full = format!("{}/{}", workload.kind.to_lowercase(), workload.name);
        before.iter().any(|word| *word == full || *word == workload.name)
    };
    let some = profiles.iter().any(named);
    let chosen = profiles.iter().filter(|profile| !some || named(profile));
    let containers = chosen.flat_map(|profile| profile.spec.init_containers.iter().chain(&profile.spec.containers));
    Ok(containers.map(|container| container.name.clone()).collect())
}

fn listed(words: impl IntoIterator<Item = String>, start: &str, end: &str) -> String {
    let words: BTreeSet<String> = words.into_iter().filter(|word| word.starts_with(start)).collect();
    // A tab parts a word from its explanation.
    let line = |word: &String| {
        let (word, help) = word.split_once('\t').map_or((word.as_str(), None), |(word, help)| (word, Some(help)));
        let help = help.map(|help| format!("\t{}", escape::line(help))).unwrap_or_default();
        format!("{}{help}\n", escape::line(word))
    };
    words.iter().map(line).chain([end.to_owned()]).collect()
}
