//! What waits for the record of a decision, by audit mode; and what becomes of it where there is none.

use exeat_audit::{Hold, Step};

use super::stage::{Stage, frame};
use super::{ALLOWED, complete, query, ready, rows};

/// Until the log's writer stands before the step that is held.
async fn stands(hold: &Hold) {
    while !hold.stands() {
        tokio::task::yield_now().await;
    }
}

/// The relay goes round at least once: two notices of the server reach the client, one after the other.
async fn goes_round(stage: &mut Stage) {
    let notice = frame(b'N', b"SNOTICE\0\0");
    for _ in 0..2 {
        stage.server_sends(&notice).await;
        assert_eq!(stage.client_gets(1).await, notice);
    }
}

/// The same where nothing reaches the client: two more statements reach the server.
async fn asks_on(stage: &mut Stage) {
    for _ in 0..2 {
        stage.client_sends(&query(ALLOWED)).await;
        assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    }
}

#[tokio::test]
async fn strict_nothing_leaves_for_the_server_before_the_record_is_durable() {
    let (mut stage, hold) = Stage::held("strict").await;
    hold.hold(Step::Sync);
    stage.client_sends(&query(ALLOWED)).await;
    stands(&hold).await;
    goes_round(&mut stage).await;
    assert!(!stage.server_has_something());
    hold.release();
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stage.server_sends(&rows()).await;
    assert_eq!(stage.client_gets(4).await, rows());
}

#[tokio::test]
async fn release_the_statement_goes_at_once_and_its_first_row_waits_for_the_disk() {
    let (mut stage, hold) = Stage::held("release").await;
    hold.hold(Step::Sync);
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stands(&hold).await;
    stage.server_sends(&rows()).await;
    asks_on(&mut stage).await;
    assert!(!stage.client_has_something());
    hold.release();
    assert_eq!(stage.client_gets(4).await, rows());
}

#[tokio::test]
async fn release_what_came_of_it_waits_too_where_there_are_no_rows() {
    let failed = [super::error("22012"), ready(b'I')].concat();
    let none = [complete("SELECT 0"), ready(b'I')].concat();
    for answer in [none, failed] {
        let (mut stage, hold) = Stage::held("release").await;
        hold.hold(Step::Sync);
        stage.client_sends(&query(ALLOWED)).await;
        stage.server_gets(1).await;
        stage.server_sends(&answer).await;
        asks_on(&mut stage).await;
        assert!(!stage.client_has_something(), "{answer:?}");
        hold.release();
        assert_eq!(stage.client_gets(2).await, answer);
    }
}

#[tokio::test]
async fn written_waits_for_the_kernel_and_not_for_the_disk() {
    let (mut stage, hold) = Stage::held("written").await;
    hold.hold(Step::Sync);
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stage.server_sends(&rows()).await;
    assert_eq!(stage.client_gets(4).await, rows());

    hold.hold(Step::Write);
    stage.client_sends(&query(ALLOWED)).await;
    assert_eq!(stage.server_gets(1).await, query(ALLOWED));
    stands(&hold).await;
    stage.server_sends(&rows()).await;
    asks_on(&mut stage).await;
    assert!(!stage.client_has_something());
    hold.release();
    assert_eq!(stage.client_gets(4).await, rows());
}

#[tokio::test]
async fn a_statement_whose_record_fails_never_reaches_the_server() {
    let (mut stage, hold) = Stage::held("strict").await;
    hold.hold(Step::Sync);
    stage.client_sends(&query(ALLOWED)).await;
    stands(&hold).await;
    hold.fail();
    assert_eq!(stage.client_errors().await, "58030");
    assert_eq!(stage.server_rest().await, b"");
}

#[tokio::test]
async fn rows_whose_record_fails_never_reach_the_client() {
    let (mut stage, hold) = Stage::held("release").await;
    hold.hold(Step::Sync);
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    stage.server_sends(&rows()).await;
    asks_on(&mut stage).await;
    hold.fail();
    assert_eq!(stage.client_rest().await, b"");
}

#[tokio::test]
async fn nothing_passes_a_live_session_without_a_record() {
    // What only prepares has no effect; its Execute is what has to be on record.
    let batch = [
        super::parse(ALLOWED),
        super::bind(),
        super::execute(),
        super::sync(),
    ];
    let batch = batch.concat();
    let [parsed, bound, _] = super::first_of_ours(ALLOWED);
    let prepared = [parsed, bound].concat();
    for (asked, before) in [
        (query(ALLOWED), Vec::new()),
        (query("begin"), Vec::new()),
        (query(super::DENIED), Vec::new()),
        (batch, prepared),
    ] {
        let mut stage = Stage::new().await;
        stage.log_closes().await;
        stage.client_sends(&asked).await;
        assert_eq!(stage.client_errors().await, "58030", "{asked:?}");
        assert_eq!(stage.client_rest().await, b"");
        let goodbye = [before, frame(b'X', b"")].concat();
        assert_eq!(stage.server_rest().await, goodbye, "{asked:?}");
    }
}
