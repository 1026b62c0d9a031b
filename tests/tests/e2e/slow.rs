//! Clients that come and don't get on: they send nothing, a byte at a time, or stop half-way. Each is
//! left at its deadline, counted, and takes no place away from others for longer.

mod dbproxy;
mod gateway;

use std::time::{Duration, Instant};

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream, counted};
use exeat_tests::raw::{Raw, client_hello};
use exeat_tests::wait;
use exeat_tests::wire::{Wire, startup};

/// What the tests give a handshake. Long for a busy machine, short for a test.
const HANDSHAKE: Duration = Duration::from_secs(4);

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ token: app }]
    databases: { shop: { as: app, allow: [{ select: public.orders }] } }
  alice:
    identities: [{ scram: alice }]
    databases: { shop: { as: app, allow: [{ select: public.orders }] } }
";

fn lab(unidentified: Option<usize>) -> (Lab, Database) {
    let database = Database::start("CREATE ROLE app LOGIN PASSWORD 'app-password';");
    let lab = Lab::new(POLICY);
    lab.password("alice", "correct horse");
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
        setup.timeouts.push("handshake: 4s".to_owned());
        setup.dbproxy_timeouts.push("handshake: 4s".to_owned());
        setup.unidentified = unidentified;
    });
    (lab, database)
}

fn refused(exeat: &Process, plane: &str, code: &str) -> u64 {
    counted(
        exeat,
        &format!("exeat_{plane}_refused_total{{code=\"{code}\"}}"),
    )
}

/// Waits for the end of every connection at once: one deadline is over for all.
#[track_caller]
fn are_left(clients: Vec<(&str, Raw)>, since: Instant) -> Vec<Vec<u8>> {
    let said = clients
        .into_iter()
        .map(|(_, mut client)| client.to_end())
        .collect();
    assert!(since.elapsed() >= HANDSHAKE, "left before the deadline");
    said
}

/// Sends `bytes` one at a time until they are through or the peer closes; whether it closed.
fn trickle(address: std::net::SocketAddr, bytes: &[u8]) -> bool {
    let mut client = Raw::connect(address);
    for byte in bytes {
        if !client.try_send(&[*byte]) {
            return true;
        }
        wait::pause();
    }
    false
}

#[test]
fn a_byte_at_a_time_does_not_move_the_deadline() {
    let (lab, _database) = lab(None);
    let exeat = lab.start();
    let long = startup(
        196_608,
        &[("user", "app"), ("application_name", &"x".repeat(9_000))],
    );
    let hello = client_hello(&[(21, vec![0; 9_000])]);
    let head = format!(
        "CONNECT api.test:443 HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(9_000)
    );
    let rows = [
        (
            "a startup packet",
            exeat.addresses.dbproxy[1],
            long.as_slice(),
        ),
        ("a direct hello", exeat.dbproxy(), &hello),
        ("a request head", exeat.gateway(), head.as_bytes()),
        ("a hello to the gateway", exeat.addresses.gateway[1], &hello),
    ];
    std::thread::scope(|scope| {
        for (what, address, bytes) in rows {
            scope.spawn(move || assert!(trickle(address, bytes), "{what} got through"));
        }
    });
    lab.finish(exeat);
}

#[test]
fn unidentified_connections_are_capped_and_give_their_place_back() {
    let (lab, _database) = lab(Some(3));
    lab.set_up(|setup| {
        // No place comes free by itself while the test looks.
        setup.timeouts = vec!["handshake: 1m".to_owned()];
        setup.dbproxy_timeouts = vec!["handshake: 1m".to_owned()];
    });
    let token = lab.token("app");
    let exeat = lab.start();
    for (plane, address) in [
        ("gateway", exeat.gateway()),
        ("dbproxy", exeat.addresses.dbproxy[1]),
    ] {
        // Threads accept in any order: which of them are closed is chance.
        let mut held: Vec<Raw> = (0..5).map(|_| Raw::connect(address)).collect();
        wait::until("two are closed", || {
            held.retain(|client| !client.is_closed());
            (held.len() == 3).then_some(())
        });
        assert_eq!(refused(&exeat, plane, "too_many_unidentified"), 2);
        // One goes, another may come.
        held.pop();
        wait::until("a place is free", || match plane {
            "gateway" => {
                let mut client = Raw::connect(address);
                client.send("GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n");
                (client.head().status == 407).then_some(())
            }
            _ => {
                let mut client = Wire::connect(address);
                let answer = client.start(&[("user", "app"), ("database", "shop")], "wrong");
                answer
                    .iter()
                    .any(|message| message.kind == 'E')
                    .then_some(())
            }
        });
    }
    // Who has shown who they are holds no place: more of them than there are places.
    let sessions: Vec<Wire> = (0..5)
        .map(|_| {
            wait::until("a session", || {
                let mut wire = Wire::connect(exeat.addresses.dbproxy[1]);
                let answer = wire.start(&[("user", "app"), ("database", "shop")], &token);
                answer
                    .iter()
                    .any(|message| message.kind == 'Z')
                    .then_some(wire)
            })
        })
        .collect();
    let kept: Vec<Raw> = (0..5)
        .map(|_| {
            wait::until("a kept connection", || {
                let mut client = Raw::connect(exeat.gateway());
                client.send(format!(
                    "GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
                ));
                (client.head().status == 403).then_some(client)
            })
        })
        .collect();
    drop((sessions, kept));
    lab.finish(exeat);
}
