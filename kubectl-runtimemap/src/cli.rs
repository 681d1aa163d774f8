//! The command line: flags as they are given, then a checked plan, then the act.

mod plan;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};

use crate::{escape, export, page::Screen, show};
use plan::Plan;

/// Shows what runtimemap learned and turns it into policies.
#[derive(Debug, Parser)]
#[command(name = "kubectl-runtimemap", bin_name = "kubectl runtimemap", version, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(ShowFlags),
    /// Network policies made from what was seen
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
    Policy(PolicyVerb),
    /// Seccomp filters made from what was seen
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
    Seccomp(SeccompVerb),
}

#[derive(Debug, Subcommand)]
enum PolicyVerb {
    Export(PolicyExportFlags),
}

#[derive(Debug, Subcommand)]
enum SeccompVerb {
    Export(SeccompExportFlags),
}

/// Which objects
#[derive(Debug, Args)]
struct ObjectFlags {
    /// Objects to take, by the name of the object or of the workload [default: all]
    #[arg(value_name = "NAME|KIND/NAME")]
    names: Vec<String>,
    /// File that `runtimemap-recorder record` wrote; - for standard input; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only objects of this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Objects of all namespaces, as without -n
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Taken only to say that they cannot be followed yet.
    #[command(flatten)]
    cluster: ClusterFlags,
}

#[derive(Debug, Args)]
struct ClusterFlags {
    #[arg(long, hide = true)]
    context: Option<String>,
    #[arg(long, hide = true)]
    kubeconfig: Option<String>,
}

/// Show what a workload runs, reads and writes, whom it talks to, and what it needs of the kernel
///
/// What the recording lacks comes first, as warnings. Long lists are shortened; --only and -o wide show all of a list.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # What a recorded command does
  kubectl runtimemap show -f nginx.yaml

  # Every file, with when and by which pod it was first opened
  kubectl runtimemap show -f nginx.yaml --only files -o wide

  # One container of one workload
  kubectl runtimemap show -f shop.yaml deployment/web --container proxy")]
struct ShowFlags {
    #[command(flatten)]
    objects: ObjectFlags,
    /// Only this container
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Only these parts, all of each
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Format: wide adds the evidence (first seen, by which pod, from where); yaml, json and name print the objects
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

/// Write the network policies, ready for `kubectl apply -f -`
///
/// What a reviewer should know stands above each policy as a comment. Read it first: a policy allows what was seen, and
/// cuts what was not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # To look at
  kubectl runtimemap policy export -f shop.yaml deployment/web

  # As files for a repository
  kubectl runtimemap policy export -f shop.yaml --output policies")]
struct PolicyExportFlags {
    #[command(flatten)]
    objects: ObjectFlags,
    /// Directory to write NAMESPACE.NAME.yaml into, one for each policy; - for standard output
    #[arg(long, value_name = "DIR", default_value = "-")]
    output: PathBuf,
}

/// Write a seccomp filter as the OCI JSON that kubelets read
///
/// On standard output comes one filter. With --output all come as the files that a pod's
/// localhostProfile names, so that DIR can be the kubelet's seccomp directory:
///   runtimemap/NAMESPACE/NAME.json            the pod's filter, or that of the only container
///   runtimemap/NAMESPACE/NAME-CONTAINER.json  one for each container where there are several
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "Examples:
  # The filter of a recorded command
  kubectl runtimemap seccomp export -f nginx.yaml > nginx.json

  # All filters, as a kubelet wants them
  kubectl runtimemap seccomp export -f shop.yaml --output /var/lib/kubelet/seccomp")]
struct SeccompExportFlags {
    #[command(flatten)]
    objects: ObjectFlags,
    /// Filter of this container
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Filter of the whole pod
    #[arg(long, conflicts_with = "container")]
    pod: bool,
    /// Directory to write files into; - for standard output
    #[arg(long, value_name = "DIR", default_value = "-")]
    output: PathBuf,
}

/// A part of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Programs
    Execs,
    /// Files read and written
    Files,
    /// Capabilities
    Caps,
    /// System calls
    Syscalls,
    /// Peers and listening ports
    Network,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Wide,
    Yaml,
    Json,
    Name,
}

/// Does what the arguments say, the program's name first. Exit codes are kubectl's: 0, or 1 for whatever went wrong.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = match Cli::try_parse_from(args) {
        Ok(Cli { verb }) => Plan::check(verb).and_then(|plan| act(&plan)),
        Err(error) => return usage(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if closed_early(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, and nothing in it that a file's content could have planted. A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr(), "error: {}", escape::line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn act(plan: &Plan) -> anyhow::Result<()> {
    match plan {
        Plan::Show(plan) => write(&show::show(plan, Screen::of_stdout())?),
        Plan::PolicyExport(plan) => deliver(&export::policies(plan)?),
        Plan::SeccompExport(plan) => deliver(&export::filters(plan)?),
    }
}

fn deliver(result: &export::Exported) -> anyhow::Result<()> {
    for remark in &result.remarks {
        let _ = writeln!(io::stderr(), "{}", escape::line(remark));
    }
    write(&result.text)
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Whether the reader of our output had seen enough (`| head`).
fn closed_early(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Help, version, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // As kubectl does without a verb: help is no failure.
        let _ = write(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
