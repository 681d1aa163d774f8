//! Who talks to whom: every way to another pod, to a Service, to the node, to the API server, and out of the cluster.

use std::{
    env,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::space::{POD, Space, kubectl};

/// Serves HTTP outside the cluster, on every address of this machine, for as long as the test runs.
fn serve_outside() {
    let listener = TcpListener::bind("[::]:18080").unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Who hangs up is asked again by nobody.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwell\n");
        }
    });
}

/// Asks from outside the cluster; whether there was an answer.
fn ask(address: IpAddr, port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::new(address, port), Duration::from_secs(5)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).is_ok() && answer.contains("well")
}

#[tokio::test]
async fn every_peer_is_called_by_its_name_and_every_port_is_the_one_that_policies_see() {
    let space = Space::new("network").await;
    serve_outside();
    let outside = env::var("OUTSIDE").expect("OUTSIDE is an address of this machine that pods reach; run.sh sets it");
    space.apply(&include_str!("manifests/servers.yaml").replace("OUTSIDE", &outside));
    space.kubectl(&["rollout", "status", "deployment/web", "deployment/echo", "--timeout=120s"], "");
    let service = space.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"], "");
    space.apply(&include_str!("manifests/clients.yaml").replace("WEB", &service));
    let node = kubectl(&["get", "nodes", "-o", r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#], "");
    let node: IpAddr = node.split(' ').next().unwrap().parse().unwrap();
    assert!(ask(node, 30080) && ask(node, 30081), "the NodePorts of {node} do not answer");
    let clients = [
        "by-service",
        "by-service-v6",
        "by-headless",
        "to-by-hand",
        "by-other-name",
        "to-outside",
        "to-outside-v6",
        "to-api",
        "refused",
        "resolver",
        "host",
        "by-udp",
    ];
    for client in clients {
        space.until(POD, client, "succeeds", |pod| pod["status"]["phase"] == "Succeeded").await;
    }
    let mut names: Vec<String> = clients.iter().map(|client| format!("pod-{client}")).collect();
    names.extend(["deployment-web", "deployment-echo"].map(str::to_owned));
    space.assert_learned(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}
