//! The canary tests: whatever the proxy allows runs for real, with a database role that may do everything, and nothing
//! that the policy does not allow may come back or happen. Statements come from a grammar, from mutations and from a
//! table of tries; two worlds that differ only in what is forbidden must answer alike.
//!
//! `EXEAT_CANARY_STATEMENTS` says how many statements are generated, `EXEAT_CANARY_SEED` from which seed; a finding names
//! its number, and `EXEAT_CANARY_ONLY` runs that number alone.

mod carry;
mod grammar;
mod hunt;
mod mutate;
mod oracle;
mod random;
mod seeds;
mod vocabulary;
mod world;

use carry::Carrier;
use hunt::{Case, Outcome, Worker, case};
use oracle::canaries;
use world::{Watch, Worlds, moved, world};

/// Statements of `make test`.
const STATEMENTS: u64 = 5000;
/// So many pairs of worlds are asked at once.
const WORKERS: usize = 2;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap())
}

/// Hunts with all workers; each takes every so-manieth of the cases.
fn hunt(shrinks: bool, cases: impl Fn(usize) -> Vec<Case> + Sync) -> Outcome {
    let worlds = Worlds::start(WORKERS);
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|at| {
                let (worlds, cases) = (&worlds, &cases);
                scope.spawn(move || {
                    let mut worker = Worker::new(worlds, at);
                    worker.shrinks = shrinks;
                    worker.run(cases(at).into_iter());
                    worker.outcome
                })
            })
            .collect();
        for worker in workers {
            outcome.add(worker.join().unwrap());
        }
    });
    worlds.finish();
    outcome
}

#[test]
fn what_the_proxy_allows_shows_and_moves_nothing_forbidden() {
    let seed = number("EXEAT_CANARY_SEED").unwrap_or(6);
    let count = number("EXEAT_CANARY_STATEMENTS").unwrap_or(STATEMENTS);
    let only = number("EXEAT_CANARY_ONLY");
    let seeds = seeds::seeds();
    let outcome = hunt(true, |worker| {
        (0..count)
            .filter(|at| {
                only.map_or(at % WORKERS as u64 == worker as u64, |only| {
                    *at == only && worker == 0
                })
            })
            .map(|at| case(seed, at, &seeds))
            .collect()
    });
    let share = outcome.allowed * 100 / outcome.statements.max(1);
    let ran = outcome.ran * 100 / outcome.statements.max(1);
    println!(
        "seed {seed}: {} statements, {share} % allowed, {ran} % ran without an error",
        outcome.statements
    );
    assert!(
        outcome.found.is_empty(),
        "seed {seed}: {} findings:\n{}",
        outcome.found.len(),
        outcome.report()
    );
    // What allows little finds little.
    assert!(only.is_some() || share >= 30, "only {share} % were allowed");
}

#[test]
fn no_try_by_hand_shows_or_moves_anything_forbidden() {
    let seeds = seeds::seeds();
    let outcome = hunt(false, |worker| {
        let own = seeds
            .iter()
            .enumerate()
            .filter(|(at, _)| at % WORKERS == worker);
        own.flat_map(|(at, seed)| {
            let carriers: &[Carrier] = if seed.bare {
                &[Carrier::Bare]
            } else {
                &[Carrier::Simple, Carrier::Binary, Carrier::Parameters]
            };
            carriers.iter().map(move |carrier| Case {
                number: at as u64,
                role: seed.role,
                sql: seed.sql.clone(),
                carrier: *carrier,
            })
        })
        .collect()
    });
    println!("{} tries, {} allowed", outcome.statements, outcome.allowed);
    assert!(
        outcome.found.is_empty(),
        "{} findings:\n{}",
        outcome.found.len(),
        outcome.report()
    );
}

/// Statements that show a canary when nothing stands between, with the tag of the canary.
const SHOWN: &[(&str, &str)] = &[
    ("SELECT ssn FROM orders", "orders.ssn"),
    ("SELECT email FROM customers", "customers.email"),
    ("SELECT body FROM secrets", "secrets.body"),
    ("SELECT val FROM parted", "parted.val"),
    ("SELECT label FROM kin_base", "kin_child.label"),
    ("SELECT extra FROM kin_child", "kin_child.extra"),
    ("SELECT tail FROM derived", ""),
    ("SELECT ssn FROM twice", "twice.ssn"),
    ("SELECT body FROM hidden.vault", "vault.body"),
    ("SELECT status FROM hidden.orders", "hidden.orders"),
    ("SELECT * FROM \"ORDERS\"", "orders.id"),
    ("SELECT body FROM tenanted", "tenanted.body"),
    (
        "SELECT convert_from(lo_get(424242), 'UTF8')",
        "large object",
    ),
    ("SELECT current_setting('app.secret')", "setting"),
    ("SELECT pg_read_file('canary_file.txt')", "file"),
    ("SELECT x.reveal FROM abs(1) x", "secrets.body"),
    ("SELECT email FROM cust_v", "customers.email"),
    (
        "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'orders'",
        "orders.ssn",
    ),
    ("UPDATE orders SET status = NULL", "orders.ssn"),
    (
        "SELECT upper(ssn), reverse(ssn), encode(convert_to(ssn, 'UTF8'), 'hex') FROM orders",
        "orders.ssn",
    ),
    ("SELECT reverse(ssn) FROM orders", "as yrnc"),
    ("SELECT ssn::int FROM orders", "orders.ssn"),
];

