//! From flags to a plan that can be carried out. Nothing is touched before it is.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{ClusterFlags, Format, ObjectFlags, PolicyExportFlags, PolicyVerb, SeccompExportFlags, SeccompVerb, ShowFlags, Verb};
use crate::{
    export::{Destination, Filter, PolicyExport, SeccompExport},
    selection::{Name, Selection},
    show::{Content, Objects, Show, View},
    source::Source,
};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Show(Show),
    PolicyExport(PolicyExport),
    SeccompExport(SeccompExport),
}

impl Plan {
    pub(super) fn check(verb: Verb) -> anyhow::Result<Self> {
        match verb {
            Verb::Show(flags) => show(flags).map(Self::Show),
            Verb::Policy(PolicyVerb::Export(PolicyExportFlags { objects, output })) => {
                let (sources, selection) = self::objects(objects)?;
                Ok(Self::PolicyExport(PolicyExport { sources, selection, destination: destination(output)? }))
            }
            Verb::Seccomp(SeccompVerb::Export(SeccompExportFlags { objects, container, pod, output })) => {
                let (sources, selection) = self::objects(objects)?;
                let filter = match (container, pod) {
                    (Some(container), _) => Filter::Container(container),
                    (None, true) => Filter::Pod,
                    (None, false) => Filter::Any,
                };
                Ok(Self::SeccompExport(SeccompExport { sources, selection, filter, destination: destination(output)? }))
            }
        }
    }
}

fn show(flags: ShowFlags) -> anyhow::Result<Show> {
    let ShowFlags { objects, container, only, output } = flags;
    let (sources, selection) = self::objects(objects)?;
    let format = match output {
        Some(Format::Yaml) => Some(Objects::Yaml),
        Some(Format::Json) => Some(Objects::Json),
        Some(Format::Name) => Some(Objects::Name),
        Some(Format::Wide) | None => None,
    };
    let content = match format {
        Some(_) if container.is_some() || !only.is_empty() => {
            bail!(
                "--container and --only choose parts of the readable summary; -o yaml, json and name print whole objects: leave one of them out"
            )
        }
        Some(format) => Content::Objects(format),
        None => Content::Summary(View { container, parts: only, wide: output == Some(Format::Wide) }),
    };
    Ok(Show { sources, selection, content })
}

fn objects(flags: ObjectFlags) -> anyhow::Result<(Vec<Source>, Selection)> {
    // Without --namespace all of them are taken anyway.
    let ObjectFlags { names, files, namespace, all_namespaces: _, cluster: ClusterFlags { context, kubeconfig } } = flags;
    for (flag, value) in [("--context", context), ("--kubeconfig", kubeconfig)] {
        if value.is_some() {
            bail!("{flag} names a cluster, and this version reads files only: give -f FILE, written by `runtimemap-recorder record`");
        }
    }
    let sources: Vec<Source> = files.into_iter().map(Source::from).collect();
    if sources.is_empty() {
        bail!("nothing to read: give -f FILE, written by `runtimemap-recorder record`, or -f - for standard input");
    }
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        bail!("standard input can be read only once: give -f - once");
    }
    let names = names.iter().map(|name| Name::parse(name)).collect::<Result<_, _>>()?;
    Ok((sources, Selection { namespace, names }))
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
    use crate::cli::{Cli, Part};

    fn plan(line: &str) -> Result<Plan, String> {
        let cli = Cli::try_parse_from(std::iter::once("kubectl-runtimemap").chain(line.split(' '))).map_err(|error| error.to_string())?;
        Plan::check(cli.verb).map_err(|error| error.to_string())
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
        assert_eq!(found.sources, [Source::File("a.yaml".into()), Source::Stdin]);
        assert_eq!(found.selection.namespace.as_deref(), Some("shop"));
        let Ok(Plan::SeccompExport(found)) = plan("seccomp export -f a --container web --output dir") else { panic!() };
        assert_eq!((found.filter, found.destination), (Filter::Container("web".into()), Destination::Directory("dir".into())));
    }

    #[test]
    fn a_flag_that_would_do_nothing_is_refused() {
        for (line, expected) in [
            ("show", "nothing to read"),
            ("show -f a --context=kind", "--context names a cluster"),
            ("show -f a --kubeconfig x", "--kubeconfig names a cluster"),
            ("show -f - -f -", "only once"),
            ("show -f a -o yaml --only files", "leave one of them out"),
            ("show -f a -o json -c web", "leave one of them out"),
            ("show -f a -n x -A", "cannot be used with"),
            ("policy export -f a --output yaml", "there is only one format"),
            ("seccomp export -f a --pod -c web", "cannot be used with"),
        ] {
            let error = plan(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
