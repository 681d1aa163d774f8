//! The few pages that a program of the cluster answers to: `/healthz`, `/readyz`, `/metrics`.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a page says: whether all is well, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Else the status is 503.
    pub(crate) well: bool,
    /// Plain text, or metrics.
    pub(crate) text: String,
}

/// Gives the page of a path; None where there is none.
pub(crate) type Pages = Arc<dyn Fn(&str) -> Option<Page> + Send + Sync>;

/// Listens. Nothing is answered before [`serve`].
///
/// # Errors
/// If the address cannot be had.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, io::Error> {
    TcpListener::bind(address).await
}

/// Answers for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, pages: Pages) {
    loop {
        // A connection that fails is its client's loss.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let pages = pages.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let page = pages(request.uri().path());
            async move { Ok::<_, Infallible>(answer(page)) }
        });
        tokio::spawn(http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(page: Option<Page>) -> Response<Full<Bytes>> {
    let (status, text) = match page {
        Some(Page { well: true, text }) => (StatusCode::OK, text),
        Some(Page { well: false, text }) => (StatusCode::SERVICE_UNAVAILABLE, text),
        None => (StatusCode::NOT_FOUND, "no such page; there are /healthz, /readyz and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test]
    async fn a_page_is_well_or_not_or_not_there() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages: Pages = Arc::new(|path| match path {
            "/healthz" => Some(Page { well: true, text: "ok\n".into() }),
            "/readyz" => Some(Page { well: false, text: "not yet\n".into() }),
            _ => None,
        });
        let serving = tokio::spawn(serve(listener, pages));
        for (path, status, text) in [("/healthz", "200", "ok"), ("/readyz", "503", "not yet"), ("/x", "404", "no such page")] {
            let answer = tokio::task::spawn_blocking(move || get(address, path)).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text), "{path}: {answer}");
        }
        serving.abort();
    }
}
