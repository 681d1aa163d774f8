//! Offsets of kernel structures, from the running kernel's own description of its types.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::File,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use btf_rs::{Backend, Btf, Type};
use runtimemap_recorder_ebpf::offsets::Offsets;

use super::Error;

/// Where the kernel describes its types.
pub(crate) const PATH: &str = "/sys/kernel/btf/vmlinux";

/// The kernel's types.
pub(crate) struct Types {
    btf: Btf,
    /// Structures that were asked for. To find one by its name all types are gone through.
    structures: RefCell<HashMap<String, Option<Type>>>,
}

impl Types {
    /// Reads them.
    pub(crate) fn read() -> Result<Self, Error> {
        if !Path::new(PATH).exists() {
            return Err(Error::NoBtf);
        }
        let failed = |error: String| Error::Btf { what: PATH.to_owned(), error };
        // Parsed whole, the types take ten times their size; mapped, they take what is looked at. The kernel's own file can be mapped
        // from 6.16 on only, so a copy in memory is.
        let copy = memfd().map_err(|error| failed(error.to_string()))?;
        std::io::copy(&mut File::open(PATH).map_err(|error| failed(error.to_string()))?, &mut &copy)
            .map_err(|error| failed(error.to_string()))?;
        Btf::from_file_with_backend(format!("/proc/self/fd/{}", copy.as_raw_fd()), Backend::Mmap)
            .map(|btf| Self { btf, structures: RefCell::default() })
            .map_err(|error| failed(error.to_string()))
    }

    /// Byte offset of a member, named with its structure and those on the way: `task_struct.seccomp.mode`.
    fn offset(&self, path: &str) -> Result<u32, Error> {
        self.find(path).map(|(offset, _)| offset).ok_or_else(|| Error::Btf { what: path.to_owned(), error: "no such member".to_owned() })
    }

    fn find(&self, path: &str) -> Option<(u32, Type)> {
        let mut names = path.split('.');
        let structure = names.next()?;
        let mut here = self.structure(structure)?;
        let mut offset = 0;
        for name in names {
            let (more, member) = self.member(&here, name)?;
            offset += more;
            here = member;
        }
        Some((offset, here))
    }

    fn structure(&self, name: &str) -> Option<Type> {
        if let Some(known) = self.structures.borrow().get(name) {
            return known.clone();
        }
        let types = self.btf.resolve_types_by_name(name).unwrap_or_default();
        let found = types.into_iter().find(|found| matches!(found, Type::Struct(_) | Type::Union(_)));
        self.structures.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    /// A member of a structure, also of the unnamed structures in it.
    fn member(&self, structure: &Type, name: &str) -> Option<(u32, Type)> {
        let members = match structure {
            Type::Struct(found) | Type::Union(found) => &found.members,
            _ => return None,
        };
        members.iter().find_map(|member| {
            let offset = member.bit_offset() / 8;
            let its_name = self.btf.resolve_name(member).unwrap_or_default();
            let mut kind = self.btf.resolve_chained_type(member).ok()?;
            while let Type::Typedef(_) | Type::Const(_) | Type::Volatile(_) = kind {
                kind = self.btf.resolve_chained_type(kind.as_btf_type()?).ok()?;
            }
            if its_name == name {
                return Some((offset, kind));
            }
            if its_name.is_empty() { self.member(&kind, name).map(|(more, found)| (offset + more, found)) } else { None }
        })
    }

    /// Number of a value of an enumeration.
    fn value(&self, enumeration: &str, name: &str) -> Option<u32> {
        self.btf.resolve_types_by_name(enumeration).ok()?.iter().find_map(|found| match found {
            Type::Enum(found) => {
                found.members.iter().find(|member| self.btf.resolve_name(*member).is_ok_and(|its| its == name)).map(btf_rs::EnumMember::val)
            }
            _ => None,
        })
    }

    /// Number of a type of that name; None if there is none.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        self.btf.resolve_ids_by_name(name).ok()?.first().copied()
    }

