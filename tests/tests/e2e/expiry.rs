//! Proofs that end while what they opened goes on: the tunnel and the session end with them, on record.

use exeat_tests::jwt::{ALGORITHMS, Issuer, now};
use exeat_tests::lab::TRUST_DOMAIN;
use exeat_tests::wait;
use exeat_tests::wire::sqlstate;

use crate::world::{exchange, session, session_as, tunnel, tunnel_as, world_of};

/// What a clock may be wrong by: a token holds so much longer than it says, in seconds.
const LEEWAY: i64 = 30;

#[test]
fn a_jwt_that_expires_ends_its_tunnel_and_its_session() {
    let issuer = Issuer::new("https://issuer.test", "exeat");
    let world = world_of("{ jwt: { issuer: 'https://issuer.test', subject: app } }");
    std::fs::write(world.lab.path("jwks.json"), issuer.jwks()).unwrap();
    let jwks = world.lab.text("jwks.json");
    world.lab.set_up(|setup| {
        setup.issuers.push(format!(
            "{{ issuer: 'https://issuer.test', audience: [exeat], jwks: {{ file: {jwks} }} }}"
        ));
    });
    let exeat = world.lab.start();
    let mut claims = issuer.claims("app");
    // Long enough to open both on a busy machine.
    claims["exp"] = (now() - LEEWAY + 8).into();
    let token = issuer.sign(ALGORITHMS[1], &claims);
    let mut live = tunnel(&world, &exeat, &token);
    let mut database = session(&world, &exeat, &token);
    assert_eq!(sqlstate(&database.query("SELECT id FROM orders")), None);
    let last = database.to_end();
    assert_eq!(sqlstate(&last).as_deref(), Some("57P01"), "{last:?}");
    wait::until_true("the tunnel ends", || exchange(&mut live).is_err());
    let records = world.lab.finish(exeat);
    for plane in ["gateway", "dbproxy"] {
        assert_eq!(records.endings(plane), [("expired", "")], "{plane}");
    }
}

#[test]
fn a_revoked_certificate_ends_its_tunnel_and_its_session() {
    let spiffe = format!("{{ spiffe: spiffe://{TRUST_DOMAIN}/role/app }}");
    let world = world_of(&spiffe);
    let mine = world.lab.issue("app", &[]);
    let pair = (&*mine.0, &*mine.1);
    let exeat = world.lab.start();
    let mut live = tunnel_as(&world, &exeat, pair);
    let mut database = session_as(&world, &exeat, pair);
    assert_eq!(sqlstate(&database.query("SELECT id FROM orders")), None);
    world.lab.identity(["revoke", "app"]).exits(0);
    let last = database.to_end();
    assert_eq!(sqlstate(&last).as_deref(), Some("57P01"), "{last:?}");
    wait::until_true("the tunnel ends", || exchange(&mut live).is_err());
    let records = world.lab.finish(exeat);
    for plane in ["gateway", "dbproxy"] {
        assert_eq!(records.endings(plane), [("denied", "")], "{plane}");
    }
    assert_eq!(records.denials(), ["credentials_revoked"; 2]);
}
