//! One file per family of hooks, named as the kernel names it; the rest is what they share.

#[macro_use]
mod read;
mod capability;
mod cgroup;
mod cgroup_skb;
mod datagram;
mod emit;
mod identity;
mod inet_sock_set_state;
mod maps;
mod open;
mod process;
mod sched_process_exec;
mod socket;
mod sys_enter;
mod sys_exit;
mod twins;
mod udp;
mod under_way;
mod walk;
