//! A database server that is none, or is not itself any more: whatever it says instead of what it was
//! asked, the client gets a clear FATAL, nothing hangs, the proxy lives on, and the log tells what it was.

mod answers;
mod login;

use std::sync::atomic::{AtomicUsize, Ordering};

use exeat_tests::exeat::Process;
use exeat_tests::impostor::{
    Impostor, Peer, Script, authentication, description, error, ready_to_begin, row,
};
use exeat_tests::lab::{Lab, Upstream, admin};
use exeat_tests::origin::server_config;
use exeat_tests::pki::Authority;
use exeat_tests::scram::attribute;
use exeat_tests::wire::{Message, Wire, cstr, frame, kinds, sqlstate};

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases: { shop: { as: app, allow: [{ select: public.orders }] } }
";

const PASSWORD: &str = "app-password";

/// The SQLSTATE that the client gets, the error on record, and what the server does.
type Row = (&'static str, &'static str, Box<Script>);

fn lab(server: &Impostor, password: &str, roots: Option<&Authority>) -> Lab {
    let lab = Lab::new(POLICY);
    let roots = roots.map(|authority| {
        std::fs::write(lab.path("roots.pem"), authority.pem()).unwrap();
        lab.path("roots.pem")
    });
    lab.set_up(|setup| {
        setup.dbproxy_timeouts.push("connect: 2s".to_owned());
        setup.analysis = Some("own");
        setup.database = Some(Upstream {
            port: server.port(),
            roots,
            users: vec![("app".to_owned(), password.to_owned())],
            catalog_user: None,
        });
    });
    lab
}

fn start(exeat: &Process) -> (Wire, Vec<Message>) {
    let mut wire = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = wire.start(&[("user", "app"), ("database", "shop")], "");
    (wire, answer)
}

/// A session that does not come to be, with an error of this code that tells nothing.
#[track_caller]
fn fails(exeat: &Process, state: &str, row: &str) {
    let (mut wire, answer) = start(exeat);
    assert_eq!(kinds(&answer), "E", "{row}");
    let said = |field| answer[0].field(field).unwrap_or_default();
    assert_eq!(
        (said('V'), said('C')),
        ("FATAL".to_owned(), state.to_owned()),
        "{row}"
    );
    assert!(wire.to_end().is_empty(), "{row}");
    let said = format!("{answer:?}");
    assert!(
        !said.contains(PASSWORD) && !said.contains("impostor"),
        "{said}"
    );
}

/// Each script in turn refuses, breaks or fakes the login; those that fall silent behind these bytes do so all at
/// once, for the proxy waits for each. Then an honest one shows that nothing stuck.
#[track_caller]
fn nobody_logs_in(
    lab: &Lab,
    server: &Impostor,
    rows: Vec<Row>,
    silent: &'static [&'static [u8]],
    honest: Box<Script>,
) {
    let exeat = lab.start();
    let mut expected = Vec::new();
    for (number, (state, kind, script)) in rows.into_iter().enumerate() {
        server.set(script);
        fails(&exeat, state, &format!("row {number}, {kind}"));
        expected.push(("failed", kind));
    }
    let came = AtomicUsize::new(0);
    server.set(move |peer| {
        peer.packet()?;
        let number = came.fetch_add(1, Ordering::SeqCst);
        let bytes = silent.iter().cycle().nth(number)?;
        peer.send(bytes).stall();
        None
    });
    std::thread::scope(|scope| {
        for _ in silent {
            scope.spawn(|| fails(&exeat, "08006", "a silent one"));
        }
    });
    expected.extend(silent.iter().map(|_| ("failed", "upstream_timeout")));
    server.set(honest);
    let (mut wire, answer) = start(&exeat);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    assert_eq!(kinds(&wire.query("SELECT 1")), "TDCZ");
    wire.send(frame('X', b"")).to_end();
    expected.push(("completed", ""));
    assert_eq!(admin(&exeat, "/healthz").ok(), "ok");
    assert!(
        !exeat.log().contains(PASSWORD),
        "a password is in the log file"
    );
    let records = lab.finish(exeat);
    assert_eq!(records.endings("dbproxy"), expected);
    assert!(!records.hold(PASSWORD));
}

/// Serves a connection that is logged in, as far as the tests need it.
fn serves(peer: &mut Peer, startup: &[u8]) -> Option<()> {
    if peer.catalog(startup) {
        return None;
    }
    while peer.message()?.0 == 'Q' {
        peer.send(
            [
                description(),
                row("1"),
                frame('C', b"SELECT 1\0"),
                frame('Z', b"I"),
            ]
            .concat(),
        );
    }
    Some(())
}

fn honest_scram(peer: &mut Peer) -> Option<()> {
    let startup = peer.scram(PASSWORD)?;
    serves(peer, &startup)
}

/// Answers the SSLRequest, or the startup, with these bytes.
fn says(bytes: Vec<u8>) -> Box<Script> {
    Box::new(move |peer| {
        peer.packet()?;
        peer.send(&bytes).stall();
        None
    })
}

