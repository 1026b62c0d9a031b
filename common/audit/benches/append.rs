//! What a record costs: time on the thread that appends, records per second through the writer, bytes per
//! statement, and how long a lone strict record takes to be durable.
//!
//! `cargo bench -p exeat-audit`. Prints figures; judges nothing.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use exeat_audit::{
    AuditError, Body, Completion, Decided, Event, Labels, Log, LogOptions, Outcome, Plane, Receipt,
    Uuid, id,
};
use exeat_policy::{
    Access, AuditMode, Basis, Caller, Columns, Confirmation, Decision, Effect, Facts, Identity,
    Method, Name, Obligations, PolicyHash, Principal, Reason, RelationAccess, Request, RuleRef,
    StatementRequest, Subject, Verb,
};

const SQL: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = $1;";
const BURST: usize = 10_000;

fn request(facts: &Arc<Facts>, principal: &Arc<Principal>) -> Request {
    Request::Statement(StatementRequest {
        caller: Caller::Known(Arc::clone(principal)),
        database: "shop".into(),
        subject: Subject::Readable(Arc::clone(facts)),
        catalog: 3,
        exhausted: None,
        at: 1_700_000_000_000,
    })
}

fn facts() -> Arc<Facts> {
    let columns = ["abalance", "aid"].map(Into::into);
    let relation = Name {
        schema: Some("public".into()),
        name: "pgbench_accounts".into(),
    };
    Arc::new(Facts {
        verb: Verb::Select,
        label: "select".into(),
        relations: vec![RelationAccess {
            relation,
            access: Access::Select,
            columns: Columns::Named(columns.into()),
        }],
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    })
}

fn principal() -> Arc<Principal> {
    Arc::new(Principal {
        role: "billing-fn".into(),
        identity: Identity::Scram("billing-fn".into()),
        method: Method::Scram,
        expires_at: None,
    })
}

fn decision(audit: AuditMode) -> Decision {
    Decision {
        effect: Effect::Allow,
        reason: Reason::Allowed,
        basis: Basis::Rule,
        rule: Some(RuleRef {
            path: "roles.billing-fn.databases.shop.allow[0]".into(),
        }),
        detail: None,
        obligations: Obligations { audit, tls: true },
        policy: PolicyHash("0".repeat(64).into()),
    }
}

/// The two records of a statement.
fn statement(
    log: &Log,
    session: Uuid,
    request: &Request,
    decision: &Decision,
    labels: &Labels,
) -> Result<Receipt, AuditError> {
    let decided = Decided::new(request, decision)
        .labels(labels)
        .statement(SQL, &[]);
    let event = Event::now(Plane::Dbproxy, Some(session), Body::Decision(decided));
    let decided = event.id;
    log.append(&event)?;
    let completion = Completion {
        rows: Some(1),
        bytes_out: 64,
        ..Completion::of(decided, Outcome::Completed)
    };
    log.append(&Event::now(
        Plane::Dbproxy,
        Some(session),
        Body::Completion(completion),
    ))
}

fn folder() -> PathBuf {
    let place = env::var_os("EXEAT_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from);
    place.join(format!("exeat-audit-bench-{}", process::id()))
}

fn size(path: &Path) -> std::io::Result<u64> {
    let mut all = 0;
    for entry in fs::read_dir(path)? {
        all += entry?.metadata()?.len();
    }
    Ok(all)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = folder();
    let log = Log::open(LogOptions {
        queue_bytes: 256 << 20,
        ..LogOptions::new(&folder, "bench")
    })?;
    let labels: Labels = [("env".to_owned(), "prod".to_owned())].into();
    let (facts, session) = (facts(), id());
    let request = request(&facts, &principal());
    let written = decision(AuditMode::Written);

    let (mut best, mut all) = (Duration::MAX, Duration::ZERO);
    let bursts = 30;
    let before = size(&folder.join("segments"))?;
    let records = log.health().records;
    let whole = Instant::now();
    for _ in 0..bursts {
        let start = Instant::now();
        let mut last = None;
        for _ in 0..BURST {
            last = Some(statement(&log, session, &request, &written, &labels)?);
        }
        let took = start.elapsed();
        best = best.min(took);
        all += took;
        if let Some(last) = last {
            last.wait(AuditMode::Strict).await?;
        }
    }
    let whole = whole.elapsed();
    let count = u32::try_from(bursts * BURST)?;
    let per = |time: Duration, n: u32| time.as_nanos() / u128::from(n.max(1));
    println!(
        "append, per record:   {} ns best burst, {} ns mean",
        per(best, u32::try_from(2 * BURST)?),
        per(all, 2 * count)
    );
    let written = log.health().records - records;
    println!(
        "through the writer:   {} records/s",
        u128::from(written) * 1_000_000_000 / whole.as_nanos().max(1)
    );
    let bytes = size(&folder.join("segments"))? - before;
    println!(
        "bytes per statement:  {} (decision and completion)",
        bytes / u64::from(count)
    );

    let strict = decision(AuditMode::Strict);
    let mut times = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        let decided = Decided::new(&request, &strict)
            .labels(&labels)
            .statement(SQL, &[]);
        let event = Event::now(Plane::Dbproxy, Some(session), Body::Decision(decided));
        log.append(&event)?.wait(AuditMode::Strict).await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!(
        "strict, one at a time: {:?} median",
        times.get(times.len() / 2).copied().unwrap_or_default()
    );
    log.close().await;
    fs::remove_dir_all(&folder)?;
    Ok(())
}
