//! From flags to a plan that can be carried out. Nothing is touched before it is.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::flags::{
    ApplyFlags, Cli, CompletionVerb, DiffFlags, DryRun, FilterFormat, GraphFlags, ObjectFlags, PolicyExportFlags, PolicyVerb, RelearnFlags,
    ScopeFlags, SeccompApproveFlags, SeccompExportFlags, SeccompPatchFlags, SeccompVerb, ShowFlags, SimulateFlags, StatusFlags, UndoFlags,
    Verb, VersionFlags,
};
use crate::{
    apply::{Apply, Undo},
    approve::Approve,
    cluster::Connection,
    completion::Completion,
    diff::{Diff, Other},
    export::{Destination, Filter, PolicyExport, SeccompExport},
    graph::Graph,
    input::{Input, Scope},
    patch::Patch,
    relearn::Relearn,
    selection::Name,
    show::{Content, Objects, Show, View},
    simulate::Simulate,
    source::Source,
    status::Status,
    version::Version,
};

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    Show(Show),
    Diff(Diff),
    PolicyApply(Apply),
    PolicyUndo(Undo),
    PolicyExport(PolicyExport),
    PolicySimulate(Simulate),
    SeccompApprove(Approve),
    SeccompExport(SeccompExport),
    SeccompPatch(Patch),
    Graph(Graph),
    Status(Status),
    Relearn(Relearn),
    Completion(Completion),
    Complete(Vec<String>),
    Options,
    Version(Version),
}

impl Plan {
    pub(super) fn check(cli: Cli) -> anyhow::Result<Self> {
        let Cli { verb, connection } = cli;
        Ok(match verb {
            Verb::Show(flags) => Self::Show(show(flags, connection)?),
            Verb::Diff(flags) => Self::Diff(diff(flags, connection)?),
            Verb::Policy(PolicyVerb::Apply(flags)) => Self::PolicyApply(apply(flags, connection)?),
            Verb::Policy(PolicyVerb::Undo(UndoFlags { names, scope, dry_run })) => {
                Self::PolicyUndo(Undo { input: self::scope(scope, &names, connection)?, dry_run })
            }
            Verb::Policy(PolicyVerb::Export(PolicyExportFlags { objects, format, output })) => {
                Self::PolicyExport(PolicyExport { input: input(objects, connection)?, format, destination: destination(output)? })
            }
            Verb::Policy(PolicyVerb::Simulate(SimulateFlags { objects, policies, denied, output })) => {
                Self::PolicySimulate(Simulate { input: input(objects, connection)?, policies, denied, json: output.is_some() })
            }
            Verb::Seccomp(SeccompVerb::Approve(flags)) => Self::SeccompApprove(approve(flags, connection)?),
            Verb::Seccomp(SeccompVerb::Export(flags)) => Self::SeccompExport(seccomp_export(flags, connection)?),
            Verb::Seccomp(SeccompVerb::Patch(SeccompPatchFlags { objects, apply, yes, allow_incomplete })) => {
                Self::SeccompPatch(Patch { input: input(objects, connection)?, apply, yes, allow_incomplete })
            }
            Verb::Graph(GraphFlags { objects, format }) => Self::Graph(Graph { input: input(objects, connection)?, format }),
            Verb::Status(StatusFlags { output }) => Self::Status(Status { connection, json: output.is_some() }),
            Verb::Relearn(RelearnFlags { names, scope, dry_run }) => {
                Self::Relearn(Relearn { input: self::scope(scope, &names, connection)?, dry_run })
            }
            Verb::Completion(verb) => Self::Completion(match verb {
                CompletionVerb::Install { directory } => Completion::Install(directory),
                CompletionVerb::Bash => Completion::Bash,
                CompletionVerb::Zsh => Completion::Zsh,
                CompletionVerb::Fish => Completion::Fish,
            }),
            Verb::Options => Self::Options,
            Verb::Version(VersionFlags { client, output }) => Self::Version(Version { connection, client, json: output.is_some() }),
            Verb::Complete { words } => Self::Complete(words),
        })
    }
}