/// Answers the client's first SCRAM message with this, put behind the nonce of the client.
fn challenges(challenge: &'static str) -> Box<Script> {
    Box::new(move |peer| {
        let (_, first) = peer.client_first()?;
        let challenge = challenge.replace("NONCE", attribute(&first, 'r'));
        peer.send(authentication(11, challenge.as_bytes())).stall();
        None
    })
}

/// An exchange that is honest up to the server's last message.
fn concludes(last: Vec<u8>) -> Box<Script> {
    Box::new(move |peer| {
        let (_, first) = peer.client_first()?;
        let nonce = attribute(&first, 'r');
        let challenge = format!("r={nonce}mine,s=c2FsdHNhbHQ=,i=4096");
        peer.send(authentication(11, challenge.as_bytes()));
        peer.message()?;
        peer.send(&last).stall();
        None
    })
}

#[test]
fn a_password_goes_to_no_server_that_does_not_prove_itself() {
    let welcome = [authentication(0, b""), ready_to_begin()].concat();
    let skips = welcome.clone();
    let signature = b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let unproven = vec![
        // In clear, as an MD5, by Kerberos, by what nobody knows, and not at all.
        says(authentication(3, b"")),
        says(authentication(5, b"salt")),
        says(authentication(7, b"")),
        says(authentication(99, b"")),
        says(welcome.clone()),
        says(authentication(10, b"SCRAM-SHA-1\0\0")),
        says(authentication(10, b"SCRAM-SHA-256-PLUS\0\0")),
        says(authentication(10, b"\0")),
        // Another nonce, counts that would take for ever or can't be, no salt, nonsense.
        challenges("r=other,s=c2FsdA==,i=4096"),
        challenges("r=xNONCE,s=c2FsdA==,i=4096"),
        challenges("r=NONCEx,s=c2FsdA==,i=4294967295"),
        challenges("r=NONCEx,s=c2FsdA==,i=2000000000"),
        challenges("r=NONCEx,s=c2FsdA==,i=99999999999"),
        challenges("r=NONCEx,s=c2FsdA==,i=-1"),
        challenges("r=NONCEx,s=?,i=4096"),
        challenges("r=NONCEx,i=4096"),
        challenges("\u{1f40e}"),
        challenges(""),
        // A wrong signature, an error in its place, none.
        concludes(authentication(12, signature)),
        concludes(authentication(12, b"e=other-error")),
        concludes(authentication(12, b"")),
    ];
    let broken: Vec<Box<Script>> = vec![
        // In, without a word of proof; asked once more, in clear.
        concludes(welcome),
        concludes(authentication(3, b"")),
        Box::new(move |peer| {
            peer.client_first()?;
            peer.send(&skips).stall();
            None
        }),
    ];
    let of = |kind: &'static str| move |script| ("08006", kind, script);
    let unproven = unproven.into_iter().map(of("upstream_authentication"));
    let broken = broken.into_iter().map(of("upstream_violation"));
    let server = Impostor::start();
    let lab = lab(&server, PASSWORD, None);
    nobody_logs_in(
        &lab,
        &server,
        unproven.chain(broken).collect(),
        &[],
        Box::new(honest_scram),
    );
}

#[test]
fn tls_is_what_the_configuration_says_or_there_is_no_session() {
    const TLS: &str = "upstream_tls";
    const BROKEN: &str = "upstream_violation";
    let authority = Authority::new("the database's");
    let pair = authority.server(&["localhost"]);
    let stranger = Authority::new("a stranger").server(&["localhost"]);
    let other = authority.server(&["elsewhere.test"]);
    let stuffed = [b"S".to_vec(), authentication(0, b""), ready_to_begin()].concat();
    let rows: Vec<Row> = vec![
        ("08006", TLS, says(b"N".to_vec())),
        ("08006", BROKEN, says(b"X".to_vec())),
        ("08006", BROKEN, says(b"G".to_vec())),
        // A server before 7.0 would answer with an error in the clear: anybody may have written it.
        ("08006", BROKEN, says(error("FATAL", "28000"))),
        // Behind the S, before TLS: never taken for what comes inside it (CVE-2021-23222).
        ("08006", TLS, says(stuffed)),
        (
            "08006",
            "upstream_io",
            Box::new(|peer| peer.packet().map(|_| peer.send(b"S")).map(|_| ())),
        ),
        (
            "08006",
            TLS,
            Box::new(move |peer| peer.encrypt(server_config(&stranger))),
        ),
        (
            "08006",
            TLS,
            Box::new(move |peer| peer.encrypt(server_config(&other))),
        ),
    ];
    let server = Impostor::start();
    let lab = lab(&server, PASSWORD, Some(&authority));
    // Inside of real TLS, with the right certificate, a password may go in clear: the server is proven.
    let honest = move |peer: &mut Peer| {
        peer.encrypt(server_config(&pair))?;
        let startup = peer.packet()?;
        peer.send(authentication(3, b""));
        let (_, password) = peer.message()?;
        assert_eq!(password, cstr(PASSWORD));
        peer.send([authentication(0, b""), ready_to_begin()].concat());
        serves(peer, &startup)
    };
    nobody_logs_in(&lab, &server, rows, &[b"S", b""], Box::new(honest));
}
