//! An HTTP or HTTPS server that stands for the outside: it says who it is and what it saw, and
//! counts every connection and byte, so that "nothing went upstream" can be shown.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::LOCATION;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::pki::Pair;

/// The runtime of every server of the harness.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    })
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The header fields, names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    connections: AtomicU64,
    bytes: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    answers: Mutex<HashMap<String, String>>,
}

/// A running server.
pub struct Origin {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Origin {
    /// An HTTPS server with this certificate.
    pub fn tls(name: &str, pair: &Pair) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(pair)));
        Self::start(name, ([127, 0, 0, 1], 0).into(), Some(acceptor))
    }

    /// A plain HTTP server.
    pub fn plain(name: &str) -> Self {
        Self::plain_at(name, ([127, 0, 0, 1], 0).into())
    }

    /// A plain HTTP server at this address.
    pub fn plain_at(name: &str, address: SocketAddr) -> Self {
        Self::start(name, address, None)
    }

    fn start(name: &str, address: SocketAddr, acceptor: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(State::default());
        let listener = runtime().block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = runtime().spawn(accept(listener, acceptor, name.into(), Arc::clone(&state)));
        Self {
            address,
            state,
            task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers requests for `path` with `body`.
    pub fn answers(&self, path: &str, body: &str) {
        self.state
            .answers
            .lock()
            .unwrap()
            .insert(path.to_owned(), body.to_owned());
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many bytes arrived on them.
    pub fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::SeqCst)
    }

    /// The requests that arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The TLS side of a server.
pub fn server_config(pair: &Pair) -> rustls::ServerConfig {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};

    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    name: Arc<str>,
    state: Arc<State>,
) {
    // Connections end with the server, as those of a process do.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        state.connections.fetch_add(1, Ordering::SeqCst);
        let stream = Counted {
            stream,
            state: Arc::clone(&state),
        };
        let (acceptor, name, state) = (acceptor.clone(), Arc::clone(&name), Arc::clone(&state));
        connections.spawn(async move {
            match acceptor {
                None => serve(stream, &name, &state).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &name, &state).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, name: &Arc<str>, state: &Arc<State>) {
    let service = service_fn(|request| answer(request, Arc::clone(name), Arc::clone(state)));
    // A client that goes away is no failure of the origin's.
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    name: Arc<str>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let length = body.collect().await.map_or(0, |body| body.to_bytes().len());
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let path = head.uri.path().to_owned();
    state.seen.lock().unwrap().push(Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers,
    });
    if path == "/redirect" {
        let mut elsewhere = Response::new(Full::default());
        *elsewhere.status_mut() = StatusCode::FOUND;
        let to = head.uri.query().unwrap_or_default().parse().unwrap();
        elsewhere.headers_mut().insert(LOCATION, to);
        return Ok(elsewhere);
    }
    let body = match (
        state.answers.lock().unwrap().get(&path),
        path.strip_prefix("/bytes/"),
    ) {
        (Some(answer), _) => Bytes::from(answer.clone()),
        (None, Some(count)) => Bytes::from(vec![b'x'; count.parse().unwrap_or(0)]),
        (None, None) => Bytes::from(format!(
            "{}\n",
            json!({"origin": &*name, "path": path, "body": length})
        )),
    };
    Ok(Response::new(Full::new(body)))
}

/// A stream that counts what arrives.
struct Counted {
    stream: TcpStream,
    state: Arc<State>,
}

mod counted {
    use std::io;
    use std::pin::Pin;
    use std::sync::atomic::Ordering;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Counted;

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let before = buffer.filled().len();
            let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
            let more = u64::try_from(buffer.filled().len() - before).unwrap();
            self.state.bytes.fetch_add(more, Ordering::SeqCst);
            outcome
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(context)
        }
    }
}
