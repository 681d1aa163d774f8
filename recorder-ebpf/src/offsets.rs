//! Offsets of kernel structures, read from the running kernel's BTF by the loader.

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        /// Byte offsets; the comment of each says of what.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Offsets { $($(#[$doc])* pub $field: u32),* }

        impl Offsets {
            /// All zero, until the loader fills it in.
            pub const ZERO: Self = Self { $($field: 0),* };
        }
    };
}

offsets! {
    /// task_struct.tgid
    task_tgid,
    /// task_struct.pid
    task_pid,
    /// task_struct.cgroups
    task_cgroups,
    /// task_struct.files
    task_files,
    /// task_struct.mm
    task_mm,
    /// task_struct.fs
    task_fs,
    /// task_struct.nsproxy
    task_nsproxy,
    /// task_struct.signal
    task_signal,
    /// task_struct.real_cred
    task_real_cred,
    /// task_struct.seccomp and seccomp.mode in it
    task_seccomp_mode,
    /// thread_info.status (x86) or .flags (arm64) in task_struct
    task_compat_word,
    /// The bit of that word which says: 32-bit call
    compat_bit,
    /// signal_struct.live
    signal_live,
    /// nsproxy.mnt_ns
    nsproxy_mnt_ns,
    /// css_set.subsys and the identity controller in it
    css_set_subsys,
    /// css_set.dfl_cgrp
    css_set_dfl_cgrp,
    /// cgroup_subsys_state.cgroup
    css_cgroup,
    /// cgroup_subsys_state.parent
    css_parent,
    /// cgroup.self
    cgroup_self,
    /// cgroup.kn
    cgroup_kn,
    /// cgroup.root
    cgroup_root,
    /// cgroup_root.hierarchy_id
    root_hierarchy,
    /// kernfs_node.id
    kernfs_id,
    /// kernfs_node.name
    kernfs_name,
    /// files_struct.fdt
    files_fdt,
    /// fdtable.fd
    fdtable_fd,
    /// file.f_path
    file_path,
    /// file.private_data
    file_private,
    /// path.mnt
    path_mnt,
    /// path.dentry
    path_dentry,
    /// dentry.d_parent
    dentry_parent,
    /// dentry.d_name (hash and length first)
    dentry_name,
    /// dentry.d_name.name
    dentry_name_text,
    /// dentry.d_hash.pprev: null once unlinked
    dentry_pprev,
    /// mount.mnt_parent
    mount_parent,
    /// mount.mnt_mountpoint
    mount_mountpoint,
    /// mount.mnt
    mount_mnt,
    /// mount.mnt_ns
    mount_ns,
    /// vfsmount.mnt_root
    vfsmount_root,
    /// fs_struct.pwd
    fs_pwd,
    /// mm_struct.arg_start
    mm_arg_start,
    /// mm_struct.arg_end
    mm_arg_end,
    /// linux_binprm.file
    bprm_file,
    /// linux_binprm.filename
    bprm_filename,
    /// linux_binprm.interp
    bprm_interp,
    /// open_flags.open_flag
    open_flags_flag,
    /// pt_regs: system call number
    regs_number,
    /// pt_regs: first three arguments of a native call
    regs_native_0,
    /// second
    regs_native_1,
    /// third
    regs_native_2,
    /// pt_regs: first three arguments of a 32-bit call
    regs_compat_0,
    /// second
    regs_compat_1,
    /// third
    regs_compat_2,
    /// socket.sk
    socket_sk,
    /// sock.sk_protocol
    sock_protocol,
    /// Bits that belong to it: 8 up to Linux 5.5, then 16
    sock_protocol_mask,
    /// sock.sk_cgrp_data and the pointer in it
    sock_cgroup,
    /// 1 where that pointer shares its word with flags (before 5.15)
    sock_cgroup_packed,
    /// sock_common.skc_family
    sock_family,
    /// sock_common.skc_num
    sock_num,
    /// sock_common.skc_dport
    sock_dport,
    /// sock_common.skc_rcv_saddr
    sock_saddr4,
    /// sock_common.skc_daddr
    sock_daddr4,
    /// sock_common.skc_v6_rcv_saddr
    sock_saddr6,
    /// sock_common.skc_v6_daddr
    sock_daddr6,
    /// sock_common.skc_net
    sock_net,
    /// net.ns.inum
    net_inum,
    /// msghdr.msg_name
    msg_name,
    /// sk_buff.head
    skb_head,
    /// sk_buff.network_header
    skb_network_header,
    /// sk_buff.transport_header
    skb_transport_header,
    /// 1 where do_file_open_root takes a path (from 5.13), 0 where a dentry and a mount
    open_root_takes_path,
}
