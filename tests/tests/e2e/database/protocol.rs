//! Versions and options of the protocol: what is spoken, and what is negotiated down.

use exeat_tests::wire::{Wire, cstr, kinds, sqlstate};

use super::lab;

const NEWEST: u32 = 196_610;

/// A NegotiateProtocolVersion's body.
fn negotiate(version: u32, options: &[&str]) -> Vec<u8> {
    let count = u32::try_from(options.len()).unwrap();
    let mut body = [version.to_be_bytes(), count.to_be_bytes()].concat();
    options.iter().for_each(|name| body.extend(cstr(name)));
    body
}

#[test]
fn each_version_and_option_gets_its_answer_and_a_session() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    type Case<'a> = (u32, &'a [&'a str], Option<Vec<u8>>, usize);
    let cases: &[Case<'_>] = &[
        (196_608, &[], None, 4),
        (NEWEST, &[], None, 32),
        (196_611, &[], Some(negotiate(NEWEST, &[])), 32),
        (196_617, &[], Some(negotiate(NEWEST, &[])), 32),
        (262_143, &[], Some(negotiate(NEWEST, &[])), 32),
        (
            NEWEST,
            &["_pq_.compression"],
            Some(negotiate(NEWEST, &["_pq_.compression"])),
            32,
        ),
        // Never a newer version than was asked for.
        (
            196_608,
            &["_pq_.a", "_pq_.b"],
            Some(negotiate(196_608, &["_pq_.a", "_pq_.b"])),
            4,
        ),
    ];
    for (version, options, negotiated, secret) in cases {
        let mut parameters = vec![("user", "app"), ("database", "shop")];
        parameters.extend(options.iter().map(|name| (*name, "on")));
        let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
        let answer = session.start_as(*version, &parameters, "");
        assert_eq!(sqlstate(&answer), None, "{version} {options:?}: {answer:?}");
        let first = (answer[0].kind == 'v').then(|| answer[0].body.clone());
        assert_eq!(first, *negotiated, "{version} {options:?}");
        let key = answer.iter().find(|message| message.kind == 'K').unwrap();
        assert_eq!(key.body.len(), 4 + secret, "{version} {options:?}");
        assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    }
    for version in [131_072, 262_144, u32::MAX] {
        let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
        let answer = session.start_as(version, &[("user", "app")], "");
        assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{version}");
    }
    lab.finish(exeat);
}
