//! Advice on securityContext: what it takes away, and what it leaves to a person.

use runtimemap_crds::{ApplicationProfile, ApplicationProfileSpec, CapabilityUse, ContainerProfile, Exec, Open, WorkloadReference};
use runtimemap_policy::security_context::{Advice, Known, advise};
use serde_json::{Value, json};

fn open(path: &str, flags: &[&str]) -> Open {
    Open { path: path.to_owned(), flags: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..Open::default() }
}

fn of(kind: &str, container: ContainerProfile) -> Advice {
    knowing(kind, container, &Known::default())
}

fn knowing(kind: &str, container: ContainerProfile, known: &Known) -> Advice {
    let spec = ApplicationProfileSpec {
        workload: WorkloadReference { kind: kind.to_owned(), ..WorkloadReference::default() },
        containers: vec![ContainerProfile { name: "web".to_owned(), ..container }],
        ..ApplicationProfileSpec::default()
    };
    advise(&ApplicationProfile::new("x", spec), known)
}

fn capability(name: &str, granted: bool) -> CapabilityUse {
    CapabilityUse { name: name.to_owned(), granted, ..CapabilityUse::default() }
}

fn first(advice: &Advice) -> &Value {
    &advice.patch["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn r16_capabilities_are_those_that_were_granted_and_used() {
    let container = ContainerProfile {
        capabilities: vec![capability("NET_BIND_SERVICE", true), capability("CHOWN", true), capability("SYS_PTRACE", false)],
        ..ContainerProfile::default()
    };
    let advice = of("Deployment", container);
    assert_eq!(
        first(&advice)["securityContext"],
        json!({
            "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "NET_BIND_SERVICE"]},
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
        })
    );
    let none = of("Deployment", ContainerProfile::default());
    assert_eq!(first(&none)["securityContext"]["capabilities"], json!({"drop": ["ALL"], "add": []}));
}

#[test]
fn written_directories_become_volumes() {
    let container = ContainerProfile {
        opens: vec![
            open("/var/cache/nginx/client_temp/⋯", &["O_RDWR", "O_CREAT"]),
            open("/var/cache/nginx/a", &["O_WRONLY"]),
            open("/tmp/*", &["O_WRONLY", "O_CREAT"]),
            open("/run/nginx.pid", &["O_RDWR", "O_CREAT"]),
            open("/run", &["O_RDONLY", "O_DIRECTORY"]),
            open("/dev/null", &["O_RDWR"]),
            open("/proc/self/oom_score_adj", &["O_WRONLY"]),
            open("/var/tmp/x (deleted)", &["O_RDWR"]),
            open("/etc/nginx/nginx.conf", &["O_RDONLY"]),
        ],
        ..ContainerProfile::default()
    };
    let advice = of("Deployment", container);
    let paths: Vec<&Value> = first(&advice)["volumeMounts"].as_array().unwrap().iter().map(|mount| &mount["mountPath"]).collect();
    assert_eq!(paths, ["/run", "/tmp", "/var/cache/nginx"]);
    let volumes = &advice.patch["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[1], json!({"name": "writable-web-tmp", "emptyDir": {}}));
    assert_eq!(first(&advice)["volumeMounts"][1], json!({"name": "writable-web-tmp", "mountPath": "/tmp"}));
    assert!(advice.notes.iter().any(|note| note.contains("writes to /run, /tmp and /var/cache/nginx")));
}

#[test]
fn where_an_empty_directory_would_hide_something_the_root_stays_writable() {
    for (opens, why) in [
        (vec![open("/etc/hosts.new", &["O_CREAT"])], "it writes to /etc,"),
        (vec![open("/file", &["O_WRONLY"])], "it writes to /,"),
        (vec![open("/usr/share/x/y", &["O_WRONLY"])], "it writes to /usr/share/x,"),
        (vec![open("/app/log", &["O_WRONLY"]), open("/app/static/a.css", &["O_RDONLY"])], "reads /app/static/a.css,"),
    ] {
        let advice = of("Deployment", ContainerProfile { opens, ..ContainerProfile::default() });
        assert_eq!(first(&advice)["securityContext"].get("readOnlyRootFilesystem"), None, "{why}");
        assert!(advice.notes.iter().any(|note| note.contains(why)), "{why}: {:?}", advice.notes);
    }
    let execs = vec![Exec { path: "/app/run".to_owned(), ..Exec::default() }];
    let advice = of("Deployment", ContainerProfile { opens: vec![open("/app/log", &["O_WRONLY"])], execs, ..ContainerProfile::default() });
    assert!(advice.notes.iter().any(|note| note.contains("reads /app/run,")));
}

#[test]
fn what_the_api_server_refuses_is_not_advised() {
    let advice = of("Deployment", ContainerProfile { capabilities: vec![capability("SYS_ADMIN", true)], ..ContainerProfile::default() });
    assert_eq!(first(&advice)["securityContext"].get("allowPrivilegeEscalation"), None);
    assert!(advice.notes.iter().any(|note| note.contains("uses SYS_ADMIN")));
    let execs = vec![Exec { path: "/usr/bin/sudo".to_owned(), ..Exec::default() }];
    let advice = of("Deployment", ContainerProfile { execs, ..ContainerProfile::default() });
    assert!(advice.notes.iter().any(|note| note.contains("ran /usr/bin/sudo")));
}

#[test]
fn the_patch_fits_the_kind() {
    let path = |kind| of(kind, ContainerProfile::default()).patch;
    assert_eq!(path("Pod")["spec"]["containers"][0]["name"], "web");
    assert_eq!(path("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["name"], "web");
    assert_eq!(path("StatefulSet")["spec"]["template"]["spec"]["containers"][0]["name"], "web");
}

#[test]
fn a_volume_that_is_mounted_is_not_replaced_by_an_empty_one() {
    let container = ContainerProfile {
        opens: vec![
            open("/data/base/1", &["O_RDWR"]),
            open("/data/base/1/x", &["O_RDONLY"]),
            open("/tmp/x", &["O_CREAT"]),
            open("/database/x", &["O_WRONLY"]),
        ],
        ..ContainerProfile::default()
    };
    let known = Known { mounts: [("web".to_owned(), vec!["/data/".to_owned()])].into(), ..Known::default() };
    let advice = knowing("StatefulSet", container, &known);
    let paths: Vec<&Value> = first(&advice)["volumeMounts"].as_array().unwrap().iter().map(|mount| &mount["mountPath"]).collect();
    assert_eq!(paths, ["/database", "/tmp"]);
    assert!(advice.notes.iter().any(|note| note.ends_with("hides what the image has")), "{:?}", advice.notes);
}

#[test]
fn a_filter_stands_beside_what_is_advised() {
    let known = Known { filters: [("web".to_owned(), "runtimemap/shop/a.json".to_owned())].into(), ..Known::default() };
    let advice = knowing("Deployment", ContainerProfile::default(), &known);
    let context = &first(&advice)["securityContext"];
    assert_eq!(context["seccompProfile"], json!({"type": "Localhost", "localhostProfile": "runtimemap/shop/a.json"}));
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"], "add": []}));
    assert_eq!(first(&of("Deployment", ContainerProfile::default()))["securityContext"].get("seccompProfile"), None);
}

#[test]
fn a_token_that_nobody_opened_is_not_mounted() {
    let advice = of("Deployment", ContainerProfile::default());
    assert_eq!(advice.patch["spec"]["template"]["spec"]["automountServiceAccountToken"], json!(false));
    let plain = ["/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io/serviceaccount/..data/token"];
    for path in plain.into_iter().chain(["/run/*", "/run/secrets/*"]) {
        let container = ContainerProfile { opens: vec![open(path, &["O_RDONLY"])], ..ContainerProfile::default() };
        let advice = of("Deployment", container);
        assert_eq!(advice.patch["spec"]["template"]["spec"].get("automountServiceAccountToken"), None, "{path}");
    }
}
