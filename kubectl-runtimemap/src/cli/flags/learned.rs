//! Flags of the verbs that show what was learned, and how learning goes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ObjectFlags, Part, ScopeFlags};

/// Show what a workload runs, reads and writes, whom it talks to, and what it needs of the kernel
///
/// Without a name: a line for each workload, and how far its learning is. With one, or for a file of a few workloads: what each does.
/// What the recording lacks comes first, as warnings. Long lists are shortened; --only and -o wide show all of a list.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # What was learned in all namespaces, and how far learning is
  kubectl runtimemap show -A

  # What one workload does
  kubectl runtimemap show deployment/web

  # Every file a recorded command opened, with when it was first seen
  kubectl runtimemap show -f nginx.yaml --only files -o wide

  # One container of one workload
  kubectl runtimemap show -f shop.yaml deployment/web --container proxy

  # As kubectl prints it
  kubectl runtimemap show -A -o custom-columns=NAME:.metadata.name,PHASE:.status.phase")]
pub(crate) struct ShowFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// Only this container
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Only these parts, all of each
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// Format: wide adds the evidence; yaml, json, name, jsonpath=TEMPLATE and custom-columns=HEADING:PATH,… print the objects
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// After the list, print a line for each workload that changes
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Print the list without its headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// Compare what was learned with what is declared, or with what was learned elsewhere
///
/// Against the workloads and NetworkPolicies in force in the cluster; of manifests (--manifests, -k); or against another profile
/// (--against, --against-namespace, --revisions). Lines with - are declared and were never used, lines with + were used and are not declared.
///
/// Exit code: 0 no difference, 1 some, more than 1 an error. KUBECTL_EXTERNAL_DIFF names another program to show it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # The live workload and the policies in force against what was learned
  kubectl runtimemap diff deployment/web

  # In continuous integration: manifests against a recorded file
  kubectl runtimemap diff -f recorded.yaml --manifests deploy/

  # Staging against production
  kubectl runtimemap diff deployment/web -n staging --against-namespace production

  # Two recordings
  kubectl runtimemap diff -f before.yaml --against after.yaml

  # Two revisions of a workload; show -o wide lists them
  kubectl runtimemap diff deployment/web --revisions 5d1f,7c2a")]
pub(crate) struct DiffFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// File or directory of manifests, instead of the live objects; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Directory of a kustomization, which kubectl renders
    #[arg(short = 'k', long, value_name = "DIR", conflicts_with = "manifests")]
    pub(crate) kustomize: Option<PathBuf>,
    /// File with another recording to compare with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["manifests", "kustomize"])]
    pub(crate) against: Option<PathBuf>,
    /// Namespace of another recording to compare with
    #[arg(long, value_name = "NAMESPACE", conflicts_with_all = ["manifests", "kustomize", "against"])]
    pub(crate) against_namespace: Option<String>,
    /// Two revisions to compare with each other, by the beginning of their ids
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    #[arg(conflicts_with_all = ["manifests", "kustomize", "against", "against_namespace"])]
    pub(crate) revisions: Vec<String>,
    /// Only these parts
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// Format: json lists the differences
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<DiffFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Json,
}

/// Draw who talks to whom
///
/// html is one page that needs nothing else: zoom, search, filters by namespace and port, and for each edge its evidence and what the
/// policies in force say of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # A page to look around in
  kubectl runtimemap graph -A > map.html

  # For a document
  kubectl runtimemap graph -n shop --format mermaid")]
pub(crate) struct GraphFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// What to draw it as
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    pub(crate) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Html,
    Svg,
    Dot,
    Mermaid,
}

/// Say whether runtimemap is installed and well, how far learning is, and what to do next
///
/// Exit code: 0 all is well, 1 something is not, more than 1 it could not be found out.
#[derive(Debug, Args)]
pub(crate) struct StatusFlags {
    /// Format: json for scripts
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<DiffFormat>,
}

/// Let a workload learn for a whole period again, keeping what is known
///
/// Sets the annotation runtimemap.io/relearn of the workload. What is new after it is marked for review.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl runtimemap relearn deployment/web -n shop")]
pub(crate) struct RelearnFlags {
    /// Workloads, by kind and name
    #[arg(value_name = "KIND/NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CompletionVerb {
    /// Put the program that kubectl's own completion asks beside the plugin
    Install {
        /// Directory of PATH to write kubectl_complete-runtimemap into [default: the plugin's]
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Print a script for bash
    Bash,
    /// Print a script for zsh
    Zsh,
    /// Print a script for fish
    Fish,
}

/// Print the versions of the plugin and of what is installed in the cluster
#[derive(Debug, Args)]
pub(crate) struct VersionFlags {
    /// Only that of the plugin
    #[arg(long)]
    pub(crate) client: bool,
    /// Format: json for scripts
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<DiffFormat>,
}
