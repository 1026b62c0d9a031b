//! SCRAM at the proxy's own door, by a client that gets one thing wrong: whatever it is, the client is
//! told the same as for a wrong password, and the log tells what it was.

mod client;

use exeat_tests::database::Database;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::scram::{attribute, decode};
use exeat_tests::wire::{cstr, frame, kinds, query, sqlstate};

use client::{Attempt, Data, Door, END_POINT, PASSWORD, PLAIN, PLUS, initial, plain, plus};

const POLICY: &str = "\
version: 1
roles:
  alice:
    identities: [{ scram: alice }]
    databases: { shop: { as: app, allow: [{ select: public.orders }] } }
  former:
    identities: [{ scram: former }]
    databases: { shop: { as: app, allow: [{ select: public.orders }] } }
";

fn lab() -> (Lab, Database) {
    let database = Database::start("CREATE ROLE app LOGIN PASSWORD 'app-password';");
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| setup.database = Some(Upstream::of(&database, &[("app", "app-password")])));
    lab.password("alice", PASSWORD);
    lab.password("former", PASSWORD);
    lab.identity(["revoke", "former"]).exits(0);
    (lab, database)
}

#[test]
fn both_mechanisms_work_for_a_client_that_gets_everything_right() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let door = Door::of(&lab, &exeat);
    for attempt in [
        plus(),
        plain(),
        // Without TLS nothing is offered to bind to, and a client may say that it noticed.
        Attempt {
            tls: false,
            header: "y,,",
            repeated: "y,,",
            ..plain()
        },
    ] {
        let answer = door.attempt(&attempt);
        assert_eq!(sqlstate(&answer.messages), None, "{}", answer.seen());
        let all = if attempt.tls {
            &[PLUS, PLAIN][..]
        } else {
            &[PLAIN]
        };
        assert_eq!(answer.offered, all);
        // The server's last word of the exchange proves that it knows the password as well.
        assert!(answer.messages[0].body[4..].starts_with(b"v="));
    }
    assert!(lab.finish(exeat).denials().is_empty());
}

/// What is on record besides the denial (nothing for what is only a wrong password), and what the client
/// does otherwise than it should.
type Row = (&'static str, fn() -> Attempt, fn(&mut Attempt));

const WRONG: &[Row] = &[
    ("", plain, |a| a.password = "wrong"),
    ("", plus, |a| a.password = "wrong"),
    // Somebody between took PLUS out of the list, and the client noticed.
    ("scram_downgrade", plain, |a| a.header = "y,,"),
    ("scram_binding_mismatch", plus, |a| a.data = Data::Wrong),
    ("scram_binding_mismatch", plus, |a| a.data = Data::None),
    ("scram_binding_mismatch", plain, |a| a.data = Data::Right),
    ("scram_binding_mismatch", plain, |a| a.repeated = "y,,"),
    ("scram_binding_mismatch", plus, |a| a.repeated = "n,,"),
    ("scram_mechanism_mismatch", plus, |a| a.header = "n,,"),
    ("scram_mechanism_mismatch", plus, |a| a.header = "y,,"),
    ("scram_mechanism_mismatch", plain, |a| a.header = END_POINT),
    ("scram_mechanism_mismatch", plus, |a| a.tls = false),
    ("scram_binding_type", plus, |a| a.header = "p=tls-unique,,"),
    ("scram_nonce", plain, |a| {
        a.returned = |nonce| nonce[..nonce.len() - 1].to_owned()
    }),
    ("scram_nonce", plus, |a| {
        a.returned = |_| "the-clients-own".to_owned()
    }),
    ("scram_nonce", plain, |a| {
        a.returned = |nonce| format!("{nonce}x")
    }),
    ("scram_malformed", plain, |a| a.returned = |_| String::new()),
    ("scram_malformed", plain, |a| a.nonce = ""),
    ("scram_malformed", plain, |a| a.header = "x,,"),
    ("scram_malformed", plain, |a| a.header = ""),
    ("scram_authorization_identity", plain, |a| {
        a.header = "n,a=admin,"
    }),
    ("scram_mandatory_extension", plain, |a| a.header = "n,,m=x,"),
    ("scram_malformed", plain, |a| {
        a.last = |start, _| start.to_owned()
    }),
    ("scram_malformed", plain, |a| {
        a.last = |start, proof| format!("{start},p={}", &proof[4..])
    }),
    ("scram_malformed", plain, |a| {
        a.last = |start, proof| format!("{start},p={proof},x=y")
    }),
    // How often is counted is not the client's to choose.
    ("scram_malformed", plain, |a| {
        a.last = |start, proof| format!("{start},i=1,p={proof}")
    }),
    ("scram_malformed", plain, |a| a.last = |_, _| String::new()),
    // A second SASLInitialResponse.
    ("scram_malformed", plain, |a| {
        a.last = |_, _| format!("{PLAIN}\0\0\0\0\x06n,,n=,r=x")
    }),
];

#[test]
fn whatever_is_wrong_looks_like_a_wrong_password_and_the_log_knows_better() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let door = Door::of(&lab, &exeat);
    let seen: Vec<String> = WRONG
        .iter()
        .map(|(_, right, change)| {
            let mut attempt = right();
            change(&mut attempt);
            door.attempt(&attempt).seen()
        })
        .collect();
    assert!(
        seen[0].contains("E FATAL|28P01|authentication failed|"),
        "{}",
        seen[0]
    );
    assert!(
        seen[0].contains("Reason: credentials_invalid."),
        "{}",
        seen[0]
    );
    for (number, other) in seen.iter().enumerate() {
        assert_eq!(*other, seen[0], "row {number}, {}", WRONG[number].0);
    }
    assert!(!database.log().contains("|app|"), "a database was reached");
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), vec!["credentials_invalid"; WRONG.len()]);
    let codes = WRONG.iter().map(|(code, ..)| *code);
    let expected: Vec<&str> = codes.filter(|code| !code.is_empty()).collect();
    assert_eq!(records.refusals(), expected);
    assert!(
        records
            .endings("dbproxy")
            .iter()
            .all(|end| *end == ("denied", ""))
    );
}

