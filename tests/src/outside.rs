//! This machine as a host outside the cluster, which serves pods and asks them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Once,
    thread,
    time::Duration,
};

/// Where [`serve`] does.
pub const PORT: u16 = 18080;
/// For an answer over the cluster's edge.
const DEADLINE: Duration = Duration::from_secs(30);

/// Serves HTTP outside the cluster, on every address of this machine, for as long as the tests run.
pub fn serve() {
    static SERVING: Once = Once::new();
    SERVING.call_once(|| {
        let listener = TcpListener::bind(("::", PORT)).unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Who hangs up is asked again by nobody.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwell\n");
            }
        });
    });
}

/// Asks from outside the cluster; whether all is well there.
pub fn ask(address: IpAddr, port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::new(address, port), DEADLINE) else { return false };
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = String::new();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    stream.read_to_string(&mut answer).is_ok() && answer.contains("well")
}
