//! Loading and attaching one program, the way that the table of hooks says.

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use aya::{
    Btf,
    programs::{
        BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, FExit, KProbe, ProgramError, RawTracePoint, TracePoint,
        links::FdLink,
    },
    util::KernelVersion,
};

use super::{
    Error, Kernel, Options, bpf,
    hooks::{Attach, LADDERS, Program},
    links::{Held, Links},
    load::chain,
    set::Set,
};

fn words(error: &ProgramError) -> String {
    chain(error)
}

/// Whether aya makes links by descriptor, which it decides by the version.
fn since(major: u8, minor: u8) -> bool {
    KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(major, minor, 0))
}

/// Loads a program.
pub(super) fn load(set: &mut Set, program: &Program, options: &Options, functions: &[&str], kernel_btf: &Btf) -> Result<(), String> {
    let loaded = set.program_mut(program.name).ok_or_else(|| format!("no program {} in the object", program.name))?;
    match program.attach {
        Attach::RawTracepoint(_) => <&mut RawTracePoint>::try_from(loaded).map_err(|error| words(&error))?.load(),
        Attach::TypedTracepoint(name) => <&mut BtfTracePoint>::try_from(loaded).map_err(|error| words(&error))?.load(name, kernel_btf),
        Attach::PerfTracepoint(..) => <&mut TracePoint>::try_from(loaded).map_err(|error| words(&error))?.load(),
        Attach::FExit(names) => {
            let function = names.iter().find(|name| functions.contains(name)).ok_or_else(|| format!("the kernel has no {}", names[0]))?;
            <&mut FExit>::try_from(loaded).map_err(|error| words(&error))?.load(function, kernel_btf)
        }
        Attach::KProbe(_) => <&mut KProbe>::try_from(loaded).map_err(|error| words(&error))?.load(),
        Attach::CgroupEgress | Attach::CgroupIngress => {
            if !options.unified {
                return Err("cgroup v2 is not mounted".to_owned());
            }
            <&mut CgroupSkb>::try_from(loaded).map_err(|error| words(&error))?.load()
        }
    }
    .map_err(|error| words(&error))
}

/// Attaches a loaded program, if it is not. Those for packets are attached to cgroups, see [`packets`].
pub(super) fn attach(set: &mut Set, links: &mut Links, program: &Program, functions: &[&str]) -> Result<(), String> {
    if links.has(program.name) {
        return Ok(());
    }
    if let Some(typed) = set.typed(program.name) {
        let link = bpf::attach(typed).map_err(|error| error.to_string())?;
        return links.keep_open(program.name, link.as_fd());
    }
    let loaded = set.program_mut(program.name).ok_or_else(|| format!("no program {} in the object", program.name))?;
    let held = match program.attach {
        Attach::RawTracepoint(name) => {
            let loaded: &mut RawTracePoint = loaded.try_into().map_err(|error| words(&error))?;
            let id = loaded.attach(name).map_err(|error| words(&error))?;
            Held::Link(loaded.take_link(id).map_err(|error| words(&error))?.into())
        }
        Attach::TypedTracepoint(_) => {
            let loaded: &mut BtfTracePoint = loaded.try_into().map_err(|error| words(&error))?;
            let id = loaded.attach().map_err(|error| words(&error))?;
            Held::Link(loaded.take_link(id).map_err(|error| words(&error))?.into())
        }
        Attach::PerfTracepoint(category, name) => {
            let loaded: &mut TracePoint = loaded.try_into().map_err(|error| words(&error))?;
            let id = loaded.attach(category, name).map_err(|error| words(&error))?;
            let link = loaded.take_link(id).map_err(|error| words(&error))?;
            Held::Link(FdLink::try_from(link).map_err(|error| chain(&error))?)
        }
        Attach::FExit(_) => {
            let loaded: &mut FExit = loaded.try_into().map_err(|error| words(&error))?;
            let id = loaded.attach().map_err(|error| words(&error))?;
            Held::Link(loaded.take_link(id).map_err(|error| words(&error))?.into())
        }
        Attach::KProbe(names) => {
            let function = names.iter().find(|name| functions.contains(name)).unwrap_or(&names[0]);
            let loaded: &mut KProbe = loaded.try_into().map_err(|error| words(&error))?;
            let id = loaded.attach(function, 0).map_err(|error| words(&error))?;
            let link = loaded.take_link(id).map_err(|error| words(&error))?;
            // Aya makes it a link where the kernel has links of probes, and only those can become one by descriptor.
            if since(5, 15) { Held::Link(FdLink::try_from(link).map_err(|error| chain(&error))?) } else { Held::Probe(link) }
        }
        Attach::CgroupEgress | Attach::CgroupIngress => return Ok(()),
    };
    links.keep(program.name.to_owned(), held)
}

