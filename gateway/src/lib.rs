//! The egress gateway: an HTTP proxy that knows who is calling, where to, and lets out what the policy
//! allows, on record.
//!
//! `session` tells the story of a connection in six steps: accept → identify → decide → connect →
//! relay → record. Each step has a file of that name.

mod accept;
mod body;
mod connect;
mod converse;
mod decide;
mod denial;
mod dns;
mod forward;
mod gateway;
mod hello;
mod http;
mod identify;
mod metrics;
mod record;
mod refusal;
mod relay;
mod session;
#[cfg(test)]
mod testing;
mod tunnel;

pub use dns::SetupError as DnsSetupError;
pub use gateway::{Gateway, SetupError, serve};
