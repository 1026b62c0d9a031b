//! The tour: what is shown, in which order, and what must come of it.

use anyhow::Result;

use super::live::Live;
use super::stage::Stage;
use super::step::{self, Report, Step};
use super::stop::Stop;

const GATEWAY: &[Step] = &[
    Step {
        title: "billing-fn calls its payment provider",
        command: r#"curl -sS --cacert "$CA" --proxy "$BILLING_PROXY" https://api.payments.example:$PORT/charges"#,
        told: "allowed",
        succeeds: true,
        says: &["api.payments.example here"],
        never: &[],
    },
    Step {
        title: "billing-fn calls somebody else",
        command: r#"curl -sSi --cacert "$CA" --proxy "$BILLING_PROXY" https://reports.partners.example:$PORT/"#,
        told: "denied: no rule of its role allows this host",
        succeeds: false,
        says: &["403", "host_not_allowed"],
        never: &["reports.partners.example here"],
    },
    Step {
        title: "nobody in particular calls the payment provider",
        command: r#"curl -sSi --cacert "$CA" --proxy "$NO_PROXY_USER" https://api.payments.example:$PORT/"#,
        told: "refused: who is calling?",
        succeeds: false,
        says: &["407", "credentials_missing"],
        never: &["api.payments.example here"],
    },
    Step {
        title: "the same function with a certificate instead of a token, over TLS to the gateway",
        command: r#"curl -sS --cacert "$CA" --proxy "$TLS_PROXY" --proxy-cacert "$CA" \
  --proxy-cert "$BILLING_CERT" --proxy-key "$BILLING_KEY" https://api.payments.example:$PORT/charges"#,
        told: "allowed",
        succeeds: true,
        says: &["api.payments.example here"],
        never: &[],
    },
    Step {
        title: "analyst fetches a partner's report; a deny rule wins over the wildcard",
        command: r#"curl -sS --cacert "$CA" --proxy "$ANALYST_PROXY" https://reports.partners.example:$PORT/today &&
  curl -sSi --cacert "$CA" --proxy "$ANALYST_PROXY" https://legacy.partners.example:$PORT/"#,
        told: "the first allowed, the second denied",
        succeeds: false,
        says: &["reports.partners.example here", "403", "denied_by_rule"],
        never: &[],
    },
    Step {
        title: "an allowed name that answers with a private address (10.0.0.7)",
        command: r#"curl -sSi --cacert "$CA" --proxy "$ANALYST_PROXY" https://intranet.partners.example:$PORT/"#,
        told: "refused before anything is dialled",
        succeeds: false,
        says: &["403", "address_not_public"],
        never: &[],
    },
    Step {
        title: "an allowed name in CONNECT, another one inside the tunnel",
        command: r#"curl -sS --cacert "$CA" --proxy "$BILLING_PROXY" \
  --connect-to evil.example:443:api.payments.example:$PORT https://evil.example/"#,
        told: "closed: the server name inside is not the name that was allowed",
        succeeds: false,
        says: &[],
        never: &["here: you asked"],
    },
];

const DATABASE: &[Step] = &[
    Step {
        title: "analyst reads orders",
        command: r#"psql "$ANALYST_DB" -c "SELECT status, count(*), sum(total) FROM orders GROUP BY status ORDER BY status""#,
        told: "allowed",
        succeeds: true,
        says: &["1025.50"],
        never: &[],
    },
    Step {
        title: "analyst reads a column that is not theirs",
        command: r#"psql "$ANALYST_DB" -c "SELECT name, email FROM customers""#,
        told: "denied: the column, by name, and what to ask for",
        succeeds: false,
        says: &["email", "permission"],
        never: &["mail.example"],
    },
    Step {
        title: "… and asks what it would take",
        command: r#"exeat policy explain --policy "$POLICY" --role analyst --database shop --sql "SELECT name, email FROM customers""#,
        told: "the same decision, from the same function, with the rule to ask for",
        succeeds: false,
        says: &["column_not_allowed", "select: public.customers(email)"],
        never: &[],
    },
    Step {
        title: "… and tries what fools a pattern: a union behind a comment that one reader takes for an operator",
        command: r#"psql "$ANALYST_DB" -c "SELECT id FROM orders WHERE total>/*'*/0 UNION SELECT card_number::bigint FROM customers--'""#,
        told: "denied",
        succeeds: false,
        says: &["ERROR"],
        never: &["4000"],
    },
    Step {
        title: "analyst writes",
        command: r#"psql "$ANALYST_DB" -c "UPDATE orders SET total = 0""#,
        told: "denied",
        succeeds: false,
        says: &["ERROR"],
        never: &["UPDATE 4"],
    },
    Step {
        title: "billing-fn books a payment; it proves itself with its certificate, and knows no database password",
        command: r#"psql "$BILLING_DB" -c "INSERT INTO payments (order_id, amount) VALUES (2, 35.50)" \
  -c "UPDATE orders SET status = 'paid' WHERE id = 2""#,
        told: "allowed, each on disk before it left the proxy",
        succeeds: true,
        says: &["INSERT 0 1", "UPDATE 1"],
        never: &[],
    },
    Step {
        title: "two statements in one message, one of them not allowed",
        command: r#"psql "$BILLING_DB" -c "UPDATE orders SET status = 'lost'; DROP TABLE payments";
  psql "$BILLING_DB" -Atc "SELECT count(*) FROM orders WHERE status = 'lost'" | grep -x 0"#,
        told: "denied as a whole: nothing ran",
        succeeds: true,
        says: &["ERROR"],
        never: &[],
    },
];

const AUDIT: &[Step] = &[
    Step {
        title: "who was denied what?",
        command: r#"exeat audit --log "$AUDIT" search --decision deny"#,
        told: "every denial of this tour is on record, both services in one log",
        succeeds: true,
        says: &[
            "host_not_allowed",
            "address_not_public",
            "column_not_allowed",
        ],
        never: &[],
    },
    Step {
        title: "does the log hold what was written, and nothing else?",
        command: r#"exeat audit --log "$AUDIT" verify"#,
        told: "it verifies, with the public key alone",
        succeeds: true,
        says: &["The log verifies."],
        never: &[],
    },
    Step {
        title: "somebody with root rewrites history, in a copy: the analyst's denied query never happened",
        command: r#"cp -R "$AUDIT" "$COPY" && sed -i 's/SELECT name, email/SELECT name, names/' "$COPY"/segments/*
  exeat audit --log "$COPY" verify"#,
        told: "verify names the record",
        succeeds: false,
        says: &["not what was signed", "record "],
        never: &[],
    },
];

/// Takes the whole tour, or as much of it as there is time for.
pub(crate) fn take(stage: &Stage, stop: &Stop, report: &mut Report) -> Result<()> {
    part(
        "the gateway: who may reach what",
        GATEWAY,
        stage,
        stop,
        report,
    )?;
    part(
        "the database proxy: who may read and write what",
        DATABASE,
        stage,
        stop,
        report,
    )?;
    if !stop.asked() {
        step::heading("a policy edit, with a tunnel and a database session open");
        Live::open(stage)?.edit_policy(stage, report)?;
    }
    part("the record", AUDIT, stage, stop, report)
}

fn part(
    heading: &str,
    steps: &[Step],
    stage: &Stage,
    stop: &Stop,
    report: &mut Report,
) -> Result<()> {
    if stop.asked() {
        return Ok(());
    }
    step::heading(heading);
    for each in steps {
        if stop.asked() {
            break;
        }
        step::take(each, stage, report)?;
    }
    Ok(())
}
