//! The server's side of the exchange: client-first → server-first → client-final → server-final.
//!
//! An unknown name goes through the same steps and the same work as a known one, and fails where a
//! wrong password fails.

use std::fmt;

use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize as _;

use super::ScramError;
use super::binding::ChannelBinding;
use super::message::{self, BindingFlag};
use super::verifier::{ScramVerifier, sign};
use crate::token::sha256;

/// PostgreSQL's `SCRAM_RAW_NONCE_LEN`.
pub(super) const NONCE_BYTES: usize = 18;

/// The mechanism that the client picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// `SCRAM-SHA-256`.
    Plain,
    /// `SCRAM-SHA-256-PLUS`.
    Plus,
}

impl Mechanism {
    /// Reads the name in SASLInitialResponse.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "SCRAM-SHA-256" => Some(Self::Plain),
            "SCRAM-SHA-256-PLUS" => Some(Self::Plus),
            _ => None,
        }
    }
}

/// Starts exchanges.
#[derive(Debug)]
pub struct ServerExchange;

impl ServerExchange {
    /// Begins an exchange on a connection with this binding (which decides what was offered).
    pub fn begin(
        mechanism: Mechanism,
        binding: ChannelBinding,
        verifier: ScramVerifier,
    ) -> Result<AwaitFirst, ScramError> {
        if mechanism == Mechanism::Plus && binding == ChannelBinding::None {
            return Err(ScramError::MechanismMismatch);
        }
        let mut random = [0_u8; NONCE_BYTES];
        rand::fill(&mut random).map_err(|_unspecified| ScramError::Random)?;
        Ok(AwaitFirst {
            mechanism,
            binding,
            verifier,
            nonce: STANDARD.encode(random),
        })
    }
}

/// Before client-first.
pub struct AwaitFirst {
    mechanism: Mechanism,
    binding: ChannelBinding,
    verifier: ScramVerifier,
    nonce: String,
}

/// Between server-first and client-final.
pub struct AwaitFinal {
    verifier: ScramVerifier,
    /// What `c=` must hold.
    expected_binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare,server-first-message,`.
    signed: String,
}

impl AwaitFirst {
    /// Takes client-first; gives server-first.
    pub fn client_first(self, message: &[u8]) -> Result<(Vec<u8>, AwaitFinal), ScramError> {
        let first = message::client_first(message)?;
        let mut expected_binding = first.header.as_bytes().to_vec();
        match (self.mechanism, first.flag, &self.binding) {
            (Mechanism::Plain, BindingFlag::Unsupported, _)
            | (Mechanism::Plain, BindingFlag::NotOffered, ChannelBinding::None) => {}
            // It was offered: somebody between us took it out of the list.
            (Mechanism::Plain, BindingFlag::NotOffered, ChannelBinding::TlsServerEndPoint(_)) => {
                return Err(ScramError::Downgrade);
            }
            (Mechanism::Plus, BindingFlag::EndPoint, ChannelBinding::TlsServerEndPoint(hash)) => {
                expected_binding.extend_from_slice(hash);
            }
            (Mechanism::Plain, BindingFlag::EndPoint, _) | (Mechanism::Plus, _, _) => {
                return Err(ScramError::MechanismMismatch);
            }
        }
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let verifier = &self.verifier.verifier;
        let salt = STANDARD.encode(&verifier.salt);
        let reply = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let signed = format!("{},{reply},", first.bare);
        let next = AwaitFinal {
            verifier: self.verifier,
            expected_binding,
            nonce,
            signed,
        };
        Ok((reply.into_bytes(), next))
    }
}

impl AwaitFinal {
    /// Takes client-final; gives server-final where the proof fits.
    pub fn client_final(mut self, message: &[u8]) -> Result<Vec<u8>, ScramError> {
        let last = message::client_final(message)?;
        if last.binding != self.expected_binding {
            return Err(ScramError::BindingMismatch);
        }
        if last.nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        self.signed.push_str(last.without_proof);
        let ScramVerifier { verifier, real } = &self.verifier;
        let mut client_key = sign(&verifier.stored_key, self.signed.as_bytes());
        for (byte, proof) in client_key.iter_mut().zip(last.proof) {
            *byte ^= proof;
        }
        let stored_key = sha256(&client_key);
        client_key.zeroize();
        let signature = sign(&verifier.server_key, self.signed.as_bytes());
        let fits = constant_time::verify_slices_are_equal(&stored_key, &verifier.stored_key);
        if fits.is_err() || !real {
            return Err(ScramError::Proof);
        }
        Ok(format!("v={}", STANDARD.encode(signature)).into_bytes())
    }
}

impl fmt::Debug for AwaitFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitFirst")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AwaitFinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitFinal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
