//! Tables of statements with the verdict that each must have, with a catalog and without one.

use exeat_policy::Effect;

use crate::fixture::{catalog, judge};

const TABLES: [(&str, &str); 2] = [
    ("given.tsv", include_str!("cases/given.tsv")),
    ("bypass.tsv", include_str!("cases/bypass.tsv")),
];

/// The raw characters of a case.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let code = tail
            .strip_prefix('u')
            .and_then(|hex| hex.get(..4))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if let Some(character) = code.and_then(char::from_u32) {
            out.push(character);
            rest = &tail[5..];
        } else if let Some(tail) = tail.strip_prefix('n') {
            out.push('\n');
            rest = tail;
        } else {
            out.push('\\');
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

#[test]
fn every_case_gets_its_verdict() {
    let catalog = catalog();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (table, text) in TABLES {
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with('#'))
        {
            let mut fields = line.split('\t');
            let (Some(verdict), Some(role), Some(sql)) =
                (fields.next(), fields.next(), fields.next())
            else {
                panic!("{table}:{}: three fields are needed", number + 1);
            };
            let sql = unescape(sql);
            // `catalog`: without one the reader can't tell, and denies.
            let wanted = match verdict {
                "allow" => [true, true],
                "catalog" => [false, true],
                "deny" => [false, false],
                other => panic!("{table}:{}: verdict {other}", number + 1),
            };
            for (wanted, catalog) in wanted.into_iter().zip([None, Some(&catalog)]) {
                let decision = judge(role, &sql, catalog);
                count += 1;
                if (decision.effect == Effect::Allow) != wanted {
                    let known = if catalog.is_some() { "with" } else { "without" };
                    wrong.push(format!(
                        "{table}:{} {known} catalog: {verdict} wanted, got {:?} {:?} for: {sql}",
                        number + 1,
                        decision.reason,
                        decision.detail,
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