    /// How many parameters a kernel function has; None if there is no such function.
    pub(crate) fn parameters(&self, function: &str) -> Option<usize> {
        self.btf.resolve_types_by_name(function).ok()?.iter().find_map(|found| match found {
            Type::Func(found) => match self.btf.resolve_chained_type(found).ok()? {
                Type::FuncProto(prototype) => Some(prototype.parameters.len()),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether the kernel has the controller, and its place in `css_set.subsys`.
    fn controller(&self, name: &str) -> Result<u32, Error> {
        let value = format!("{name}_cgrp_id");
        self.value("cgroup_subsys_id", &value).ok_or(Error::Btf { what: value, error: "no such controller".to_owned() })
    }

    /// All offsets, for tasks told apart by a v1 controller or, without one, by cgroup v2.
    pub(crate) fn offsets(&self, controller: Option<&str>) -> Result<Offsets, Error> {
        let at = |path: &str| self.offset(path);
        let arm = cfg!(target_arch = "aarch64");
        let registers = if arm {
            ["pt_regs.syscallno", "pt_regs.orig_x0", "pt_regs.regs", "pt_regs.regs", "pt_regs.orig_x0", "pt_regs.regs", "pt_regs.regs"]
        } else {
            ["pt_regs.orig_ax", "pt_regs.di", "pt_regs.si", "pt_regs.dx", "pt_regs.bx", "pt_regs.cx", "pt_regs.dx"]
        };
        // On arm64 the arguments are elements 1 and 2 of regs.
        let (second, third) = if arm { (8, 16) } else { (0, 0) };
        let packed = self.find("sock.sk_cgrp_data.cgroup").is_none();
        Ok(Offsets {
            task_tgid: at("task_struct.tgid")?,
            task_pid: at("task_struct.pid")?,
            task_cgroups: at("task_struct.cgroups")?,
            task_files: at("task_struct.files")?,
            task_mm: at("task_struct.mm")?,
            task_fs: at("task_struct.fs")?,
            task_nsproxy: at("task_struct.nsproxy")?,
            task_signal: at("task_struct.signal")?,
            task_real_cred: at("task_struct.real_cred")?,
            task_seccomp_mode: at("task_struct.seccomp.mode")?,
            task_compat_word: at(if arm { "task_struct.thread_info.flags" } else { "task_struct.thread_info.status" })?,
            // TIF_32BIT and TS_COMPAT.
            compat_bit: if arm { 1 << 22 } else { 2 },
            signal_live: at("signal_struct.live")?,
            nsproxy_mnt_ns: at("nsproxy.mnt_ns")?,
            css_set_subsys: at("css_set.subsys")? + 8 * controller.map_or(Ok(0), |name| self.controller(name))?,
            css_set_dfl_cgrp: at("css_set.dfl_cgrp")?,
            css_cgroup: at("cgroup_subsys_state.cgroup")?,
            css_parent: at("cgroup_subsys_state.parent")?,
            cgroup_self: at("cgroup.self")?,
            cgroup_kn: at("cgroup.kn")?,
            cgroup_root: at("cgroup.root")?,
            root_hierarchy: at("cgroup_root.hierarchy_id")?,
            kernfs_id: at("kernfs_node.id")?,
            kernfs_name: at("kernfs_node.name")?,
            files_fdt: at("files_struct.fdt")?,
            fdtable_fd: at("fdtable.fd")?,
            file_path: at("file.f_path")?,
            file_private: at("file.private_data")?,
            path_mnt: at("path.mnt")?,
            path_dentry: at("path.dentry")?,
            dentry_parent: at("dentry.d_parent")?,
            dentry_name: at("dentry.d_name")?,
            dentry_name_text: at("dentry.d_name")? + at("qstr.name")?,
            dentry_pprev: at("dentry.d_hash.pprev")?,
            mount_parent: at("mount.mnt_parent")?,
            mount_mountpoint: at("mount.mnt_mountpoint")?,
            mount_mnt: at("mount.mnt")?,
            mount_ns: at("mount.mnt_ns")?,
            vfsmount_root: at("vfsmount.mnt_root")?,
            fs_pwd: at("fs_struct.pwd")?,
            mm_arg_start: at("mm_struct.arg_start")?,
            mm_arg_end: at("mm_struct.arg_end")?,
            bprm_file: at("linux_binprm.file")?,
            bprm_filename: at("linux_binprm.filename")?,
            bprm_interp: at("linux_binprm.interp")?,
            open_flags_flag: at("open_flags.open_flag")?,
            regs_number: at(registers[0])?,
            regs_native_0: at(registers[1])?,
            regs_native_1: at(registers[2])? + second,
            regs_native_2: at(registers[3])? + third,
            regs_compat_0: at(registers[4])?,
            regs_compat_1: at(registers[5])? + second,
            regs_compat_2: at(registers[6])? + third,
            socket_sk: at("socket.sk")?,
            sock_protocol: at("sock.sk_protocol")?,
            sock_protocol_mask: self.protocol_mask(),
            sock_cgroup: if packed { at("sock.sk_cgrp_data")? } else { at("sock.sk_cgrp_data.cgroup")? },
            sock_cgroup_packed: u32::from(packed),
            sock_family: at("sock.__sk_common.skc_family")?,
            sock_num: at("sock.__sk_common.skc_num")?,
            sock_dport: at("sock.__sk_common.skc_dport")?,
            sock_saddr4: at("sock.__sk_common.skc_rcv_saddr")?,
            sock_daddr4: at("sock.__sk_common.skc_daddr")?,
            sock_saddr6: at("sock.__sk_common.skc_v6_rcv_saddr")?,
            sock_daddr6: at("sock.__sk_common.skc_v6_daddr")?,
            sock_net: at("sock.__sk_common.skc_net")?,
            net_inum: at("net.ns.inum")?,
            msg_name: at("msghdr.msg_name")?,
            skb_head: at("sk_buff.head")?,
            skb_network_header: at("sk_buff.network_header")?,
            skb_transport_header: at("sk_buff.transport_header")?,
            open_root_takes_path: u32::from(self.parameters("do_file_open_root") == Some(3)),
        })
    }

    /// `sk_protocol` has 8 bits before Linux 5.6, as a bit field of an unsigned int, and 16 since.
    fn protocol_mask(&self) -> u32 {
        match self.find("sock.sk_protocol") {
            Some((_, Type::Int(int))) if int.size() == 2 => 0xffff,
            _ => 0xff,
        }
    }
}

/// A file that lives in memory only.
fn memfd() -> std::io::Result<File> {
    // SAFETY: the name ends with NUL.
    let fd = unsafe { libc::memfd_create(c"btf".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else has.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
