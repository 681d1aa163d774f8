//! Flags of the verbs that make and apply policies.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ObjectFlags, ScopeFlags};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    Apply(ApplyFlags),
    Export(PolicyExportFlags),
    Simulate(SimulateFlags),
    Undo(UndoFlags),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SeccompVerb {
    Approve(SeccompApproveFlags),
    Export(SeccompExportFlags),
    Patch(SeccompPatchFlags),
}

/// Review each rule with its evidence, then apply the policies
///
/// One decision for each rule; what was decided before is not asked again, unless the rule changed. Before anything is done: what the
/// policies would cut of all that was recorded, with every policy in force. Applies by server-side apply, as kubectl-runtimemap.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Review and apply the policy of one workload
  kubectl runtimemap policy apply deployment/web

  # Review now, apply later
  kubectl runtimemap policy apply -n shop --plan-out plan.json
  kubectl runtimemap policy apply --plan plan.json

  # Without a terminal: every rule as generated
  kubectl runtimemap policy apply deployment/web --yes

  # Review a file: the decisions are kept in it, and the policies printed
  kubectl runtimemap policy apply -f shop.yaml --dry-run=client")]
pub(crate) struct ApplyFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// Take every rule that is not rejected, and ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// client prints the policies; server lets the API server try them; neither changes anything in the cluster
    #[arg(long, value_name = "WHERE", default_value = "none", num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    pub(crate) dry_run: DryRun,
    /// Take over fields that others manage
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// Also where the profile is not complete
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// Ask again what was decided before
    #[arg(long, conflicts_with = "yes")]
    pub(crate) review_all: bool,
    /// Write what was decided into a file, and apply nothing
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub(crate) plan_out: Option<PathBuf>,
    /// Apply what --plan-out wrote, if nothing changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "files", "yes", "review_all", "selector"])]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    None,
    Client,
    Server,
}

/// Restore what was there before the last apply
#[derive(Debug, Args)]
pub(crate) struct UndoFlags {
    /// Workloads, or NetworkPolicies that `policy apply` made, by name
    #[arg(value_name = "NAME|KIND/NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// client says what would be done; server lets the API server try it
    #[arg(long, value_name = "WHERE", default_value = "none", num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    pub(crate) dry_run: DryRun,
}

/// Say for each recorded flow whether the policies let it pass, and by which rule
///
/// The policies are those in force in the cluster, with those generated in the place of their older versions; or those of files.
///
/// Exit code: 0 all pass, 1 something recorded would be cut, more than 1 an error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # What would be cut if all generated policies were applied
  kubectl runtimemap policy simulate -A

  # What policies in a repository do to what was recorded
  kubectl runtimemap policy simulate -f recorded.yaml --policies policies/")]
pub(crate) struct SimulateFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// File or directory of NetworkPolicies to try, instead of those generated; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Print only what would be cut
    #[arg(long)]
    pub(crate) denied: bool,
    /// Format: json for scripts
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<super::learned::DiffFormat>,
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
  kubectl runtimemap policy export -f shop.yaml --output policies

  # For Cilium, which can allow names in the place of addresses
  kubectl runtimemap policy export -f shop.yaml --format cilium")]
pub(crate) struct PolicyExportFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// NetworkPolicies, or CiliumNetworkPolicies of the same content
    #[arg(long, value_name = "FORMAT", default_value = "kubernetes")]
    pub(crate) format: PolicyFormat,
    /// Directory to write NAMESPACE.NAME.yaml into, one for each policy; - for standard output
    #[arg(long, value_name = "DIR", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFormat {
    Kubernetes,
    Cilium,
}

/// Say that a workload's filters are meant to be on the nodes
///
/// Where nodeAgent.deliverSeccomp is set, the agents put approved filters where the kubelet finds them: on each node that has a pod of the
/// workload, under the names that `seccomp patch` uses. An approval is of the filters as they are: once they are made anew, it takes
/// another. Nothing is enforced before a pod names a filter.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # See what the filters of one workload are, and approve them
  kubectl runtimemap seccomp approve deployment/web

  # Without a terminal: those of a namespace as they are
  kubectl runtimemap seccomp approve -n shop --yes

  # On how many nodes they are
  kubectl get seccompprofiles.runtimemap.io -n shop")]
pub(crate) struct SeccompApproveFlags {
    /// Workloads, by the name of the object or of the workload
    #[arg(value_name = "NAME|KIND/NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// Approve without being asked
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Say what would be done, and do not do it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also where the profile is not complete
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// Take approvals back: nodes give the filters up a day after the last pod and template that names them
    #[arg(long, conflicts_with_all = ["yes", "allow_incomplete"])]
    pub(crate) withdraw: bool,
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
pub(crate) struct SeccompExportFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// Filter of this container
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Filter of the whole pod
    #[arg(long, conflicts_with = "container")]
    pub(crate) pod: bool,
    /// What the filter does with calls that are not listed: log them, and refuse none
    #[arg(long)]
    pub(crate) audit: bool,
    /// OCI JSON, or an object of the Security Profiles Operator
    #[arg(long, value_name = "FORMAT", default_value = "oci")]
    pub(crate) format: FilterFormat,
    /// Directory to write files into; - for standard output
    #[arg(long, value_name = "DIR", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterFormat {
    Oci,
    Spo,
}

/// Print the patch that gives a workload its seccomp filters and the securityContext that what it did needs
///
/// Capabilities that were not used are dropped, privileges cannot be gained, the root file system is read-only but for an emptyDir where
/// something was written, and a token that nothing opened is not mounted. What to look at stands above the patch as a comment.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # To look at, or for kubectl patch --patch-file
  kubectl runtimemap seccomp patch deployment/web

  # After a look at it
  kubectl runtimemap seccomp patch deployment/web --apply")]
pub(crate) struct SeccompPatchFlags {
    #[command(flatten)]
    pub(crate) objects: ObjectFlags,
    /// Patch the workload after it was confirmed
    #[arg(long, conflicts_with = "files")]
    pub(crate) apply: bool,
    /// Confirm without being asked
    #[arg(short, long, requires = "apply")]
    pub(crate) yes: bool,
    /// Also where the profile is not complete
    #[arg(long, requires = "apply")]
    pub(crate) allow_incomplete: bool,
}
