//! The relay between a scripted client and a scripted server.

mod durable;
mod notices;
mod stage;

use exeat_audit::Outcome;
use exeat_policy::{Basis, Effect};
use stage::{Stage, frame, parse, text};

const ALLOWED: &str = "select id from public.orders";
const DENIED: &str = "select ssn from public.orders";

fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &text(sql))
}

fn bind() -> Vec<u8> {
    frame(b'B', b"\0\0\0\0\0\0\0\0")
}

fn execute() -> Vec<u8> {
    frame(b'E', b"\0\0\0\0\0")
}

/// Parse, Bind and Execute of the client's first unnamed statement as the server gets them.
fn first_of_ours(sql: &str) -> [Vec<u8>; 3] {
    let parse = [&text("exeat_1")[..], &text(sql), b"\0\0"].concat();
    let bind = [&text("exeat_2")[..], &text("exeat_1"), &[0; 6]].concat();
    let execute = [&text("exeat_2")[..], &[0; 4]].concat();
    [
        frame(b'P', &parse),
        frame(b'B', &bind),
        frame(b'E', &execute),
    ]
}

fn sync() -> Vec<u8> {
    frame(b'S', b"")
}

fn ready(status: u8) -> Vec<u8> {
    frame(b'Z', &[status])
}

fn complete(tag: &str) -> Vec<u8> {
    frame(b'C', &text(tag))
}

fn error(code: &str) -> Vec<u8> {
    let body = format!("SERROR\0VERROR\0C{code}\0Mfailed\0\0");
    frame(b'E', body.as_bytes())
}

fn rows() -> Vec<u8> {
    [
        frame(b'T', b"\0\0"),
        frame(b'D', b"\0\0"),
        complete("SELECT 1"),
        ready(b'I'),
    ]
    .concat()
}

#[tokio::test]
async fn an_allowed_query_goes_on_as_it_came() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stage.server_sends(&rows()).await;
    assert_eq!(stage.client_gets(4).await, rows());
}

#[tokio::test]
async fn comments_are_blanked_in_place() {
    let mut stage = Stage::new().await;
    stage
        .client_sends(&query("select id /* x */ from public.orders -- y"))
        .await;
    assert_eq!(
        stage.server_gets(1).await,
        query("select id         from public.orders     ")
    );
}

#[tokio::test]
async fn an_idle_server_never_hears_of_a_denied_query() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query(DENIED)).await;
    assert_eq!(stage.client_errors().await, "42501");
    assert_eq!(stage.client_gets(1).await, ready(b'I'));
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
}

#[tokio::test]
async fn a_denial_within_a_block_fails_the_servers_block_too() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query("begin")).await;
    stage.server_gets(1).await;
    let begun = [complete("BEGIN"), ready(b'T')].concat();
    stage.server_sends(&begun).await;
    stage.client_gets(2).await;
    stage.client_sends(&query(DENIED)).await;
    let forced = stage.server_gets(1).await;
    assert_eq!(forced[0], b'Q');
    assert_ne!(forced, query(DENIED));
    stage
        .server_sends(&[error("42601"), ready(b'E')].concat())
        .await;
    assert_eq!(stage.client_errors().await, "42501");
    assert_eq!(stage.client_gets(1).await, ready(b'E'));
}

#[tokio::test]
async fn all_or_none_of_a_query_with_several_statements_goes_on() {
    let mut stage = Stage::new().await;
    stage
        .client_sends(&query(&format!("{ALLOWED}; {DENIED}")))
        .await;
    assert_eq!(stage.client_errors().await, "42501");
    stage.client_gets(1).await;
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
}

#[tokio::test]
async fn a_denied_parse_is_answered_after_what_came_before_it() {
    let mut stage = Stage::new().await;
    let batch = [
        parse(ALLOWED),
        bind(),
        execute(),
        parse(DENIED),
        bind(),
        execute(),
        parse(ALLOWED),
        bind(),
        execute(),
        sync(),
    ];
    stage.client_sends(&batch.concat()).await;
    let got = stage.server_gets(5).await;
    let allowed = first_of_ours(ALLOWED).concat();
    assert!(got.starts_with(&allowed), "the allowed part goes on");
    let rest = &got[allowed.len()..];
    assert_eq!(rest[0], b'P', "a statement that must fail stands in");
    assert!(rest.ends_with(&sync()), "the rest of the batch is skipped");
    let answers = [
        frame(b'1', b""),
        frame(b'2', b""),
        complete("SELECT 0"),
        error("42601"),
        ready(b'I'),
    ];
    stage.server_sends(&answers.concat()).await;
    let before = [frame(b'1', b""), frame(b'2', b""), complete("SELECT 0")].concat();
    assert_eq!(stage.client_gets(3).await, before);
    assert_eq!(stage.client_errors().await, "42501");
    assert_eq!(stage.client_gets(1).await, ready(b'I'));
}

