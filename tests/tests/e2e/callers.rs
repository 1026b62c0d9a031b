//! Each way to prove an identity, on both planes: what it proves, and what is refused.

use std::path::Path;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::jwt::{ALGORITHMS, Issuer, discovery, now};
use exeat_tests::lab::{Lab, TRUST_DOMAIN, Upstream, origin};
use exeat_tests::origin::Origin;
use exeat_tests::pki::{Authority, Client};
use exeat_tests::run::{Ran, curl, run, run_with};
use serde_json::json;

/// The issuer whose keys lie in a file.
const ISSUER: &str = "https://issuer.test";

/// A lab with an origin, a database, an issuer with a JWKS file, a second trust domain, and one role
/// per way to prove an identity; each may reach the origin and run `SELECT 1`.
struct World {
    lab: Lab,
    origin: Origin,
    issuer: Issuer,
    partners: Authority,
    _database: Database,
}

fn role(name: &str, identity: &str, port: u16) -> String {
    // A password proves nothing to the gateway: rules for it there would be refused.
    let egress = if identity.starts_with("scram:") {
        String::new()
    } else {
        format!(
            "
    egress:
      allow: [{{ host: api.test, ports: [{port}], networks: [127.0.0.0/8] }}]"
        )
    };
    format!(
        "
  {name}:
    identities: [{{ {identity} }}]{egress}
    databases:
      shop: {{ as: app, allow: [{{ select: public.orders }}] }}
"
    )
}

fn world(also: &[(&str, &str)]) -> World {
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = origin(&lab, "api.test");
    let database = Database::start("CREATE ROLE app LOGIN PASSWORD 'app-password';");
    let issuer = Issuer::new(ISSUER, "exeat");
    std::fs::write(lab.path("jwks.json"), issuer.jwks()).unwrap();
    let partners = Authority::new("partners");
    std::fs::write(lab.path("partners.pem"), partners.pem()).unwrap();
    std::fs::write(lab.path("partners.crl"), partners.revocations(&[66])).unwrap();
    let (jwks, root, crl) = (
        lab.text("jwks.json"),
        lab.text("partners.pem"),
        lab.text("partners.crl"),
    );
    lab.set_up(|setup| {
        setup.issuers.push(format!(
            "{{ issuer: '{ISSUER}', audience: [exeat], jwks: {{ file: {jwks} }} }}"
        ));
        setup.trust_domains.push(format!(
            "{{ name: partners.test, roots: [{root}], crls: [{crl}] }}"
        ));
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
    });
    let usual = [
        ("by-token", "token: by-token".to_owned()),
        (
            "by-certificate",
            format!("spiffe: spiffe://{TRUST_DOMAIN}/role/by-certificate"),
        ),
        (
            "by-partner",
            "spiffe: spiffe://partners.test/agent".to_owned(),
        ),
        (
            "by-jwt",
            format!("jwt: {{ issuer: '{ISSUER}', subject: by-jwt }}"),
        ),
        ("by-password", "scram: by-password".to_owned()),
    ];
    let usual = usual
        .iter()
        .map(|(name, identity)| role(name, identity, origin.port()));
    let also = also
        .iter()
        .map(|(name, identity)| role(name, identity, origin.port()));
    lab.set_policy(&format!(
        "version: 1\nroles:{}",
        usual.chain(also).collect::<String>()
    ));
    World {
        lab,
        origin,
        issuer,
        partners,
        _database: database,
    }
}

impl World {
    /// `curl` to the origin through the gateway's plain listener as this user with this secret.
    fn fetch(&self, exeat: &Process, user: &str, secret: &str) -> Ran {
        let mut curl = self.lab.curl(exeat, user, secret);
        curl.arg("-i")
            .arg("--cacert")
            .arg(self.lab.ca())
            .arg(self.url());
        run(&curl)
    }

    /// `curl` through the gateway's TLS listener with a client certificate.
    fn fetch_with(&self, exeat: &Process, pair: (&Path, &Path), user: Option<&str>) -> Ran {
        let mut curl = curl();
        let port = exeat.addresses.gateway[1].port();
        curl.arg("-i")
            .arg("--cacert")
            .arg(self.lab.ca())
            .arg("--proxy-cacert")
            .arg(self.lab.ca());
        curl.arg("--proxy-cert")
            .arg(pair.0)
            .arg("--proxy-key")
            .arg(pair.1);
        curl.arg("--proxy").arg(format!("https://localhost:{port}"));
        if let Some(user) = user {
            curl.arg("--proxy-user").arg(user);
        }
        curl.arg(self.url());
        run(&curl)
    }

