//! A relay between two sockets that a test holds the other ends of.

use std::sync::Arc;
use std::time::Duration;

use exeat_audit::{Body, Hold, Log, LogOptions, Outcome, Plane, Reader};
use exeat_identity::{Authenticators, Settings};
use exeat_policy::{Basis, Effect, Identity, Method, Principal, Source};
use exeat_service::config::{self, Parameters, StatementLimits, UpstreamTls};
use exeat_service::keepalive::Keepalive;
use exeat_service::{Core, Live, SessionInfo};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::cancel::Cancels;
use crate::catalog::Catalogs;
use crate::guard::Guard;
use crate::pipe::Pipe;
use crate::record::Recorder;
use crate::relay::{End, Large, Parts, Relay};
use crate::stream::Stream;
use crate::upstream::{CancelTarget, Pinned, Upstream};
use crate::wire::frame as wire;

const POLICY: &str = "
version: 1
roles:
  app:
    identities: [{ token: app }]
    databases:
      shop:
        as: app
        allow:
          - select: \"public.orders(id, total)\"
        limits: { rows: 3 }
        audit: written
";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Stage {
    client: TcpStream,
    server: TcpStream,
    core: Arc<Core>,
    live: Arc<Live>,
    relay: JoinHandle<End>,
    log: TempDir,
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

pub(super) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![tag];
    frame.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

pub(super) fn parse(sql: &str) -> Vec<u8> {
    frame(b'P', &[&b"\0"[..], &text(sql), &b"\0\0"[..]].concat())
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (far, near) = tokio::join!(TcpStream::connect(address), listener.accept());
    (far.unwrap(), near.unwrap().0)
}

fn upstream() -> Arc<Upstream> {
    let database = config::Database {
        host: "127.0.0.1".to_owned(),
        port: 1,
        database: "shop".to_owned(),
        tls: UpstreamTls::Disable,
        users: [].into(),
        catalog_user: None,
        search_path: Vec::new(),
        analysis: config::Analysis::Own,
        second_wall: config::SecondWall::Off,
    };
    Arc::new(Upstream::new(&database, &[], PATIENCE, Keepalive::default()).unwrap())
}