#[tokio::test]
async fn what_the_server_refused_to_prepare_is_not_prepared() {
    let mut stage = Stage::new().await;
    stage.client_sends(&[parse(ALLOWED), sync()].concat()).await;
    stage.server_gets(2).await;
    stage
        .server_sends(&[error("42P01"), ready(b'I')].concat())
        .await;
    stage.client_gets(2).await;
    stage
        .client_sends(&[bind(), execute(), sync()].concat())
        .await;
    assert_eq!(stage.client_errors().await, "26000");
    assert_eq!(stage.client_gets(1).await, ready(b'I'));
}

#[tokio::test]
async fn a_changed_pin_ends_the_session() {
    for (name, value) in [
        ("standard_conforming_strings", "off"),
        ("client_encoding", "SJIS"),
        ("session_authorization", "postgres"),
        ("search_path", "evil"),
    ] {
        let mut stage = Stage::new().await;
        let body = [text(name), text(value)].concat();
        stage.server_sends(&frame(b'S', &body)).await;
        assert_eq!(stage.client_errors().await, "57P01", "{name}");
    }
    let mut stage = Stage::new().await;
    let harmless = frame(b'S', &[text("TimeZone"), text("UTC")].concat());
    stage.server_sends(&harmless).await;
    assert_eq!(stage.client_gets(1).await, harmless);
}