    fn url(&self) -> String {
        format!("https://api.test:{}/", self.origin.port())
    }

    /// `psql` that runs `SELECT 1` with these connection parameters.
    fn select(&self, exeat: &Process, parameters: &str) -> Ran {
        run_with(&self.lab.psql(exeat, parameters), "SELECT 1")
    }

    /// A certificate of the partners' authority, in files.
    fn partner(&self, name: &str, client: &Client<'_>) -> (std::path::PathBuf, std::path::PathBuf) {
        self.partners
            .client(client)
            .write(&self.lab.path("issued"), name)
    }
}

fn files((certificate, key): &(std::path::PathBuf, std::path::PathBuf)) -> String {
    format!("sslcert={} sslkey={}", certificate.display(), key.display())
}

#[test]
fn a_token_proves_a_role_on_both_planes() {
    let world = world(&[]);
    let token = world.lab.token("by-token");
    let exeat = world.lab.start();
    world.fetch(&exeat, "by-token", &token).exits(0);
    let mut bearer = curl();
    bearer
        .arg("--proxy")
        .arg(format!("http://{}", exeat.gateway()));
    bearer
        .arg("--proxy-header")
        .arg(format!("Proxy-Authorization: Bearer {token}"));
    bearer.arg("--cacert").arg(world.lab.ca()).arg(world.url());
    run(&bearer).exits(0);
    assert_eq!(
        world
            .select(&exeat, &format!("user=by-token password={token}"))
            .ok(),
        "1"
    );
    // Wrong, malformed, and of another role.
    world
        .fetch(&exeat, "by-token", "nonsense")
        .exits(56)
        .says("407")
        .says("credentials_invalid");
    world
        .select(&exeat, "user=by-token password=nonsense")
        .exits(2)
        .says("authentication failed");
    world
        .fetch(&exeat, "by-jwt", &token)
        .exits(56)
        .says("identity_conflict");
    world
        .select(&exeat, &format!("user=by-jwt password={token}"))
        .exits(2);
    let records = world.lab.finish(exeat);
    assert!(!records.hold(&token), "a token is in the log");
    assert!(!records.hold("nonsense"), "a wrong secret is in the log");
    assert_eq!(
        records.denials(),
        [
            "credentials_invalid",
            "credentials_invalid",
            "identity_conflict",
            "identity_conflict"
        ]
    );
}

#[test]
fn a_revoked_or_expired_token_proves_nothing_any_more() {
    let world = world(&[("by-short", "token: by-short")]);
    let token = world.lab.token("by-token");
    let short = world
        .lab
        .identity(["token", "by-short", "--ttl", "1s"])
        .ok()
        .to_owned();
    let exeat = world.lab.start();
    world.fetch(&exeat, "by-token", &token).exits(0);
    world.lab.identity(["revoke", "by-token"]).exits(0);
    // A request that is under way when it happens is cut: ask until the answer says why.
    let until_refused = |user: &str, secret: &str, reason: &str| {
        exeat_tests::wait::until(reason, || {
            Some(world.fetch(&exeat, user, secret)).filter(|ran| ran.all().contains(reason))
        })
        .exits(56)
        .says("407");
    };
    until_refused("by-token", &token, "credentials_revoked");
    world
        .select(&exeat, &format!("user=by-token password={token}"))
        .exits(2);
    until_refused("by-short", &short, "credentials_expired");
    world.lab.finish(exeat);
}

#[test]
fn a_certificate_proves_a_role_on_both_planes() {
    let world = world(&[]);
    let own = world.lab.issue("by-certificate", &[]);
    let partner = world.partner(
        "partner",
        &Client {
            uris: &["spiffe://partners.test/agent"],
            serial: 7,
            expired: false,
        },
    );
    let exeat = world.lab.start();
    world.fetch_with(&exeat, (&own.0, &own.1), None).exits(0);
    world
        .fetch_with(&exeat, (&partner.0, &partner.1), None)
        .exits(0);
    assert_eq!(
        world
            .select(&exeat, &format!("user=by-certificate {}", files(&own)))
            .ok(),
        "1"
    );
    assert_eq!(
        world
            .select(&exeat, &format!("user=by-partner {}", files(&partner)))
            .ok(),
        "1"
    );
    // The startup packet names another role than the certificate proves.
    world
        .select(&exeat, &format!("user=by-token {}", files(&own)))
        .exits(2);
    world
        .fetch_with(&exeat, (&own.0, &own.1), Some("by-token:x"))
        .exits(56);
    let records = world.lab.finish(exeat);
    assert!(
        records.denials().contains(&"identity_conflict"),
        "{:?}",
        records.denials()
    );
}

