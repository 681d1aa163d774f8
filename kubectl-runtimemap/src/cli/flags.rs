//! Flags as they are given.

mod learned;
mod policy;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

use crate::cluster::Connection;

pub(crate) use learned::GraphFormat;
pub(super) use learned::{CompletionVerb, DiffFlags, GraphFlags, RelearnFlags, ShowFlags, StatusFlags, VersionFlags};
pub(super) use policy::{
    ApplyFlags, FilterFormat, PolicyExportFlags, PolicyVerb, SeccompApproveFlags, SeccompExportFlags, SeccompPatchFlags, SeccompVerb,
    SimulateFlags, UndoFlags,
};
pub(crate) use policy::{DryRun, PolicyFormat};

/// Shows what runtimemap learned and turns it into policies.
#[derive(Debug, Parser)]
#[command(name = "kubectl-runtimemap", bin_name = "kubectl runtimemap", version, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Use \"kubectl runtimemap options\" for kubectl's connection flags, which every command takes.")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Show(ShowFlags),
    Diff(DiffFlags),
    /// Network policies made from what was seen
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
    Policy(PolicyVerb),
    /// Seccomp filters made from what was seen
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
    Seccomp(SeccompVerb),
    Graph(GraphFlags),
    Status(StatusFlags),
    Relearn(RelearnFlags),
    /// Completion of names, through kubectl's own or for the plugin alone
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
    Completion(CompletionVerb),
    /// List the flags that every command takes
    Options,
    Version(VersionFlags),
    /// What kubectl asks for when Tab is pressed.
    #[command(name = "__complete", hide = true)]
    Complete {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// Which objects
#[derive(Debug, Args)]
pub(super) struct ObjectFlags {
    /// Objects to take, by the name of the object or of the workload [default: all]
    #[arg(value_name = "NAME|KIND/NAME")]
    pub(super) names: Vec<String>,
    /// File that `runtimemap-recorder record` or `-o yaml` wrote, instead of the cluster; - for standard input; may be given several
    /// times
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) scope: ScopeFlags,
}

/// Which namespaces and labels
#[derive(Debug, Args)]
pub(super) struct ScopeFlags {
    /// Only objects of this namespace [default: the context's; all in files]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(super) namespace: Option<String>,
    /// Objects of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(super) all_namespaces: bool,
    /// Only objects with these labels, as kubectl writes a selector
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub(super) selector: String,
}

/// A part of what is known of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
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
