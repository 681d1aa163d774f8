//! The command line: raw flags first, then a checked plan, before anything is touched.

mod plan;

use std::{
    ffi::OsString,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{agent, check, controller, record, uninstall};

/// Status when the recorder itself failed, a wrong flag included: those below 125 are the command's.
const FAILED: u8 = 125;

/// Learns with eBPF what a workload runs, opens, calls and talks to.
#[derive(Debug, Parser)]
#[command(name = "runtimemap-recorder", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Record a command, a running process or a cgroup, and write its map as YAML
    ///
    /// Runs CMD and records it from its first instruction, until all that it started has ended.
    ///
    /// Writes one YAML stream: ApplicationProfile, NetworkNeighborhood, GeneratedNetworkPolicy and SeccompProfile.
    /// The exit status is CMD's own (128+n if signal n killed it), 127 if CMD was not found, 126 if it could not be run, and 125 if
    /// the recorder failed. Signals are passed on to CMD. While only processes that CMD left behind are running, the first SIGINT or
    /// SIGTERM goes to them and the second ends the recording; what still runs then is not killed.
    Record(RecordFlags),
    /// Record every container of this node, for the controller of its cluster
    ///
    /// Runs until SIGTERM. Writes the NodeObservation of its node and reads the NodeDirective of its node, nothing else.
    Agent(AgentFlags),
    /// Remove what an agent that has ended left in this node's kernel: links, programs, maps and their pins
    ///
    /// Containers are recorded on while no agent runs, for the next one. This ends that.
    Detach(DetachFlags),
    /// Turn what the agents saw into an ApplicationProfile and a NetworkNeighborhood for each workload, and policies where asked for
    ///
    /// Several may run: the holder of the Lease works, the others wait. Settings are in the ConfigMap runtimemap-settings.
    Controller(ControllerFlags),
    /// Take the agents off their nodes, with what they left in the kernel; the chart does this before it is removed
    Uninstall(UninstallFlags),
    /// Show which hooks this kernel has, which are used, and what is missing
    Check(CheckFlags),
}

/// Flags of `record`, as they were given.
#[derive(Debug, Args)]
#[command(override_usage = "runtimemap-recorder record [OPTIONS] -- CMD [ARG]...\n       \
    runtimemap-recorder record [OPTIONS] (--pid PID | --cgroup PATH) [--duration TIME]")]
struct RecordFlags {
    /// Name of the workload in the map [default: the file name of CMD]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Namespace in the map
    #[arg(long, value_name = "NS", default_value = "default")]
    namespace: String,
    /// Write the map to FILE, whole or not at all [default: standard output, once CMD has ended]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write every fact to FILE as a line of JSON as it arrives, before anything is collapsed
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Say nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
    /// Let CMD stop itself before it runs, and wait until somebody sends it SIGCONT; for a debugger or tracer
    #[arg(long)]
    stopped: bool,
    /// Keep arguments that look like secrets
    #[arg(long)]
    no_mask: bool,
    /// Do not use this hook, by its name in `check`; may be given several times
    #[arg(long, value_name = "HOOK")]
    avoid: Vec<String>,
    /// Record this running process and its children
    #[arg(long, value_name = "PID", group = "existing", conflicts_with = "command")]
    pid: Option<u32>,
    /// Record this cgroup: a directory, or a path as in /proc/PID/cgroup
    #[arg(long, value_name = "PATH", group = "existing", conflicts_with = "command")]
    cgroup: Option<PathBuf>,
    /// Stop after this time, such as 30s, 5m or 1h [default: when it ends, or on Ctrl-C]
    #[arg(long, value_name = "TIME", requires = "existing")]
    duration: Option<String>,
    /// Command to record, with its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Flags of `agent`, as they were given.
#[derive(Debug, Args)]
struct AgentFlags {
    /// Name of this node, as the cluster has it
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    node: String,
    /// Where the API server is [default: the pod's service account, else $KUBECONFIG]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    lasting: Lasting,
    /// Pin nothing: what happens while no agent runs is lost, and counted
    #[arg(long)]
    no_pins: bool,
    /// Record only pods below this cgroup, a path in its hierarchy; for several nodes on one machine
    #[arg(long, value_name = "PATH", default_value = "/")]
    below: PathBuf,
    /// Answer /healthz, /readyz and /metrics here, such as 0.0.0.0:9464 [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Detach the hooks that run often so long after the last container that is learned
    #[arg(long, value_name = "TIME", default_value = "1m")]
    idle: String,
    /// Record at most so many containers at once; a quarter of these places, at most 256, lies ready for those to come
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(128..=65536))]
    slots: u32,
    /// Size of the buffer between kernel and agent, a power of two: what it holds outlasts an agent that is away
    #[arg(long, value_name = "SIZE", default_value = "16Mi")]
    buffer: String,
    /// Take at most so many new facts of one container a second, and twice as many at once; what is more is counted as lost
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Keep arguments that look like secrets
    #[arg(long)]
    no_mask: bool,
    /// Do not use this hook, by its name in `check`; may be given several times
    #[arg(long, value_name = "HOOK")]
    avoid: Vec<String>,
    /// Folder for approved seccomp filters, that is runtimemap in the kubelet's seccomp folder [default: none are written]
    #[arg(long, value_name = "DIR")]
    seccomp: Option<PathBuf>,
    /// Remove a filter from there so long after the last pod and template that names it
    #[arg(long, value_name = "TIME", default_value = "24h")]
    seccomp_stay: String,
}