#[test]
fn what_is_no_step_of_the_exchange_is_a_protocol_violation() {
    let missing_first = [cstr(PLAIN), vec![0xff; 4]].concat();
    let short = [cstr(PLAIN), vec![0, 0, 0, 99], b"n,,n=,r=x".to_vec()].concat();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("malformed", initial("SCRAM-SHA-1", "n,,n=,r=x")),
        (
            "malformed",
            initial("OAUTHBEARER", "n,,\x01auth=Bearer x\x01\x01"),
        ),
        ("malformed", initial("", "n,,n=,r=x")),
        // A PasswordMessage, as an old client would answer.
        ("malformed", frame('p', &cstr(PASSWORD))),
        ("malformed", frame('p', b"")),
        ("malformed", frame('p', &missing_first)),
        ("malformed", frame('p', &short)),
        ("unexpected_type", query("SELECT 1")),
        ("unexpected_type", frame('X', b"")),
        ("length_too_large", frame('p', &[b'x'; 70_000])),
        ("length_too_small", vec![b'p', 0, 0, 0, 3]),
        ("length_too_large", vec![b'p', 0xff, 0xff, 0xff, 0xff]),
    ];
    let (lab, _database) = lab();
    let exeat = lab.start();
    let door = Door::of(&lab, &exeat);
    for (number, (code, bytes)) in rows.iter().enumerate() {
        let (mut wire, _) = door.knock(true, "alice");
        let answer = wire.send(bytes).to_end();
        assert_eq!(kinds(&answer), "E", "row {number}, {code}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("08P01"), "row {number}");
    }
    let records = lab.finish(exeat);
    let codes: Vec<&str> = rows.iter().map(|(code, _)| *code).collect();
    assert_eq!(records.refusals(), codes);
    let endings = codes.iter().map(|code| ("failed", *code));
    assert_eq!(records.endings("dbproxy"), endings.collect::<Vec<_>>());
    assert!(records.denials().is_empty());
}

#[test]
fn an_unknown_user_looks_like_one_with_another_password() {
    let (lab, _database) = lab();
    let guess = |door: &Door<'_>, user| {
        let answer = door.attempt(&Attempt {
            user,
            password: "wrong",
            ..plus()
        });
        let challenge = answer.challenge.clone().expect("a challenge");
        let salt = attribute(&challenge, 's').to_owned();
        let count = attribute(&challenge, 'i').to_owned();
        let seen = format!("{:?} i={count} {}", answer.offered, answer.seen());
        (seen, salt)
    };
    let users = ["alice", "nobody", "former", "somebody"];
    let exeat = lab.start();
    let door = Door::of(&lab, &exeat);
    let first = users.map(|user| guess(&door, user));
    for (user, (seen, salt)) in users.iter().zip(&first) {
        assert_eq!(*seen, first[0].0, "{user}");
        assert_eq!(decode(salt).len(), decode(&first[0].1).len(), "{user}");
    }
    let different: std::collections::HashSet<_> = first.iter().map(|(_, salt)| salt).collect();
    assert_eq!(different.len(), users.len(), "each name has its own salt");
    assert_eq!(users.map(|user| guess(&door, user)), first, "asked again");
    // Guessing right is no use either where there is no password.
    for user in ["nobody", "former"] {
        let answer = door.attempt(&Attempt { user, ..plus() });
        assert_eq!(
            sqlstate(&answer.messages).as_deref(),
            Some("28P01"),
            "{user}"
        );
    }
    lab.finish(exeat);
    let exeat = lab.start();
    let again = users.map(|user| guess(&Door::of(&lab, &exeat), user));
    assert_eq!(again, first, "after a restart");
    let records = lab.finish(exeat);
    assert_eq!(
        records.denials(),
        vec!["credentials_invalid"; 3 * users.len() + 2]
    );
}