/// Statements that leave a trace, the role that runs them, and the trace.
const LEFT: &[(&str, &str, &str)] = &[
    ("columns", "SELECT reveal(1)", "trace.reveal"),
    (
        "columns",
        "SELECT x.nextval FROM lower('counter') x",
        "counter",
    ),
    (
        "columns",
        "SELECT setval('hidden.counter', 9)",
        "hidden.counter",
    ),
    (
        "columns",
        "UPDATE orders SET total = 1",
        "trace.wrote_orders",
    ),
    (
        "writer",
        "UPDATE orders SET total = total + 1",
        "trace.changed_column",
    ),
    ("columns", "DELETE FROM secrets", "trace.wrote_secrets"),
    ("columns", "TRUNCATE carts", "trace.wrote_carts"),
    (
        "columns",
        "INSERT INTO hidden.vault VALUES (77, 'x')",
        "trace.wrote_vault",
    ),
    (
        "columns",
        "CREATE TABLE public.made (a int)",
        "trace.defined",
    ),
    (
        "definer",
        "CREATE TABLE public.made (a int)",
        "trace.defined",
    ),
    ("columns", "DROP VIEW cust_where", "trace.dropped"),
];

/// The same for what a transaction must not undo.
const LEFT_BARE: &[(&str, &str)] = &[
    ("SELECT lo_create(0)", "large objects"),
    ("NOTIFY canary, 'x'", "notification"),
    ("SELECT pg_advisory_lock(7)", "advisory locks"),
    (
        "ALTER ROLE app_columns SET work_mem = '1MB'",
        "settings of roles",
    ),
    ("CREATE ROLE eve", "roles"),
    ("GRANT SELECT ON secrets TO app_tenant", "grants"),
    ("COPY lines TO '/proc/self/cwd/canary_copy.txt'", "files"),
];

#[test]
fn the_harness_sees_every_canary_past_the_proxy() {
    let worlds = Worlds::start(1);
    for (sql, tag) in SHOWN {
        for carrier in [Carrier::Simple, Carrier::Binary] {
            let mut wire = worlds.direct(&world(0, 'a'));
            let sent = carry::Sent::new(sql, carrier);
            sent.send(&mut wire);
            let seen = canaries(&sent.receive(&mut wire).0);
            assert!(
                seen.as_ref().is_some_and(|seen| seen.contains(tag)),
                "{sql}: {seen:?}, not {tag}"
            );
        }
    }
    worlds.finish();
}

#[test]
fn the_harness_sees_every_trace_past_the_proxy() {
    let worlds = Worlds::start(1);
    let name = world(0, 'a');
    let mut watch = Watch::new(&worlds, &name);
    let mut before = watch.look();
    let mut expect = |sql: &str, trace: &str| {
        let after = watch.look();
        let hit = moved(&before, &after);
        assert!(
            hit.iter().any(|name| name.contains(trace)),
            "{sql}: {hit:?}, not {trace}"
        );
        before = after;
    };
    for (role, sql, trace) in LEFT {
        let mut wire = worlds.direct_as(role, &name);
        for part in ["BEGIN", sql, "ROLLBACK"] {
            wire.query(part);
        }
        expect(sql, trace);
    }
    let mut wire = worlds.direct_as("columns", &name);
    for (sql, trace) in LEFT_BARE {
        wire.query(sql);
        expect(sql, trace);
    }
    worlds.finish();
}

#[test]
fn the_oracle_sees_a_difference_of_one_bit() {
    let worlds = Worlds::start(1);
    for sql in [
        "SELECT length(ssn) FROM orders WHERE id = 5",
        "SELECT count(*) FROM secrets",
        "SELECT id FROM orders ORDER BY ssn",
        "SELECT id FROM customers WHERE email > 'cnry8'",
        "SELECT 1 / (tax % 2) FROM customers",
        "SELECT left(md5(body), 1) FROM secrets LIMIT 1",
    ] {
        let says = ['a', 'b'].map(|letter| worlds.direct(&world(0, letter)).query(sql));
        assert!(oracle::differ(sql, &says[0], &says[1]), "{sql}");
    }
    for sql in [
        "SELECT id, total, status, customer FROM orders",
        "SELECT * FROM lines",
        "SELECT current_database()",
    ] {
        let says = ['a', 'b'].map(|letter| worlds.direct(&world(0, letter)).query(sql));
        assert!(!oracle::differ_at_all(&says[0], &says[1]), "{sql}");
    }
    worlds.finish();
}