#[test]
fn certificates_that_are_wrong_in_one_respect_prove_nothing() {
    let world = world(&[]);
    let of = |uris: &'static [&'static str], serial, expired| Client {
        uris,
        serial,
        expired,
    };
    let rows = [
        (
            "two-names",
            of(
                &[
                    "spiffe://partners.test/agent",
                    "spiffe://partners.test/other",
                ],
                1,
                false,
            ),
        ),
        ("no-name", of(&[], 2, false)),
        ("no-spiffe", of(&["https://partners.test/agent"], 3, false)),
        // Signed by the partners' root, but of the built-in CA's domain.
        (
            "other-domain",
            of(&["spiffe://exeat.internal/role/by-certificate"], 4, false),
        ),
        (
            "unknown-role",
            of(&["spiffe://partners.test/stranger"], 5, false),
        ),
        ("revoked", of(&["spiffe://partners.test/agent"], 66, false)),
        ("expired", of(&["spiffe://partners.test/agent"], 6, true)),
    ];
    let exeat = world.lab.start();
    for (name, client) in rows {
        let pair = world.partner(name, &client);
        let fetched = world.fetch_with(&exeat, (&pair.0, &pair.1), None);
        assert_ne!(fetched.status, 0, "{name}: {fetched:?}");
        let selected = world.select(&exeat, &format!("user=by-partner {}", files(&pair)));
        assert_ne!(selected.status, 0, "{name}: {selected:?}");
    }
    let stranger =
        Authority::new("stranger").client(&of(&["spiffe://partners.test/agent"], 8, false));
    let pair = stranger.write(&world.lab.path("issued"), "stranger");
    assert_ne!(world.fetch_with(&exeat, (&pair.0, &pair.1), None).status, 0);
    assert_eq!(world.origin.seen().len(), 0);
    world.lab.finish(exeat);
}

#[test]
fn a_jwt_of_each_algorithm_proves_a_role_on_both_planes() {
    let world = world(&[]);
    let exeat = world.lab.start();
    for algorithm in ALGORITHMS {
        let token = world.issuer.token(algorithm, "by-jwt");
        world.fetch(&exeat, "by-jwt", &token).exits(0);
        assert_eq!(
            world
                .select(&exeat, &format!("user=by-jwt password={token}"))
                .ok(),
            "1",
            "{algorithm:?}"
        );
    }
    let records = world.lab.finish(exeat);
    assert!(!records.hold("eyJ"), "a JWT is in the log");
}

#[test]
fn jwts_that_are_wrong_in_one_respect_prove_nothing() {
    let world = world(&[]);
    let exeat = world.lab.start();
    let claims = |change: &[(&str, serde_json::Value)]| {
        let mut claims = world.issuer.claims("by-jwt");
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        world.issuer.sign(jsonwebtoken::Algorithm::ES256, &claims)
    };
    let mut rows = vec![
        ("expired", claims(&[("exp", json!(now() - 3600))])),
        ("not yet", claims(&[("nbf", json!(now() + 3600))])),
        ("for somebody else", claims(&[("aud", json!("other"))])),
        (
            "of another issuer",
            claims(&[("iss", json!("https://evil.test"))]),
        ),
        ("of nobody we know", claims(&[("sub", json!("stranger"))])),
        ("without an end", {
            let mut claims = world.issuer.claims("by-jwt");
            claims.as_object_mut().unwrap().remove("exp");
            world.issuer.sign(jsonwebtoken::Algorithm::ES256, &claims)
        }),
        (
            "of another key",
            Issuer::new(ISSUER, "exeat").token(jsonwebtoken::Algorithm::ES256, "by-jwt"),
        ),
    ];
    rows.extend(
        world
            .issuer
            .forged("by-jwt")
            .into_iter()
            .map(|token| ("forged", token)),
    );
    for (what, token) in &rows {
        let fetched = world.fetch(&exeat, "by-jwt", token);
        assert_eq!(fetched.status, 56, "{what}: {fetched:?}");
        world
            .select(&exeat, &format!("user=by-jwt password={token}"))
            .exits(2);
    }
    let records = world.lab.finish(exeat);
    let denials = records.denials();
    assert_eq!(denials.len(), rows.len() * 2, "{denials:?}");
    assert_eq!(denials[..2], ["credentials_expired"; 2]);
    assert_eq!(denials[8..10], ["identity_unknown"; 2]);
}

