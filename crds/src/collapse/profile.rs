//! Collapsing a whole profile.

use super::{ExecSet, OpenSet, Thresholds};
use crate::application_profile::{ApplicationProfileSpec, ContainerProfile, Exec, Open};

/// Collapses a list of opens, as a profile holds them. True if it had to be folded further than the thresholds ask for.
///
/// The result does not depend on the order of the list.
pub fn close_opens(opens: Vec<Open>, thresholds: &Thresholds) -> (Vec<Open>, bool) {
    let set = open_set(opens, thresholds);
    let truncated = set.truncated();
    (set.into_opens(), truncated)
}

/// Collapses a list of execs, as a profile holds them. True if it had to be folded further than the thresholds ask for.
///
/// The result does not depend on the order of the list.
pub fn close_execs(execs: Vec<Exec>, thresholds: &Thresholds) -> (Vec<Exec>, bool) {
    let set = exec_set(execs, thresholds);
    let truncated = set.truncated();
    (set.into_execs(), truncated)
}

/// Collapses a profile and makes it fit into [`Thresholds::profile_bytes`].
///
/// Returns the lists that had to be folded further than the thresholds ask for, as `container.opens`, for the message
/// of the Truncated condition. Small lists are left alone: only what is above an equal share is folded.
pub fn close(spec: &mut ApplicationProfileSpec, thresholds: &Thresholds) -> Vec<String> {
    let ApplicationProfileSpec { workload: _, architectures: _, containers, init_containers, ephemeral_containers, revisions: _ } = spec;
    let mut others = 500;
    let mut sets = Vec::new();
    for container in containers.iter_mut().chain(init_containers).chain(ephemeral_containers) {
        others += other_bytes(container);
        let opens = open_set(std::mem::take(&mut container.opens), thresholds);
        let execs = exec_set(std::mem::take(&mut container.execs), thresholds);
        sets.push((container, opens, execs));
    }
    let sizes = sets.iter().flat_map(|(_, opens, execs)| [opens.bytes(), execs.bytes()]).collect();
    let share = equal_share(sizes, thresholds.profile_bytes.saturating_sub(others));
    let mut truncated = Vec::new();
    for (container, mut opens, mut execs) in sets {
        opens.shrink_to(share);
        execs.shrink_to(share);
        for (list, is) in [("execs", execs.truncated()), ("opens", opens.truncated())] {
            if is {
                truncated.push(format!("{}.{list}", container.name));
            }
        }
        container.opens = opens.into_opens();
        container.execs = execs.into_execs();
    }
    truncated
}

fn open_set(mut opens: Vec<Open>, thresholds: &Thresholds) -> OpenSet {
    // What is folded to fit depends on what came first.
    opens.sort_by(|a, b| (&a.path, &a.flags, &a.first_seen, &a.pod).cmp(&(&b.path, &b.flags, &b.first_seen, &b.pod)));
    let mut set = OpenSet::new(thresholds);
    opens.into_iter().for_each(|open| set.insert_pattern(open));
    set
}

fn exec_set(mut execs: Vec<Exec>, thresholds: &Thresholds) -> ExecSet {
    execs.sort_by(|a, b| {
        let key = |exec: &Exec| (exec.origin, exec.first_seen.clone());
        (&a.path, &a.interpreter, &a.args, key(a), &a.pod).cmp(&(&b.path, &b.interpreter, &b.args, key(b), &b.pod))
    });
    let mut set = ExecSet::new(thresholds);
    execs.into_iter().for_each(|exec| set.insert_pattern(exec));
    set
}

/// The largest size so that the lists, cut to it, fit together.
fn equal_share(mut sizes: Vec<usize>, total: usize) -> usize {
    sizes.sort_unstable();
    let mut left = total;
    let mut lists = sizes.len();
    for size in sizes {
        let share = left / lists.max(1);
        if size > share {
            return share;
        }
        left -= size;
        lists -= 1;
    }
    usize::MAX
}

/// Bytes of YAML that the lists take which are not collapsed.
fn other_bytes(container: &ContainerProfile) -> usize {
    let ContainerProfile {
        name,
        images,
        execs: _,
        opens: _,
        capabilities,
        syscalls,
        syscall_origins,
        syscalls_denied,
        syscall_architectures,
    } = container;
    let calls = syscall_origins.values().chain(syscall_architectures.values()).flatten().chain(syscalls).chain(syscalls_denied);
    name.len()
        + 200
        + images.iter().map(|image| image.image.len() + image.image_id.len() + 40).sum::<usize>()
        + capabilities.iter().map(|capability| capability.name.len() + capability.pod.len() + 110).sum::<usize>()
        + calls.map(|call| call.len() + 9).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_share_leaves_small_lists_alone() {
        assert_eq!(equal_share(vec![10, 20], 30), usize::MAX);
        assert_eq!(equal_share(vec![10, 90, 80], 110), 50);
        assert_eq!(equal_share(vec![90, 90], 100), 50);
        assert_eq!(equal_share(Vec::new(), 0), usize::MAX);
    }
}
