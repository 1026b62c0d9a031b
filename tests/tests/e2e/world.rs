//! What several tests start from: an origin and a database behind one process, a role that may use both,
//! and a live tunnel and a live session of it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream, origin};
use exeat_tests::origin::Origin;
use exeat_tests::raw::{Head, Raw};
use exeat_tests::wire::{Wire, sqlstate, tls_client, tls_client_as};

/// A lab with an origin and a database, and a role that may use both.
pub struct World {
    pub lab: Lab,
    pub origin: Origin,
    pub database: Database,
}

/// The role's identities.
const TOKEN: &str = "{ token: app }";

/// The policy: which host on the origin's port, which columns of `orders`.
pub fn policy(port: u16, host: &str, columns: &str) -> String {
    format!(
        "\
version: 1
roles:
  app:
    identities: [{TOKEN}]
    egress:
      allow: [{{ host: {host}, ports: [{port}], networks: [127.0.0.0/8] }}]
    databases:
      shop: {{ as: app, allow: [{{ select: 'public.orders({columns})' }}] }}
"
    )
}

/// The world with [`policy`]: the role comes with a token.
pub fn world() -> World {
    world_of(TOKEN)
}

/// The same where the role comes with these identities.
pub fn world_of(identities: &str) -> World {
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = origin(&lab, "api.test");
    let database = Database::start(
        "CREATE TABLE orders (id int, total int); INSERT INTO orders VALUES (1, 10);
         CREATE ROLE app LOGIN PASSWORD 'app-password'; GRANT ALL ON orders TO app;",
    );
    lab.set_up(|setup| setup.database = Some(Upstream::of(&database, &[("app", "app-password")])));
    let policy = policy(origin.port(), "api.test", "id, total");
    lab.set_policy(&policy.replace(TOKEN, identities));
    World {
        lab,
        origin,
        database,
    }
}

/// Bytes both ways.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A live TLS tunnel to the origin.
pub type Tunnel = Box<dyn Stream>;

/// A tunnel through the listener without TLS.
pub fn tunnel(world: &World, exeat: &Process, token: &str) -> Tunnel {
    let mut client = Raw::connect(exeat.gateway());
    assert_eq!(connect(world, &mut client, token).status, 200);
    inside(world, client.into_stream())
}

/// The answer to the CONNECT of such a tunnel.
pub fn connect(world: &World, client: &mut Raw, token: &str) -> Head {
    let to = format!("api.test:{}", world.origin.port());
    let ask = format!(
        "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
    );
    client.send(ask).head()
}

/// A tunnel through the listener with TLS, by a client certificate.
pub fn tunnel_as(world: &World, exeat: &Process, pair: (&Path, &Path)) -> Tunnel {
    let to = format!("api.test:{}", world.origin.port());
    let session = tls_client_as(&world.root(), "localhost", &[b"http/1.1"], pair);
    let stream = Raw::connect(exeat.addresses.gateway[1]).into_stream();
    let mut proxy = rustls::StreamOwned::new(session, stream);
    write!(proxy, "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        proxy.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{head:?}");
    inside(world, proxy)
}

fn inside(world: &World, stream: impl Stream + 'static) -> Tunnel {
    let session = tls_client(&world.root(), "api.test", &[]);
    let mut tunnel: Tunnel = Box::new(rustls::StreamOwned::new(session, stream));
    exchange(&mut tunnel).expect("the new tunnel answers");
    tunnel
}

/// One request in a tunnel.
pub fn exchange(tunnel: &mut Tunnel) -> std::io::Result<()> {
    tunnel.write_all(b"GET /bytes/10 HTTP/1.1\r\nHost: api.test\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"xxxxxxxxxx") {
        let mut buffer = [0; 4096];
        let count = tunnel.read(&mut buffer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}

/// A session by a secret, over TLS.
pub fn session(world: &World, exeat: &Process, token: &str) -> Wire {
    let mut session = Wire::connect_tls(exeat.dbproxy(), &world.root());
    let answer = session.start(&[("user", "app"), ("database", "shop")], token);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    session
}

/// A session by a client certificate.
pub fn session_as(world: &World, exeat: &Process, pair: (&Path, &Path)) -> Wire {
    let mut session = Wire::connect_tls_as(exeat.dbproxy(), &world.root(), pair);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    session
}

impl World {
    /// The CA's certificate.
    pub fn root(&self) -> String {
        std::fs::read_to_string(self.lab.ca()).unwrap()
    }

    /// The newest segment of the log.
    pub fn segment(&self) -> PathBuf {
        let folder = std::fs::read_dir(self.lab.path("audit/segments")).unwrap();
        folder.map(|entry| entry.unwrap().path()).max().unwrap()
    }
}
