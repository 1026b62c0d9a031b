//! A whole gateway over loopback for tests: a core with a policy, an identity store and a log in a
//! temporary folder, and raw clients and origins that send exactly what a test says.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use exeat_audit::{Event, Hold, Log, LogOptions};
use exeat_identity::store::Store;
use exeat_identity::{Authenticators, Settings, TrustDomainName, ca, credentials};
use exeat_policy::{PolicySet, Source, load};
use exeat_service::Core;
use exeat_service::config::{Dns, Gateway as Config, GatewayTimeouts};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::{Gateway, serve};

/// A gateway that serves, and what belongs to it.
pub(crate) struct Stage {
    pub(crate) core: Arc<Core>,
    pub(crate) address: SocketAddr,
    /// The token of the role `fn-a`.
    pub(crate) token: String,
    /// The token of the role `fn-b`.
    pub(crate) other: String,
    pub(crate) folder: TempDir,
}

/// The policy of most tests. `port` is the origin's.
pub(crate) fn policy(port: u16, more: &str) -> String {
    format!(
        r#"
version: 1
roles:
  fn-a:
    identities: [{{ token: fn-a }}]
    egress:
      allow:
        - {{ host: api.example.com, ports: [{port}], networks: [127.0.0.0/8] }}
        - {{ host: plain.example.com, ports: [{port}], networks: [127.0.0.0/8], tls: false }}
        - {{ host: closed.example.com, ports: [{port}] }}
        - {{ host: mixed.example.com, ports: [{port}] }}
{more}
  fn-b:
    identities: [{{ token: fn-b }}]
    egress:
      allow: []
"#
    )
}

pub(crate) fn parse(text: &str) -> Arc<PolicySet> {
    let source = Source {
        name: "policy.yaml".to_owned(),
        text: text.to_owned(),
    };
    Arc::new(load(&[source]).unwrap_or_else(|errors| panic!("{}", errors.render(false))))
}

pub(crate) const TIMEOUTS: GatewayTimeouts = GatewayTimeouts {
    handshake: Duration::from_secs(20),
    client_hello: Duration::from_secs(20),
    connect: Duration::from_secs(20),
    idle: Duration::from_secs(60),
};

pub(crate) fn store(folder: &TempDir) -> Store {
    Store::at(folder.path().join("identity"))
}

impl Stage {
    pub(crate) async fn new(policy: &str) -> Self {
        Self::with(policy, TIMEOUTS, false).await
    }

    pub(crate) async fn with(policy: &str, timeouts: GatewayTimeouts, tls: bool) -> Self {
        let open = |options| Log::open(options).unwrap();
        Self::on(policy, timeouts, tls, open).await
    }

    /// On a log whose disk does what the test says.
    pub(crate) async fn held(policy: &str) -> (Self, Hold) {
        let mut held = None;
        let open = |options| {
            let (log, hold) = Log::open_held(options).unwrap();
            held = Some(hold);
            log
        };
        let stage = Self::on(policy, TIMEOUTS, false, open).await;
        (stage, held.unwrap())
    }

