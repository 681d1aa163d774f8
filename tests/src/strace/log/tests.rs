use super::*;
use crate::strace::Outcome;

fn calls(log: &str) -> Vec<Call<'_>> {
    parse(log).unwrap().into_iter().filter_map(|event| if let Event::Call(call) = event { Some(call) } else { None }).collect()
}

#[test]
fn a_call_on_one_line_has_name_arguments_and_result() {
    let calls = calls("15666 openat(AT_FDCWD</tmp/x>, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3</usr/lib/libc.so.6>\n");
    assert_eq!(calls[0].pid, 15666);
    assert_eq!(calls[0].name, "openat");
    assert_eq!(calls[0].split(), ["AT_FDCWD</tmp/x>", "\"/lib/libc.so.6\"", "O_RDONLY|O_CLOEXEC"]);
    assert_eq!(calls[0].value(), Some("3</usr/lib/libc.so.6>"));
    assert_eq!(calls[0].number(), Some(3));
}

#[test]
fn a_call_is_put_together_across_other_threads_lines() {
    let calls = calls(concat!(
        "1 execve(\"./a32\", [\"./a32\"], 0x55c876f5dad8 /* 35 vars */ <unfinished ...>\n",
        "2 vfork( <unfinished ...>\n",
        "2 <... vfork resumed>)              = 15667\n",
        "1 <... execve resumed>)             = 0\n",
        "2 wait4(-1,  <unfinished ...>\n",
        "2 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 15667\n",
    ));
    assert_eq!(calls.iter().map(|call| call.name).collect::<Vec<_>>(), ["vfork", "execve", "wait4"]);
    assert_eq!(calls[0].number(), Some(15667));
    assert_eq!(calls[1].split()[1], "[\"./a32\"]");
    assert_eq!(calls[1].began, 1);
    assert_eq!(calls[2].split(), ["-1", "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]", "0", "NULL"]);
}

#[test]
fn errors_restarts_and_calls_without_return_are_told_apart() {
    let calls = calls(concat!(
        "7 access(\"/etc/ld.so.preload\", R_OK) = -1 ENOENT (No such file or directory)\n",
        "7 wait4(-1, 0x7f, 0, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n",
        "7 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8} ---\n",
        "7 fcntl(1, F_GETFL) = 0x8001 (flags O_WRONLY|O_LARGEFILE)\n",
        "7 exit_group(0)                     = ?\n",
        "9 futex(0x7f02, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>) = ?\n",
        "8 read(0,  <unfinished ...>\n",
        "7 +++ exited with 0 +++\n",
        "8 +++ killed by SIGKILL +++\n",
    ));
    assert_eq!(calls[0].outcome, Outcome::Error("ENOENT"));
    assert_eq!(calls[1].outcome, Outcome::Error("ERESTARTSYS"));
    assert_eq!(calls[2].outcome, Outcome::Value("0x8001 (flags O_WRONLY|O_LARGEFILE)"));
    assert_eq!(calls[3].outcome, Outcome::Never);
    assert_eq!((calls[4].outcome.clone(), calls[4].split().len()), (Outcome::Never, 4));
    assert_eq!((calls[5].name, calls[5].outcome.clone()), ("read", Outcome::Never));
}

#[test]
fn a_child_in_a_namespace_of_its_own_has_the_number_that_strace_knows() {
    let calls = calls("1 vfork() = 2 /* 10480 in strace's PID NS */\n");
    assert_eq!(calls[0].number(), Some(10480));
}

#[test]
fn an_exec_by_a_thread_ends_under_the_leaders_pid() {
    let events = parse(concat!(
        "21 futex(0x1, FUTEX_WAIT, 2 <unfinished ...>\n",
        "22 execve(\"/bin/true\", [\"true\"], 0x1 /* 1 var */ <unfinished ...>\n",
        "21 +++ superseded by execve in pid 22 +++\n",
        "21 <... execve resumed>) = 0\n",
    ));
    let events = events.unwrap();
    assert!(matches!(&events[0], Event::Call(call) if call.name == "futex" && call.outcome == Outcome::Never));
    assert!(matches!(&events[1], Event::Exited(22)));
    assert!(matches!(&events[2], Event::Call(call) if call.pid == 21 && call.name == "execve" && call.number() == Some(0)));
}

#[test]
fn an_exec_by_a_thread_may_end_before_strace_knows_what_the_leader_did() {
    let events = parse(concat!(
        "4496  rt_sigprocmask(SIG_SETMASK, [], NULL, 8) = 0\n",
        "4503  execve(\"/bin/ls\", [\"ls\", \"/\"], 0x7fff375015d8 /* 4 vars */ <pid changed to 4496 ...>\n",
        "4496  ???()                             = ?\n",
        "4496  +++ superseded by execve in pid 4503 +++\n",
        "4496  <... execve resumed>)             = 0\n",
    ));
    let events = events.unwrap();
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[1], Event::Exited(4503)));
    assert!(matches!(&events[2], Event::Call(call) if call.pid == 4496 && call.name == "execve" && call.split()[1] == "[\"ls\", \"/\"]"));
}

#[test]
fn a_line_that_is_not_understood_fails_with_its_number() {
    for line in [
        "1 nonsense",
        "x read(0) = 0",
        "1 read(0) 0",
        "1 read(0) = ok",
        "1 ???() = 0",
        "1 +++ confused +++",
        "1 <... read resumed>) = 0",
        "1 read(\"a) = 0",
        "1  [ Process PID=1 runs in 31 bit mode. ]",
    ] {
        let error = parse(&format!("1 getpid() = 1\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 2, "{line}");
    }
}
