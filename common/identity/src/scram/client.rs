//! The client's side, for the proxy's own connections to databases (RFC 5802, section 3).
//!
//! Stretching the password is the one slow step (milliseconds of CPU), and a server asks for the same salt
//! each time: so the keys are kept, and the exchange takes keys rather than a password. A server that does
//! not prove that it knows the password too is never trusted.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ScramError;
use super::exchange::NONCE_BYTES;
use super::message::{self, ServerFirst};
use super::verifier::{salted_password, sign};
use crate::secret::Secret;
use crate::token::sha256;

/// Above this a server only burns our CPU: PostgreSQL's default is 4096.
const MAX_ITERATIONS: u32 = 1_000_000;

/// What the connection is bound to, and what the client says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientBinding {
    /// No TLS, so no binding.
    Unsupported,
    /// The server offers no binding, and is told that it could have: a downgrade shows.
    NotOffered,
    /// The hash of the server's certificate, see [`super::tls_server_end_point`].
    TlsServerEndPoint(Vec<u8>),
}

impl ClientBinding {
    /// The GS2 header (RFC 5802, section 7).
    fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::TlsServerEndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// What `c=` carries.
    fn data(&self) -> String {
        let mut data = self.header().as_bytes().to_vec();
        if let Self::TlsServerEndPoint(hash) = self {
            data.extend_from_slice(hash);
        }
        STANDARD.encode(data)
    }
}

/// How a server wants the password stretched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretching {
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

/// What a stretched password comes to: as good as the password towards servers with the same salt.
pub struct ClientKeys {
    client: Secret<[u8; 32]>,
    server: Secret<[u8; 32]>,
}

/// A password and the keys that the last server asked for.
#[derive(Debug)]
pub struct ClientPassword {
    password: Secret<String>,
    last: Mutex<Option<(Stretching, Arc<ClientKeys>)>>,
}

impl ClientPassword {
    /// Takes the password in.
    pub fn new(password: Secret<String>) -> Self {
        Self {
            password,
            last: Mutex::default(),
        }
    }

    /// The password itself, for a server that asks for it in clear.
    pub fn expose(&self) -> &str {
        self.password.expose()
    }

    /// The keys, where they were asked for before.
    pub fn known_keys(&self, stretching: &Stretching) -> Option<Arc<ClientKeys>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, keys) = last.as_ref()?;
        (known == stretching).then(|| Arc::clone(keys))
    }

    /// The keys, made now: takes milliseconds, so not on a thread that serves sessions.
    ///
    /// # Errors
    /// [`ScramError::Proof`] where nothing is left of the password.
    pub fn stretch(&self, stretching: Stretching) -> Result<Arc<ClientKeys>, ScramError> {
        let Stretching { salt, iterations } = &stretching;
        let salted = salted_password(self.expose(), salt, *iterations).ok_or(ScramError::Proof)?;
        let keys = Arc::new(ClientKeys {
            client: Secret::new(sign(salted.expose(), b"Client Key")),
            server: Secret::new(sign(salted.expose(), b"Server Key")),
        });
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((stretching, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// Before server-first.
pub struct AwaitServerFirst {
    binding: ClientBinding,
    nonce: String,
}

/// Server-first was read; the keys are wanted.
pub struct AwaitKeys {
    binding: ClientBinding,
    /// Both nonces.
    nonce: String,
    stretching: Stretching,
    /// `client-first-message-bare,server-first-message,`.
    signed: String,
}

/// Before server-final.
pub struct AwaitServerFinal {
    signature: [u8; 32],
}

impl AwaitServerFirst {
    /// Begins an exchange.
    ///
    /// # Errors
    /// [`ScramError::Random`] where the system gives no random numbers.
    pub fn begin(binding: ClientBinding) -> Result<Self, ScramError> {
        let mut random = [0_u8; NONCE_BYTES];
        rand::fill(&mut random).map_err(|_unspecified| ScramError::Random)?;
        Ok(Self {
            binding,
            nonce: STANDARD.encode(random),
        })
    }

    /// Client-first. The name is left empty: PostgreSQL takes the one of the start-up packet.
    pub fn message(&self) -> Vec<u8> {
        format!("{}{}", self.binding.header(), self.bare()).into_bytes()
    }

    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Takes server-first.
    ///
    /// # Errors
    /// [`ScramError::Nonce`] where the server's nonce does not begin with ours, [`ScramError::Iterations`]
    /// where stretching would take too long, [`ScramError::Malformed`] for anything else.
    pub fn server_first(self, message: &[u8]) -> Result<AwaitKeys, ScramError> {
        let ServerFirst {
            text,
            nonce,
            salt,
            iterations,
        } = message::server_first(message)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        if iterations.get() > MAX_ITERATIONS {
            return Err(ScramError::Iterations);
        }
        Ok(AwaitKeys {
            nonce: nonce.to_owned(),
            signed: format!("{},{text},", self.bare()),
            stretching: Stretching { salt, iterations },
            binding: self.binding,
        })
    }
}

impl AwaitKeys {
    /// How the server wants the password stretched.
    pub fn stretching(&self) -> &Stretching {
        &self.stretching
    }

    /// Client-final, proven with these keys.
    pub fn client_final(mut self, keys: &ClientKeys) -> (Vec<u8>, AwaitServerFinal) {
        let last = format!("c={},r={}", self.binding.data(), self.nonce);
        self.signed.push_str(&last);
        let client = keys.client.expose();
        let mut proof = sign(&sha256(client), self.signed.as_bytes());
        for (byte, key) in proof.iter_mut().zip(client) {
            *byte ^= key;
        }
        let message = format!("{last},p={}", STANDARD.encode(proof));
        let signature = sign(keys.server.expose(), self.signed.as_bytes());
        (message.into_bytes(), AwaitServerFinal { signature })
    }
}

impl AwaitServerFinal {
    /// Takes server-final: whether the server knows the password.
    ///
    /// # Errors
    /// [`ScramError::Proof`] where it does not, or says that our proof is wrong.
    pub fn server_final(self, message: &[u8]) -> Result<(), ScramError> {
        let signature = message::server_final(message)?;
        constant_time::verify_slices_are_equal(&signature, &self.signature)
            .map_err(|_unspecified| ScramError::Proof)
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
