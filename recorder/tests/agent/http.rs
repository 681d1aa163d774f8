//! As much HTTP as an API server needs: one request after the other on a connection, and answers that may go on for ever.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// What a client wants.
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// What it gets.
pub(crate) enum Answer {
    /// Status and JSON, and how many seconds to wait before the next try, 0 for none.
    Whole(u16, String, u32),
    /// Lines as they come, until the sender ends.
    Lines(std::sync::mpsc::Receiver<String>),
}

/// Answers on a port of its own, in the background, for as long as the process lives. Gives the port.
pub(crate) fn serve(answer: impl Fn(Request) -> Answer + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || converse(&stream, answer));
        }
    });
    port
}

fn converse(stream: &TcpStream, answer: impl Fn(Request) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let sent = match answer(request) {
            Answer::Whole(status, body, retry) => {
                let retry = if retry > 0 { format!("Retry-After: {retry}\r\n") } else { String::new() };
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{retry}Content-Length: {}\r\n\r\n", body.len());
                (&*stream).write_all((head + &body).as_bytes())
            }
            Answer::Lines(lines) => chunks(stream, &lines),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn chunks(mut stream: &TcpStream, lines: &std::sync::mpsc::Receiver<String>) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for line in lines {
        stream.write_all(format!("{:x}\r\n{line}\n\r\n", line.len() + 1).as_bytes())?;
    }
    stream.write_all(b"0\r\n\r\n")
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut content_type) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "content-type" => value.trim().clone_into(&mut content_type),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, content_type, body })
}
