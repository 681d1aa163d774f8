//! Real programs: servers in the container with their own benchmarks outside of it, and a compiler.

use std::{
    cell::Cell,
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::Command,
    time::Instant,
};

use crate::{
    loads::{Amount, Load},
    rig::{get, wait_until},
    stage::{Stage, client, find, output},
};

/// For so long a server is measured. Benchmarks know whole seconds only.
const SECONDS: u32 = 2;
const NOBODY: u32 = 65534;
/// Files that are compiled, one after the other.
const COMPILED: u32 = 25;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder of its own.
fn folder(stage: &Stage, name: &str) -> PathBuf {
    let folder = stage.rig.path(name);
    fs::create_dir(&folder).unwrap();
    folder
}

/// The number after a word at the beginning of a line.
fn figure(text: &str, begin: &str) -> f64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or_else(|| panic!("no {begin} in {text}"));
    let number: String = rest.trim_start().chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    number.parse().unwrap()
}

fn server(name: &'static str, what: &'static str, rate: impl Fn(Amount) -> f64 + 'static) -> Load {
    Load { name, what, differs: false, rate: true, run: Box::new(move |_: &mut Stage, amount: Amount| 1e9 / rate(amount)) }
}

pub(crate) fn nginx(stage: &mut Stage) -> Load {
    let (folder, address) = (folder(stage, "nginx"), format!("127.0.0.1:{}", free_port()));
    fs::create_dir(folder.join("pages")).unwrap();
    fs::write(folder.join("pages/index.html"), "page ".repeat(200)).unwrap();
    fs::write(folder.join("nginx.conf"), include_str!("sources/nginx.conf").replace("ADDRESS", &address)).unwrap();
    stage.serve(&format!("{} -p {} -e error.log -c nginx.conf", find("nginx").display(), folder.display()));
    let answers = move |address: &str| get(address, "/").is_some_and(|text| text.starts_with("HTTP/1.1 200"));
    wait_until("nginx", || answers(&address));
    server("nginx", "one worker, a page of 1 kB, wrk with 8 connections", move |amount| {
        if amount == Amount::Once {
            return (0..10).map(|_| f64::from(answers(&address))).sum();
        }
        let (url, duration) = (format!("http://{address}/"), format!("-d{SECONDS}s"));
        figure(&output(client("wrk").args(["-t1", "-c8", &duration, &url])), "Requests/sec:")
    })
}

pub(crate) fn redis(stage: &mut Stage) -> Load {
    let (folder, port) = (folder(stage, "redis"), free_port().to_string());
    stage.serve(&format!("{} --port {port} --bind 127.0.0.1 --save '' --dir {}", find("redis-server").display(), folder.display()));
    wait_until("redis", || TcpStream::connect(format!("127.0.0.1:{port}")).is_ok());
    let bench = move |requests: f64| {
        let mut command = client("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &port, "-c", "8", "-t", "get", "--csv", "-n"]).arg(format!("{requests:.0}"));
        figure(&output(&mut command), "\"GET\",\"")
    };
    let expected = Cell::new(0.0);
    server("redis", "GET, redis-benchmark with 8 connections", move |amount| {
        if amount == Amount::Once {
            // As many as it can be asked for in the time come from what it can do now.
            expected.set(bench(2000.0));
            return expected.get();
        }
        bench(expected.get() * f64::from(SECONDS))
    })
}

pub(crate) fn postgres(stage: &mut Stage) -> Load {
    let (folder, port) = (folder(stage, "postgres"), free_port().to_string());
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    // PostgreSQL refuses root.
    let initdb = ["-D", "data", "-A", "trust", "-U", "bench", "--no-locale", "--no-sync"];
    output(Command::new(find("initdb")).args(initdb).current_dir(&folder).uid(NOBODY).gid(NOBODY));
    let (program, place) = (find("postgres"), folder.display());
    stage.serve(&format!(
        "setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups {} -D {place}/data -p {port} -h 127.0.0.1 -k {place}",
        program.display()
    ));
    let connect = ["-h", "127.0.0.1", "-U", "bench", "-p", &port].map(str::to_owned);
    let ready = || Command::new(find("pg_isready")).args(&connect).output().unwrap().status.success();
    wait_until("PostgreSQL", ready);
    let pgbench = find("pgbench");
    let bench = move |words: &[&str]| output(client(&pgbench).args(&connect).args(words).arg("postgres"));
    bench(&["-i", "-s", "1", "-q"]);
    server("postgres", "one select by its key, pgbench with 2 connections", move |amount| {
        let seconds = SECONDS.to_string();
        let long = if amount == Amount::Once { ["-t", "20"] } else { ["-T", &seconds] };
        figure(&bench(&[&["-S", "-n", "-c", "2"][..], &long].concat()), "tps =")
    })
}

/// All of it in the container.
pub(crate) fn gcc(stage: &mut Stage) -> Load {
    let folder = folder(stage, "gcc");
    fs::write(folder.join("one.c"), include_str!("sources/one.c")).unwrap();
    let run = move |stage: &mut Stage, amount: Amount| {
        let times = if amount == Amount::Once { 1 } else { COMPILED };
        let began = Instant::now();
        stage.container.act(&format!("for ((n = 0; n < {times}; n++)); do gcc -c {0}/one.c -o {0}/one.o; done", folder.display()));
        began.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    Load { name: "gcc", what: "a file compiled and assembled", differs: false, rate: true, run: Box::new(run) }
}
