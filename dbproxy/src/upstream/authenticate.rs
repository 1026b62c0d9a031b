//! The proxy as a client: proving itself to a database.
//!
//! It must never give a password away: not in clear without TLS, not as an MD5 (which is as good as the
//! password to whoever knows the server's table), and with SCRAM only to a server that proves itself.

use exeat_identity::scram::tls_server_end_point;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};

use super::{Channel, UpstreamError};
use crate::stream::Stream;
use crate::wire::backend::{self, Authentication};
use crate::wire::{Violation, write};

/// Answers the server until it says AuthenticationOk.
pub(super) async fn authenticate(
    stream: Stream,
    password: Option<&str>,
    encrypted: bool,
) -> Result<Channel, UpstreamError> {
    let mut channel = Channel::new(stream);
    let asked = next(&mut channel).await?;
    match backend::authentication(&asked)? {
        Authentication::Ok => Ok(channel),
        Authentication::Cleartext if !encrypted => Err(UpstreamError::Authentication(
            "a password in clear without TLS",
        )),
        Authentication::Cleartext => {
            let password = password.ok_or(UpstreamError::Authentication("a password"))?;
            let mut message = Vec::new();
            write::frame(&mut message, b'p', |out| write::string(out, password));
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
    password: &str,
    mechanisms: &[u8],
) -> Result<(), UpstreamError> {
    let offers = |wanted: &str| {
        mechanisms
            .split(|byte| *byte == 0)
            .any(|name| name == wanted.as_bytes())
    };
    let end_point = certificate_hash(&channel.stream);
    let (mechanism, binding) = match end_point {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => (
            SCRAM_SHA_256_PLUS,
            ChannelBinding::tls_server_end_point(hash),
        ),
        // The server is told that it could have offered the stronger one: a downgrade shows.
        Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        _ => return Err(UpstreamError::Authentication("an unknown SASL mechanism")),
    };
    let mut exchange = ScramSha256::new(password.as_bytes(), binding);
    let mut message = Vec::new();
    write::frame(&mut message, b'p', |out| {
        write::string(out, mechanism);
        let first = exchange.message();
        let length = u32::try_from(first.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(first);
    });
    channel.send(&message).await?;
    let body = next(channel).await?;
    let Authentication::SaslContinue(challenge) = backend::authentication(&body)? else {
        return Err(Violation::UnexpectedType.into());
    };
    // Stretching the password takes milliseconds: not on a thread that serves sessions.
    let challenge = challenge.to_vec();
    let stretched =
        tokio::task::spawn_blocking(move || exchange.update(&challenge).map(|()| exchange));
    let mut exchange = stretched
        .await
        .map_err(|error| UpstreamError::Scram(std::io::Error::other(error)))?
        .map_err(UpstreamError::Scram)?;
    let mut message = Vec::new();
    write::frame(&mut message, b'p', |out| {
        out.extend_from_slice(exchange.message());
    });
    channel.send(&message).await?;
    let body = next(channel).await?;
    let Authentication::SaslFinal(proof) = backend::authentication(&body)? else {
        return Err(Violation::UnexpectedType.into());
    };
    exchange.finish(proof).map_err(UpstreamError::Scram)?;
    finished(channel).await
}

fn certificate_hash(stream: &Stream) -> Option<Vec<u8>> {
    let Stream::Tls(stream) = stream else {
        return None;
    };
    let (_, connection) = stream.get_ref();
    tls_server_end_point(connection.peer_certificates()?.first()?)
}
