//! A client of our own, honest and not.

use std::sync::LazyLock;

use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{
    ChannelBinding, Mechanism, ScramError, ScramVerifier, ServerExchange, Verifier,
};
use super::{AwaitFinal, AwaitFirst};
use crate::secret::Secret;
use crate::token::sha256;

const PASSWORD: &str = "pencil";

fn verifier() -> ScramVerifier {
    static STORED: LazyLock<Verifier> =
        LazyLock::new(|| Verifier::make(PASSWORD).unwrap().unwrap());
    ScramVerifier::stored(STORED.clone())
}

fn end_point() -> ChannelBinding {
    ChannelBinding::TlsServerEndPoint(vec![0xab; 32])
}

fn begin(mechanism: Mechanism, binding: ChannelBinding) -> AwaitFirst {
    ServerExchange::begin(mechanism, binding, verifier()).unwrap()
}

fn hmac_of(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
        .as_ref()
        .to_vec()
}

struct Client {
    bare: String,
    header: String,
    binding: Vec<u8>,
}

struct Keys {
    client: Vec<u8>,
    server: Vec<u8>,
}

fn keys(password: &str, server_first: &str) -> Keys {
    let mut parts = server_first.split(',').skip(1);
    let salt = STANDARD.decode(&parts.next().unwrap()[2..]).unwrap();
    let iterations = parts.next().unwrap()[2..].parse().unwrap();
    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &salt,
        password.as_bytes(),
        &mut salted,
    );
    Keys {
        client: hmac_of(&salted, b"Client Key"),
        server: hmac_of(&salted, b"Server Key"),
    }
}

impl Client {
    fn new(header: &str, binding: &[u8]) -> Self {
        Self {
            bare: "n=,r=client-nonce".into(),
            header: header.into(),
            binding: binding.to_vec(),
        }
    }

    fn first(&self) -> String {
        format!("{}{}", self.header, self.bare)
    }

    /// `client-final` and the signature to expect, for what the server said.
    fn last(&self, server_first: &str, password: &str) -> (String, String) {
        let nonce = server_first.split(',').next().unwrap().to_owned();
        let bound = STANDARD.encode([self.header.as_bytes(), &self.binding].concat());
        self.last_with(server_first, password, &format!("c={bound},{nonce}"))
    }

    fn last_with(
        &self,
        server_first: &str,
        password: &str,
        without_proof: &str,
    ) -> (String, String) {
        let keys = keys(password, server_first);
        let message = format!("{},{server_first},{without_proof}", self.bare);
        let signature = hmac_of(&sha256(&keys.client), message.as_bytes());
        let proof: Vec<u8> = keys
            .client
            .iter()
            .zip(signature)
            .map(|(key, byte)| key ^ byte)
            .collect();
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        (
            last,
            format!(
                "v={}",
                STANDARD.encode(hmac_of(&keys.server, message.as_bytes()))
            ),
        )
    }
}

fn first(exchange: AwaitFirst, message: &str) -> Result<(String, AwaitFinal), ScramError> {
    let (reply, next) = exchange.client_first(message.as_bytes())?;
    Ok((String::from_utf8(reply).unwrap(), next))
}

fn whole(
    mechanism: Mechanism,
    binding: ChannelBinding,
    client: &Client,
    password: &str,
) -> Result<(), ScramError> {
    let (server_first, next) = first(begin(mechanism, binding), &client.first())?;
    let (last, expected) = client.last(&server_first, password);
    let reply = next.client_final(last.as_bytes())?;
    assert_eq!(String::from_utf8(reply).unwrap(), expected);
    Ok(())
}

