//! Changes to a statement that keep it a statement often enough: other names, other spellings, other surroundings.

use crate::random::Random;
use crate::vocabulary::{FORBIDDEN_CALLS, FORBIDDEN_COLUMNS, FORBIDDEN_TABLES, tables};

/// A piece of SQL: a word, a constant, white space, or one other character.
pub fn tokens(sql: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut letters = sql.chars().peekable();
    while let Some(first) = letters.next() {
        let mut token = String::from(first);
        let word = |letter: char| letter.is_alphanumeric() || letter == '_';
        if word(first) {
            while let Some(next) = letters.next_if(|letter| word(*letter)) {
                token.push(next);
            }
        } else if first == '\'' || first == '"' {
            for next in letters.by_ref() {
                token.push(next);
                if next == first {
                    break;
                }
            }
        } else if first.is_whitespace() {
            while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
            token = " ".to_owned();
        }
        all.push(token);
    }
    all
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_' || letter == '"')
}

/// Changes a statement once or a few times. `other` is one to take a piece of.
pub fn mutate(sql: &str, other: &str, role: &str, random: &mut Random) -> String {
    let mut sql = sql.to_owned();
    for _ in 0..1 + random.below(3) {
        sql = once(&sql, other, role, random);
        if sql.len() > 3000 {
            sql = sql.chars().take(3000).collect();
        }
    }
    sql
}

fn once(sql: &str, other: &str, role: &str, random: &mut Random) -> String {
    let mut all = tokens(sql);
    let words: Vec<usize> = (0..all.len()).filter(|at| is_word(&all[*at])).collect();
    if words.is_empty() {
        return sql.to_owned();
    }
    let at = words[random.below(words.len())];
    match random.below(16) {
        0 | 1 => all[at] = name(role, random),
        2 => {
            let paths: Vec<usize> = words
                .iter()
                .copied()
                .filter(|at| *at > 1 && all[*at - 1] == ".")
                .collect();
            if let Some(at) = paths.get(random.below(paths.len())) {
                all[*at] = random.pick(FORBIDDEN_COLUMNS).to_owned();
            }
        }
        3 => all[at] = respelled(&all[at].clone(), random),
        4 => all[at] = format!("{}/*x*/", all[at]),
        5 => all[at] = format!("{}\n", all[at]),
        6 => return format!("SELECT * FROM ({sql}) q"),
        7 => {
            return format!(
                "WITH q AS ({sql}) SELECT q.{} FROM q",
                random.pick(FORBIDDEN_COLUMNS)
            );
        }
        8 => return format!("SELECT q.{} FROM ({sql}) q", random.pick(FORBIDDEN_COLUMNS)),
        9 => all[at] = format!("({})", all[at]),
        10 => {
            all.remove(at);
        }
        11 => {
            let from = random.below(all.len());
            let to = (from + 1 + random.below(6)).min(all.len());
            let piece: Vec<String> = all[from..to].to_vec();
            all.splice(at..at, piece);
        }
        12 => {
            let theirs = tokens(other);
            let from = random.below(theirs.len());
            let to = (from + 1 + random.below(8)).min(theirs.len());
            all.splice(at..=at, theirs[from..to].iter().cloned());
        }
        13 => {
            all[at] = FORBIDDEN_CALLS[random.below(FORBIDDEN_CALLS.len())]
                .0
                .to_owned()
        }
        14 => {
            return format!(
                "{sql} {} {other}",
                random.pick(&["UNION ALL", ";", "EXCEPT", ","])
            );
        }
        _ => {
            let (one, two) = (random.below(all.len()), random.below(all.len()));
            all.swap(one, two);
        }
    }
    all.concat()
}

/// The name of a table or a column, allowed or not.
fn name(role: &str, random: &mut Random) -> String {
    let known = tables(role);
    let table = if random.percent(60) {
        known[random.below(known.len())]
    } else {
        FORBIDDEN_TABLES[random.below(FORBIDDEN_TABLES.len())]
    };
    if random.percent(50) {
        table.name.to_owned()
    } else {
        table.columns[random.below(table.columns.len())]
            .0
            .to_owned()
    }
}

/// The same name in another spelling.
fn respelled(word: &str, random: &mut Random) -> String {
    match random.below(5) {
        0 => word.to_uppercase(),
        1 => format!("\"{}\"", word.to_lowercase().replace('"', "")),
        2 => format!("public.{word}"),
        3 => {
            let first = word.chars().next().map_or(0, u32::from);
            format!(
                "U&\"\\{first:04x}{}\"",
                word.chars().skip(1).collect::<String>().replace('"', "")
            )
        }
        _ => format!("pg_catalog.{word}"),
    }
}
