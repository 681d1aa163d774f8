//! `show`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::kubectl::{fixtures, is_there, run, runtimemap, stdout};

#[test]
fn the_summary_of_a_recorded_command() {
    if is_there() {
        assert_snapshot!(stdout("show -f nginx.yaml"));
    }
}

#[test]
fn the_summary_of_a_workload_says_first_what_is_missing() {
    if is_there() {
        assert_snapshot!(stdout("show -f shop.yaml"));
    }
}

#[test]
fn wide_adds_the_evidence() {
    if is_there() {
        assert_snapshot!(stdout("show -f shop.yaml deployment/web -o wide"));
    }
}

#[test]
fn a_part_alone_is_shown_in_full() {
    if is_there() {
        assert_snapshot!(stdout("show -f nginx.yaml --only syscalls,caps"));
        assert_snapshot!(stdout("show --filename=nginx.yaml --only files"));
    }
}

#[test]
fn one_container_of_one_workload() {
    if is_there() {
        assert_snapshot!(stdout("show -n shop -f shop.yaml web --container proxy --only execs,network"));
    }
}

#[test]
fn names_can_be_given_back() {
    if !is_there() {
        return;
    }
    let names = stdout("show -f shop.yaml -f nginx.yaml -A -o name");
    assert_snapshot!(names);
    for name in names.lines() {
        assert_eq!(stdout(&format!("show -f shop.yaml -f nginx.yaml {name} -o name")).trim_end(), name);
    }
}

#[test]
fn yaml_read_again_is_the_same() {
    if !is_there() {
        return;
    }
    let once = stdout("show -f shop.yaml -o yaml");
    let again = run(&mut runtimemap("show -f - -o yaml"), &once);
    assert_eq!((again.code, again.stdout), (Some(0), once));
}

#[test]
fn a_list_is_read_as_its_items() {
    if !is_there() {
        return;
    }
    for fixture in ["shop.yaml", "hostile.yaml"] {
        let json = stdout(&format!("show -f {fixture} -o json"));
        let again = run(&mut runtimemap("show -f - -o json"), &json);
        assert_eq!((again.code, again.stdout), (Some(0), json));
    }
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: runtimemap.io/v1alpha1\n  kind: ApplicationProfile\n  metadata: {name: a}\n  spec: {workload: {kind: Pod, name: \"on\"}}\n";
    assert_eq!(run(&mut runtimemap("show -f - -o name pod/on"), list).stdout, "applicationprofile.runtimemap.io/a\n");
}

#[test]
fn json_of_one_is_an_object_and_of_several_a_list() {
    if !is_there() {
        return;
    }
    let one: Value = serde_json::from_str(&stdout("show -f shop.yaml statefulset/db -o json")).unwrap();
    assert_eq!((&one["kind"], &one["metadata"]["name"]), (&"ApplicationProfile".into(), &"statefulset-db".into()));
    let several: Value = serde_json::from_str(&stdout("show -f shop.yaml -o json")).unwrap();
    assert_eq!((&several["kind"], several["items"].as_array().map(Vec::len)), (&"List".into(), Some(4)));
}

#[test]
fn standard_input_is_a_file() {
    if !is_there() {
        return;
    }
    let text = std::fs::read_to_string(fixtures().join("nginx.yaml")).unwrap();
    let outcome = run(&mut runtimemap("show -f -"), &text);
    assert_eq!((outcome.code, outcome.stdout), (Some(0), stdout("show -f nginx.yaml")));
}

#[test]
fn t1_help_calls_itself_by_kubectls_name() {
    if is_there() {
        assert_snapshot!(stdout("show --help"));
        assert!(stdout("").contains("Usage: kubectl runtimemap <COMMAND>"));
    }
}
