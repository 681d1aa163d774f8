//! The evidence log: every fact as a line of JSON, as it arrives, before anything is collapsed.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use runtimemap_crds::collapse::escape;
use serde_json::{Value, json};

use crate::{
    capability,
    fact::{Abi, Act, Direction, Fact},
    open_flag,
    profile::syscall_name,
};

/// A file that takes facts. The first failure to write is kept for the end.
#[derive(Debug)]
pub(super) struct EvidenceLog {
    path: PathBuf,
    file: BufWriter<File>,
    error: Option<io::Error>,
}

impl EvidenceLog {
    /// Makes the file, empty.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: BufWriter::new(File::create(path)?), error: None })
    }

    /// Adds a fact.
    pub(super) fn write(&mut self, fact: &Fact, mask: bool) {
        if self.error.is_none() {
            self.error = writeln!(self.file, "{}", line(fact, mask)).err();
        }
    }

    /// Lets readers see what has been added.
    pub(super) fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.file.flush().err();
        }
    }

    /// Hands everything to the kernel.
    ///
    /// # Errors
    /// If any fact could not be written.
    pub(super) fn finish(mut self) -> Result<(), (PathBuf, io::Error)> {
        match self.error.take().or_else(|| self.file.flush().err()) {
            None => Ok(()),
            Some(error) => Err((self.path, error)),
        }
    }
}

fn line(fact: &Fact, mask: bool) -> Value {
    let mut line = match &fact.act {
        Act::Exec(exec) => {
            let mut args: Vec<String> = exec.args.iter().map(|arg| escape(arg)).collect();
            if mask {
                args = runtimemap_crds::masking::mask_args(&args);
            }
            json!({"kind": "exec", "path": escape(&exec.path), "interpreter": escape(&exec.interpreter), "args": args, "truncated": exec.truncated})
        }
        Act::Open { path, flags } => json!({"kind": "open", "path": escape(path), "flags": open_flag::names(*flags)}),
        Act::Capability { number, granted } => json!({"kind": "capability", "name": capability::name(*number), "granted": granted}),
        Act::Syscall { abi, number } => json!({"kind": "syscall", "abi": abi_name(*abi), "name": syscall_name(*abi, *number)}),
        Act::SyscallDenied { abi, number } => json!({"kind": "syscallDenied", "abi": abi_name(*abi), "name": syscall_name(*abi, *number)}),
        Act::Flow { direction, protocol, local, remote, outcome } => {
            let direction = if *direction == Direction::Ingress { "ingress" } else { "egress" };
            json!({"kind": "flow", "direction": direction, "protocol": protocol, "local": local, "remote": remote, "outcome": outcome})
        }
        Act::Listen { protocol, address } => json!({"kind": "listen", "protocol": protocol, "address": address}),
        Act::DnsAnswer { name, addresses, server } => json!({"kind": "dns", "name": name, "addresses": addresses, "server": server}),
        Act::Left => json!({"kind": "left"}),
    };
    line["origin"] = json!(fact.origin);
    line["pid"] = json!(fact.pid);
    line["time"] = json!(fact.time);
    line
}

fn abi_name(abi: Abi) -> &'static str {
    match abi {
        Abi::Native => "native",
        Abi::Compat => "compat",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use runtimemap_crds::{Origin, Outcome, Protocol};

    use super::*;
    use crate::fact::{Exec, Slot};

    fn fact(act: Act) -> Fact {
        Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 7, time: 1, act }
    }

    #[test]
    fn every_fact_is_one_line_whatever_bytes_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts");
        let mut log = EvidenceLog::create(&path).unwrap();
        log.write(&fact(Act::Open { path: b"/a\n\xff\\".to_vec(), flags: libc::O_CREAT.cast_unsigned() | 1 }), true);
        let flow = Act::Flow {
            direction: Direction::Egress,
            protocol: Protocol::TCP,
            local: "10.0.0.1:4000".parse().unwrap(),
            remote: "[2001:db8::1]:443".parse().unwrap(),
            outcome: Outcome::Attempted,
        };
        log.write(&fact(flow), true);
        log.write(&fact(Act::Syscall { abi: Abi::Native, number: 9999 }), true);
        log.finish().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected =
            json!({"kind": "open", "path": "/a\n\\xff\\\\", "flags": ["O_WRONLY", "O_CREAT"], "origin": "entrypoint", "pid": 7, "time": 1});
        assert_eq!(lines[0], expected);
        assert_eq!(
            (&lines[1]["remote"], &lines[1]["outcome"], &lines[1]["protocol"]),
            (&json!("[2001:db8::1]:443"), &json!("attempted"), &json!("TCP"))
        );
        assert_eq!(lines[2]["name"], json!("syscall_9999"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn r23_secrets_in_arguments_are_not_in_the_evidence_unless_asked_for() {
        let exec = Exec { path: b"/bin/x".to_vec(), args: vec![b"x".to_vec(), b"--password=hunter2".to_vec()], ..Exec::default() };
        let fact = fact(Act::Exec(exec));
        assert!(!line(&fact, true).to_string().contains("hunter2"));
        assert!(line(&fact, false).to_string().contains("hunter2"));
    }

    #[test]
    fn a_full_disk_is_not_forgotten() {
        let mut log = EvidenceLog::create(Path::new("/dev/full")).unwrap();
        for _ in 0..1000 {
            log.write(&fact(Act::Left), true);
        }
        assert_eq!(log.finish().unwrap_err().1.raw_os_error(), Some(libc::ENOSPC));
    }
}
