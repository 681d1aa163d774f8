//! What we write is read back the same by ourselves, by a YAML 1.1 reader and by the real kubectl.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proptest::prelude::*;
use runtimemap_crds::{
    ApplicationProfile, ApplicationProfileSpec, ContainerProfile, Exec, GeneratedNetworkPolicy, Object, Open, WorkloadReference, yaml,
};
use serde_json::Value;

/// Strings that a reader could take for something else, or that could break out of their place.
fn hostile() -> Vec<String> {
    let mut strings: Vec<String> = [
        "y",
        "Y",
        "n",
        "N",
        "yes",
        "Yes",
        "no",
        "NO",
        "on",
        "On",
        "off",
        "OFF",
        "true",
        "True",
        "false",
        "FALSE",
        "null",
        "Null",
        "~",
        "",
        "1e3",
        "1E3",
        "1e+3",
        ".5",
        "5.",
        "-.5",
        "+1",
        "-1",
        "012",
        "0o14",
        "0x1F",
        "0b101",
        "1_000",
        "1:30",
        "190:20:30",
        "1:30.5",
        ".inf",
        "-.Inf",
        ".NaN",
        "2001-12-14",
        "2001-12-14 21:59:43.10 -5",
        "2001-12-14t21:59:43Z",
        "=",
        "<<",
        "---",
        "...",
        "--- a",
        "-",
        "- a",
        "?",
        "? a",
        ":",
        ": a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "*",
        "!a",
        "!!str a",
        "%YAML",
        "@a",
        "`a",
        "|",
        ">",
        "|-",
        "{",
        "}",
        "[a]",
        "[",
        "]",
        ",",
        "a, b",
        "'",
        "\"",
        "'a'",
        "\"a\"",
        "it's",
        "\\",
        "\\n",
        "\\xff",
        " ",
        " a",
        "a ",
        "\t",
        "\ta",
        "a\t",
        "\n",
        "a\nb",
        "a\n",
        "\na",
        "a\n\nb\n\n",
        "a\r\nb",
        "\r",
        "a\n---\nb",
        "a\n...\n",
        "a\n  b: c",
        "⋯",
        "\\⋯",
        "é",
        "日本",
        "😀",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "a\u{feff}b",
        "\u{200b}",
        "\u{202e}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{e000}",
        "\x1b[2J",
        "O_RDONLY",
        "key=value",
        "--flag=y",
        "0",
        "00",
        "0.0",
        "1.2.3",
        "1,000",
        "08",
        "09",
        "0777",
        "1__0",
        "0x",
        "0b",
        "0o",
        "e3",
        ".e3",
        "1e",
        "+.inf",
        "_1",
        "1_",
        "0_7",
        "NaN",
        "inf",
        "Infinity",
        "none",
        "None",
        "a:b",
        "a:",
        "a::b",
    ]
    .map(str::to_owned)
    .to_vec();
    strings.extend((0..=0x9f_u32).filter_map(char::from_u32).map(|c| format!("a{c}b")));
    strings.extend((1..=0x1f_u32).filter_map(char::from_u32).map(String::from));
    strings.push("long ".repeat(2000));
    strings.push("x".repeat(70_000));
    strings.push(format!("{}\n{}", "a".repeat(200), " b".repeat(200)));
    strings
}

fn profile(strings: &[String]) -> ApplicationProfile {
    let mut profile = ApplicationProfile::new(
        "1e3",
        ApplicationProfileSpec {
            workload: WorkloadReference { kind: "Command".to_owned(), name: "on".to_owned(), ..Default::default() },
            containers: vec![ContainerProfile {
                name: "no".to_owned(),
                execs: vec![Exec { path: "/bin/y".to_owned(), args: strings.to_vec(), ..Default::default() }],
                opens: strings.iter().map(|s| Open { path: s.clone(), ..Default::default() }).collect(),
                ..Default::default()
            }],
            ..Default::default()
        },
    );
    profile.metadata.labels = Some(strings.iter().map(|s| (short(s), s.clone())).collect::<BTreeMap<_, _>>());
    profile
}

