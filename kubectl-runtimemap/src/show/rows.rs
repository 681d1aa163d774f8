//! The list: a line for each workload.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_crds::Phase;
use serde_json::Value;

use crate::{cluster::Cells, escape, map::Map};

/// Columns: the heading, and whether only -o wide has it.
const COLUMNS: [(&str, bool); 13] = [
    ("NAMESPACE", false),
    ("WORKLOAD", false),
    ("PHASE", false),
    ("LEFT", false),
    ("STARTUP", false),
    ("LOST", false),
    ("PROGRAMS", false),
    ("FILES", false),
    ("CAPS", false),
    ("SYSCALLS", false),
    ("PEERS", false),
    ("AGE", false),
    ("OBJECT", true),
];

/// How a list looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// With the column of the namespace.
    pub(super) namespaces: bool,
    pub(super) wide: bool,
    /// Without the line of headings.
    pub(super) no_headers: bool,
    /// Without the column of peers, which the rows of profiles do not have.
    pub(super) no_peers: bool,
}

/// A list in the making. Its columns are as wide as the first page needs; what is longer later on shifts its line.
pub(super) struct Listing {
    look: Look,
    now: Timestamp,
    widths: Option<[usize; COLUMNS.len()]>,
}

impl Listing {
    pub(super) fn new(look: Look, now: Timestamp) -> Self {
        Self { look, now, widths: None }
    }

    /// The lines of a page, with the headings before the first.
    pub(super) fn lines(&mut self, page: &[Cells]) -> String {
        let rows: Vec<[String; COLUMNS.len()]> = page.iter().map(|cells| row(cells, self.now)).collect();
        let mut text = String::new();
        let widths = match self.widths {
            Some(widths) => widths,
            None => {
                let widths = std::array::from_fn(|column| {
                    let cells = rows.iter().map(|row| row[column].chars().count());
                    cells.max().unwrap_or(0).max(COLUMNS[column].0.len())
                });
                if !self.look.no_headers {
                    self.line(&mut text, &COLUMNS.map(|(heading, _)| heading.to_owned()), &widths);
                }
                self.widths = Some(widths);
                widths
            }
        };
        for row in &rows {
            self.line(&mut text, row, &widths);
        }
        text
    }

    fn line(&self, text: &mut String, cells: &[String; COLUMNS.len()], widths: &[usize; COLUMNS.len()]) {
        let start = text.len();
        for (index, (cell, (heading, wide))) in cells.iter().zip(COLUMNS).enumerate() {
            if (heading == "NAMESPACE" && !self.look.namespaces) || (heading == "PEERS" && self.look.no_peers) || (wide && !self.look.wide)
            {
                continue;
            }
            let width = widths[index];
            text.push_str(&format!("{cell:<width$}   "));
        }
        let kept = start + text[start..].trim_end().len();
        text.truncate(kept);
        text.push('\n');
    }
}

fn row(cells: &Cells, now: Timestamp) -> [String; COLUMNS.len()] {
    let column = |name: &str| escape::line(&cells.text(name)).into_owned();
    let phase = column("Phase");
    let startup = match column("Startup").as_str() {
        "True" => "seen",
        "False" => "missed",
        _ => "",
    };
    let lost = if column("Lost") == "True" { "yes" } else { "no" };
    [
        escape::line(&cells.namespace).into_owned(),
        format!("{}/{}", column("Kind").to_lowercase(), column("Workload")),
        phase.clone(),
        if phase == "Learning" { left(&column("Completes"), now) } else { String::new() },
        startup.to_owned(),
        lost.to_owned(),
        column("Processes"),
        column("Files"),
        column("Caps"),
        column("Syscalls"),
        column("Peers"),
        column("Age"),
        escape::line(&cells.name).into_owned(),
    ]
}

/// How long until a time: `42m`.
fn left(completes: &str, now: Timestamp) -> String {
    let Ok(completes) = completes.parse::<Timestamp>() else { return String::new() };
    let left = completes.duration_since(now);
    if left.is_negative() { "0s".to_owned() } else { short(left) }
}

/// A duration in its one or two largest units, as kubectl prints an age.
fn short(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// The cells that the server would give for the objects of a file.
pub(super) fn cells(map: &Map, now: Timestamp) -> Cells {
    let status = map.statuses().next();
    let condition = |name: &str| {
        let found = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == name));
        found.map_or(Value::Null, |condition| condition.status.clone().into())
    };
    let workload = map.workload();
    let profile = map.profile.as_ref().map(|profile| profile.spec.counts()).unwrap_or_default();
    let network = map.neighborhood.as_ref().map(|neighborhood| neighborhood.spec.counts()).unwrap_or_default();
    let created = map.objects().find_map(|object| object.metadata().creation_timestamp.clone());
    let phase = match status.map(|status| status.phase) {
        Some(Phase::Learning) => "Learning",
        Some(Phase::Complete) => "Complete",
        None => "",
    };
    let completes = status.and_then(|status| status.learning.as_ref()).and_then(|learning| learning.completes_at.clone());
    Cells::new(
        &map.namespace,
        &map.name,
        [
            ("Kind", workload.map_or(Value::Null, |workload| workload.kind.clone().into())),
            ("Workload", workload.map_or_else(|| map.name.clone(), |workload| workload.name.clone()).into()),
            ("Phase", phase.into()),
            ("Completes", completes.map_or(Value::Null, |time| time.0.to_string().into())),
            ("Startup", condition("StartupObserved")),
            ("Lost", condition("EventsLost")),
            ("Processes", profile.processes.into()),
            ("Files", profile.files.into()),
            ("Caps", profile.capabilities.into()),
            ("Syscalls", profile.syscalls.into()),
            ("Peers", network.peers.into()),
            ("Age", created.map_or(Value::Null, |time| short(now.duration_since(time.0)).into())),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(name: &str) -> Cells {
        let completes = "2026-11-23T10:42:30Z";
        Cells::new(
            "shop",
            &format!("deployment-{name}"),
            [
                ("Kind", "Deployment".into()),
                ("Workload", name.into()),
                ("Phase", "Learning".into()),
                ("Completes", completes.into()),
                ("Startup", "False".into()),
                ("Lost", "True".into()),
                ("Processes", 4.into()),
            ],
        )
    }

    #[test]
    fn a_line_says_how_far_learning_is_and_what_is_missing() {
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        let mut listing = Listing::new(Look { namespaces: true, ..Look::default() }, now);
        let text = listing.lines(&[cells("web"), cells("a\x1b[2Jb")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["shop", "deployment/web", "Learning", "42m", "missed", "yes", "4"]);
        assert!(lines[2].contains("deployment/a\\x1b[2Jb"), "{text}");
        assert_eq!(listing.lines(&[cells("x")]).lines().count(), 1, "the headings stand there once");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{text:?}");
    }

    #[test]
    fn times_are_as_short_as_kubectls() {
        for (seconds, expected) in [(5, "5s"), (119, "119s"), (600, "10m"), (7200, "2h"), (500_000, "5d")] {
            assert_eq!(short(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
