//! Names whose answers change between one question and the next: what is dialled was judged, in that
//! very decision, whatever the name leads to a moment later.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use exeat_tests::dns::{Answer, NameServer};
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::origin::Origin;
use exeat_tests::raw::Raw;
use serde_json::Value;

/// Where the rule's network is; nobody listens on the second.
const GOOD: &str = "127.0.0.1";
const DEAD: &str = "127.0.0.2";
/// Outside of it, and somebody listens.
const TRAP: &str = "127.0.0.9";

/// An origin, a trap on the same port of another address, and a policy that opens the origin's network.
struct World {
    names: NameServer,
    origin: Origin,
    trap: Origin,
    lab: Lab,
}

fn world() -> World {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let port = origin.port();
    let trap = Origin::plain_at("trap", (TRAP.parse::<IpAddr>().unwrap(), port).into());
    let lab = Lab::new(&format!(
        "\
version: 1
roles:
  fn-a:
    identities: [{{ source: 127.0.0.0/8 }}]
    egress:
      allow: [{{ host: '*.allowed.test', ports: [{port}], tls: false, networks: ['127.0.0.0/29'] }}]
"
    ));
    lab.set_up(|setup| setup.dns = Some(names.address()));
    World {
        names,
        origin,
        trap,
        lab,
    }
}

fn list(addresses: &[&str]) -> Vec<IpAddr> {
    addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect()
}

/// The gateway, and the port of everybody behind it.
#[derive(Clone, Copy)]
struct Way {
    gateway: SocketAddr,
    port: u16,
}

impl Way {
    fn get(self, name: &str) -> u16 {
        let to = format!("{name}:{}", self.port);
        let request = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
        Raw::connect(self.gateway).send(request).head().status
    }

    /// A request inside of a tunnel; the status of the first answer that is not 200.
    fn tunnel(self, name: &str) -> u16 {
        let to = format!("{name}:{}", self.port);
        let mut client = Raw::connect(self.gateway);
        client.send(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"));
        match client.head().status {
            200 => {
                client.send(format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n"));
                client.head().status
            }
            other => other,
        }
    }
}

impl World {
    fn way(&self, exeat: &Process) -> Way {
        Way {
            gateway: exeat.gateway(),
            port: self.origin.port(),
        }
    }

    /// Ends the process: the trap was never reached, and what was dialled stands in the decision that
    /// it was dialled for. Gives how many were dialled.
    #[track_caller]
    fn finish(&self, exeat: Process) -> usize {
        let records = self.lab.finish(exeat);
        assert_eq!(self.trap.connections(), 0, "the trap was dialled");
        let dialled = records.0.iter().filter_map(|record| {
            let dialled = record.pointer("/completion/dialled")?.as_str()?;
            let judged = record.pointer("/event/decision/request/connection/addresses")?;
            Some((dialled, judged))
        });
        let dialled: Vec<(&str, &Value)> = dialled.collect();
        for (address, judged) in &dialled {
            let judged = judged.as_array().unwrap();
            assert!(
                judged.contains(&Value::from(*address)),
                "{address}: {judged:?}"
            );
            assert!(!judged.contains(&Value::from(TRAP)), "{judged:?}");
        }
        assert!(
            records
                .denials()
                .iter()
                .all(|reason| *reason == "address_not_public")
        );
        dialled.len()
    }
}

#[test]
fn answers_that_change_with_every_query_are_judged_every_time() {
    let world = world();
    let turns = [
        list(&[GOOD]),
        list(&[TRAP]),
        list(&[DEAD, GOOD]),
        list(&[DEAD, TRAP]),
        list(&[GOOD, TRAP]),
        list(&[GOOD, DEAD]),
        list(&["93.184.216.34", "10.0.0.1"]),
    ];
    let turns: Vec<Vec<IpAddr>> = turns.iter().cycle().take(20 * 7).cloned().collect();
    world.names.set("rebind.allowed.test", Answer::Turns(turns));
    let exeat = world.lab.start();
    let mut statuses: HashMap<u16, usize> = HashMap::new();
    let way = world.way(&exeat);
    let ask = |client: usize| match client % 2 {
        0 => way.get("rebind.allowed.test"),
        _ => way.tunnel("rebind.allowed.test"),
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| scope.spawn(move || (0..20).map(|_| ask(client)).collect::<Vec<_>>()))
            .collect();
        for status in clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
        {
            *statuses.entry(status).or_default() += 1;
        }
    });
    let of = |status| statuses.get(&status).copied().unwrap_or(0);
    assert_eq!(of(200) + of(403), 80, "{statuses:?}");
    assert!(of(200) > 0 && of(403) > 0, "{statuses:?}");
    assert_eq!(world.finish(exeat), of(200));
}

#[test]
fn the_tries_of_one_decision_share_its_one_answer() {
    let world = world();
    let dead_first = list(&[DEAD, "127.0.0.3", "127.0.0.4", GOOD]);
    let turns = vec![dead_first, list(&[TRAP])];
    world.names.set("retry.allowed.test", Answer::Turns(turns));
    let exeat = world.lab.start();
    let way = world.way(&exeat);
    assert_eq!(way.tunnel("retry.allowed.test"), 200);
    // Once for each family: nobody asked again when the first tries failed.
    assert_eq!(world.names.asked().len(), 2, "{:?}", world.names.asked());
    assert_eq!(way.tunnel("retry.allowed.test"), 403);
    assert_eq!(world.finish(exeat), 1);
}

#[test]
fn one_family_can_t_bring_in_what_the_other_may_not() {
    let world = world();
    world.names.addresses("both.allowed.test", &[GOOD, "::1"]);
    world
        .names
        .addresses("mapped.allowed.test", &[GOOD, "::ffff:127.0.0.9"]);
    world
        .names
        .addresses("six.allowed.test", &["::ffff:127.0.0.9"]);
    world
        .names
        .set("alone.allowed.test", Answer::V4Alone(list(&[GOOD])));
    let alias = Answer::Alias("trap.test".to_owned());
    world.names.set("alias.allowed.test", alias);
    world.names.addresses("trap.test", &[TRAP]);
    let exeat = world.lab.start();
    let way = world.way(&exeat);
    for name in ["both", "mapped", "six", "alias"] {
        let name = format!("{name}.allowed.test");
        assert_eq!(way.get(&name), 403, "{name}");
        assert_eq!(way.tunnel(&name), 403, "{name}");
    }
    // A family that never answers is neither waited for nor dialled.
    assert_eq!(way.tunnel("alone.allowed.test"), 200);
    assert_eq!(world.finish(exeat), 1);
}

#[test]
fn a_kept_connection_asks_anew_for_every_request() {
    let world = world();
    let turns = vec![list(&[GOOD]), list(&[TRAP])];
    world.names.set("kept.allowed.test", Answer::Turns(turns));
    let exeat = world.lab.start();
    let to = format!("kept.allowed.test:{}", world.origin.port());
    let mut client = Raw::connect(exeat.gateway());
    let mut ask = || {
        client.send(format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"));
        client.head()
    };
    assert_eq!(ask().status, 200);
    let denied = ask();
    assert_eq!(denied.status, 403, "{denied:?}");
    assert!(denied.body.contains("address_not_public"), "{denied:?}");
    assert_eq!(world.finish(exeat), 1);
}
