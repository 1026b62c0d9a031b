//! Facts about reading.

use std::fs;
use std::sync::Arc;

use exeat_policy::{AuditMode, Effect, Request, Subject};

use super::*;
use crate::event::{Body, Decided, Parameter, Plane};
use crate::testing::{
    LABELS, closed_log, connection, decided, event, fill, judge, open, options, statement,
};
use crate::{LogOptions, id};

fn all(directory: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(directory).unwrap();
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}

#[tokio::test]
async fn what_was_appended_is_read_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    let requests = [
        connection("billing-fn", "api.stripe.com"),
        statement("billing-fn", "orders"),
        statement("other", "orders"),
    ];
    let mut written = Vec::new();
    for request in &requests {
        let decision = judge(request);
        let event = event(request, &decision);
        log.append(&event)
            .unwrap()
            .wait(AuditMode::Strict)
            .await
            .unwrap();
        let read = all(folder.path()).pop().unwrap().event;
        assert_eq!(read, event, "while the log is open");
        written.push(read);
    }
    log.close().await;
    let read: Vec<_> = all(folder.path())
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(read[2..5], written);
    assert!(matches!(read[0].body, Body::LogStarted(_)));
    assert!(matches!(read[5].body, Body::LogStopped(_)));
}

#[tokio::test]
async fn texts_that_share_a_subject_are_each_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    let request = statement("billing-fn", "orders");
    let decision = judge(&request);
    let texts =
        ["1", "1", "2", "3", "1"].map(|id| format!("select total from orders where id = {id}"));
    for text in &texts {
        let decided = Decided::new(&request, &decision).statement(text, &[]);
        log.append(&Event::now(Plane::Dbproxy, None, Body::Decision(decided)))
            .unwrap();
    }
    log.close().await;
    let read: Vec<String> = all(folder.path())
        .into_iter()
        .filter_map(|entry| match entry.event.body {
            Body::Decision(decided) => Some(decided.statement.unwrap().sql.into_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(read, texts);
    let log =
        fs::read_to_string(folder.path().join("segments/00000000000000000000.jsonl")).unwrap();
    assert_eq!(
        log.matches("\"relations\"").count(),
        2,
        "the facts are stored once with a text and once without"
    );
}

#[tokio::test]
async fn leaves_longer_than_a_bundle_entry_are_cut_and_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    let request = statement("billing-fn", "orders");
    let decision = judge(&request);
    let sql = "select '\"\u{20ac}\u{1f600}\n\u{1}' ".repeat(20_000);
    let parameters = vec![Parameter::Text("\\\u{e9}".repeat(50_000)), Parameter::Null];
    let decided = Decided::new(&request, &decision)
        .labels(&LABELS)
        .statement(&sql, &parameters);
    let event = Event::now(Plane::Dbproxy, Some(id()), Body::Decision(decided));
    log.append(&event).unwrap();
    log.close().await;
    assert_eq!(all(folder.path())[2].event, event);
    let text = fs::read_to_string(files::segment(folder.path(), 0)).unwrap();
    assert!(
        text.lines()
            .all(|line| line.len() <= crate::segment::MAX_LEAF)
    );
}

#[tokio::test]
async fn a_segment_can_be_read_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(LogOptions {
        segment_bytes: 10_000,
        ..options(folder.path())
    });
    fill(&log, 200);
    log.close().await;
    let segments = files::segments(folder.path()).unwrap();
    assert!(segments.len() > 3);
    let whole = all(folder.path());
    for first in segments {
        let mut reader = Reader::from_segment(folder.path(), first).unwrap();
        let entry = reader.next().unwrap().unwrap();
        let same = whole
            .iter()
            .find(|other| other.sequence == entry.sequence)
            .unwrap();
        assert_eq!(same.event, entry.event);
    }
    let (last, mut end) = Reader::last(folder.path(), 90, &Filter::default()).unwrap();
    let tail: Vec<_> = whole[whole.len() - 90..]
        .iter()
        .map(|entry| entry.sequence)
        .collect();
    assert_eq!(
        last.iter().map(|entry| entry.sequence).collect::<Vec<_>>(),
        tail
    );
    assert!(end.next().unwrap().is_none());
}

#[tokio::test]
async fn a_reader_follows_a_growing_log_over_its_segments() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(LogOptions {
        segment_bytes: 3000,
        ..options(folder.path())
    });
    let (_, mut reader) = Reader::last(folder.path(), 0, &Filter::default()).unwrap();
    let mut seen = 0;
    for _ in 0..50 {
        fill(&log, 3).wait(AuditMode::Written).await.unwrap();
        while let Some(entry) = reader.next().unwrap() {
            seen += usize::from(matches!(entry.event.body, Body::Decision(_)));
        }
    }
    assert_eq!(seen, 150);
    log.close().await;
}

#[tokio::test]
async fn a_torn_end_is_not_read_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 3).await;
    let path = files::segment(folder.path(), 0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let mut reader = Reader::open(folder.path()).unwrap();
    let mut count = 0;
    while reader.next().unwrap().is_some() {
        count += 1;
    }
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        reader.next().unwrap().unwrap().event.body,
        Body::LogStopped(_)
    ));
    assert_eq!(count, 5);
}

