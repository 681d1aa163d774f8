//! The servers.

use std::{ffi::OsString, fs, os::unix::fs::chown, path::PathBuf, thread};

use anyhow::{Context, Result};

use crate::{
    call::{found, run},
    place::{Place, SERVER},
    program::{Program, folder, get},
};

const NOBODY: u32 = 65534;

fn need(program: &str) -> Result<PathBuf> {
    // Not what a symbolic link leads to: redis-server is a name of redis-check-rdb.
    found(program)
        .with_context(|| format!("{program} is not on PATH; 'make setup' installs it, or leave this out with {}=replay", crate::WITHOUT))
}

pub(crate) fn nginx() -> Result<Program> {
    let folder = folder()?;
    fs::create_dir(folder.path().join("pages"))?;
    for page in ["index", "one", "two"] {
        fs::write(folder.path().join(format!("pages/{page}.html")), page.repeat(500))?;
    }
    fs::write(folder.path().join("nginx.conf"), include_str!("sources/nginx.conf"))?;
    let command =
        [need("nginx")?.into(), "-p".into(), folder.path().into(), "-e".into(), "error.log".into(), "-c".into(), "nginx.conf".into()];
    let page = |name: &str| format!("http://{SERVER}/{name}");
    Ok(Program {
        name: "nginx",
        command: command.into(),
        user: 0,
        folder,
        probe: Box::new(move |place| run(&mut get(place, &page(""))).map(drop)),
        load: Box::new(move |place| {
            for name in ["one.html", "two.html"] {
                run(&mut get(place, &page(name)))?;
            }
            run(place.at_client("wrk").args(["-t1", "-c4", "-d1s", &page("")])).map(drop)
        }),
        stop: "QUIT",
        made: &["body", "proxy", "fastcgi", "uwsgi", "scgi", "access.log", "error.log"],
        needs: "bind",
    })
}

pub(crate) fn redis() -> Result<Program> {
    let folder = folder()?;
    let command: [OsString; 11] = [
        need("redis-server")?.into(),
        "--bind".into(),
        SERVER.into(),
        "--protected-mode".into(),
        "no".into(),
        "--dir".into(),
        folder.path().into(),
        "--appendonly".into(),
        "yes".into(),
        // What took over 10 ms is logged with its peer's name, a call of its own: whether that happens is chance.
        "--slowlog-log-slower-than".into(),
        "-1".into(),
    ];
    let client = |place: &Place, arguments: &[&str]| run(place.at_client("redis-cli").args(["-h", SERVER]).args(arguments)).map(drop);
    Ok(Program {
        name: "redis",
        command: command.into(),
        user: 0,
        folder,
        probe: Box::new(move |place| client(place, &["ping"])),
        load: Box::new(move |place| {
            run(place.at_client("redis-benchmark").args(["-h", SERVER, "-n", "500", "-c", "5", "-q", "-t", "set,get,lpush"]))?;
            client(place, &["save"])
        }),
        stop: "TERM",
        made: &["appendonlydir", "dump.rdb"],
        needs: "epoll_create",
    })
}

/// Makes its database and serves it, as a user without privilege, since PostgreSQL refuses root.
pub(crate) fn postgres() -> Result<Program> {
    let server = need("postgres")?.canonicalize()?;
    let programs = server.parent().context("PostgreSQL's programs lie in a folder")?.to_owned();
    let folder = folder()?;
    chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
    // Whether a large block can grow where it lies is chance, and moving it a call of its own (mremap): none is mapped by itself.
    let script = format!(
        "export MALLOC_MMAP_MAX_=0 && cd '{work}' && '{bin}/initdb' -D data -A trust -U bench --no-locale --no-sync --no-instructions >/dev/null \
         && echo 'host all all all trust' >>data/pg_hba.conf && exec '{bin}/postgres' -D '{work}/data' -h {SERVER} -k '{work}'",
        work = folder.path().display(),
        bin = programs.display(),
    );
    let client = move |place: &Place, program: &str, arguments: &[&str]| {
        run(place.at_client(programs.join(program)).args(["-h", SERVER, "-U", "bench"]).args(arguments).arg("postgres")).map(drop)
    };
    let load = client.clone();
    Ok(Program {
        name: "postgres",
        command: ["/bin/sh".into(), "-c".into(), script.into()].into(),
        user: NOBODY,
        folder,
        probe: Box::new(move |place| client(place, "psql", &["-c", "select 1"])),
        load: Box::new(move |place| {
            load(place, "pgbench", &["-i", "-s", "1", "-q"])?;
            load(place, "pgbench", &["-c", "2", "-t", "20"])?;
            load(place, "psql", &["-c", "checkpoint"])
        }),
        stop: "INT",
        made: &["data"],
        needs: "listen",
    })
}

pub(crate) fn python() -> Result<Program> {
    let folder = folder()?;
    let script = folder.path().join("server.py");
    fs::write(&script, include_str!("sources/server.py"))?;
    let command = [need("/usr/bin/python3").or_else(|_| need("python3"))?.into(), script.into(), SERVER.into(), "8000".into()];
    let url = format!("http://{SERVER}:8000/");
    let again = url.clone();
    Ok(Program {
        name: "python3",
        command: command.into(),
        user: 0,
        folder,
        probe: Box::new(move |place| run(&mut get(place, &url)).map(drop)),
        load: Box::new(move |place| {
            // Several at once, since it answers each in a thread of its own.
            thread::scope(|scope| {
                let clients: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| (0..5).try_for_each(|_| run(&mut get(place, &again)).map(drop)))).collect();
                clients.into_iter().try_for_each(|client| client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?)
            })
        }),
        stop: "TERM",
        made: &["__pycache__"],
        needs: "listen",
    })
}
