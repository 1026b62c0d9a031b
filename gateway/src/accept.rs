//! Step 1, accept: a TCP connection becomes the client's side of a session, through TLS where the
//! listener speaks it. It must never wait longer than the handshake's deadline.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use exeat_audit::Outcome;
use exeat_service::keepalive::Keepalive;
use exeat_service::tls::TlsServer;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Why a connection was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The socket is gone.
    #[error("the connection ended: {0}")]
    Socket(#[source] io::Error),
    /// TLS was not agreed on.
    #[error("the TLS handshake failed: {0}")]
    Handshake(#[source] io::Error),
    /// TLS was not agreed on in time.
    #[error("the TLS handshake took too long")]
    Timeout,
}

impl Failure {
    /// How the session's record ends.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Socket(_) | Self::Handshake(_) => Outcome::Failed,
            Self::Timeout => Outcome::TimedOut,
        }
    }

    /// The metric label and audit field.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Socket(_) => "socket",
            Self::Handshake(_) => "tls_handshake",
            Self::Timeout => "tls_timeout",
        }
    }
}

/// The client's side of a session.
pub(crate) struct Accepted {
    /// The bytes.
    pub(crate) client: Client,
    /// The address that the client connected to.
    pub(crate) local: SocketAddr,
    /// The chain that the client proved in the handshake, leaf first.
    pub(crate) certificate: Option<Vec<CertificateDer<'static>>>,
}

/// Accepts one connection.
pub(crate) async fn accept(
    stream: TcpStream,
    tls: Option<&TlsServer>,
    patience: Duration,
    keepalive: Keepalive,
) -> Result<Accepted, Failure> {
    let local = stream.local_addr().map_err(Failure::Socket)?;
    let ready = stream.set_nodelay(true);
    let ready = ready.and_then(|()| keepalive.apply(&stream));
    ready.map_err(Failure::Socket)?;
    let Some(tls) = tls else {
        return Ok(Accepted {
            client: Client::Plain(stream),
            local,
            certificate: None,
        });
    };
    // Boxed: the state of a handshake is large, and gone once it is over.
    let stream = timeout(patience, Box::pin(tls.acceptor().accept(stream)))
        .await
        .map_err(|_| Failure::Timeout)?
        .map_err(Failure::Handshake)?;
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.map(|chain| chain.iter().map(|der| der.clone().into_owned()).collect());
    Ok(Accepted {
        client: Client::Tls(Box::new(stream)),
        local,
        certificate,
    })
}

/// The client's bytes, decrypted where TLS is spoken.
pub(crate) enum Client {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Client {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }
}