    async fn on(
        policy: &str,
        timeouts: GatewayTimeouts,
        tls: bool,
        open: impl FnOnce(LogOptions) -> Log,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let store = store(&folder);
        std::fs::create_dir(store.directory()).unwrap();
        ca::init(
            &store,
            &TrustDomainName::parse("test.example").unwrap(),
            now,
        )
        .unwrap();
        let token = |name| {
            credentials::create_token(&store, name, None, now)
                .unwrap()
                .0
                .expose()
                .clone()
        };
        let (token, other) = (token("fn-a"), token("fn-b"));
        let settings = Settings {
            store: Some(store.directory().to_owned()),
            ..Settings::default()
        };
        let log = open(LogOptions::new(folder.path().join("audit"), "test"));
        let identity = Authenticators::build(&settings).unwrap();
        let core = Core::assemble(parse(policy), identity, log).await.unwrap();
        let tls = tls.then(|| listener_tls(&core, &folder));
        let gateway = Gateway::new(core.clone(), &config(timeouts)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, tls, gateway));
        Self {
            core,
            address,
            token,
            other,
            folder,
        }
    }

    pub(crate) async fn client(&self) -> Raw {
        Raw(TcpStream::connect(self.address).await.unwrap())
    }

    /// The credentials of `fn-a`.
    pub(crate) fn auth(&self) -> String {
        format!("Proxy-Authorization: Bearer {}\r\n", self.token)
    }

    /// A CONNECT of `fn-a`, complete.
    pub(crate) fn connect(&self, to: &str) -> String {
        format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", self.auth())
    }

    /// The size of the future that serves one connection.
    pub(crate) async fn story_size(&self) -> usize {
        let gateway = Gateway::new(self.core.clone(), &config(TIMEOUTS)).unwrap();
        let worker = Arc::new(crate::gateway::Worker::new(gateway, None, self.address).unwrap());
        let stream = self.client().await.0;
        let places = Arc::new(tokio::sync::Semaphore::new(1));
        let place = places.try_acquire_owned().unwrap();
        size_of_val(&crate::session::run(worker, stream, self.address, place))
    }

    /// Every event of the log so far; the log is closed by that.
    pub(crate) async fn events(&self) -> Vec<Event<'static>> {
        self.core.sessions.emptied().await;
        self.core.log.close().await;
        let mut reader = exeat_audit::Reader::open(&self.folder.path().join("audit")).unwrap();
        let mut events = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            events.push(entry.event);
        }
        events
    }
}

fn config(timeouts: GatewayTimeouts) -> Config {
    let here = |list: &[&str]| {
        list.iter()
            .map(|ip| ip.parse().unwrap())
            .collect::<Vec<IpAddr>>()
    };
    let fixed = BTreeMap::from([
        ("api.example.com".to_owned(), here(&["127.0.0.1"])),
        ("plain.example.com".to_owned(), here(&["127.0.0.1"])),
        ("closed.example.com".to_owned(), here(&["127.0.0.1"])),
        (
            "mixed.example.com".to_owned(),
            here(&["93.184.216.34", "10.0.0.1"]),
        ),
    ]);
    Config {
        listeners: Vec::new(),
        keepalive: exeat_service::keepalive::Keepalive::default(),
        dns: Dns {
            // Nobody answers there: a query would be seen as a failure.
            servers: vec!["127.0.0.1:1".parse().unwrap()],
            fixed,
            timeout: Duration::from_secs(5),
        },
        unidentified: 64,
        timeouts,
    }
}

fn listener_tls(core: &Core, folder: &TempDir) -> Arc<exeat_service::tls::TlsServer> {
    let names = ca::Purpose::Server(vec![ca::ServerName::Dns("gateway.test".to_owned())]);
    let issued = ca::issue(
        &store(folder),
        "gateway",
        &names,
        Duration::from_secs(3600),
        Timestamp::now(),
    )
    .unwrap();
    let (certificate, key) = (
        folder.path().join("gateway.crt"),
        folder.path().join("gateway.key"),
    );
    std::fs::write(&certificate, issued.certificate_pem).unwrap();
    std::fs::write(&key, issued.key_pem.expose()).unwrap();
    let tls = exeat_service::config::Tls {
        certificate,
        key,
        client_certificates: true,
    };
    core.tls_server(&tls, &[b"http/1.1"]).unwrap()
}

/// An origin that a test speaks for.
pub(crate) struct Origin(TcpListener);

impl Origin {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub(crate) async fn accept(&self) -> Raw {
        Raw(self.0.accept().await.unwrap().0)
    }
}

/// A socket that sends and receives exactly what a test says.
pub(crate) struct Raw(pub(crate) TcpStream);

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Raw {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads to the end of a head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads an answer of known length.
    pub(crate) async fn response(&mut self) -> Response {
        let head = self.head().await;
        let status = head
            .get(9..12)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let mut response = Response {
            status,
            head,
            body: String::new(),
        };
        let length = response
            .field("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        response.body = String::from_utf8(body).unwrap();
        response
    }

    pub(crate) async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.send(bytes).await;
        self.response().await
    }

    /// Exactly so many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Whether anything lies there to be read.
    pub(crate) fn has_something(&self) -> bool {
        self.0.try_read(&mut [0]).is_ok()
    }

    /// Everything until the other side ends; an abrupt end is one too.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }

    pub(crate) async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }
}

/// The first flight of a real TLS client for this name.
pub(crate) fn hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}