impl Stage {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(LogOptions::new(folder.path(), "test")).unwrap();
        Self::on(POLICY, folder, log).await
    }

    /// With this audit mode, on a log whose disk does what the test says.
    pub(super) async fn held(mode: &str) -> (Self, Hold) {
        let folder = tempfile::tempdir().unwrap();
        let (log, hold) = Log::open_held(LogOptions::new(folder.path(), "test")).unwrap();
        let policy = POLICY.replace("audit: written", &format!("audit: {mode}"));
        (Self::on(&policy, folder, log).await, hold)
    }

    async fn on(policy: &str, log: TempDir, opened: Log) -> Self {
        let source = Source {
            name: "policy.yaml".to_owned(),
            text: policy.to_owned(),
        };
        let policy = Arc::new(exeat_policy::load(&[source]).unwrap());
        let identity = Authenticators::build(&Settings::default()).unwrap();
        let core = Core::assemble(policy, identity, opened).await.unwrap();
        let (client, near) = pair().await;
        let (server, far) = pair().await;
        let live = Arc::new(core.sessions.register(SessionInfo {
            plane: Plane::Dbproxy,
            peer: client.local_addr().unwrap(),
            listener: near.local_addr().unwrap(),
        }));
        let relay = Relay::new(parts(&core, &live, near, far));
        let watched = Arc::clone(&live);
        let relay = tokio::spawn(async move { relay.run(&watched).await });
        Self {
            client,
            server,
            core,
            live,
            relay,
            log,
        }
    }

    pub(super) async fn client_sends(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.unwrap();
    }

    pub(super) async fn server_sends(&mut self, bytes: &[u8]) {
        self.server.write_all(bytes).await.unwrap();
    }

    pub(super) async fn client_gets(&mut self, frames: usize) -> Vec<u8> {
        read(&mut self.client, frames).await
    }

    pub(super) async fn server_gets(&mut self, frames: usize) -> Vec<u8> {
        read(&mut self.server, frames).await
    }

    /// Whether anything lies there for the client.
    pub(super) fn client_has_something(&self) -> bool {
        self.client.try_read(&mut [0]).is_ok()
    }

    /// Whether anything lies there for the server.
    pub(super) fn server_has_something(&self) -> bool {
        self.server.try_read(&mut [0]).is_ok()
    }

    /// Everything that the client still gets.
    pub(super) async fn client_rest(&mut self) -> Vec<u8> {
        rest(&mut self.client).await
    }

    /// Everything that the server still gets.
    pub(super) async fn server_rest(&mut self) -> Vec<u8> {
        rest(&mut self.server).await
    }

    /// Ends the log under the session, as a process does that can't write any more.
    pub(super) async fn log_closes(&self) {
        self.core.log.close().await;
    }

    /// The SQLSTATE of the error that the client gets next.
    pub(super) async fn client_errors(&mut self) -> String {
        let message = self.client_gets(1).await;
        assert_eq!(message[0], b'E', "{message:?}");
        let fields = crate::wire::Fields::read(&message[5..]);
        fields.text(b'C').unwrap().into_owned()
    }

    /// Ends everything and reads the log: the decisions.
    pub(super) async fn decisions(self) -> Vec<(Effect, Basis)> {
        self.recorded(|body| match body {
            Body::Decision(decided) => Some((decided.decision.effect, decided.decision.basis)),
            _ => None,
        })
        .await
    }

    /// Ends everything and reads the log: what came of the statements.
    pub(super) async fn completions(self) -> Vec<Outcome> {
        self.recorded(|body| match body {
            Body::Completion(completion) => Some(completion.outcome),
            _ => None,
        })
        .await
    }

    async fn recorded<T>(self, of: impl Fn(Body<'_>) -> Option<T>) -> Vec<T> {
        drop((self.client, self.server));
        self.relay.await.unwrap();
        drop(self.live);
        self.core.log.close().await;
        let mut reader = Reader::open(self.log.path()).unwrap();
        let mut found = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            found.extend(of(entry.event.body));
        }
        found
    }
}

fn parts(core: &Arc<Core>, live: &Live, client: TcpStream, server: TcpStream) -> Parts {
    let principal = Arc::new(Principal {
        role: "app".into(),
        identity: Identity::Token("app".into()),
        method: Method::Token,
        expires_at: None,
    });
    let upstream = upstream();
    let path = ["pg_catalog", "public", "pg_temp"].map(Arc::from);
    let guard = Guard::new(
        Arc::clone(core),
        principal,
        "shop".into(),
        Arc::new(path),
        Arc::new(Catalogs::new(
            Arc::clone(&upstream),
            "app".into(),
            Arc::new(crate::background::Background::new(
                "exeat-catalog",
                &core.tasks,
            )),
        )),
        None,
    );
    let cancels = Arc::new(Cancels::default());
    let reported = [
        ("client_encoding", "UTF8"),
        ("session_authorization", "app"),
        ("standard_conforming_strings", "on"),
    ];
    let reported = reported.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Parts {
        client: Stream::Plain(client),
        inbound: Pipe::new(),
        server: Stream::Plain(server),
        outbound: Pipe::new(),
        guard,
        recorder: Recorder::new(core.log.clone(), live.id()),
        cancel: cancels
            .register(live.id(), 0, CancelTarget::of(upstream))
            .unwrap(),
        pinned: Pinned::of(&reported),
        parameters: Parameters::Plain,
        idle: PATIENCE,
        large: Large::new(16 << 20, &Large::room(&StatementLimits::default())),
    }
}

async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let reading = stream.read_to_end(&mut rest);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    rest
}

/// Exactly so many frames, as they came.
async fn read(stream: &mut TcpStream, frames: usize) -> Vec<u8> {
    let reading = async {
        let mut all = Vec::new();
        for _ in 0..frames {
            let mut header = [0; wire::HEADER];
            stream.read_exact(&mut header).await.unwrap();
            let length = wire::header(&header).unwrap().unwrap().length;
            let mut body = vec![0; length - wire::HEADER];
            stream.read_exact(&mut body).await.unwrap();
            all.extend(header);
            all.extend(body);
        }
        all
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}
