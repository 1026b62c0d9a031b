//! The proxy as a client: proving itself to a database.
//!
//! It must never give a password away: not in clear without TLS, not as an MD5 (which is as good as the
//! password to whoever knows the server's table), and with SCRAM only to a server that proves itself.
//! Where a password is configured, a server that does not ask for it is not the one that was meant.

use std::sync::Arc;

use exeat_identity::scram::{
    AwaitServerFirst, ClientBinding, ClientPassword, tls_server_end_point,
};

use super::{Channel, UpstreamError};
use crate::stream::Stream;
use crate::wire::backend::{self, Authentication};
use crate::wire::{Violation, write};

const SCRAM_SHA_256: &str = "SCRAM-SHA-256";
const SCRAM_SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Answers the server until it says AuthenticationOk.
pub(super) async fn authenticate(
    stream: Stream,
    password: Option<&Arc<ClientPassword>>,
    encrypted: bool,
) -> Result<Channel, UpstreamError> {
    let mut channel = Channel::new(stream);
    let asked = next(&mut channel).await?;
    match backend::authentication(&asked)? {
        Authentication::Ok if password.is_some() => Err(UpstreamError::Authentication(
            "no proof, although a password is configured",
        )),
        Authentication::Ok => Ok(channel),
        Authentication::Cleartext if !encrypted => Err(UpstreamError::Authentication(
            "a password in clear without TLS",
        )),
        Authentication::Cleartext => {
            let password = password.ok_or(UpstreamError::Authentication("a password"))?;
            let mut message = Vec::new();
            write::frame(&mut message, b'p', |out| {
                write::string(out, password.expose())
            });
            channel.send(&message).await?;
            finished(&mut channel).await?;
            Ok(channel)
        }
        Authentication::Sasl(mechanisms) => {
            let password = password.ok_or(UpstreamError::Authentication("a password"))?;
            let mechanisms = mechanisms.to_vec();
            scram(&mut channel, password, &mechanisms).await?;
            Ok(channel)
        }
        Authentication::Md5(_) => Err(UpstreamError::Authentication("an MD5 of the password")),
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            Err(Violation::UnexpectedType.into())
        }
        Authentication::Other(_) => Err(UpstreamError::Authentication("an unknown method")),
    }
}

async fn next(channel: &mut Channel) -> Result<Vec<u8>, UpstreamError> {
    loop {
        match channel.message().await? {
            (b'R', body) => return Ok(body),
            (b'N', _) => {}
            // The start-up names protocol 3.0, so there is nothing to negotiate.
            _ => return Err(Violation::UnexpectedType.into()),
        }
    }
}

async fn finished(channel: &mut Channel) -> Result<(), UpstreamError> {
    let body = next(channel).await?;
    match backend::authentication(&body)? {
        Authentication::Ok => Ok(()),
        _ => Err(Violation::UnexpectedType.into()),
    }
}

async fn scram(
    channel: &mut Channel,
    password: &Arc<ClientPassword>,
    mechanisms: &[u8],
) -> Result<(), UpstreamError> {
    let offers = |wanted: &str| {
        mechanisms
            .split(|byte| *byte == 0)
            .any(|name| name == wanted.as_bytes())
    };
    let (mechanism, binding) = match certificate_hash(&channel.stream) {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ClientBinding::TlsServerEndPoint(hash))
        }
        Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ClientBinding::NotOffered),
        None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ClientBinding::Unsupported),
        _ => return Err(UpstreamError::Authentication("an unknown SASL mechanism")),
    };
    let exchange = AwaitServerFirst::begin(binding)?;
    let mut message = Vec::new();
    write::frame(&mut message, b'p', |out| {
        write::string(out, mechanism);
        let first = exchange.message();
        let length = u32::try_from(first.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&first);
    });
    channel.send(&message).await?;
    let body = next(channel).await?;
    let Authentication::SaslContinue(challenge) = backend::authentication(&body)? else {
        return Err(Violation::UnexpectedType.into());
    };
    let exchange = exchange.server_first(challenge)?;
    let keys = match password.known_keys(exchange.stretching()) {
        Some(keys) => keys,
        None => {
            let (password, stretching) = (Arc::clone(password), exchange.stretching().clone());
            tokio::task::spawn_blocking(move || password.stretch(stretching))
                .await
                .map_err(std::io::Error::other)??
        }
    };
    let (proof, exchange) = exchange.client_final(&keys);
    let mut message = Vec::new();
    write::frame(&mut message, b'p', |out| out.extend_from_slice(&proof));
    channel.send(&message).await?;
    let body = next(channel).await?;
    let Authentication::SaslFinal(proof) = backend::authentication(&body)? else {
        return Err(Violation::UnexpectedType.into());
    };
    exchange.server_final(proof)?;
    finished(channel).await
}

fn certificate_hash(stream: &Stream) -> Option<Vec<u8>> {
    let Stream::Tls(stream) = stream else {
        return None;
    };
    let (_, connection) = stream.get_ref();
    tls_server_end_point(connection.peer_certificates()?.first()?)
}