#[tokio::test]
async fn answers_that_nobody_asked_for_end_the_session() {
    for answer in [
        frame(b'D', b"\0\0"),
        complete("SELECT 1"),
        ready(b'I'),
        frame(b'T', b"\0\0"),
        frame(b'1', b""),
        frame(b'G', b"\0\0\0"),
        frame(b'H', b"\0\0\0"),
        frame(b'W', b"\0\0\0"),
        frame(b'R', b"\0\0\0\x03"),
        frame(b'K', b"\0\0\0\x01\0\0\0\x02"),
        frame(b'V', b"\xff\xff\xff\xff"),
        error("42601"),
    ] {
        let mut stage = Stage::new().await;
        stage.server_sends(&answer).await;
        assert_eq!(stage.client_errors().await, "08P01", "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_ran_another_number_of_statements_ends_the_session() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    let once = complete("SELECT 1");
    stage
        .server_sends(&[once.clone(), once.clone()].concat())
        .await;
    assert_eq!(stage.client_gets(1).await, once);
    assert_eq!(stage.client_errors().await, "08P01");

    let mut stage = Stage::new().await;
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    stage.server_sends(&ready(b'I')).await;
    assert_eq!(stage.client_errors().await, "08P01");
}

#[tokio::test]
async fn copy_data_is_asked_for_only_by_a_copy() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    stage.server_sends(&frame(b'G', b"\0\0\0")).await;
    assert_eq!(stage.client_errors().await, "08P01");
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_last_statement_along() {
    let mut stage = Stage::new().await;
    let goodbye = [query(ALLOWED), frame(b'X', b"")].concat();
    stage.client_sends(&goodbye).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stage.server_sends(&rows()).await;
    assert_eq!(stage.client_gets(4).await, rows());
    assert_eq!(stage.server_gets(1).await, frame(b'X', b""));
    assert_eq!(stage.completions().await, [Outcome::Completed]);
}

#[tokio::test]
async fn who_leaves_without_a_sync_still_gets_the_answers_to_what_was_sent() {
    let mut stage = Stage::new().await;
    let goodbye = [parse(ALLOWED), bind(), execute(), frame(b'X', b"")].concat();
    stage.client_sends(&goodbye).await;
    // The server hears that no Sync will come: it answers, and closes.
    let batch = [&first_of_ours(ALLOWED).concat()[..], &frame(b'X', b"")].concat();
    assert_eq!(stage.server_gets(4).await, batch);
    let answers = [frame(b'1', b""), frame(b'2', b""), complete("SELECT 0")].concat();
    stage.server_sends(&answers).await;
    assert_eq!(stage.client_gets(3).await, answers);
    assert_eq!(stage.server_gets(1).await, frame(b'X', b""));
    assert_eq!(stage.completions().await, [Outcome::Completed]);
}

/// Answers what the server got so far.
async fn answers(stage: &mut Stage, parts: &[Vec<u8>]) {
    stage.server_sends(&parts.concat()).await;
}

#[tokio::test]
async fn a_batch_that_binds_twice_and_fails_in_the_middle_leaves_a_working_session() {
    let mut stage = Stage::new().await;
    let twice = [parse(ALLOWED), bind(), execute(), bind(), execute(), sync()];
    stage.client_sends(&twice.concat()).await;
    // With a Close of the first portal behind the second Bind.
    let got = stage.server_gets(7).await;
    assert!(got.starts_with(&first_of_ours(ALLOWED).concat()));
    let failed = [
        frame(b'1', b""),
        frame(b'2', b""),
        error("22012"),
        ready(b'I'),
    ];
    answers(&mut stage, &failed).await;
    assert_eq!(stage.client_gets(4).await, failed.concat());
    stage
        .client_sends(&[bind(), execute(), sync()].concat())
        .await;
    assert_eq!(stage.server_gets(3).await[0], b'B');
    let done = [frame(b'2', b""), complete("SELECT 0"), ready(b'I')];
    answers(&mut stage, &done).await;
    assert_eq!(stage.client_gets(3).await, done.concat());
}

#[tokio::test]
async fn a_second_parse_of_a_live_name_fails_and_its_text_is_never_under_a_name_that_is_used() {
    let named = |sql: &str| frame(b'P', &[&text("s")[..], &text(sql), b"\0\0"].concat());
    let mut stage = Stage::new().await;
    let other = "select total from public.orders";
    stage
        .client_sends(&[named(ALLOWED), frame(b'H', b"")].concat())
        .await;
    stage.server_gets(2).await;
    stage.server_sends(&frame(b'1', b"")).await;
    stage.client_gets(1).await;
    stage.client_sends(&[named(other), sync()].concat()).await;
    let got = stage.server_gets(3).await;
    assert!(
        got.starts_with(&parse(other)),
        "the server has it as the unnamed one"
    );
    let use_it = [frame(b'B', b"\0s\0\0\0\0\0\0\0"), execute(), sync()].concat();
    stage.client_sends(&use_it).await;
    answers(&mut stage, &[frame(b'1', b""), error("42601"), ready(b'I')]).await;
    assert_eq!(stage.client_errors().await, "42P05");
    assert_eq!(stage.client_gets(1).await, ready(b'I'));
    let bound = [&text("exeat_2")[..], &text("exeat_1"), &[0; 6]].concat();
    assert_eq!(stage.server_gets(1).await, frame(b'B', &bound));
}

#[tokio::test]
async fn a_replaced_unnamed_statement_is_closed_on_the_server_and_the_client_hears_nothing_of_it() {
    let mut stage = Stage::new().await;
    for (frames, close) in [(4, false), (4, false), (5, true), (5, true)] {
        stage
            .client_sends(&[parse(ALLOWED), bind(), execute(), sync()].concat())
            .await;
        let got = stage.server_gets(frames).await;
        assert_eq!(got[0] == b'C', close);
        if close {
            stage.server_sends(&frame(b'3', b"")).await;
        }
        let done = [
            frame(b'1', b""),
            frame(b'2', b""),
            complete("SELECT 0"),
            ready(b'I'),
        ];
        answers(&mut stage, &done).await;
        assert_eq!(stage.client_gets(4).await, done.concat());
    }
}

#[tokio::test]
async fn every_decision_is_on_record() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query(DENIED)).await;
    stage.client_errors().await;
    stage.client_gets(1).await;
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    let decisions = stage.decisions().await;
    assert_eq!(
        decisions,
        [(Effect::Deny, Basis::Default), (Effect::Allow, Basis::Rule)]
    );
}

#[tokio::test]
async fn rows_are_counted_over_all_fetches_of_a_cursor() {
    let mut stage = Stage::new().await;
    stage.client_sends(&query("begin")).await;
    stage.server_gets(1).await;
    stage
        .server_sends(&[complete("BEGIN"), ready(b'T')].concat())
        .await;
    stage.client_gets(2).await;
    stage
        .client_sends(&query(&format!("declare c cursor for {ALLOWED}")))
        .await;
    stage.server_gets(1).await;
    stage
        .server_sends(&[complete("DECLARE CURSOR"), ready(b'T')].concat())
        .await;
    stage.client_gets(2).await;
    let row = frame(b'D', b"\0\0");
    let two = [row.clone(), row.clone()].concat();
    stage.client_sends(&query("fetch 2 from c")).await;
    stage.server_gets(1).await;
    stage
        .server_sends(&[two.clone(), complete("FETCH 2"), ready(b'T')].concat())
        .await;
    stage.client_gets(4).await;
    // The policy of the stage allows three rows.
    stage.client_sends(&query("fetch 2 from c")).await;
    stage.server_gets(1).await;
    stage
        .server_sends(&[two, error("57014"), ready(b'E')].concat())
        .await;
    assert_eq!(stage.client_gets(1).await, row);
    assert_eq!(stage.client_errors().await, "53400");
    assert_eq!(stage.client_gets(1).await, ready(b'E'));
}
