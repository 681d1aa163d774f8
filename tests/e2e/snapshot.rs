//! Objects of workloads, whole, and what is kept of them.

use runtimemap_tests::space::{POLICY, SECCOMP, Space};

use crate::normal::Names;

/// Compares all objects of each workload, whole, with what is kept of them.
pub(crate) async fn assert_learned(space: &Space, names: &[&str]) {
    let mut learned = Vec::new();
    for name in names {
        learned.extend(space.learned(name).await);
        for kind in [POLICY, SECCOMP] {
            learned.push(space.until(kind, name, "is generated", |object| object["status"]["conditions"].is_array()).await);
        }
    }
    let known = Names::of(space);
    for object in learned {
        let (kind, name) = (object["kind"].as_str().unwrap().to_lowercase(), object["metadata"]["name"].as_str().unwrap().to_owned());
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_yaml_snapshot!(format!("{}-{name}-{kind}", &space.name["e2e-".len()..]), known.normal(object)));
    }
}
