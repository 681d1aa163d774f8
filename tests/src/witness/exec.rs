//! Programs started. strace shows the path as given; what it leads to is looked up after the run.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use crate::{
    escape::escape,
    sets,
    strace::{Call, Unreadable, descriptor_path, quoted, strings},
};

use super::process::Process;

/// Longest first line of a script that the kernel reads.
const HEAD: u64 = 256;
const SELF: &[u8] = b"/proc/self/exe";
/// How the kernel marks a path whose file has no name any more.
const DELETED: &[u8] = b" (deleted)";

/// The line of a successful exec.
pub(super) fn line(call: &Call<'_>, process: &mut Process) -> Result<String, Unreadable> {
    let arguments = call.split();
    let (given, argv) = match call.name {
        "execve" => (quoted(arguments[0])?, arguments[1]),
        _ => (given_at(&arguments)?, arguments[2]),
    };
    let mut argv = strings(argv)?;
    if argv.is_empty() {
        // The kernel gives an empty first argument to whom gives none.
        argv.push(Vec::new());
    }
    let path = match given.as_slice() {
        SELF => process.program.clone(),
        given if given.ends_with(DELETED) => given.to_vec(),
        given => resolved(&process.join(given))?,
    };
    let (mut program, mut name) = (path.clone(), given);
    while let Some(Shebang { interpreter, argument }) = shebang(&program)? {
        argv[0] = name;
        if let Some(argument) = argument {
            argv.insert(0, argument);
        }
        argv.insert(0, interpreter.clone());
        program = resolved(&process.join(&interpreter))?;
        name = interpreter;
    }
    process.compat = is_32_bit(&program)?;
    let interpreter = if program == path { String::new() } else { escape(&program) };
    process.program = program;
    Ok(sets::exec(&escape(&path), &interpreter, &sets::escaped(&argv)))
}

/// The path of execveat: relative to a descriptor, or the descriptor itself, which may have no name any more.
fn given_at(arguments: &[&str]) -> Result<Vec<u8>, Unreadable> {
    let given = quoted(arguments[1])?;
    if given.starts_with(b"/") || (arguments[0].starts_with("AT_FDCWD") && !given.is_empty()) {
        return Ok(given);
    }
    let (base, deleted) = descriptor_path(arguments[0])?.ok_or_else(|| Unreadable::new("a descriptor without path", arguments[0]))?;
    Ok(match (given.is_empty(), deleted) {
        (true, true) => [base.as_slice(), DELETED].concat(),
        (true, false) => base,
        (false, _) => [base.as_slice(), b"/", &given].concat(),
    })
}

/// The path without links. One that cannot be looked up, being too long or in mounts that are gone, stays as it was given.
pub(super) fn resolved(path: &[u8]) -> Result<Vec<u8>, Unreadable> {
    match fs::canonicalize(Path::new(OsStr::from_bytes(path))) {
        Ok(found) => Ok(found.into_os_string().into_vec()),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidFilename | ErrorKind::NotFound) => Ok(path.to_vec()),
        Err(error) => Err(Unreadable::new(&format!("failed to look up a path, {error}"), &escape(path))),
    }
}

/// The program's first bytes; none if it is gone. Should that be a 32-bit program, strace says so.
fn head(path: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut head = Vec::new();
    match File::open(Path::new(OsStr::from_bytes(path))).and_then(|file| file.take(HEAD).read_to_end(&mut head)) {
        Ok(_) => Ok(head),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Unreadable::new(&format!("failed to read the program, {error}"), &escape(path))),
    }
}

/// A script's interpreter, and the one argument that its first line may give.
struct Shebang {
    interpreter: Vec<u8>,
    argument: Option<Vec<u8>>,
}

fn shebang(path: &[u8]) -> Result<Option<Shebang>, Unreadable> {
    let head = head(path)?;
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(None) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let argument = line[end..].trim_ascii();
    Ok(Some(Shebang { interpreter: line[..end].to_vec(), argument: (!argument.is_empty()).then(|| argument.to_vec()) }))
}

fn is_32_bit(path: &[u8]) -> Result<bool, Unreadable> {
    let head = head(path)?;
    if !head.is_empty() && !head.starts_with(b"\x7fELF") {
        return Err(Unreadable::new("neither a script nor an ELF file", &escape(path)));
    }
    Ok(head.get(4) == Some(&1))
}
