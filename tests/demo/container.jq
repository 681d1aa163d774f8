# config.json of a container in the OCI's format: the filter and the capabilities are what the map says.
([$profile[0] | (.items? // [.])[] | select(.kind == "ApplicationProfile").spec.containers[].capabilities[]? | select(.granted).name
    | "CAP_" + ltrimstr("CAP_")]) as $capabilities
| {
    ociVersion: "1.0.2",
    process: {
        user: {uid: 0, gid: 0},
        args: $ARGS.positional,
        env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        cwd: "/",
        capabilities: {bounding: $capabilities, effective: $capabilities, permitted: $capabilities},
        noNewPrivileges: true
    },
    root: {path: "rootfs", readonly: true},
    mounts: [
        {destination: "/proc", type: "proc", source: "proc"},
        {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"]},
        {destination: ($work + "/nginx"), type: "bind", source: ($work + "/nginx"), options: ["bind", "rw"]}
    ],
    linux: {
        cgroupsPath: $cgroup,
        namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}, {type: "network", path: $network}],
        seccomp: $filter[0]
    }
}
