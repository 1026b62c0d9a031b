//! Against the server's side, which is itself tested against the RFC's example and another client; and
//! against servers that lie.

use std::sync::Arc;

use super::super::{
    ChannelBinding, Mechanism, ScramError, ScramVerifier, ServerExchange, Verifier,
};
use super::{AwaitKeys, AwaitServerFirst, ClientBinding, ClientPassword};
use crate::secret::Secret;

fn password(text: &str) -> ClientPassword {
    ClientPassword::new(Secret::new(text.to_owned()))
}

/// The exchange with a server that holds a verifier of `stored`.
fn exchange(
    mechanism: Mechanism,
    binding: ChannelBinding,
    ours: ClientBinding,
    stored: &str,
    password: &ClientPassword,
) -> Result<(), ScramError> {
    let verifier = Verifier::make(stored).unwrap().unwrap();
    let server = ServerExchange::begin(mechanism, binding, ScramVerifier::stored(verifier))?;
    let client = AwaitServerFirst::begin(ours)?;
    let (challenge, server) = server.client_first(&client.message())?;
    let client = client.server_first(&challenge)?;
    let keys = password.stretch(client.stretching().clone())?;
    let (proof, client) = client.client_final(&keys);
    client.server_final(&server.client_final(&proof)?)
}

/// A client that read this server-first, whose nonce is replaced by the client's own.
fn challenged(server_first: &str) -> Result<AwaitKeys, ScramError> {
    let client = AwaitServerFirst::begin(ClientBinding::Unsupported)?;
    let message = server_first.replace("NONCE", &client.nonce);
    client.server_first(message.as_bytes())
}

#[test]
fn passes_with_every_kind_of_binding() {
    let bound = || ChannelBinding::TlsServerEndPoint(vec![7; 32]);
    let cases = [
        (
            Mechanism::Plain,
            ChannelBinding::None,
            ClientBinding::Unsupported,
        ),
        (
            Mechanism::Plain,
            ChannelBinding::None,
            ClientBinding::NotOffered,
        ),
        (Mechanism::Plain, bound(), ClientBinding::Unsupported),
        (
            Mechanism::Plus,
            bound(),
            ClientBinding::TlsServerEndPoint(vec![7; 32]),
        ),
    ];
    for (mechanism, binding, ours) in cases {
        let text = "pässword \u{a0}";
        let outcome = exchange(mechanism, binding, ours, text, &password(text));
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn a_wrong_password_or_binding_fails() {
    let bound = ChannelBinding::TlsServerEndPoint(vec![7; 32]);
    let other = ClientBinding::TlsServerEndPoint(vec![8; 32]);
    let outcome = exchange(
        Mechanism::Plus,
        bound.clone(),
        other,
        "pencil",
        &password("pencil"),
    );
    assert_eq!(outcome, Err(ScramError::BindingMismatch));
    let none = ClientBinding::Unsupported;
    let outcome = exchange(
        Mechanism::Plain,
        bound.clone(),
        none,
        "pencil",
        &password("pen"),
    );
    assert_eq!(outcome, Err(ScramError::Proof));
    // Somebody took the binding out of the server's offer.
    let told = ClientBinding::NotOffered;
    let outcome = exchange(Mechanism::Plain, bound, told, "pencil", &password("pencil"));
    assert_eq!(outcome, Err(ScramError::Downgrade));
}

#[test]
fn a_lying_server_first_is_refused() {
    let cases = [
        ("r=NONCEx,s=c2FsdA==,i=4096", None),
        ("r=NONCE,s=c2FsdA==,i=4096", Some(ScramError::Nonce)),
        ("r=other,s=c2FsdA==,i=4096", Some(ScramError::Nonce)),
        (
            "r=NONCEx,s=c2FsdA==,i=1000001",
            Some(ScramError::Iterations),
        ),
        (
            "r=NONCEx,s=c2FsdA==,i=4294967295",
            Some(ScramError::Iterations),
        ),
        (
            "m=x,r=NONCEx,s=c2FsdA==,i=1",
            Some(ScramError::MandatoryExtension),
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(challenged(message).err(), expected, "{message}");
    }
    let malformed = [
        "",
        "r=NONCEx",
        "r=NONCEx,s=c2FsdA==",
        "r=NONCEx,s=,i=4096",
        "r=NONCEx,s=*,i=4096",
        "r=NONCEx,s=c2FsdA==,i=0",
        "r=NONCEx,s=c2FsdA==,i=-1",
        "r=NONCEx,s=c2FsdA==,i=99999999999",
        "r=NONCEx,s=c2FsdA==,i=4096,x=y",
        "s=c2FsdA==,r=NONCEx,i=4096",
        "e=other-error",
    ];
    for message in malformed {
        let error = challenged(message).err();
        assert!(
            matches!(error, Some(ScramError::Malformed(_))),
            "{message}: {error:?}"
        );
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_refused() {
    let lies = [
        ("e=invalid-proof", ScramError::Proof),
        (
            "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ScramError::Proof,
        ),
        ("v=", ScramError::Malformed("no signature of the server")),
        ("", ScramError::Malformed("no signature of the server")),
    ];
    let password = password("pencil");
    for (lie, expected) in lies {
        let client = challenged("r=NONCEx,s=c2FsdA==,i=1").unwrap();
        let keys = password.stretch(client.stretching().clone()).unwrap();
        let (_, client) = client.client_final(&keys);
        assert_eq!(client.server_final(lie.as_bytes()), Err(expected), "{lie}");
    }
}

#[test]
fn keys_are_kept_for_the_salt_that_they_were_made_for() {
    let password = password("pencil");
    let asked = |text| challenged(text).unwrap().stretching().clone();
    let first = asked("r=NONCEx,s=c2FsdA==,i=2");
    assert!(password.known_keys(&first).is_none());
    let keys = password.stretch(first.clone()).unwrap();
    let known = password.known_keys(&first).unwrap();
    assert!(Arc::ptr_eq(&keys, &known));
    for other in ["r=NONCEx,s=c2FsdA==,i=3", "r=NONCEx,s=b3RoZXI=,i=2"] {
        assert!(password.known_keys(&asked(other)).is_none(), "{other}");
    }
}

#[test]
fn nothing_of_a_password_is_shown() {
    let password = password("pencil");
    let client = challenged("r=NONCEx,s=c2FsdA==,i=1").unwrap();
    let keys = password.stretch(client.stretching().clone()).unwrap();
    let shown = format!("{password:?} {keys:?}");
    assert!(!shown.contains("pencil"), "{shown}");
    for key in [&keys.client, &keys.server] {
        assert!(!shown.contains(&format!("{:?}", key.expose())), "{shown}");
    }
}
