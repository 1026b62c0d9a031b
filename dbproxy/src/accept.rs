//! Step 1, accept: from a socket to a start-up packet, with TLS where it is asked for.
//!
//! Nothing that arrived before TLS is ever used after it, and no password is asked for here.

use std::io;
use std::net::SocketAddr;

use exeat_audit::Outcome;
use exeat_identity::scram::ChannelBinding;
use rustls_pki_types::CertificateDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::listener::Listener;
use crate::pipe::Pipe;
use crate::stop::Stop;
use crate::stream::Stream;
use crate::wire::Violation;
use crate::wire::options;
use crate::wire::startup::{self, CancelKey, NEWEST, Opening, Startup};
use crate::wire::write::{self, Error};

/// The name of the protocol in TLS (ALPN), as PostgreSQL 17 and its clients use it.
pub(crate) const ALPN: &[u8] = b"postgresql";

/// A client that has sent its start-up packet.
pub(crate) struct Accepted {
    pub(crate) client: Client,
    pub(crate) startup: Startup,
    /// Configuration parameters of the packet, in the order in which they take effect.
    pub(crate) settings: Vec<(String, String)>,
}

/// What a connection turned out to be.
pub(crate) enum Incoming {
    /// A client that wants a session.
    Session(Box<Accepted>),
    /// A request to cancel a statement of another connection. The end of this connection tells the client
    /// that it was acted on: it must stay open until then.
    Cancel(CancelKey, Box<Client>),
}

/// The client's side of a session before the relay.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) inbound: Pipe,
    pub(crate) peer: SocketAddr,
    /// The chain that the client proved in the TLS handshake.
    pub(crate) certificate: Option<Vec<CertificateDer<'static>>>,
    /// What SCRAM can be bound to.
    pub(crate) binding: ChannelBinding,
}

impl Client {
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Tells the client why there will be no session; it may be gone already.
    pub(crate) async fn tell(&mut self, error: &Error) {
        let mut message = Vec::new();
        write::error(&mut message, error);
        drop(self.send(&message).await);
        self.stream.close().await;
    }
}

/// Reads what comes before the start-up packet, and the packet.
pub(crate) async fn accept(
    socket: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
) -> Result<Incoming, (Option<Client>, Stop)> {
    let ready = socket.set_nodelay(true);
    let ready = ready.and_then(|()| listener.keepalive.apply(&socket));
    ready.map_err(|error| (None, gone(error)))?;
    let mut client = greet(socket, peer, listener).await?;
    match start(&mut client, listener).await {
        Ok((Opening::Cancel(key), _)) => Ok(Incoming::Cancel(key, Box::new(client))),
        Ok((Opening::Startup(startup), settings)) => Ok(Incoming::Session(Box::new(Accepted {
            client,
            startup,
            settings,
        }))),
        Ok(_) => Err((Some(client), Violation::UnexpectedType.into())),
        Err(stop) => Err((Some(client), stop)),
    }
}

fn gone(_: io::Error) -> Stop {
    Stop::silent(Outcome::Failed, "client_io")
}

/// Answers requests for encryption until the client goes on.
async fn greet(
    mut socket: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
) -> Result<Client, (Option<Client>, Stop)> {
    let mut first = [0];
    let peeked = socket.peek(&mut first).await;
    if peeked.map_err(|error| (None, gone(error)))? == 0 {
        return Err((None, Stop::silent(Outcome::Completed, "no_startup")));
    }
    if first == [0x16] {
        return encrypt(socket, peer, listener, true)
            .await
            .map_err(|stop| (None, stop));
    }
    let mut inbound = Pipe::new();
    match encryption_asked(&mut socket, &mut inbound, listener).await {
        Ok(true) => encrypt(socket, peer, listener, false)
            .await
            .map_err(|stop| (None, stop)),
        Ok(false) => Ok(plain(socket, inbound, peer)),
        Err(stop) => Err((Some(plain(socket, inbound, peer)), stop)),
    }
}

