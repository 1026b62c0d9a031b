//! Every reason code is reached by somebody who does what it is for, and is on record.

use std::collections::{BTreeSet, HashMap};

use exeat_policy::Reason;
use exeat_tests::audit::text;
use exeat_tests::database::Database;
use exeat_tests::dns::NameServer;
use exeat_tests::exeat::Process;
use exeat_tests::jwt::{Issuer, now};
use exeat_tests::lab::{Lab, Upstream, origin};
use exeat_tests::raw::{Raw, client_hello, encrypted_client_hello, record, server_name};
use exeat_tests::wire::Wire;
use serde_json::json;

const ISSUER: &str = "https://issuer.test";

fn policy(port: u16) -> String {
    format!(
        "\
version: 1
roles:
  app:
    identities: [{{ token: app }}, {{ spiffe: 'spiffe://exeat.internal/role/app' }}]
    egress:
      allow:
        - {{ host: api.test, ports: [{port}], networks: [127.0.0.0/8] }}
        - {{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}
        - {{ host: strict.test, ports: [{port}], assurance: certificate }}
        - {{ host: '*.wide.test', ports: [{port}] }}
      deny: [{{ host: denied.wide.test, ports: [{port}] }}]
    databases:
      shop:
        as: app
        allow: [{{ select: 'public.orders(id, total)' }}, {{ select: 'public.customers(id, email)' }}]
        mask: {{ public.customers.email: email }}
  connects:
    identities: [{{ token: connects }}]
    egress:
      allow: [{{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}]
      limits: {{ connects: 1/h }}
  tunnels:
    identities: [{{ token: tunnels }}]
    egress:
      allow: [{{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}]
      limits: {{ tunnels: 1 }}
  bytes:
    identities: [{{ token: bytes }}]
    egress:
      allow: [{{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}]
      limits: {{ bytes: 1KiB/h }}
  sessions:
    identities: [{{ token: sessions }}]
    databases: {{ shop: {{ as: app, allow: [{{ select: public.orders }}], limits: {{ sessions: 1 }} }} }}
  statements:
    identities: [{{ token: statements }}]
    databases: {{ shop: {{ as: app, allow: [{{ select: public.orders }}], limits: {{ statements: 1/h }} }} }}
  rows:
    identities: [{{ token: rows }}]
    databases: {{ shop: {{ as: app, allow: [{{ select: public.orders }}], limits: {{ rows: 1 }} }} }}
  jwt:
    identities: [{{ jwt: {{ issuer: '{ISSUER}', subject: app }} }}]
"
    )
}

/// The gateway and its callers.
struct Caller<'a> {
    exeat: &'a Process,
    credentials: String,
}

impl Caller<'_> {
    /// Sends a request and keeps the connection.
    fn ask(&self, line: &str, host: &str) -> (Raw, u16) {
        let mut client = Raw::connect(self.exeat.gateway());
        client.send(format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\n{}\r\n",
            self.credentials
        ));
        let status = client.head().status;
        (client, status)
    }

    fn connect(&self, authority: &str) -> (Raw, u16) {
        self.ask(&format!("CONNECT {authority}"), authority)
    }

    /// Opens an allowed tunnel and sends these bytes in it.
    fn inside(&self, authority: &str, bytes: &[u8]) {
        let (mut client, status) = self.connect(authority);
        assert_eq!(status, 200, "{authority}");
        client.send(bytes).to_end();
    }
}

#[test]
fn every_reason_code_is_reached_and_on_record() {
    let names = NameServer::start();
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = origin(&lab, "api.test");
    let port = origin.port();
    let database = Database::start(
        "CREATE TABLE orders (id int, total int, ssn text); INSERT INTO orders VALUES (1), (2), (3);
         CREATE TABLE customers (id int, email text); CREATE TABLE other (id int);
         CREATE SCHEMA far; CREATE TYPE far.mood AS ENUM ('good');
         CREATE FUNCTION above(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE OPERATOR @@@ (FUNCTION = above, LEFTARG = int, RIGHTARG = int);
         CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';",
    );
    let issuer = Issuer::new(ISSUER, "exeat");
    std::fs::write(lab.path("jwks.json"), issuer.jwks()).unwrap();
    let jwks = lab.text("jwks.json");
    lab.name("plain.test", "127.0.0.1")
        .name("strict.test", "127.0.0.1");
    lab.name("private.wide.test", "10.0.0.1")
        .name("metadata.wide.test", "169.254.169.254");
    lab.set_up(|setup| {
        setup.dns = Some(names.address());
        setup.timeouts.push("client_hello: 3s".to_owned());
        setup.issuers.push(format!(
            "{{ issuer: '{ISSUER}', audience: [exeat], jwks: {{ file: {jwks} }} }}"
        ));
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
    });
    lab.set_policy(&policy(port));
    let gone = lab.token("app");
    lab.identity(["revoke", "app"]).exits(0);
    let roles = [
        "app",
        "stranger",
        "connects",
        "tunnels",
        "bytes",
        "sessions",
        "statements",
        "rows",
    ];
    let tokens: HashMap<&str, String> = roles.map(|role| (role, lab.token(role))).into();
    let exeat = lab.start();
    let bearer = |token: &str| Caller {
        exeat: &exeat,
        credentials: format!("Proxy-Authorization: Bearer {token}\r\n"),
    };
    let app = bearer(&tokens["app"]);

    // --- who
    Caller {
        exeat: &exeat,
        credentials: String::new(),
    }
    .connect("api.test:443");
    bearer("nonsense").connect("api.test:443");
    bearer(&gone).connect("api.test:443");
    bearer(&tokens["stranger"]).connect("api.test:443");
    let mut claims = issuer.claims("app");
    claims["exp"] = json!(now() - 3600);
    bearer(&issuer.sign(jsonwebtoken::Algorithm::ES256, &claims)).connect("api.test:443");
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("tunnels:{}", tokens["app"]))
    };
    Caller {
        exeat: &exeat,
        credentials: format!("Proxy-Authorization: Basic {basic}\r\n"),
    }
    .connect("api.test:443");

    // --- where to
    app.connect(&format!("strict.test:{port}"));
    app.connect("127.1:443");
    app.connect("elsewhere.test:443");
    app.connect("api.test:22");
    app.connect(&format!("denied.wide.test:{port}"));
    app.connect("93.184.216.34:443");
    app.connect("x.local:443");
    app.connect(&format!("private.wide.test:{port}"));
    app.connect(&format!("metadata.wide.test:{port}"));
    app.ask(
        &format!("GET http://api.test:{port}/"),
        &format!("api.test:{port}"),
    );

    // --- what is inside
    let target = format!("api.test:{port}");
    app.inside(&target, &client_hello(&[server_name(&[b"evil.test"])]));
    app.inside(&target, &client_hello(&[]));
    app.inside(
        &target,
        &client_hello(&[server_name(&[b"api.test"]), encrypted_client_hello()]),
    );
    app.inside(&target, b"SSH-2.0-x\r\n");
    app.inside(&target, &record(22, &[]));
    app.inside(&target, &[22, 3, 1]);

    // --- how much
    let plain = format!("plain.test:{port}");
    let connects = bearer(&tokens["connects"]);
    let tunnels = bearer(&tokens["tunnels"]);
    let bytes = bearer(&tokens["bytes"]);
    let _held = [
        connects.connect(&plain),
        connects.connect(&plain),
        tunnels.connect(&plain),
        tunnels.connect(&plain),
    ];
    let (mut client, status) = bytes.connect(&plain);
    assert_eq!(status, 200);
    client.send([0; 4096]).to_end();
    bytes.connect(&plain);

    // --- statements
    let root = std::fs::read_to_string(lab.ca()).unwrap();
    let session = |role: &str, database: &str| {
        let mut session = Wire::connect_tls(exeat.dbproxy(), &root);
        session.start(&[("user", role), ("database", database)], &tokens[role]);
        session
    };
    session("app", "elsewhere");
    let mut analyst = session("app", "shop");
    for sql in [
        "SELEC 1",
        "SELECT id FROM orders WHERE id = ANY (VALUES (1), (2))",
        "REINDEX TABLE orders",
        "CREATE TABLE t (id int)",
        "SELECT id FROM other",
        "SELECT ssn FROM orders",
        "SELECT email FROM customers",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT id FROM orders WHERE id @@@ 1",
        "SELECT 'good'::far.mood",
        "SET work_mem = '1GB'",
    ] {
        analyst.query(sql);
    }
    let _first = session("sessions", "shop");
    session("sessions", "shop");
    let mut limited = session("statements", "shop");
    limited.query("SELECT 1");
    limited.query("SELECT 1");
    session("rows", "shop").query("SELECT id FROM orders");

    let records = lab.finish(exeat);
    let decided = records
        .decisions()
        .into_iter()
        .filter_map(|decided| text(decided, "/decision/reason"));
    let refused = records
        .of_kind("refused")
        .filter_map(|refused| text(refused, "/code"));
    let ended = records
        .completions()
        .into_iter()
        .filter_map(|done| text(done, "/error"));
    let reached: BTreeSet<&str> = decided.chain(refused).chain(ended).collect();
    let missing: Vec<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        // Where PostgreSQL is asked no statement is left to one reader alone.
        .filter(|code| *code != "unconfirmed" && !reached.contains(code))
        .collect();
    assert!(
        missing.is_empty(),
        "never reached: {missing:?}; reached: {reached:?}"
    );
}
