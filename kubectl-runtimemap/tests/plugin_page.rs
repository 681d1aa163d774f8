//! The page that `graph` draws, opened in a browser.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{env, fs, path::Path, process::Command};

/// Switches off, by name, tests of what is not installed.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";
/// What runs in the page once it is there, and says what it found in the page's title.
const PROBE: &str = r"
addEventListener('load', () => {
  const text = () => document.getElementById('panel').textContent;
  const edges = [...document.querySelectorAll('.edge')];
  edges[0].dispatchEvent(new MouseEvent('click', { bubbles: true }));
  const edge = text();
  document.querySelector('.node').dispatchEvent(new MouseEvent('click', { bubbles: true }));
  const node = text();
  const search = document.getElementById('search');
  search.value = 'no such name';
  search.dispatchEvent(new Event('input'));
  const dimmed = () => document.querySelectorAll('.edge.dim').length;
  const dim = dimmed();
  const choose = (id, value) => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event('input'));
    return { dimmed: dimmed(), summary: document.getElementById('summary').textContent };
  };
  choose('search', '');
  const options = (id) => [...document.getElementById(id).options].map((option) => option.value);
  const filters = { namespaces: options('namespace'), ports: options('port') };
  filters.port = choose('port', filters.ports[1]);
  filters.none = choose('port', '');
  filters.namespace = choose('namespace', filters.namespaces[1]);
  const before = document.getElementById('map').getAttribute('viewBox');
  document.getElementById('in').click();
  const zoomed = before !== document.getElementById('map').getAttribute('viewBox');
  const requests = performance.getEntriesByType('resource').map((entry) => entry.name);
  const found = { edge, node, edges: edges.length, dim, zoomed, requests, filters, owned: window.owned === true };
  document.body.replaceChildren();
  const result = document.createElement('pre');
  result.id = 'found';
  result.textContent = JSON.stringify(found);
  document.body.appendChild(result);
});
";

/// Whether to go on: Chromium is there, or the test fails, or it was switched off by name and says so.
fn is_there() -> bool {
    if env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|name| name == "chromium") {
        eprintln!("switched off by {WITHOUT}=chromium");
        return false;
    }
    let answers = Command::new("chromium").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(answers, "no chromium in PATH, and this test opens a page in it; install chromium, or leave it out with {WITHOUT}=chromium");
    true
}

fn page(file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-runtimemap")).args(["graph", "-f"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Opens a page and gives what the probe found in it.
fn opened(html: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.html");
    // The page lets no script in but its own; the probe has to be let in.
    let (before, rest) = html.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("the page says what it may do");
    let (_, after) = rest.split_once("\">\n").unwrap();
    fs::write(&file, format!("{before}{}", after.replace("</body>", &format!("<script>{PROBE}</script></body>")))).unwrap();
    let output = Command::new("timeout")
        .args(["--kill-after=5", "120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        // Nothing can be reached; what is tried is seen in the list of requests.
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = dom
        .split_once("<pre id=\"found\">")
        .unwrap_or_else(|| panic!("the probe did not run: {dom}{}", String::from_utf8_lossy(&output.stderr)));
    let (found, _) = rest.split_once("</pre>").unwrap();
    let found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&found).unwrap()
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn a_click_shows_the_evidence_and_nothing_leaves_the_page() {
    if !is_there() {
        return;
    }
    let found = opened(&page(&fixture("shop.yaml")));
    let edge = found["edge"].as_str().unwrap();
    assert!(edge.contains("Deployment/proxy") && edge.contains("TCP 8080") && edge.contains("2026-11-23"), "{found}");
    assert!(edge.contains("Policies: allowed") && edge.contains("networkpolicy shop/runtimemap-deployment-web allows it"), "{found}");
    let filters = &found["filters"];
    assert_eq!(filters["namespaces"], serde_json::json!(["", "shop", "the cluster itself"]), "{found}");
    assert_eq!(filters["ports"].as_array().map(Vec::len), Some(3), "{found}");
    let by_port = serde_json::json!({"dimmed": 1, "summary": "3 nodes, 1 of 2 edges"});
    let by_none = serde_json::json!({"dimmed": 0, "summary": "3 nodes, 2 of 2 edges"});
    assert_eq!((&filters["port"], &filters["none"], &filters["namespace"]), (&by_port, &by_none, &by_none), "{found}");
    assert!(found["node"].as_str().unwrap().contains("Talks to"), "{found}");
    assert_eq!((&found["zoomed"], &found["dim"]), (&true.into(), &found["edges"]), "{found}");
    assert_eq!(found["requests"], serde_json::json!([]));
}

#[test]
fn t3_a_hostile_name_stays_text() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.yaml");
    let text = fs::read_to_string(fixture("shop.yaml")).unwrap();
    let name = r#"'</script><img src=http://192.0.2.1/x onerror="window.owned=true">'"#;
    fs::write(&file, text.replace("name: proxy,", &format!("name: {name},"))).unwrap();
    let found = opened(&page(&file));
    assert!(found["edge"].as_str().unwrap().contains("<img src=http://192.0.2.1/x"), "{found}");
    assert_eq!((&found["owned"], &found["requests"]), (&false.into(), &serde_json::json!([])), "{found}");
}
