//! What the tests of this crate share: a policy, requests, and logs in temporary folders.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use exeat_policy::{
    Access, AuditMode, Authority, Caller, Columns, Confirmation, ConnectionRequest, Decision,
    Facts, Host, Identity, Method, Name, PolicySet, Principal, Protocol, RelationAccess, Request,
    Source, StatementRequest, Subject, Verb, evaluate,
};

use crate::event::{Body, Decided, Event, Labels, Parameter, Plane, PolicyActivated};
use crate::{Log, LogOptions, Receipt};

const POLICY: &str = "
version: 1
roles:
  billing-fn:
    identities:
      - token: billing-fn
    labels: { env: prod }
    egress:
      allow:
        - host: api.stripe.com
    databases:
      shop:
        as: billing_rw
        allow:
          - select: public.orders(id, total)
";

pub(crate) static POLICY_SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    let source = Source {
        name: "policy.yaml".into(),
        text: POLICY.into(),
    };
    Arc::new(exeat_policy::load(&[source]).unwrap())
});

pub(crate) static LABELS: LazyLock<Labels> =
    LazyLock::new(|| [("env".to_owned(), "prod".to_owned())].into());

pub(crate) fn principal(name: &str) -> Arc<Principal> {
    Arc::new(Principal {
        role: name.into(),
        identity: Identity::Token(name.into()),
        method: Method::Token,
        expires_at: None,
    })
}

pub(crate) fn connection(role: &str, host: &str) -> Request {
    Request::Connection(ConnectionRequest {
        caller: Caller::Known(principal(role)),
        authority: Authority {
            host: Host::Name(host.into()),
            port: 443,
        },
        protocol: Protocol::Tunnel,
        addresses: Some(vec![
            "203.0.113.7".parse().unwrap(),
            "2001:db8::1".parse().unwrap(),
        ]),
        tls: None,
        exhausted: None,
        at: 1_700_000_000_000,
    })
}

pub(crate) fn statement(role: &str, table: &str) -> Request {
    let relation = RelationAccess {
        relation: Name {
            schema: Some("public".into()),
            name: table.into(),
        },
        access: Access::Select,
        columns: Columns::Named(["id".into(), "total".into()].into()),
    };
    let facts = Facts {
        verb: Verb::Select,
        label: "select".into(),
        relations: vec![relation],
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    };
    Request::Statement(StatementRequest {
        caller: Caller::Known(principal(role)),
        database: "shop".into(),
        subject: Subject::Readable(Arc::new(facts)),
        catalog: u64::MAX,
        exhausted: None,
        at: 1_700_000_000_000,
    })
}

/// The policy's answer, with another audit mode.
pub(crate) fn judge(request: &Request) -> Decision {
    evaluate(&POLICY_SET, request)
}

pub(crate) fn decided<'a>(request: &'a Request, decision: &'a Decision) -> Decided<'a> {
    let decided = Decided::new(request, decision).labels(&LABELS);
    match request {
        Request::Statement(_) => {
            decided.statement("select id, total from orders where id = $1", PARAMETERS)
        }
        _ => decided,
    }
}

pub(crate) const PARAMETERS: &[Parameter] = &[Parameter::Null];

pub(crate) fn event<'a>(request: &'a Request, decision: &'a Decision) -> Event<'a> {
    let plane = match request {
        Request::Connection(_) => Plane::Gateway,
        _ => Plane::Dbproxy,
    };
    Event::now(plane, None, Body::Decision(decided(request, decision)))
}

pub(crate) fn options(directory: &Path) -> LogOptions {
    LogOptions {
        checkpoint_every: Duration::from_millis(20),
        ..LogOptions::new(directory, "test node")
    }
}

/// Opens a log and activates the policy.
pub(crate) fn open(options: LogOptions) -> Log {
    let log = Log::open(options).unwrap();
    let policy = PolicyActivated::new(POLICY_SET.hash(), POLICY_SET.canonical());
    log.append(&Event::now(
        Plane::Control,
        None,
        Body::PolicyActivated(policy),
    ))
    .unwrap();
    log
}

/// Appends decisions of both planes; gives the last receipt.
pub(crate) fn fill(log: &Log, count: usize) -> Receipt {
    let mut last = None;
    for n in 0..count.max(1) {
        let request = match n % 2 {
            0 => connection("billing-fn", &format!("host-{n}.example")),
            _ => statement("billing-fn", &format!("table_{n}")),
        };
        let decision = judge(&request);
        last = Some(log.append(&event(&request, &decision)).unwrap());
    }
    last.unwrap()
}

/// A closed log with about this many leaves in a folder.
pub(crate) async fn closed_log(directory: &Path, count: usize) {
    let log = open(options(directory));
    fill(&log, count).wait(AuditMode::Strict).await.unwrap();
    log.close().await;
}
