use std::path::Path;

use crate::{sets::Column, strace::parse, witness::witness};

/// The lines of a column, for a program that makes these calls.
fn lines(column: Column, calls: &[&str]) -> Vec<String> {
    let mut log = String::from("5 execve(\"/bin/true\", [\"true\"], 0x1 /* 1 var */) = 0\n");
    for call in calls {
        log.push_str(&format!("5 {call}\n"));
    }
    witness(&parse(&log).unwrap(), 5, Path::new("/")).unwrap().sets.get(column).iter().cloned().collect()
}

const TCP: &str = "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3<socket:[1]>";
const UDP: &str = "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 4<socket:[2]>";
const CONNECT: &str = r#"connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16)"#;

#[test]
fn a_connection_that_returns_at_once_is_settled_by_its_error() {
    let in_progress = format!("{CONNECT} = -1 EINPROGRESS (Operation now in progress)");
    let ask = |error: &str| format!("getsockopt(3<socket:[1]>, SOL_SOCKET, SO_ERROR, [{error}], [4]) = 0");
    assert_eq!(lines(Column::Peers, &[TCP, &in_progress, &ask("ECONNREFUSED")]), ["TCP to 127.0.0.1:9 attempted"]);
    assert_eq!(lines(Column::Peers, &[TCP, &in_progress, &ask("0")]), ["TCP to 127.0.0.1:9 established"]);
    assert_eq!(lines(Column::Peers, &[TCP, &in_progress]), ["TCP to 127.0.0.1:9 attempted"]);
    assert_eq!(lines(Column::Peers, &[TCP, &format!("{CONNECT} = -1 ENETUNREACH (Network is unreachable)")]), [""; 0]);
}

#[test]
fn a_server_listens_and_its_peers_came_to_its_port() {
    let calls = [
        "socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3<socket:[1]>",
        r#"bind(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, 28) = 0"#,
        "listen(3<socket:[1]>, 128) = 0",
        r#"getsockname(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, [28]) = 0"#,
        r#"accept(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(4), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:10.0.0.9", &sin6_addr), sin6_scope_id=0}, [28]) = 5<socket:[9]>"#,
    ];
    assert_eq!(lines(Column::Listens, &calls), ["TCP on [::]:80"]);
    assert_eq!(lines(Column::Peers, &calls), ["TCP from 10.0.0.9 to port 80 established"]);
}

#[test]
fn a_datagram_socket_that_only_connects_has_no_peer() {
    let connect = r#"connect(4<socket:[2]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = 0"#;
    assert_eq!(lines(Column::Peers, &[UDP, connect]), [""; 0]);
    assert_eq!(lines(Column::Peers, &[UDP, connect, r#"write(4<socket:[2]>, "x", 1) = 1"#]), ["UDP to 10.0.0.1:53 established"]);
    let both = r#"sendmmsg(4<socket:[2]>, [{msg_hdr={msg_name=NULL, msg_namelen=0}, msg_len=3}, {msg_hdr={msg_name=NULL, msg_namelen=0}, msg_len=3}], 2, 0) = 2"#;
    assert_eq!(lines(Column::Peers, &[UDP, connect, both]), ["UDP to 10.0.0.1:53 established"]);
}

#[test]
fn the_answer_to_a_datagram_is_not_a_second_peer() {
    let bind = r#"bind(4<socket:[2]>, {sa_family=AF_INET, sin_port=htons(500), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#;
    let peer = r#"{sa_family=AF_INET, sin_port=htons(77), sin_addr=inet_addr("127.0.0.1")}, [16]"#;
    let receive = format!(r#"recvfrom(4<socket:[2]>, "1", 10, 0, {peer}) = 1"#);
    let send = format!(r#"sendto(4<socket:[2]>, "1", 1, 0, {}) = 1"#, peer.replace("[16]", "16"));
    assert_eq!(lines(Column::Peers, &[UDP, bind, &receive, &send]), ["UDP from 127.0.0.1 to port 500 established"]);
    assert_eq!(lines(Column::Peers, &[UDP, bind, &send, &receive]), ["UDP to 127.0.0.1:77 established"]);
    assert_eq!(lines(Column::Listens, &[UDP, bind]), ["UDP on 127.0.0.1:500"]);
    assert_eq!(lines(Column::Listens, &[UDP, &bind.replace("500", "0")]), [""; 0]);
    let anywhere = send.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(lines(Column::Peers, &[UDP, bind, &anywhere, &receive]), ["UDP to 127.0.0.1:77 established"]);
}