fn show(flags: ShowFlags, connection: Connection) -> anyhow::Result<Show> {
    let ShowFlags { objects, container, only, output, watch, no_headers } = flags;
    let input = input(objects, connection)?;
    if watch && input.is_files() {
        bail!("--watch follows a cluster, and a file does not change: leave -f or --watch out");
    }
    let format = output.as_deref().map(Objects::parse).transpose()?.flatten();
    let content = match format {
        Some(_) if container.is_some() || !only.is_empty() => {
            bail!("--container and --only choose parts of the readable summary; other formats print whole objects: leave one of them out")
        }
        Some(_) if watch => bail!("--watch prints lines of the list, and -o prints whole objects: leave one of them out"),
        Some(format) => Content::Objects(format),
        None => Content::Summary(View { container, parts: only, wide: output.is_some() }),
    };
    Ok(Show { input, content, watch, no_headers })
}

fn diff(flags: DiffFlags, connection: Connection) -> anyhow::Result<Diff> {
    let DiffFlags { objects, manifests, kustomize, against, against_namespace, revisions, only, output } = flags;
    let input = input(objects, connection)?;
    let other = match (manifests.as_slice(), kustomize, against, against_namespace) {
        ([_, ..], ..) => Other::Manifests(manifests),
        ([], Some(directory), ..) => Other::Kustomize(directory),
        ([], None, Some(file), _) => Other::Recording(Source::from(file)),
        ([], None, None, Some(namespace)) => Other::Namespace(namespace),
        ([], None, None, None) if !revisions.is_empty() => match <[String; 2]>::try_from(revisions) {
            Ok([older, newer]) => Other::Revisions(older, newer),
            Err(_) => bail!("--revisions compares two: give both ids, with a comma between them"),
        },
        ([], None, None, None) if input.is_files() => {
            bail!("nothing to compare the file with: give --manifests PATH, -k DIR, --against FILE or --revisions ID,ID")
        }
        ([], None, None, None) => Other::Live,
    };
    if matches!(other, Other::Namespace(_)) && !matches!(input.scope, Scope::Named(_)) {
        bail!("--against-namespace compares two namespaces: give the first with -n");
    }
    Ok(Diff { input, other, only, json: output.is_some() })
}

fn apply(flags: ApplyFlags, connection: Connection) -> anyhow::Result<Apply> {
    let ApplyFlags { objects, yes, dry_run, force_conflicts, allow_incomplete, review_all, plan_out, plan } = flags;
    let input = input(objects, connection)?;
    if dry_run != DryRun::None && plan_out.is_some() {
        bail!("--plan-out applies nothing by itself: leave --dry-run out");
    }
    if plan.is_none() && names_nothing(&input) && !input.is_files() {
        bail!("nothing to apply: name workloads, or give -l, -n, -A or -f");
    }
    Ok(Apply { input, yes, dry_run, force_conflicts, allow_incomplete, review_all, plan_out, plan })
}

/// Whether all of the context's namespace is meant, which nobody said.
fn names_nothing(input: &Input) -> bool {
    input.names.is_empty() && input.labels.is_empty() && input.scope == Scope::Default
}

fn approve(flags: SeccompApproveFlags, connection: Connection) -> anyhow::Result<Approve> {
    let SeccompApproveFlags { names, scope, yes, dry_run, allow_incomplete, withdraw } = flags;
    let input = self::scope(scope, &names, connection)?;
    if names_nothing(&input) {
        bail!("nothing to approve: name workloads, or give -l, -n or -A");
    }
    Ok(Approve { input, yes, dry_run, allow_incomplete, withdraw })
}

fn seccomp_export(flags: SeccompExportFlags, connection: Connection) -> anyhow::Result<SeccompExport> {
    let SeccompExportFlags { objects, container, pod, audit, format, output } = flags;
    let filter = match (container, pod) {
        (Some(container), _) => Filter::Container(container),
        (None, true) => Filter::Pod,
        (None, false) => Filter::Any,
    };
    let operator = format == FilterFormat::Spo;
    Ok(SeccompExport { input: input(objects, connection)?, filter, audit, operator, destination: destination(output)? })
}

