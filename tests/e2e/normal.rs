//! Objects without what differs from run to run: times, ids, addresses, names that Kubernetes makes up.

use serde_json::Value;

use runtimemap_tests::space::{Space, kubectl};

/// Fields of metadata that the API server fills in.
const SERVER: [&str; 5] = ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"];
/// Fields that hold a time.
const TIMES: [&str; 6] = ["firstSeen", "startedAt", "completesAt", "completedAt", "lastTransitionTime", "runningSince"];

/// System calls that a program makes in some runs, as its threads happen to meet.
const TIMELY: [&str; 4] = ["futex", "restart_syscall", "rt_sigreturn", "sched_yield"];

/// Names and addresses as they are now, with what is written instead.
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// Of all that a scenario's namespace talks to.
    pub(crate) fn of(space: &Space) -> Self {
        let mut names = Vec::new();
        let list = |arguments: &[&str]| -> Vec<Value> {
            let list: Value = serde_json::from_str(&kubectl(&[arguments, &["-o", "json"]].concat(), "")).unwrap();
            list["items"].as_array().unwrap().clone()
        };
        for pod in list(&["get", "pods", "-A"]) {
            let metadata = &pod["metadata"];
            let name = metadata["name"].as_str().unwrap();
            // Which of several did something first is a matter of time.
            let called = match metadata["generateName"].as_str() {
                Some(front) => format!("{}*", front.trim_end_matches('-')),
                None => name.to_owned(),
            };
            // A Deployment's pods have the hash of their ReplicaSet in front.
            let hash = metadata["labels"]["pod-template-hash"].as_str();
            let called = hash.map_or(called.clone(), |hash| called.replace(&format!("-{hash}"), ""));
            if metadata["namespace"] == space.name.as_str() && called != name {
                names.push((name.to_owned(), called.clone()));
            }
            if pod["spec"]["hostNetwork"] != true {
                addresses(&mut names, &pod["status"]["podIPs"], |address| address["ip"].as_str(), &format!("pod {called}"));
            }
        }
        for service in list(&["get", "services", "-A"]) {
            let name = service["metadata"]["name"].as_str().unwrap();
            addresses(&mut names, &service["spec"]["clusterIPs"], Value::as_str, &format!("service {name}"));
        }
        for node in list(&["get", "nodes"]) {
            addresses(&mut names, &node["status"]["addresses"], |address| address["address"].as_str(), "node");
        }
        // The longest first: one may be the beginning of another.
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self(names)
    }

    /// The object as every run should have it.
    pub(crate) fn normal(&self, mut object: Value) -> Value {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|field, _| !SERVER.contains(&field.as_str()));
        }
        self.walk(&mut object);
        object
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    match field.as_str() {
                        "uid" => *value = "<uid>".into(),
                        "imageID" => *value = "<digest>".into(),
                        // Of what was generated, addresses included.
                        "runtimemap.io/content-hash" => *value = "<hash>".into(),
                        "revision" if value != "" => *value = "<revision>".into(),
                        // In status they are objects with an id, in spec groups of ids with the facts' hashes in one text.
                        "revisions" => revisions(value),
                        "remainingSeconds" => *value = "<time>".into(),
                        // Whether the API server knows their digests before they have ended is a matter of time.
                        "ephemeralContainers" => {
                            let containers = value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
                            containers.for_each(|container| drop(container.remove("images")));
                            self.walk(value);
                        }
                        // What the runtime does before a program is its own matter, and a matter of time; so is their number.
                        "runtime" => *value = "<what the runtime calls>".into(),
                        "syscalls" if value.is_number() => *value = "<count>".into(),
                        "syscalls" if value[0].is_string() => {
                            value.as_array_mut().unwrap().retain(|call| !TIMELY.contains(&call.as_str().unwrap()));
                        }
                        field if TIMES.contains(&field) => *value = "<time>".into(),
                        _ => self.walk(value),
                    }
                }
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.walk(item));
                // What was sorted by an address or a name is now sorted by what stands for it.
                if items.iter().any(|item| item.to_string().contains('<')) {
                    items.sort_by_key(Value::to_string);
                }
            }
            Value::String(text) => {
                for (name, called) in &self.0 {
                    *text = replaced(text, name, called);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
        }
    }
}

/// Ids of revisions are hashes of what the pods are made of, images included; facts of a group are hashes of what is listed.
fn revisions(value: &mut Value) {
    for item in value.as_array_mut().into_iter().flatten() {
        if item.is_string() {
            *item = "<revision>".into();
        }
        for (field, value) in item.as_object_mut().into_iter().flatten() {
            match field.as_str() {
                "id" => *value = "<revision>".into(),
                "facts" => *value = "<facts>".into(),
                "images" => *value = "<digests>".into(),
                "remainingSeconds" => *value = "<time>".into(),
                "revisions" => revisions(value),
                field if TIMES.contains(&field) => *value = "<time>".into(),
                _ => (),
            }
        }
    }
}

/// Remembers addresses, as written and with an end such as /32.
fn addresses<'a>(names: &mut Vec<(String, String)>, list: &'a Value, address: impl Fn(&'a Value) -> Option<&'a str>, whose: &str) {
    for address in list.as_array().into_iter().flatten().filter_map(address) {
        let family = if address.contains(':') { "v6" } else { "v4" };
        if address.parse::<std::net::IpAddr>().is_ok() {
            names.push((address.to_owned(), format!("<{family} of {whose}>")));
        }
    }
}

/// The text with every whole occurrence of a name replaced.
fn replaced(text: &str, name: &str, called: &str) -> String {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == ':');
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (front, end) = (&rest[..at], &rest[at + name.len()..]);
        let whole = !part(front.chars().next_back()) && !part(end.chars().next());
        out.push_str(front);
        out.push_str(if whole { called } else { name });
        rest = end;
    }
    out + rest
}
