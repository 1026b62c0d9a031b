//! What a decision costs, by the number of rules: time and allocations of an egress connection and of a
//! statement, allowed and denied, and the time of compiling the policy.
//!
//! `cargo bench -p exeat-policy`. Prints figures; judges nothing.

use std::error::Error;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use exeat_policy::{
    Access, Authority, Caller, Columns, Confirmation, ConnectionRequest, Effect, Facts, Identity,
    Method, Name, PolicySet, Principal, Protocol, RelationAccess, Request, Source,
    StatementRequest, Subject, Verb, evaluate, load,
};

/// Roles, and groups of ten rules in each of them.
const SIZES: [(usize, usize); 4] = [(1, 1), (1, 100), (1, 10_000), (1_000, 10)];
/// Requests that come round and round, each about another rule: so few that all of the policy that they
/// need is in the caches, and so many that little of it is.
const WORKING_SETS: [usize; 2] = [64, 10_000];
/// Decisions that are timed at once, and how many in all. The median counts: the machine does other things too.
const BATCH: usize = 16;
const DECISIONS: usize = 1_000_000;

/// Four allow rules and a deny rule of each plane in every group.
fn policy(roles: usize, groups: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from("version: 1\nroles:\n");
    for role in 0..roles {
        let (mut hosts, mut blocked) = (String::new(), String::new());
        let (mut reads, mut hidden) = (String::new(), String::new());
        for at in 0..groups {
            let third = format!("10.{}.{}.0/24", at / 256, at % 256);
            writeln!(hosts, "        - host: \"*.h{at}.example\"")?;
            writeln!(hosts, "        - host: api{at}.example")?;
            writeln!(
                hosts,
                "        - host: \"*.deep.p{at}.example\"\n          ports: [443, 8443]"
            )?;
            writeln!(
                hosts,
                "        - cidr: {third}\n          ports: [5432]\n          tls: false"
            )?;
            writeln!(blocked, "        - host: blocked.h{at}.example")?;
            for table in ["customers", "items", "orders", "payments"] {
                writeln!(
                    reads,
                    "          - select: public.{table}{at}(id, at, total)"
                )?;
            }
            writeln!(hidden, "          - select: public.orders{at}(card)")?;
        }
        writeln!(
            text,
            "  role-{role}:\n    identities: [{{ token: role-{role} }}]"
        )?;
        writeln!(
            text,
            "    egress:\n      allow:\n{hosts}      deny:\n{blocked}"
        )?;
        writeln!(text, "    databases:\n      shop:\n        as: reader")?;
        writeln!(text, "        allow:\n{reads}        deny:\n{hidden}")?;
    }
    Ok(text)
}

fn caller(role: usize) -> Caller {
    let name: Arc<str> = format!("role-{role}").into();
    Caller::Known(Arc::new(Principal {
        role: name.clone(),
        identity: Identity::Token(name),
        method: Method::Token,
        expires_at: None,
    }))
}

fn connection(caller: Caller, authority: &str) -> Result<Request, Box<dyn Error>> {
    Ok(Request::Connection(ConnectionRequest {
        caller,
        authority: Authority::parse(authority)?,
        protocol: Protocol::Tunnel,
        addresses: Some(vec!["93.184.216.34".parse()?, "2606:4700::1".parse()?]),
        tls: None,
        exhausted: None,
        at: 0,
    }))
}

fn statement(caller: Caller, relation: String, columns: &[&str]) -> Request {
    let relation = Name {
        schema: Some("public".into()),
        name: relation.into(),
    };
    let columns = columns.iter().copied().map(Into::into).collect();
    Request::Statement(StatementRequest {
        caller,
        database: "shop".into(),
        subject: Subject::Readable(Arc::new(Facts {
            verb: Verb::Select,
            label: "select".into(),
            relations: vec![RelationAccess {
                relation,
                access: Access::Select,
                columns: Columns::Named(columns),
            }],
            functions: Vec::new(),
            operators: Vec::new(),
            types: Vec::new(),
            settings: Vec::new(),
            confirmation: Confirmation::Confirmed,
            behind: Vec::new(),
            behind_functions: Vec::new(),
            sequences: Vec::new(),
        })),
        catalog: 0,
        exhausted: None,
        at: 0,
    })
}

/// Requests whose rules lie all over the policy.
fn requests(
    (roles, groups): (usize, usize),
    count: usize,
    request: impl Fn(Caller, usize) -> Result<Request, Box<dyn Error>>,
) -> Result<Vec<Request>, Box<dyn Error>> {
    // 7,919 is prime to every size, so that all groups come up before one comes again.
    let spread = |at: usize| at * 7_919 % (roles * groups);
    (0..count)
        .map(|at| {
            let rule = spread(at);
            request(caller(rule / groups), rule % groups)
        })
        .collect()
}

/// Nanoseconds and allocations of each decision.
fn measure(
    policy: &PolicySet,
    requests: &[Request],
    effect: Effect,
) -> Result<String, Box<dyn Error>> {
    if let Some(other) = requests
        .iter()
        .map(|request| evaluate(policy, request))
        .find(|decision| decision.effect != effect)
    {
        return Err(format!("not what is measured here: {other:?}").into());
    }
    let mut times = Vec::with_capacity(DECISIONS / BATCH);
    for _ in 0..DECISIONS / requests.len() {
        for batch in requests.chunks_exact(BATCH) {
            // A service asks about what it has just read: the request is in the caches, whatever else is.
            batch.hash(&mut DefaultHasher::new());
            let start = Instant::now();
            for request in batch {
                black_box(evaluate(policy, black_box(request)));
            }
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let allocations = allocation_counter::measure(|| {
        for request in requests {
            black_box(evaluate(policy, black_box(request)));
        }
    });
    Ok(format!(
        "{} ns, {}",
        median.as_nanos() / BATCH as u128,
        allocations.count_total / requests.len() as u64
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("a decision: nanoseconds (median of batches of {BATCH}), allocations\n");
    println!(
        "  rules  roles  compiling  requests  egress allowed   egress denied     SQL allowed      SQL denied"
    );
    for (roles, groups) in SIZES {
        let source = Source {
            name: "bench.yaml".into(),
            text: policy(roles, groups)?,
        };
        let start = Instant::now();
        let policy = load(&[source])?;
        let compiling = start.elapsed().as_millis();
        for count in WORKING_SETS {
            let egress = |name: &'static str, effect| -> Result<String, Box<dyn Error>> {
                let authority = |at| format!("a.b.{name}{at}.example:443");
                let each = |caller, at| connection(caller, &authority(at));
                measure(&policy, &requests((roles, groups), count, each)?, effect)
            };
            let sql = |columns: &[&str], effect| -> Result<String, Box<dyn Error>> {
                let each = |caller, at| Ok(statement(caller, format!("orders{at}"), columns));
                measure(&policy, &requests((roles, groups), count, each)?, effect)
            };
            println!(
                "{:>7} {roles:>6} {compiling:>7} ms {count:>9} {:>15} {:>15} {:>15} {:>15}",
                policy.rules(),
                egress("h", Effect::Allow)?,
                egress("n", Effect::Deny)?,
                sql(&["id", "total"], Effect::Allow)?,
                sql(&["id", "zip"], Effect::Deny)?,
            );
        }
    }
    Ok(())
}