#[test]
fn filters_select_by_every_field() {
    let (to, from) = (
        connection("billing-fn", "api.stripe.com"),
        statement("billing-fn", "orders"),
    );
    let (allowed, denied) = (judge(&to), judge(&from));
    let (mut connect, select) = (event(&to, &allowed), event(&from, &denied));
    connect.at = 1000;
    connect.session = Some(id());
    let filter = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let only_connect = [
        Filter {
            plane: Some(Plane::Gateway),
            ..filter()
        },
        Filter {
            destination: text("api.stripe.com"),
            ..filter()
        },
        Filter {
            destination: text("API.stripe.com:443"),
            ..filter()
        },
        Filter {
            destination: text("*.stripe.com"),
            ..filter()
        },
        Filter {
            session: connect.session,
            ..filter()
        },
        Filter {
            until: Some(1001),
            ..filter()
        },
    ];
    for filter in only_connect {
        assert!(
            filter.matches(&connect) && !filter.matches(&select),
            "{filter:?}"
        );
    }
    let only_select = [
        Filter {
            plane: Some(Plane::Dbproxy),
            ..filter()
        },
        Filter {
            table: text("orders"),
            ..filter()
        },
        Filter {
            table: text("public.orders"),
            ..filter()
        },
        Filter {
            database: text("shop"),
            ..filter()
        },
        Filter {
            since: Some(1001),
            ..filter()
        },
    ];
    for filter in only_select {
        assert!(
            !filter.matches(&connect) && filter.matches(&select),
            "{filter:?}"
        );
    }
    let both = [
        Filter {
            role: text("billing-fn"),
            ..filter()
        },
        Filter {
            principal: text("token:bill"),
            ..filter()
        },
        Filter {
            decisions: true,
            ..filter()
        },
    ];
    for filter in both {
        assert!(
            filter.matches(&connect) && filter.matches(&select),
            "{filter:?}"
        );
    }
    let neither = [
        Filter {
            role: text("billing"),
            ..filter()
        },
        Filter {
            destination: text("stripe.com"),
            ..filter()
        },
        Filter {
            destination: text("*.api.stripe.com"),
            ..filter()
        },
        Filter {
            destination: text("api.stripe.com:80"),
            ..filter()
        },
        Filter {
            table: text("private.orders"),
            ..filter()
        },
        Filter {
            database: text("shop2"),
            ..filter()
        },
    ];
    for filter in neither {
        assert!(
            !filter.matches(&connect) && !filter.matches(&select),
            "{filter:?}"
        );
    }
    for (event, decision) in [(&connect, &allowed), (&select, &denied)] {
        assert!(
            Filter {
                effect: Some(decision.effect),
                ..filter()
            }
            .matches(event)
        );
        assert!(
            Filter {
                reason: Some(decision.reason),
                ..filter()
            }
            .matches(event)
        );
        let other = if decision.effect == Effect::Allow {
            Effect::Deny
        } else {
            Effect::Allow
        };
        assert!(
            !Filter {
                effect: Some(other),
                ..filter()
            }
            .matches(event)
        );
    }
}

#[test]
fn times_are_read_as_people_type_them() {
    let now = 1_700_000_000_000_000;
    assert_eq!(parse_time("90s", now), Ok(now - 90_000_000));
    assert_eq!(parse_time("1h", now), Ok(now - 3_600_000_000));
    assert_eq!(parse_time("7d", now), Ok(now - 7 * 86_400_000_000));
    assert_eq!(parse_time("2023-11-14T22:13:20Z", now), Ok(now));
    assert_eq!(parse_time("2023-11-14T23:13:20+01:00", now), Ok(now));
    assert_eq!(parse_time("1970-01-02", now), Ok(86_400_000_000));
    for wrong in [
        "",
        "h",
        "-1h",
        "1x",
        "yesterday",
        "99999999999999999999d",
        "2023-13-01",
    ] {
        assert!(parse_time(wrong, now).is_err(), "{wrong}");
    }
}

#[test]
fn a_context_of_the_wrong_kind_or_unknown_is_an_error() {
    let mut joiner = Joiner::default();
    let leaf = br#"{"at":1,"event":{"decision":{"decision":{},"request":{"session":{"caller":{"context":"x"}}}}},"id":"x","plane":"gateway"}"#;
    assert!(matches!(joiner.accept(leaf), Err(DecodeError::Context(hash)) if hash == "x"));
    let piece = br#"{"piece":{"count":2,"index":1,"text":"x"}}"#;
    assert!(matches!(joiner.accept(piece), Err(DecodeError::Piece)));
}

#[test]
fn requests_of_the_tests_hold_shared_facts() {
    let Request::Statement(request) = statement("a", "b") else {
        panic!()
    };
    let Subject::Readable(facts) = &request.subject else {
        panic!()
    };
    assert_eq!(Arc::strong_count(facts), 1);
    let request = Request::Statement(request);
    let decision = judge(&request);
    assert!(decided(&request, &decision).statement.is_some());
}