/// Where an agent keeps what outlasts it.
#[derive(Debug, Args)]
struct Lasting {
    /// Folder of the ledger, which outlives the agent
    #[arg(long, value_name = "DIR", default_value = "/var/lib/runtimemap")]
    state: PathBuf,
    /// Folder for pins, in a BPF file system: what happens while no agent runs is kept there
    #[arg(long, value_name = "DIR", default_value = "/sys/fs/bpf/runtimemap")]
    pins: PathBuf,
}

#[derive(Debug, Args)]
struct DetachFlags {
    #[command(flatten)]
    lasting: Lasting,
}

/// Flags of `controller`, as they were given.
#[derive(Debug, Args)]
struct ControllerFlags {
    /// Where the API server is [default: the pod's service account, else $KUBECONFIG]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// How long a workload is learned where the settings do not say, such as 30s, 5m or 24h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    learning_period: String,
    /// Namespace of the settings, the Lease and the agents
    #[arg(long, value_name = "NS", env = "POD_NAMESPACE", default_value = "runtimemap")]
    namespace: String,
    /// Name that no other controller has [default: the host's name and the process's number]
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    identity: Option<String>,
    /// How long others wait for a leader that is not heard of, at least 2s
    #[arg(long, value_name = "TIME", default_value = "15s")]
    lease: String,
    /// Answer /healthz, /readyz and /metrics here, for example 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Flags of `uninstall`, as they were given.
#[derive(Debug, Args)]
struct UninstallFlags {
    /// Where the API server is [default: the pod's service account, else $KUBECONFIG]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Namespace of the agents
    #[arg(long, value_name = "NS", env = "POD_NAMESPACE", default_value = "runtimemap")]
    namespace: String,
    /// Wait so long for the nodes
    #[arg(long, value_name = "TIME", default_value = "2m")]
    patience: String,
}

#[derive(Debug, Args)]
struct CheckFlags {
    /// Do as if this hook were not there; may be given several times
    #[arg(long, value_name = "HOOK")]
    avoid: Vec<String>,
    /// Also list the programs that are loaded, and how many instructions the verifier walked for each (from Linux 5.16 on)
    #[arg(long)]
    programs: bool,
}

/// Does what the arguments say, the program's name first, and prints what went wrong. Returns the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        }
    };
    match cli.verb {
        Verb::Record(flags) => match plan::check(flags) {
            Ok(plan) => record::run(&plan).unwrap_or_else(|error| fail(&error, error.status())),
            Err(error) => fail(&error, FAILED),
        },
        Verb::Agent(flags) => match plan::agent(flags) {
            Ok(plan) => agent::run(&plan).map_or_else(|error| fail(&error, FAILED), |()| ExitCode::SUCCESS),
            Err(error) => fail(&error, FAILED),
        },
        Verb::Detach(DetachFlags { lasting: Lasting { state, pins } }) => {
            agent::detach(&pins, &state).map_or_else(|error| fail(&error, FAILED), |()| ExitCode::SUCCESS)
        }
        Verb::Controller(flags) => match plan::controller(flags) {
            Ok(plan) => controller::run(&plan).map_or_else(|error| fail(&error, FAILED), |()| ExitCode::SUCCESS),
            Err(error) => fail(&error, FAILED),
        },
        Verb::Uninstall(flags) => match plan::uninstall(flags) {
            Ok(plan) => uninstall::run(&plan).map_or_else(|error| fail(&error, FAILED), |()| ExitCode::SUCCESS),
            Err(error) => fail(&error, FAILED),
        },
        Verb::Check(flags) => match check::table(&flags.avoid, flags.programs) {
            Ok(text) => print(&text),
            Err(error) => fail(&error, FAILED),
        },
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error, FAILED),
        _ => ExitCode::SUCCESS,
    }
}

fn fail(error: &dyn std::error::Error, status: u8) -> ExitCode {
    // One line: what other programs' names and errors hold must not make more of it.
    let text: String = error.to_string().chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
    ExitCode::from(status)
}
