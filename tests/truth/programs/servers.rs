//! Servers, with their load from outside.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use anyhow::Result;

use crate::{
    build,
    deadline::until,
    network::{accepts, free_port, get, signal},
    program::{Prepared, Run, need},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] =
    &[("nginx", |folder| nginx(folder, false)), ("nginx as a daemon", |folder| nginx(folder, true)), ("redis", redis)];

const LIMIT: Duration = Duration::from_secs(30);

fn nginx(folder: &Path, daemon: bool) -> Result<Prepared> {
    let (nginx, wrk) = (need!("nginx"), need!("wrk"));
    let port = free_port()?;
    fs::create_dir_all(folder.join("pages/more"))?;
    for number in 0..20 {
        fs::write(folder.join(format!("pages/more/{number}.html")), "page")?;
    }
    fs::write(folder.join("pages/index.html"), "text".repeat(1000))?;
    fs::write(
        folder.join("nginx.conf"),
        include_str!("sources/nginx.conf").replace("PORT", &port.to_string()).replace("DAEMON", if daemon { "on" } else { "off" }),
    )?;
    let here = folder.to_owned();
    let command = [nginx.into_os_string(), "-p".into(), folder.into(), "-e".into(), "start.log".into(), "-c".into(), "nginx.conf".into()];
    let run = Run::new(command).drive(move |process| {
        let v4 = SocketAddr::from(([127, 0, 0, 1], port));
        get(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1u16], port)), "/")?;
        for number in 0..20 {
            get(v4, &format!("/more/{number}.html"))?;
        }
        build::run(Command::new(wrk).args(["-t1", "-c4", "-d1s"]).arg(format!("http://{v4}/")))?;
        let master = if daemon {
            until("nginx's pid file", LIMIT, || fs::read_to_string(here.join("nginx.pid")).ok()?.trim().parse().ok())?
        } else {
            process
        };
        signal("HUP", master)?;
        get(v4, "/")?;
        signal("QUIT", master)
    });
    run.prepared()
}

fn redis(folder: &Path) -> Result<Prepared> {
    let (server, benchmark, client) = (need!("redis-server"), need!("redis-benchmark"), need!("redis-cli"));
    let port = free_port()?;
    let number = port.to_string();
    let saved = folder.join("dump.rdb");
    let command = [
        server.into_os_string(),
        "--port".into(),
        number.clone().into(),
        "--bind".into(),
        "127.0.0.1".into(),
        "::1".into(),
        "--appendonly".into(),
        "yes".into(),
    ];
    let run = Run::new(command).drive(move |process| {
        accepts(SocketAddr::from(([127, 0, 0, 1], port)))?;
        accepts(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1u16], port)))?;
        build::run(Command::new(benchmark).args(["-p", &number, "-n", "300", "-c", "5", "-q"]))?;
        build::run(Command::new(client).args(["-p", &number, "bgsave"]))?;
        until("redis's dump", LIMIT, || saved.is_file().then_some(()))?;
        signal("TERM", process)
    });
    run.prepared()
}
