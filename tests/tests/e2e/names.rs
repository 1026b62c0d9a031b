//! Name resolution: who is asked, for what, and which answers are dialled.

use exeat_tests::dns::{Answer, NameServer};
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::origin::Origin;
use exeat_tests::raw::{Head, Raw};

/// Any name below `allowed.test` on the origin's port, without TLS; addresses of 127.0.0.0/8 are open.
fn lab(names: &NameServer, port: u16) -> Lab {
    let lab = Lab::new(&format!(
        "\
version: 1
roles:
  fn-a:
    identities: [{{ source: 127.0.0.0/8 }}]
    egress:
      allow:
        - {{ host: '*.allowed.test', ports: [{port}], tls: false, networks: [127.0.0.0/8] }}
        - {{ host: public.test, ports: [{port}], tls: false }}
"
    ));
    lab.set_up(|setup| setup.dns = Some(names.address()));
    lab
}

fn get(exeat: &Process, name: &str, port: u16) -> Head {
    let request = format!("GET http://{name}:{port}/ HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n");
    Raw::connect(exeat.gateway()).send(request).head()
}

fn because(head: &Head) -> &str {
    head.header("proxy-status").unwrap_or_default()
}

#[test]
fn one_private_address_in_an_answer_denies_the_whole_answer() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    names.addresses("mixed.allowed.test", &["127.0.0.1", "10.0.0.1"]);
    names.addresses("mixed6.allowed.test", &["127.0.0.1", "fd00::1"]);
    names.addresses("mapped.allowed.test", &["::ffff:10.0.0.1"]);
    names.addresses("nat64.allowed.test", &["64:ff9b::a00:1"]);
    names.addresses("metadata.allowed.test", &["169.254.169.254"]);
    names.addresses("azure.allowed.test", &["168.63.129.16"]);
    names.addresses("public.test", &["127.0.0.1"]);
    let exeat = lab.start();
    for (name, reason) in [
        ("mixed.allowed.test", "address_not_public"),
        ("mixed6.allowed.test", "address_not_public"),
        ("mapped.allowed.test", "address_not_public"),
        ("nat64.allowed.test", "address_not_public"),
        ("metadata.allowed.test", "address_metadata"),
        ("azure.allowed.test", "address_metadata"),
        // The rule for this name opens no network.
        ("public.test", "address_not_public"),
    ] {
        let head = get(&exeat, name, origin.port());
        assert_eq!(head.status, 403, "{name}: {head:?}");
        assert!(because(&head).contains(reason), "{name}: {head:?}");
    }
    assert_eq!(origin.connections(), 0);
    let records = lab.finish(exeat);
    assert_eq!(records.denials().len(), 7);
}

#[test]
fn a_failed_lookup_is_an_upstream_failure_and_nothing_is_dialled() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    names.set("servfail.allowed.test", Answer::Code(2));
    names.set("refused.allowed.test", Answer::Code(5));
    names.set("formerr.allowed.test", Answer::Code(1));
    names.set("silent.allowed.test", Answer::Silence);
    names.addresses("empty.allowed.test", &[]);
    names.set(
        "loop.allowed.test",
        Answer::Alias("pool.allowed.test".to_owned()),
    );
    names.set(
        "pool.allowed.test",
        Answer::Alias("loop.allowed.test".to_owned()),
    );
    names.set(
        "dangling.allowed.test",
        Answer::Alias("nowhere.test".to_owned()),
    );
    let exeat = lab.start();
    for name in [
        "gone", "servfail", "refused", "formerr", "silent", "empty", "loop", "dangling",
    ] {
        let head = get(&exeat, &format!("{name}.allowed.test"), origin.port());
        assert!(matches!(head.status, 502 | 504), "{name}: {head:?}");
        assert!(head.header("proxy-status").is_some(), "{name}: {head:?}");
    }
    assert_eq!(origin.connections(), 0);
    lab.finish(exeat);
}

#[test]
fn a_failing_family_does_not_hide_the_other() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    names.set(
        "four.allowed.test",
        Answer::OnlyV4(vec!["127.0.0.1".parse().unwrap()], 2),
    );
    let exeat = lab.start();
    assert_eq!(get(&exeat, "four.allowed.test", origin.port()).status, 200);
    lab.finish(exeat);
}

#[test]
fn an_alias_is_followed_and_its_addresses_are_judged() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    names.set(
        "alias.allowed.test",
        Answer::Alias("target.test".to_owned()),
    );
    names.addresses("target.test", &["127.0.0.1"]);
    names.set(
        "evil.allowed.test",
        Answer::Alias("private.test".to_owned()),
    );
    names.addresses("private.test", &["192.168.0.1"]);
    let exeat = lab.start();
    assert_eq!(get(&exeat, "alias.allowed.test", origin.port()).status, 200);
    let head = get(&exeat, "evil.allowed.test", origin.port());
    assert_eq!(head.status, 403);
    assert!(because(&head).contains("address_not_public"), "{head:?}");
    lab.finish(exeat);
}

#[test]
fn a_retry_is_checked_again() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    let turn = |address: &str| vec![address.parse().unwrap()];
    names.set(
        "rebind.allowed.test",
        Answer::Turns(vec![turn("127.0.0.1"), turn("169.254.169.254")]),
    );
    let exeat = lab.start();
    assert_eq!(
        get(&exeat, "rebind.allowed.test", origin.port()).status,
        200
    );
    let head = get(&exeat, "rebind.allowed.test", origin.port());
    // A cached answer may serve again; a new one must be judged anew. Never the metadata address.
    assert!(
        head.status == 200 || because(&head).contains("address_metadata"),
        "{head:?}"
    );
    lab.finish(exeat);
}

#[test]
fn truncated_answers_are_asked_again_over_tcp_and_forged_ones_ignored() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    let address = |text: &str| vec![text.parse().unwrap()];
    names.set(
        "large.allowed.test",
        Answer::Truncated(address("127.0.0.1")),
    );
    names.set(
        "forged.allowed.test",
        Answer::Spoofed(address("10.0.0.1"), address("127.0.0.1")),
    );
    let exeat = lab.start();
    assert_eq!(get(&exeat, "large.allowed.test", origin.port()).status, 200);
    assert_eq!(
        get(&exeat, "forged.allowed.test", origin.port()).status,
        200
    );
    lab.finish(exeat);
}

#[test]
fn names_are_absolute_and_the_hosts_file_is_not_asked() {
    let (names, origin) = (NameServer::start(), Origin::plain("inside"));
    let lab = lab(&names, origin.port());
    let exeat = lab.start();
    get(&exeat, "short.allowed.test", origin.port());
    let asked = names.asked();
    assert!(
        asked.iter().all(|name| name == "short.allowed.test"),
        "{asked:?}"
    );
    assert!(!asked.is_empty());
    lab.finish(exeat);
}
