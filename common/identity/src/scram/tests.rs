//! Against a client that somebody else wrote: rust-postgres' SCRAM.

use postgres_protocol::authentication::sasl::{ChannelBinding as Theirs, ScramSha256};

use super::{ChannelBinding, Mechanism, ScramError, ScramVerifier, ServerExchange, Verifier};

fn exchange(
    mechanism: Mechanism,
    binding: ChannelBinding,
    theirs: Theirs,
    password: &str,
    verifier: Verifier,
) -> Result<(), ScramError> {
    let mut client = ScramSha256::new(password.as_bytes(), theirs);
    let server = ServerExchange::begin(mechanism, binding, ScramVerifier::stored(verifier))?;
    let (challenge, server) = server.client_first(client.message())?;
    client.update(&challenge).unwrap();
    let proof = server.client_final(client.message())?;
    client.finish(&proof).unwrap();
    Ok(())
}

#[test]
fn another_client_passes_with_every_kind_of_binding() {
    let bound = ChannelBinding::TlsServerEndPoint(vec![7; 32]);
    let cases = [
        (
            Mechanism::Plain,
            ChannelBinding::None,
            Theirs::unsupported(),
        ),
        (
            Mechanism::Plain,
            ChannelBinding::None,
            Theirs::unrequested(),
        ),
        (Mechanism::Plain, bound.clone(), Theirs::unsupported()),
        (
            Mechanism::Plus,
            bound,
            Theirs::tls_server_end_point(vec![7; 32]),
        ),
    ];
    for (mechanism, binding, theirs) in cases {
        let verifier = Verifier::make("pässword \u{a0}").unwrap().unwrap();
        let outcome = exchange(mechanism, binding, theirs, "pässword \u{a0}", verifier);
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn another_client_fails_where_it_must() {
    let bound = ChannelBinding::TlsServerEndPoint(vec![7; 32]);
    let cases = [
        (
            Mechanism::Plain,
            bound.clone(),
            Theirs::unrequested(),
            "pencil",
            ScramError::Downgrade,
        ),
        (
            Mechanism::Plus,
            bound.clone(),
            Theirs::tls_server_end_point(vec![8; 32]),
            "pencil",
            ScramError::BindingMismatch,
        ),
        (
            Mechanism::Plain,
            bound,
            Theirs::unsupported(),
            "pen",
            ScramError::Proof,
        ),
    ];
    for (mechanism, binding, theirs, password, expected) in cases {
        let verifier = Verifier::make("pencil").unwrap().unwrap();
        assert_eq!(
            exchange(mechanism, binding, theirs, password, verifier),
            Err(expected)
        );
    }
}

#[test]
fn a_verifier_that_another_program_made_is_read() {
    for password in ["pencil", "I\u{ad}X", "pässword"] {
        let text = postgres_protocol::password::scram_sha_256(password.as_bytes());
        let verifier: Verifier = text.parse().unwrap();
        assert_eq!(verifier.to_string(), text);
        let theirs = Theirs::unsupported();
        let outcome = exchange(
            Mechanism::Plain,
            ChannelBinding::None,
            theirs,
            password,
            verifier,
        );
        assert_eq!(outcome, Ok(()), "{password}");
    }
}
