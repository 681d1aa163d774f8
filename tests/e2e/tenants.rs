//! What tenants and those who only look may do. Tried, not looked up.

use runtimemap_tests::space::{PROFILE, Space, try_kubectl};

#[tokio::test]
async fn tenants_write_no_profile_and_see_what_their_role_says() {
    let space = Space::new("tenants").await;
    space.apply(include_str!("manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    for role in ["view", "edit", "admin"] {
        space.kubectl(&["create", "rolebinding", role, &format!("--clusterrole={role}"), &format!("--user={role}")], "");
    }
    let tries = |user: &str, arguments: &[&str]| try_kubectl(&[&["-n", &space.name, "--as", user], arguments].concat(), "");
    let label = ["--type=merge", "-p", r#"{"metadata":{"labels":{"a":"b"}}}"#];
    let patch = |kind: &'static str| [&["patch", kind, "pod-first"][..], &label].concat();
    let mailbox = ["get", "nodeobservations"];
    // What each of the three may: view, edit, admin.
    let expected: Vec<(Vec<&str>, [bool; 3])> = vec![
        (vec!["get", "networkneighborhoods"], [true, true, true]),
        (vec!["get", "generatednetworkpolicies"], [true, true, true]),
        (vec!["get", "seccompprofiles.runtimemap.io"], [true, true, true]),
        (vec!["get", "applicationprofiles"], [false, false, true]),
        (mailbox.to_vec(), [false, false, false]),
        (patch("applicationprofile"), [false, false, false]),
        (patch("networkneighborhood"), [false, false, false]),
        (vec!["delete", "networkneighborhood", "pod-first", "--dry-run=server"], [false, false, true]),
        (vec!["delete", "applicationprofile", "pod-first", "--dry-run=server"], [false, false, true]),
    ];
    for (arguments, allowed) in expected {
        for (user, allowed) in ["view", "edit", "admin"].into_iter().zip(allowed) {
            let (succeeded, _, errors) = tries(user, &arguments);
            assert_eq!(succeeded, allowed, "{user}: {arguments:?}: {errors}");
            assert!(succeeded || errors.contains("orbidden"), "{user}: {arguments:?}: {errors}");
        }
    }
    // Not even the cluster's administrator writes what was learned.
    let (succeeded, _, errors) = try_kubectl(&[&["-n", &space.name][..], &patch("applicationprofile")].concat(), "");
    assert!(!succeeded && errors.contains("it is what was learned"), "{errors}");
}
