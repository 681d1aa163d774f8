//! A container that real runc makes inside a recorded cgroup.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};

use crate::{
    existing::{Groups, Server, record},
    rig::Rig,
};

#[test]
fn r11_the_runtimes_own_acts_are_in_no_list() {
    let rig = Rig::new();
    let name = format!("runtimemap-test-runtime-{}", std::process::id());
    let groups = Groups::create(&name);
    // Somebody has to be in the cgroup for the recording to begin; it does nothing.
    let bystander = Server::start();
    groups.put(bystander.child.id());
    let running = record(&rig, &["--cgroup", &format!("/{name}")]);
    run_container(&rig, &format!("/{name}/container"));
    bystander.end();
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{}", done.stderr);

    let of_the_container = |kind: &str| -> Vec<Value> {
        rig.facts(kind).into_iter().filter(|fact| fact["origin"] != "snapshot").filter(|fact| fact["origin"] != "runtime").collect()
    };
    let execs: Vec<Value> = of_the_container("exec").iter().map(|fact| json!([fact["path"], fact["args"]])).collect();
    assert_eq!(execs, [json!(["/bin/busybox", ["/bin/busybox", "cat", "/inside"]])]);
    let opens: BTreeSet<String> = of_the_container("open").iter().map(|fact| fact["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(opens, BTreeSet::from(["/inside".to_owned()]));
    assert_eq!(of_the_container("capability"), Vec::<Value>::new());
    let names = |facts: Vec<Value>| -> BTreeSet<String> { facts.iter().map(|fact| fact["name"].as_str().unwrap().to_owned()).collect() };
    let own = names(of_the_container("syscall"));
    let runtime = names(rig.facts("syscall").into_iter().filter(|fact| fact["origin"] == "runtime").collect());
    assert!(own.contains("sendfile"), "busybox cat copies by it: {own:?}");
    for call in ["pivot_root", "capset", "setresuid", "unshare", "mount"] {
        assert!(!own.contains(call), "{call} is the runtime's: {own:?}");
    }
    assert!(runtime.contains("execve") && runtime.contains("pivot_root"), "{runtime:?}");
    // The map holds no more than the facts.
    let profile = rig.object("ApplicationProfile").to_string();
    assert!(!profile.contains("runc") && !profile.contains("runtimemap-recorder"), "{profile}");
}

/// Runs a static program that reads one file, in a container of its own in that cgroup, to its end.
fn run_container(rig: &Rig, cgroup: &str) {
    let bundle = rig.path("bundle");
    for folder in ["rootfs/bin", "rootfs/proc"] {
        fs::create_dir_all(bundle.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", bundle.join("rootfs/bin/busybox")).unwrap();
    fs::write(bundle.join("rootfs/inside"), "seen\n").unwrap();
    let namespaces = ["pid", "ipc", "uts", "mount", "network"].map(|kind| json!({"type": kind}));
    let configuration = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/busybox", "cat", "/inside"],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {"bounding": [], "effective": [], "permitted": []},
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"cgroupsPath": cgroup, "namespaces": namespaces},
    });
    fs::write(bundle.join("config.json"), configuration.to_string()).unwrap();
    let mut runc = Command::new("runc");
    runc.arg("--root").arg(rig.path("runc")).args(["run", "--bundle"]).arg(&bundle).arg(format!("runtime-{}", std::process::id()));
    // Installed by 'make setup'.
    let output = runc.output().unwrap();
    assert!(output.status.success() && output.stdout == b"seen\n", "{output:?}");
}