/// Undoes the loading.
pub(super) fn unload(set: &mut Set, program: &Program) {
    if let Some(loaded) = set.program_mut(program.name) {
        // If it was not loaded, there is nothing to undo.
        let _ = match loaded {
            aya::programs::Program::RawTracePoint(loaded) => loaded.unload(),
            aya::programs::Program::BtfTracePoint(loaded) => loaded.unload(),
            aya::programs::Program::TracePoint(loaded) => loaded.unload(),
            aya::programs::Program::FExit(loaded) => loaded.unload(),
            aya::programs::Program::KProbe(loaded) => loaded.unload(),
            aya::programs::Program::CgroupSkb(loaded) => loaded.unload(),
            _ => Ok(()),
        };
    }
}

/// Lets the packet programs see this cgroup's packets, beside whatever else is attached there.
pub(super) fn packets(set: &mut Set, links: &mut Links, directory: &Path) -> Result<(), Error> {
    let failed = |error: String| Error::Cgroup { path: directory.to_owned(), error };
    let opened = File::open(directory).map_err(|error| failed(error.to_string()))?;
    let inode = opened.metadata().map_err(|error| failed(error.to_string()))?.ino();
    // A link, which aya makes from 5.7 on, stands beside others anyway and refuses the flag; the older way needs it.
    let linked = since(5, 7);
    let mode = if linked { CgroupAttachMode::Single } else { CgroupAttachMode::AllowMultiple };
    for (name, direction) in [("cgroup_skb_egress", CgroupSkbAttachType::Egress), ("cgroup_skb_ingress", CgroupSkbAttachType::Ingress)] {
        let link = format!("{name}-{inode}");
        if links.has(&link) {
            continue;
        }
        let program = set.program_mut(name).ok_or_else(|| failed(format!("no program {name}")))?;
        let program: &mut CgroupSkb = program.try_into().map_err(|error| words(&error)).map_err(failed)?;
        let id = program.attach(&opened, direction, mode).map_err(|error| words(&error)).map_err(failed)?;
        let held = program.take_link(id).map_err(|error| words(&error)).map_err(failed)?;
        let held = if linked { Held::Link(FdLink::try_from(held).map_err(|error| failed(chain(&error)))?) } else { Held::Packets(held) };
        links.keep(link, held).map_err(failed)?;
    }
    Ok(())
}

/// Programs that run often, of the rungs in use.
fn hot(kernel: &Kernel) -> Vec<Program> {
    let mut programs = Vec::new();
    for (ladder, choice) in LADDERS.iter().zip(&kernel.choices).filter(|(ladder, _)| ladder.signal.hot()) {
        let rung = ladder.rungs.iter().find(|rung| Some(rung.name) == choice.used);
        programs.extend(rung.into_iter().flat_map(|rung| rung.programs).copied());
    }
    programs
}

/// Whether one that runs often is attached, of whichever rung.
pub(super) fn any_hot(links: &Links) -> bool {
    let rungs = LADDERS.iter().filter(|ladder| ladder.signal.hot()).flat_map(|ladder| ladder.rungs);
    rungs.flat_map(|rung| rung.programs).any(|program| links.has(program.name))
}

/// Attaches the hooks that run often.
pub(super) fn heat(kernel: &mut Kernel) -> Result<(), Error> {
    let programs = hot(kernel);
    let Kernel { set, links, functions, packets: directories, .. } = kernel;
    for program in &programs {
        attach(set, links, program, functions).map_err(|error| Error::Attach { program: program.name, error })?;
    }
    // A cgroup that is gone has no packets.
    directories.retain(|directory| directory.is_dir());
    let directories: Vec<PathBuf> = directories.clone();
    directories.iter().try_for_each(|directory| packets(set, links, directory))
}

/// Detaches them.
pub(super) fn cool(kernel: &mut Kernel) -> Result<(), Error> {
    let programs = hot(kernel);
    let of = |name: &str| programs.iter().any(|program| name == program.name || name.starts_with(&format!("{}-", program.name)));
    kernel.links.end(of).map_err(|error| Error::Attach { program: "sys_enter", error })
}
