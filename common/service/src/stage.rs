//! What the tests of this crate share: a folder with a policy, an identity store and a log, and a core
//! on them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exeat_audit::{Body, Event, Reader};
use exeat_identity::ca::{self, Purpose};
use exeat_identity::store::Store;
use exeat_identity::{Authenticators, Evidence, Presented, TrustDomainName, credentials};
use exeat_policy::{Authority, Caller, ConnectionRequest, Principal, Protocol, Request};
use jiff::Timestamp;

use crate::config::{self, Config};
use crate::{Core, Plane, SessionInfo, clock};

pub(crate) const POLICY: &str = "\
version: 1
roles:
  fn:
    identities: [{ token: fn }, { spiffe: spiffe://exeat.internal/role/fn }]
    egress:
      allow:
        - host: api.example.com
        - host: cdn.example.com
  other:
    identities: [{ source: 192.0.2.0/24 }]
    egress: { allow: [{ host: api.example.com }] }
";

/// A folder with everything that a core needs.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("identity"));
        ca::init(
            &store,
            &TrustDomainName::parse("exeat.internal").unwrap(),
            Timestamp::now(),
        )
        .unwrap();
        let stage = Self { folder, store };
        stage.certificate("server");
        stage.write("policy.yaml", POLICY);
        stage.write(
            "exeat.yaml",
            "\
version: 1
node: test
policy: policy.yaml
identity: { store: identity }
audit: { directory: audit }
gateway:
  listeners:
    - address: 127.0.0.1:0
      tls: { certificate: server.pem, key: server.key, client_certificates: true }
",
        );
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A server certificate for localhost in NAME.pem and NAME.key, new each time.
    pub(crate) fn certificate(&self, name: &str) {
        let names = Purpose::Server(vec!["localhost".parse().unwrap()]);
        let hour = Duration::from_secs(3600);
        let issued = ca::issue(&self.store, name, &names, hour, Timestamp::now()).unwrap();
        self.write(&format!("{name}.pem"), &issued.certificate_pem);
        self.write(&format!("{name}.key"), issued.key_pem.expose());
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let (token, _) =
            credentials::create_token(&self.store, name, None, Timestamp::now()).unwrap();
        token.expose().clone()
    }

    pub(crate) fn config(&self) -> Config {
        config::load(&self.path("exeat.yaml")).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn core(&self) -> Arc<Core> {
        Core::start(&self.config())
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The kinds of the events in the log, after it was closed.
    pub(crate) async fn events(&self, core: &Core) -> Vec<Event<'static>> {
        core.log.close().await;
        events(&self.path("audit"))
    }
}

fn events(log: &Path) -> Vec<Event<'static>> {
    let mut reader = Reader::open(log).unwrap();
    std::iter::from_fn(|| reader.next().unwrap())
        .map(|entry| entry.event)
        .collect()
}

pub(crate) fn kinds(events: &[Event<'_>]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| event.body.kind())
        .filter(|kind| *kind != "log_started")
        .collect()
}

pub(crate) fn refusal(event: &Event<'_>) -> String {
    match &event.body {
        Body::PolicyRefused(refused) => refused.error.to_string(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn info() -> SessionInfo {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    SessionInfo {
        plane: Plane::Gateway,
        peer,
        listener: peer,
    }
}

/// Who a token proves.
pub(crate) fn identify(core: &Core, token: &str) -> (Arc<Principal>, Option<Evidence>) {
    let identity: Arc<Authenticators> = core.identity.load_full();
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let presented = Presented {
        secret: Some(token),
        ..Presented::from_source(source)
    };
    let (caller, evidence) =
        identity.identify_with_evidence(&presented, &core.policy.current(), clock::now());
    match caller {
        Caller::Known(principal) => (principal, evidence),
        Caller::Unknown(failure) => panic!("{failure:?}"),
    }
}

pub(crate) fn connection(principal: &Arc<Principal>, host: &str) -> Request {
    Request::Connection(ConnectionRequest {
        caller: Caller::Known(principal.clone()),
        authority: Authority::new(host, 443).unwrap(),
        protocol: Protocol::Tunnel,
        addresses: None,
        tls: None,
        exhausted: None,
        at: clock::now(),
    })
}
