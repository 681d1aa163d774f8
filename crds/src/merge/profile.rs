//! The union of ApplicationProfiles.

use super::{Evidence, Merge, union, union_of_maps, union_of_values};
use crate::{
    application_profile::{ApplicationProfile, ApplicationProfileSpec, CapabilityUse, ContainerProfile, Exec, Image, Open},
    revision,
    status::Counts,
    workload::WorkloadReference,
};

impl Merge for ApplicationProfile {
    /// Metadata is that of `self`: both must be the same object. Counts are made anew.
    fn merge(self, other: Self) -> Self {
        let Self { metadata, spec, status } = self;
        let spec = spec.merge(other.spec);
        let mut status = status.unwrap_or_default().merge(other.status.unwrap_or_default());
        status.counts = spec.counts();
        Self { metadata, spec, status: Some(status) }
    }
}

impl ApplicationProfileSpec {
    /// How much it holds, for `status.counts`. A call or a capability of two containers counts once.
    pub fn counts(&self) -> Counts {
        let containers = || self.containers.iter().chain(&self.init_containers).chain(&self.ephemeral_containers);
        let sum = |count: fn(&ContainerProfile) -> usize| number(containers().map(count).sum());
        let syscalls = containers().flat_map(|c| c.syscalls.iter().chain(c.syscall_origins.values().flatten()));
        let capabilities = containers().flat_map(|container| container.capabilities.iter().map(|capability| &capability.name));
        Counts {
            processes: sum(|container| container.execs.len()),
            files: sum(|container| container.opens.len()),
            capabilities: distinct(capabilities),
            syscalls: distinct(syscalls),
            peers: 0,
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> u32 {
    number(names.collect::<std::collections::BTreeSet<_>>().len())
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Merge for ApplicationProfileSpec {
    fn merge(self, other: Self) -> Self {
        let (mut this, mut other) = (self, other);
        let attribution = revision::union(&mut this, &mut other);
        let Self { workload, architectures, containers, init_containers, ephemeral_containers, revisions: _ } = this;
        let by_name = |container: &ContainerProfile| container.name.clone();
        let mut merged = Self {
            workload: workload.merge(other.workload),
            architectures: union_of_values(architectures, other.architectures),
            containers: union(normal(containers), normal(other.containers), by_name),
            init_containers: union(normal(init_containers), normal(other.init_containers), by_name),
            ephemeral_containers: union(normal(ephemeral_containers), normal(other.ephemeral_containers), by_name),
            revisions: Vec::new(),
        };
        attribution.write(&mut merged);
        merged
    }
}

/// Sorts the lists within, also of what has nothing to be merged with.
fn normal(containers: Vec<ContainerProfile>) -> Vec<ContainerProfile> {
    let empty = |name: &str| ContainerProfile { name: name.to_owned(), ..ContainerProfile::default() };
    containers.into_iter().map(|container| empty(&container.name).merge(container)).collect()
}

impl Merge for WorkloadReference {
    /// The greater one: only the same workload is ever merged, but one side may know less of it.
    fn merge(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Merge for ContainerProfile {
    fn merge(self, other: Self) -> Self {
        let Self { name, images, execs, opens, capabilities, syscalls, syscall_origins, syscalls_denied, syscall_architectures } = self;
        let sorted =
            |opens: Vec<Open>| opens.into_iter().map(|open| Open { flags: union_of_values(open.flags, Vec::new()), ..open }).collect();
        let syscalls = union_of_values(syscalls, other.syscalls);
        let mut syscall_origins = union_of_maps(syscall_origins, other.syscall_origins);
        // They are the calls that the container's own programs did not make.
        for calls in syscall_origins.values_mut() {
            calls.retain(|call| syscalls.binary_search(call).is_err());
        }
        syscall_origins.retain(|_, calls| !calls.is_empty());
        Self {
            name: name.max(other.name),
            images: images_of(union_of_values(images, other.images)),
            execs: union(execs, other.execs, |exec| (exec.path.clone(), exec.interpreter.clone(), exec.args.clone(), exec.origin)),
            opens: union(sorted(opens), sorted(other.opens), |open| open.path.clone()),
            capabilities: union(capabilities, other.capabilities, |capability| (capability.name.clone(), capability.granted)),
            syscalls,
            syscall_origins,
            syscalls_denied: union_of_values(syscalls_denied, other.syscalls_denied),
            syscall_architectures: union_of_maps(syscall_architectures, other.syscall_architectures),
        }
    }
}

/// An image without a digest is one that was not known yet: the same with a digest stands for it.
fn images_of(mut images: Vec<Image>) -> Vec<Image> {
    let known: Vec<String> = images.iter().filter(|image| !image.image_id.is_empty()).map(|image| image.image.clone()).collect();
    images.retain(|image| !image.image_id.is_empty() || !known.contains(&image.image));
    images
}

impl Merge for Exec {
    /// Of the same path, interpreter, arguments and origin.
    fn merge(self, other: Self) -> Self {
        let Self { path, interpreter, args, origin, first_seen, pod } = self;
        let Evidence { first_seen, pod } = Evidence { first_seen, pod }.merge(Evidence { first_seen: other.first_seen, pod: other.pod });
        Self { path, interpreter, args, origin, first_seen, pod }
    }
}

impl Merge for Open {
    /// Of the same path.
    fn merge(self, other: Self) -> Self {
        let Self { path, flags, first_seen, pod } = self;
        let Evidence { first_seen, pod } = Evidence { first_seen, pod }.merge(Evidence { first_seen: other.first_seen, pod: other.pod });
        Self { path, flags: union_of_values(flags, other.flags), first_seen, pod }
    }
}

impl Merge for CapabilityUse {
    /// Of the same name and outcome.
    fn merge(self, other: Self) -> Self {
        let Self { name, granted, first_seen, pod } = self;
        let Evidence { first_seen, pod } = Evidence { first_seen, pod }.merge(Evidence { first_seen: other.first_seen, pod: other.pod });
        Self { name, granted, first_seen, pod }
    }
}