/// Whether TLS follows now. What is neither a request for TLS nor for GSSAPI is left unread.
async fn encryption_asked(
    socket: &mut TcpStream,
    inbound: &mut Pipe,
    listener: &Listener,
) -> Result<bool, Stop> {
    let (mut ssl_asked, mut gss_asked) = (false, false);
    loop {
        let (opening, length) = opening(inbound, socket).await?;
        let asked = match opening {
            Opening::Ssl => &mut ssl_asked,
            Opening::Gss => &mut gss_asked,
            Opening::DirectTls => return Err(Violation::UnexpectedType.into()),
            Opening::Cancel(_) | Opening::Startup(_) => return Ok(false),
        };
        if std::mem::replace(asked, true) {
            return Err(Violation::UnexpectedType.into());
        }
        inbound.discard(length);
        // Whoever sends before the answer would have it taken for what comes after (CVE-2021-23214).
        if !inbound.unscanned().is_empty() {
            return Err(Stop::refused(
                "08P01",
                "early_data",
                "received unencrypted data after an encryption request",
            ));
        }
        if opening == Opening::Ssl && listener.tls.is_some() {
            socket.write_all(b"S").await.map_err(gone)?;
            return Ok(true);
        }
        socket.write_all(b"N").await.map_err(gone)?;
    }
}

fn plain(socket: TcpStream, inbound: Pipe, peer: SocketAddr) -> Client {
    Client {
        stream: Stream::Plain(socket),
        inbound,
        peer,
        certificate: None,
        binding: ChannelBinding::None,
    }
}

async fn encrypt(
    socket: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    direct: bool,
) -> Result<Client, Stop> {
    let server = listener
        .tls
        .as_ref()
        .ok_or_else(|| Stop::silent(Outcome::Failed, "tls_not_configured"))?;
    let binding = server.certificate().map_or(ChannelBinding::None, |der| {
        ChannelBinding::of_certificate(&der)
    });
    let stream = server.acceptor().accept(socket).await.map_err(|error| {
        tracing::debug!(%peer, %error, "TLS handshake failed");
        Stop::silent(Outcome::Failed, "tls_handshake")
    })?;
    let (_, connection) = stream.get_ref();
    // Without the name a page in a browser could start a handshake here (ALPACA); who was asked by an
    // SSLRequest has spoken the protocol already. A name that is not ours never gets this far.
    if direct && connection.alpn_protocol() != Some(ALPN) {
        return Err(Stop::silent(Outcome::Failed, "tls_without_alpn"));
    }
    let certificate = connection
        .peer_certificates()
        .map(|chain| chain.iter().map(|der| der.clone().into_owned()).collect());
    Ok(Client {
        stream: Stream::Tls(Box::new(stream.into())),
        inbound: Pipe::new(),
        peer,
        certificate,
        binding,
    })
}

async fn opening(
    inbound: &mut Pipe,
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> Result<(Opening, usize), Stop> {
    loop {
        if let Some(found) = startup::read(inbound.unscanned())? {
            return Ok(found);
        }
        inbound.need(startup::MAX.min(inbound.unscanned().len() + 1024));
        if inbound.fill(stream).await.map_err(gone)? == 0 {
            return Err(Stop::silent(Outcome::Completed, "no_startup"));
        }
    }
}

/// The start-up packet and what can be said of it without knowing who sent it.
async fn start(
    client: &mut Client,
    listener: &Listener,
) -> Result<(Opening, Vec<(String, String)>), Stop> {
    let (opening, length) = opening(&mut client.inbound, &mut client.stream).await?;
    client.inbound.discard(length);
    let Opening::Startup(startup) = &opening else {
        return Ok((opening, Vec::new()));
    };
    if listener.require_tls && !client.is_encrypted() {
        return Err(Stop::tell(
            "tls_required",
            Error::fatal("28000", "this server accepts only encrypted connections")
                .hint("Connect with sslmode=require, or better sslmode=verify-full."),
        ));
    }
    if let Some(value) = &startup.replication
        && !matches!(value.as_str(), "false" | "off" | "no" | "0")
    {
        // The replication protocol has a grammar of its own that no policy speaks.
        return Err(Stop::tell(
            "replication",
            Error::fatal("0A000", "replication connections are not accepted"),
        ));
    }
    let settings = settings(startup)?;
    if startup.minor > 2 || !startup.extensions.is_empty() {
        let version = NEWEST.min((3 << 16) | u32::from(startup.minor));
        let mut message = Vec::new();
        write::negotiate(&mut message, version, &startup.extensions);
        client.send(&message).await.map_err(gone)?;
    }
    Ok((opening, settings))
}

/// The configuration parameters: `options` first, as PostgreSQL applies them.
fn settings(startup: &Startup) -> Result<Vec<(String, String)>, Stop> {
    let mut all = match &startup.options {
        None => Vec::new(),
        Some(options) => options::settings(options).map_err(|error| {
            Stop::tell(
                "startup_options",
                Error::fatal(error.code(), error.to_string()),
            )
        })?,
    };
    all.extend(startup.settings.iter().cloned());
    Ok(all)
}