/// Keys of more than 1,024 characters are none in YAML, and labels are far shorter.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[test]
fn o7_what_looks_like_a_boolean_or_a_number_is_read_back_as_a_string() {
    let object = Object::from(profile(&hostile()));
    let written = serde_json::to_value(&object).unwrap();
    let text = yaml::to_stream([&object, &object]).unwrap();
    let read = yaml::from_stream(&text).unwrap();
    assert_eq!(read.len(), 2);
    for object in read {
        assert_eq!(serde_json::to_value(&object).unwrap(), written);
    }
}

#[test]
fn o7_a_yaml_1_1_reader_reads_the_same_strings() {
    if is_left_out("pyyaml") {
        return;
    }
    assert!(
        answers(Command::new(python()).args(["-c", "import yaml"])),
        "python3 with PyYAML is not here: 'make setup' installs it; {WITHOUT}=pyyaml leaves this out"
    );
    let object = Object::from(profile(&hostile()));
    let text = yaml::to_stream([&object, &object]).unwrap();
    let script = "import json, sys, yaml\n\
        data = sys.stdin.buffer.read().decode('utf-8')\n\
        json.dump(list(yaml.safe_load_all(data)), sys.stdout)";
    let read: Value = serde_json::from_slice(&piped(Command::new(python()).args(["-c", script]), &text)).unwrap();
    let written = serde_json::to_value(&object).unwrap();
    assert_eq!(read, Value::Array(vec![written.clone(), written]));
}

#[test]
fn o7_the_real_kubectl_reads_the_same_strings() {
    if is_left_out("kubectl") {
        return;
    }
    assert!(
        answers(Command::new("kubectl").args(["version", "--client"])),
        "kubectl is not here: 'make setup' installs it; {WITHOUT}=kubectl leaves this out"
    );
    let object = Object::from(profile(&hostile()));
    let text = yaml::to_string(&object).unwrap();
    // `create --dry-run=client` asks a server for the kinds it knows; `annotate --local` asks nobody.
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["annotate", "--local", "-o", "json", "-f", "-", "seen=yes"]);
    let mut read: Value = serde_json::from_slice(&piped(&mut kubectl, &text)).unwrap();
    read["metadata"].as_object_mut().unwrap().remove("annotations");
    assert_eq!(read, serde_json::to_value(&object).unwrap());
}

/// Names, by commas, what tests are to do without.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";

/// Whether somebody switched off what needs a program, by its name.
#[expect(clippy::print_stderr, reason = "says what was left out")]
fn is_left_out(name: &str) -> bool {
    let left_out = std::env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|word| word == name);
    if left_out {
        eprintln!("switched off by {WITHOUT}={name}");
    }
    left_out
}

/// The Python that 'make setup' gave PyYAML, else the one on PATH.
fn python() -> PathBuf {
    let own = std::env::var_os("RUNTIMEMAP_CACHE").map(|cache| Path::new(&cache).join("venv/bin/python"));
    own.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from("python3"))
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[expect(clippy::unwrap_used, reason = "a test")]
fn piped(command: &mut Command, input: &str) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writer.join().unwrap().unwrap();
    output.stdout
}

proptest! {
    #[test]
    fn any_string_is_read_back(strings in prop::collection::vec(any::<String>(), 0..8)) {
        let object = Object::from(profile(&strings));
        let text = yaml::to_stream([&object]).unwrap();
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "a control character is written as itself");
        let read = yaml::from_stream(&text).unwrap();
        prop_assert_eq!(serde_json::to_value(&read[0]).unwrap(), serde_json::to_value(&object).unwrap());
    }

    #[test]
    fn reading_anything_never_panics(text in "\\PC*|(---|\\.\\.\\.|kind: \\PC{0,9}|- |[{}\\[\\]&*!|>%:,\"'#]|\n| ){0,40}") {
        let _ = yaml::from_stream(&text);
    }
}

#[test]
fn a_stream_of_all_kinds_is_read_in_its_order() {
    let objects = [
        Object::from(profile(&[])),
        Object::from(runtimemap_crds::NetworkNeighborhood::new("web", Default::default())),
        Object::from(GeneratedNetworkPolicy::new("web", Default::default())),
        Object::from(runtimemap_crds::SeccompProfile::new("web", Default::default())),
    ];
    let read = yaml::from_stream(&yaml::to_stream(&objects).unwrap()).unwrap();
    assert_eq!(read.iter().map(Object::kind).collect::<Vec<_>>(), Object::KINDS);
    assert_eq!(read[1].name(), "web");
}