fn input(flags: ObjectFlags, connection: Connection) -> anyhow::Result<Input> {
    let ObjectFlags { names, files, scope } = flags;
    let sources: Vec<Source> = files.into_iter().map(Source::from).collect();
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        bail!("standard input can be read only once: give -f - once");
    }
    Ok(Input { sources, ..self::scope(scope, &names, connection)? })
}

fn scope(flags: ScopeFlags, names: &[String], connection: Connection) -> anyhow::Result<Input> {
    let ScopeFlags { namespace, all_namespaces, selector } = flags;
    let scope = match namespace {
        Some(namespace) => Scope::Named(namespace),
        None if all_namespaces => Scope::All,
        None => Scope::Default,
    };
    // A selector that is none is found before anything is read.
    crate::selection::check_labels(&selector)?;
    let names = names.iter().map(|name| Name::parse(name)).collect::<Result<_, _>>()?;
    Ok(Input { sources: Vec::new(), scope, names, labels: selector, connection })
}

fn destination(output: PathBuf) -> anyhow::Result<Destination> {
    if output == Path::new("-") {
        return Ok(Destination::Stdout);
    }
    if ["yaml", "json", "wide", "name"].iter().any(|format| output == Path::new(format)) {
        bail!("--output takes a directory here and there is only one format; give ./{} if that is the directory's name", output.display());
    }
    Ok(Destination::Directory(output))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Part;

    fn plan(line: &str) -> Result<Plan, String> {
        let cli = Cli::try_parse_from(std::iter::once("kubectl-runtimemap").chain(line.split(' '))).map_err(|error| error.to_string())?;
        Plan::check(cli).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_a_plan() {
        let view = View { container: Some("web".into()), parts: vec![Part::Files, Part::Caps], wide: true };
        let Ok(Plan::Show(found)) = plan("show -f a.yaml -f - deployment/web -n shop -c web --only files,caps -o wide") else { panic!() };
        assert_eq!(found.content, Content::Summary(view));
        assert_eq!(found.input.sources, [Source::File("a.yaml".into()), Source::Stdin]);
        assert_eq!(found.input.scope, Scope::Named("shop".into()));
        let Ok(Plan::SeccompExport(found)) = plan("seccomp export -f a --container web --output dir") else { panic!() };
        assert_eq!((found.filter, found.destination), (Filter::Container("web".into()), Destination::Directory("dir".into())));
        let Ok(Plan::PolicyApply(found)) = plan("policy apply web --dry-run=server --context kind") else { panic!() };
        assert_eq!(found.dry_run, DryRun::Server);
    }

    #[test]
    fn a_flag_that_would_do_nothing_is_refused() {
        for (line, expected) in [
            ("show -f - -f -", "only once"),
            ("show -f a -o yaml --only files", "leave one of them out"),
            ("show -f a -o json -c web", "leave one of them out"),
            ("show -o yaml --watch", "leave one of them out"),
            ("show -f a --watch", "a file does not change"),
            ("show -f a -n x -A", "cannot be used with"),
            ("show -o table", "allowed formats are"),
            ("show -l a=(", "unable to parse"),
            ("diff -f a", "nothing to compare"),
            ("diff web --against-namespace b", "the first with -n"),
            ("diff web --revisions a", "give both ids"),
            ("diff web --revisions a,b -k dir", "cannot be used with"),
            ("policy apply", "nothing to apply"),
            ("policy apply web --plan-out a --dry-run", "applies nothing by itself"),
            ("policy apply web --plan a", "cannot be used with"),
            ("policy export -f a --output yaml", "there is only one format"),
            ("seccomp export -f a --pod -c web", "cannot be used with"),
            ("seccomp patch -f a --apply", "cannot be used with"),
            ("seccomp approve", "nothing to approve"),
            ("seccomp approve web --withdraw --allow-incomplete", "cannot be used with"),
        ] {
            let error = plan(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