#[test]
fn keys_come_from_oidc_discovery_on_loopback() {
    let (server, issuer) = discovery();
    let identity = format!(
        "jwt: {{ issuer: '{}', subject: discovered }}",
        issuer.issuer
    );
    let world = world(&[("by-discovery", &identity)]);
    world.lab.set_up(|setup| {
        setup.issuers.push(format!(
            "{{ issuer: '{}', audience: [exeat], jwks: discovery }}",
            issuer.issuer
        ));
    });
    let exeat = world.lab.start();
    let token = issuer.token(jsonwebtoken::Algorithm::RS256, "discovered");
    // The keys are fetched in the background.
    exeat_tests::wait::until("the keys are there", || {
        (world.fetch(&exeat, "by-discovery", &token).status == 0).then_some(())
    });
    assert_eq!(
        world
            .select(&exeat, &format!("user=by-discovery password={token}"))
            .ok(),
        "1"
    );
    assert!(server.seen().iter().any(|seen| seen.target == "/keys"));
    world.lab.finish(exeat);
}

#[test]
fn a_password_proves_a_role_to_the_database_by_scram() {
    let world = world(&[]);
    world.lab.password("by-password", "correct horse");
    let exeat = world.lab.start();
    let right = "user=by-password password='correct horse'";
    assert_eq!(world.select(&exeat, right).ok(), "1");
    assert_eq!(
        world
            .select(&exeat, &format!("{right} channel_binding=require"))
            .ok(),
        "1"
    );
    world
        .select(&exeat, "user=by-password password=wrong")
        .exits(2)
        .says("authentication failed");
    world
        .select(&exeat, "user=nobody password=wrong")
        .exits(2)
        .says("authentication failed");
    let records = world.lab.finish(exeat);
    assert_eq!(records.denials(), ["credentials_invalid"; 2]);
    assert!(!records.hold("correct horse"));
    assert!(!records.hold("SCRAM-SHA-256$"));
}

#[test]
fn a_source_network_proves_a_role_on_both_planes() {
    let world = world(&[("by-source", "source: 127.0.0.0/8")]);
    let exeat = world.lab.start();
    let mut bare = curl();
    bare.arg("--proxy")
        .arg(format!("http://{}", exeat.gateway()));
    bare.arg("--cacert").arg(world.lab.ca()).arg(world.url());
    run(&bare).exits(0);
    assert_eq!(world.select(&exeat, "user=by-source").ok(), "1");
    // A wrong secret is never worth as much as none.
    world
        .fetch(&exeat, "by-source", "wrong")
        .exits(56)
        .says("407");
    world.lab.finish(exeat);
}

#[test]
fn a_rule_may_ask_for_a_stronger_proof() {
    let world = world(&[]);
    let port = world.origin.port();
    world.lab.set_policy(&format!(
        "\
version: 1
roles:
  strict:
    identities:
      - token: strict
      - spiffe: spiffe://{TRUST_DOMAIN}/role/strict
    egress:
      allow: [{{ host: api.test, ports: [{port}], assurance: certificate, networks: [127.0.0.0/8] }}]
  strictest:
    assurance: certificate
    identities: [{{ token: strictest }}, {{ spiffe: 'spiffe://{TRUST_DOMAIN}/role/strictest' }}]
    databases:
      shop: {{ as: app, allow: [{{ select: public.orders }}] }}
"
    ));
    let (token, other) = (world.lab.token("strict"), world.lab.token("strictest"));
    let pair = world.lab.issue("strict", &[]);
    let exeat = world.lab.start();
    world
        .fetch(&exeat, "strict", &token)
        .exits(56)
        .says("403")
        .says("assurance_too_low");
    world.fetch_with(&exeat, (&pair.0, &pair.1), None).exits(0);
    world
        .select(&exeat, &format!("user=strictest password={other}"))
        .exits(2);
    let records = world.lab.finish(exeat);
    assert_eq!(records.denials(), ["assurance_too_low"; 2]);
}