#[test]
fn a_malformed_field_is_named_with_its_document_and_line() {
    let good = yaml::to_string(&profile(&["a".to_owned()])).unwrap();
    let bad = "apiVersion: runtimemap.io/v1alpha1\nkind: NetworkNeighborhood\nmetadata:\n  name: web\nspec:\n  workload:\n    kind: Deployment\n    \
        name: web\n  containers:\n  - name: web\n    egress:\n    - ports:\n      - port: many\n";
    let error = yaml::from_stream(&format!("{good}---\n{bad}")).unwrap_err().to_string();
    let line = good.lines().count() + 1 + 13;
    assert!(
        error.starts_with(&format!("failed to read document 2 at line {line}, field spec.containers[0].egress[0].ports[0].port: ")),
        "{error}"
    );
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_kind_is_found_however_it_is_written() {
    for text in [
        "apiVersion: runtimemap.io/v1alpha1\nkind: SeccompProfile\nmetadata: {name: a}\nspec: {workload: {kind: Pod, name: a}}\n",
        "---\nkind:   SeccompProfile  \nmetadata: {name: a}\napiVersion: \"runtimemap.io/v1alpha1\"\nspec: {workload: {kind: Pod, name: a}}\n",
        "kind: SeccompProfile # of a pod\napiVersion: runtimemap.io/v1alpha1\nmetadata: {name: a}\nspec: {workload: {kind: Pod, name: a}}\n",
        "{kind: SeccompProfile, apiVersion: runtimemap.io/v1alpha1, metadata: {name: a}, spec: {workload: {kind: Pod, name: a}}}",
        "--- {\"kind\": \"SeccompProfile\", \"apiVersion\": \"runtimemap.io/v1alpha1\", \"metadata\": {\"name\": \"a\"},\n\"spec\": {\"workload\": {\"kind\": \"Pod\", \"name\": \"a\"}}}",
    ] {
        let read = yaml::from_stream(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((read.len(), read[0].kind(), read[0].name()), (1, "SeccompProfile", "a"), "{text}");
    }
}

#[test]
fn a_long_stream_is_read_in_its_order_and_its_first_fault_is_said() {
    let profile = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: runtimemap.io/v1alpha1\nkind: ApplicationProfile\nmetadata: {{name: {name}}}\nspec: {{workload: {spec}}}\n"
        )
    };
    let names: Vec<String> = (0..2000).map(|number| format!("p{number}")).collect();
    let mut texts: Vec<String> = names.iter().map(|name| profile(name, "{kind: Pod, name: a}")).collect();
    let read = yaml::from_stream(&texts.concat()).unwrap();
    assert_eq!(read.iter().map(Object::name).collect::<Vec<_>>(), names);
    texts[1900] = profile("late", "7");
    texts[600] = profile("early", "7");
    let error = yaml::from_stream(&texts.concat()).unwrap_err().to_string();
    assert!(error.starts_with("failed to read document 601 at line 3005, field spec.workload: "), "{error}");
}

#[test]
fn another_api_a_missing_kind_an_empty_and_an_endless_stream_are_named() {
    let message = |text: &str| yaml::from_stream(text).unwrap_err().to_string();
    assert_eq!(message(""), "failed to read YAML: the stream is empty");
    assert_eq!(message("# nothing\n---\n"), "failed to read YAML: the stream is empty");
    assert!(message("kind: Pod\napiVersion: v1\n").contains("field apiVersion: apiVersion is \"v1\""));
    assert!(message("apiVersion: runtimemap.io/v1alpha1\n").contains("kind is \"\", expected one of ApplicationProfile,"));
    assert!(message(&"#".repeat(yaml::MAX_BYTES + 1)).contains("split it into several files"));
    assert!(message("a: [").starts_with("failed to read document 1 at line "));
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "apiVersion: runtimemap.io/v1alpha1\nkind: ApplicationProfile\na: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (this, last) in ('b'..='k').zip('a'..) {
        bomb.push_str(&format!("{this}: &{this} [*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last}]\n"));
    }
    assert!(yaml::from_stream(&bomb).is_err());
}