#[test]
fn agrees_with_the_example_of_rfc_7677() {
    let verifier = Verifier::derive(
        PASSWORD,
        &STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(),
        4096.try_into().unwrap(),
    );
    let exchange = AwaitFirst {
        mechanism: Mechanism::Plain,
        binding: ChannelBinding::None,
        verifier: ScramVerifier::stored(verifier.unwrap()),
        nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into(),
    };
    let (reply, next) = first(exchange, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
    assert_eq!(
        reply,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let reply = next.client_final(last.as_bytes()).unwrap();
    assert_eq!(reply, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn the_right_password_passes_with_and_without_channel_binding() {
    let plain = Client::new("n,,", b"");
    assert_eq!(
        whole(Mechanism::Plain, ChannelBinding::None, &plain, PASSWORD),
        Ok(())
    );
    assert_eq!(
        whole(Mechanism::Plain, end_point(), &plain, PASSWORD),
        Ok(())
    );
    let unaware = Client::new("y,,", b"");
    assert_eq!(
        whole(Mechanism::Plain, ChannelBinding::None, &unaware, PASSWORD),
        Ok(())
    );
    let bound = Client::new("p=tls-server-end-point,,", &[0xab; 32]);
    assert_eq!(
        whole(Mechanism::Plus, end_point(), &bound, PASSWORD),
        Ok(())
    );
}

#[test]
fn a_wrong_password_fails() {
    let plain = Client::new("n,,", b"");
    for password in ["Pencil", "pencil ", ""] {
        assert_eq!(
            whole(Mechanism::Plain, ChannelBinding::None, &plain, password),
            Err(ScramError::Proof)
        );
    }
}

#[test]
fn a_downgrade_of_an_offered_binding_fails() {
    let unaware = Client::new("y,,", b"");
    assert_eq!(
        whole(Mechanism::Plain, end_point(), &unaware, PASSWORD),
        Err(ScramError::Downgrade)
    );
}

#[test]
fn mechanism_and_flag_must_agree() {
    for header in ["n,,", "y,,"] {
        let client = Client::new(header, b"");
        let outcome = whole(Mechanism::Plus, end_point(), &client, PASSWORD);
        assert_eq!(outcome, Err(ScramError::MechanismMismatch), "{header}");
    }
    let bound = Client::new("p=tls-server-end-point,,", &[0xab; 32]);
    for binding in [ChannelBinding::None, end_point()] {
        let outcome = whole(Mechanism::Plain, binding, &bound, PASSWORD);
        assert_eq!(outcome, Err(ScramError::MechanismMismatch));
    }
    let unoffered = ServerExchange::begin(Mechanism::Plus, ChannelBinding::None, verifier());
    assert_eq!(unoffered.unwrap_err(), ScramError::MechanismMismatch);
}

#[test]
fn other_kinds_of_binding_are_refused() {
    for kind in [
        "tls-unique",
        "tls-exporter",
        "",
        "tls-server-end-point2",
        "TLS-SERVER-END-POINT",
    ] {
        let client = Client::new(&format!("p={kind},,"), &[0xab; 32]);
        for (mechanism, binding) in [
            (Mechanism::Plus, end_point()),
            (Mechanism::Plain, ChannelBinding::None),
        ] {
            let outcome = whole(mechanism, binding, &client, PASSWORD);
            assert_eq!(outcome, Err(ScramError::BindingType), "{kind}");
        }
    }
}

#[test]
fn the_binding_must_be_that_of_this_connection() {
    for data in [&[0xac; 32][..], &[], &[0xab; 31], &[0xab; 33]] {
        let client = Client::new("p=tls-server-end-point,,", data);
        let outcome = whole(Mechanism::Plus, end_point(), &client, PASSWORD);
        assert_eq!(outcome, Err(ScramError::BindingMismatch));
    }
    // `c=` must repeat the header that was sent, not another one.
    let client = Client::new("n,,", b"");
    for header in ["y,,", "n,", "", "n,a=x,"] {
        let (server_first, next) = first(
            begin(Mechanism::Plain, ChannelBinding::None),
            &client.first(),
        )
        .unwrap();
        let nonce = server_first.split(',').next().unwrap();
        let (last, _signature) = client.last_with(
            &server_first,
            PASSWORD,
            &format!("c={},{nonce}", STANDARD.encode(header)),
        );
        assert_eq!(
            next.client_final(last.as_bytes()),
            Err(ScramError::BindingMismatch),
            "{header}"
        );
    }
}

#[test]
fn the_nonce_must_be_that_of_this_exchange() {
    let client = Client::new("n,,", b"");
    for wrong in [
        "r=client-nonce",
        "r=other",
        "r=client-nonceAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let (server_first, next) = first(
            begin(Mechanism::Plain, ChannelBinding::None),
            &client.first(),
        )
        .unwrap();
        let (last, _signature) =
            client.last_with(&server_first, PASSWORD, &format!("c=biws,{wrong}"));
        assert_eq!(
            next.client_final(last.as_bytes()),
            Err(ScramError::Nonce),
            "{wrong}"
        );
    }
    // A recorded client-final is worth nothing in the next exchange.
    let (server_first, _next) = first(
        begin(Mechanism::Plain, ChannelBinding::None),
        &client.first(),
    )
    .unwrap();
    let (recorded, _signature) = client.last(&server_first, PASSWORD);
    let (_reply, next) = first(
        begin(Mechanism::Plain, ChannelBinding::None),
        &client.first(),
    )
    .unwrap();
    assert_eq!(
        next.client_final(recorded.as_bytes()),
        Err(ScramError::Nonce)
    );
}

#[test]
fn malformed_first_messages_are_refused() {
    use ScramError as E;
    let long = format!("n,,n=,r={}", "x".repeat(257));
    let longer = format!("n,,n=,r={}", "x".repeat(4096));
    let cases: [(&[u8], E); 20] = [
        (b"", E::Malformed("no GS2 header")),
        (b"n", E::Malformed("no GS2 header")),
        (b"n,", E::Malformed("no GS2 header")),
        (b"n,,", E::Malformed("no nonce")),
        (b"x,,n=,r=a", E::Malformed("unknown channel binding flag")),
        (b"N,,n=,r=a", E::Malformed("unknown channel binding flag")),
        (b",,n=,r=a", E::Malformed("unknown channel binding flag")),
        (b"n,a=admin,n=,r=a", E::AuthorizationIdentity),
        (b"n,,m=x,n=,r=a", E::MandatoryExtension),
        (b"n,,r=a,n=", E::Malformed("no user name")),
        (b"n,,n=,s=a", E::Malformed("no nonce")),
        (b"n,,n=,m=x,r=a", E::Malformed("no nonce")),
        (b"n,,n=,r=", E::Malformed("bad nonce")),
        (b"n,,n=,r=a b", E::Malformed("bad nonce")),
        (b"n,,n=,r=a\0", E::Malformed("bad nonce")),
        (b"n,,n=,r=a,x=y", E::Malformed("bad nonce")),
        (b"n,,n=,r=a,m=y", E::Malformed("bad nonce")),
        (b"n,,n=,r=\xff", E::Malformed("not UTF-8")),
        (long.as_bytes(), E::Malformed("bad nonce")),
        (longer.as_bytes(), E::Malformed("too long")),
    ];
    for (message, expected) in cases {
        let outcome = begin(Mechanism::Plain, ChannelBinding::None).client_first(message);
        assert_eq!(
            outcome.map(|_next| ()).unwrap_err(),
            expected,
            "{}",
            message.escape_ascii()
        );
    }
}

#[test]
fn malformed_last_messages_are_refused() {
    let client = Client::new("n,,", b"");
    type Spoil = fn(String) -> String;
    let spoil: [(&str, Spoil); 12] = [
        ("an empty proof", |good| {
            good.split(",p=").next().unwrap().to_owned() + ",p="
        }),
        ("no proof", |good| {
            good.split(",p=").next().unwrap().to_owned()
        }),
        ("a short proof", |good| {
            good.split(",p=").next().unwrap().to_owned() + ",p=AAAA"
        }),
        ("a proof that is no base64", |good| {
            good.replace(",p=", ",p=!")
        }),
        ("an attribute after the proof", |good| good + ",x=y"),
        ("a mandatory extension after the proof", |good| {
            good + ",m=y"
        }),
        ("a comma after the proof", |good| good + ","),
        ("a mandatory extension before the proof", |good| {
            good.replace(",p=", ",m=y,p=")
        }),
        ("an extension before the proof", |good| {
            good.replace(",p=", ",x=y,p=")
        }),
        ("attributes in another order", |good| {
            let mut parts: Vec<_> = good.split(',').collect();
            parts.swap(0, 1);
            parts.join(",")
        }),
        ("two proofs", |good| {
            good.clone() + "," + good.rsplit(',').next().unwrap()
        }),
        ("nothing", |_good| String::new()),
    ];
    for (name, spoil) in spoil {
        let (server_first, next) = first(
            begin(Mechanism::Plain, ChannelBinding::None),
            &client.first(),
        )
        .unwrap();
        let (good, _signature) = client.last(&server_first, PASSWORD);
        let error = next.client_final(spoil(good).as_bytes()).unwrap_err();
        assert!(
            matches!(
                error,
                ScramError::Malformed(_) | ScramError::MandatoryExtension
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn an_unknown_name_takes_the_same_steps_and_fails_at_the_proof() {
    let key = Secret::new([3; 32]);
    let salt_of = |name: &str| {
        let exchange = ServerExchange::begin(
            Mechanism::Plain,
            ChannelBinding::None,
            ScramVerifier::mock(&key, name),
        );
        let client = Client::new("n,,", b"");
        let (server_first, next) = first(exchange.unwrap(), &client.first()).unwrap();
        let (last, _signature) = client.last(&server_first, PASSWORD);
        assert_eq!(next.client_final(last.as_bytes()), Err(ScramError::Proof));
        let parts: Vec<_> = server_first.split(',').skip(1).map(str::to_owned).collect();
        assert_eq!(parts[1], "i=4096");
        assert_eq!(STANDARD.decode(&parts[0][2..]).unwrap().len(), 16);
        parts[0].clone()
    };
    assert_eq!(salt_of("nobody"), salt_of("nobody"), "stable per name");
    assert_ne!(salt_of("nobody"), salt_of("somebody"));
}

#[test]
fn who_knows_the_mock_key_still_proves_nothing() {
    // Even a proof made from the mock verifier's own keys is refused: `real` decides, not chance.
    let key = Secret::new([3; 32]);
    let known = Verifier::make(PASSWORD).unwrap().unwrap();
    let mut mock = ScramVerifier::mock(&key, "nobody");
    mock.verifier = known;
    let exchange = ServerExchange::begin(Mechanism::Plain, ChannelBinding::None, mock).unwrap();
    let client = Client::new("n,,", b"");
    let (server_first, next) = first(exchange, &client.first()).unwrap();
    let (last, _signature) = client.last(&server_first, PASSWORD);
    assert_eq!(next.client_final(last.as_bytes()), Err(ScramError::Proof));
}

#[test]
fn what_libpq_and_pgjdbc_send_is_understood() {
    for name in ["n=", "n=*", "n=billing-fn", "n=a=2Cb=3D"] {
        let mut client = Client::new("n,,", b"");
        client.bare = format!("{name},r=abcdefghij");
        assert_eq!(
            whole(Mechanism::Plain, ChannelBinding::None, &client, PASSWORD),
            Ok(()),
            "{name}"
        );
    }
    assert_eq!(
        Mechanism::parse("SCRAM-SHA-256-PLUS"),
        Some(Mechanism::Plus)
    );
    assert_eq!(Mechanism::parse("SCRAM-SHA-256"), Some(Mechanism::Plain));
    for other in [
        "SCRAM-SHA-1",
        "scram-sha-256",
        "SCRAM-SHA-256-PLUS ",
        "OAUTHBEARER",
        "",
    ] {
        assert_eq!(Mechanism::parse(other), None);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic_or_pass(one: Vec<u8>, two: Vec<u8>) {
        let _outcome = begin(Mechanism::Plain, ChannelBinding::None).client_first(&one);
        let (_reply, next) =
            begin(Mechanism::Plain, ChannelBinding::None).client_first(b"n,,n=,r=x").unwrap();
        proptest::prop_assert!(next.client_final(&two).is_err());
    }
}
