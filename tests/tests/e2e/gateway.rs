//! The gateway between curl and an HTTPS origin: allowed, denied, on record.

use exeat_tests::audit::text;
use exeat_tests::lab::{Lab, origin};
use exeat_tests::origin::Origin;
use exeat_tests::run::{curl, run};

/// One role that may reach `api.test` on the origin's port.
pub fn policy(port: u16) -> String {
    format!(
        "\
version: 1
roles:
  fn-a:
    identities:
      - token: fn-a
      - spiffe: spiffe://exeat.internal/role/fn-a
    labels: {{ team: one }}
    egress:
      allow:
        - host: api.test
          ports: [{port}]
          networks: [127.0.0.0/8]
  fn-b:
    identities: [{{ token: fn-b }}]
"
    )
}

/// A lab with the origin `api.test` and [`policy`].
pub fn lab() -> (Lab, Origin) {
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = origin(&lab, "api.test");
    lab.set_policy(&policy(origin.port()));
    (lab, origin)
}

#[test]
fn a_tunnel_to_an_allowed_origin_is_opened_and_on_record() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let mut curl = lab.curl(&exeat, "fn-a", &token);
    curl.arg("--cacert")
        .arg(lab.ca())
        .arg(format!("https://api.test:{}/x", origin.port()));
    run(&curl).exits(0).says(r#""origin":"api.test""#);
    assert_eq!(origin.seen().len(), 1);
    // The credentials are the gateway's: the origin never sees them.
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
    let records = lab.finish(exeat);
    let allowed = records.decisions();
    assert_eq!(text(allowed[0], "/decision/effect"), Some("allow"));
    assert_eq!(
        text(allowed[0], "/request/connection/caller/known/role"),
        Some("fn-a")
    );
    assert_eq!(records.completions().len(), 1);
    assert!(!records.hold(&token), "a token is in the log");
}

#[test]
fn a_host_that_no_rule_allows_is_denied_and_says_why() {
    let (lab, origin) = lab();
    lab.name("other.test", "127.0.0.1");
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let mut curl = lab.curl(&exeat, "fn-a", &token);
    curl.args(["-i", "--cacert"])
        .arg(lab.ca())
        .arg(format!("https://other.test:{}/", origin.port()));
    let ran = run(&curl);
    ran.exits(56)
        .says("403")
        .says("host_not_allowed")
        .says("proxy-status");
    assert_eq!(origin.connections(), 0);
    let records = lab.finish(exeat);
    let denial = records.denial("host_not_allowed");
    assert_eq!(
        text(denial, "/request/connection/caller/known/role"),
        Some("fn-a")
    );
    // The caller is told the id of the very record.
    let id = records
        .0
        .iter()
        .find(|record| text(record, "/event/decision/decision/reason") == Some("host_not_allowed"))
        .and_then(|record| text(record, "/id"))
        .unwrap();
    ran.says(id);
}

#[test]
fn a_port_that_no_rule_allows_is_denied() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let mut curl = lab.curl(&exeat, "fn-a", &token);
    curl.args(["-i", "https://api.test:22/"]);
    run(&curl).exits(56).says("403").says("port_not_allowed");
    assert_eq!(origin.connections(), 0);
    lab.finish(exeat).denial("port_not_allowed");
}

#[test]
fn without_credentials_it_asks_for_them() {
    let (lab, origin) = lab();
    let exeat = lab.start();
    let mut curl = curl();
    curl.arg("-i")
        .arg("--proxy")
        .arg(format!("http://{}", exeat.gateway()));
    curl.arg(format!("https://api.test:{}/", origin.port()));
    run(&curl)
        .exits(56)
        .says("407")
        .says("proxy-authenticate")
        .says("credentials_missing");
    assert_eq!(origin.connections(), 0);
    lab.finish(exeat).denial("credentials_missing");
}

#[test]
fn a_role_without_egress_rules_reaches_nothing() {
    let (lab, origin) = lab();
    let token = lab.token("fn-b");
    let exeat = lab.start();
    let mut curl = lab.curl(&exeat, "fn-b", &token);
    curl.arg("-i")
        .arg(format!("https://api.test:{}/", origin.port()));
    run(&curl).exits(56).says("403").says("host_not_allowed");
    assert_eq!(origin.connections(), 0);
    lab.finish(exeat);
}

#[test]
fn plain_http_needs_a_rule_that_says_so() {
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = Origin::plain("plain");
    lab.name("plain.test", "127.0.0.1")
        .name("secure.test", "127.0.0.1");
    let port = origin.port();
    lab.set_policy(&format!(
        "\
version: 1
roles:
  fn-a:
    identities: [{{ token: fn-a }}]
    egress:
      allow:
        - {{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}
        - {{ host: secure.test, ports: [{port}], networks: [127.0.0.0/8] }}
"
    ));
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let mut allowed = lab.curl(&exeat, "fn-a", &token);
    allowed.args(["-d", "body", &format!("http://plain.test:{port}/form?a=b")]);
    run(&allowed)
        .exits(0)
        .says(r#""path":"/form""#)
        .says(r#""body":4"#);
    let seen = &origin.seen()[0];
    assert_eq!(seen.target, "/form?a=b");
    assert_eq!(
        seen.header("host"),
        Some(format!("plain.test:{port}").as_str())
    );
    assert_eq!(seen.header("proxy-authorization"), None);
    assert_eq!(seen.header("proxy-connection"), None);
    let mut denied = lab.curl(&exeat, "fn-a", &token);
    denied.args(["-i", &format!("http://secure.test:{port}/")]);
    run(&denied).says("403").says("tls_required");
    assert_eq!(origin.connections(), 1);
    lab.finish(exeat).denial("tls_required");
}

#[test]
fn report_mode_lets_through_what_it_would_deny_but_never_a_private_address() {
    let (lab, origin) = lab();
    lab.name("other.test", "127.0.0.1");
    let port = origin.port();
    lab.set_policy(
        "\
version: 1
roles:
  fn-a:
    identities: [{ token: fn-a }]
    egress:
      mode: report
      allow:
        - { host: api.test, ports: [1], networks: [127.0.0.0/8] }
",
    );
    let token = lab.token("fn-a");
    let exeat = lab.start();
    // The port would be denied; the network is opened by the rule for the host.
    let mut curl = lab.curl(&exeat, "fn-a", &token);
    curl.arg("-i")
        .arg("--cacert")
        .arg(lab.ca())
        .arg(format!("https://other.test:{port}/"));
    run(&curl).says("403").says("address_not_public");
    assert_eq!(origin.connections(), 0);
    lab.finish(exeat);
}
