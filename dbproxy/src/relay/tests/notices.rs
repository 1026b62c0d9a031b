//! What the server says beside its answers: whose it is.

use super::stage::{Stage, frame};
use super::{ALLOWED, DENIED, complete, error, query, ready, rows};

fn notice(level: &str, further: &str) -> Vec<u8> {
    let body = format!("S{level}\0V{level}\0C00000\0Mparse <unnamed>: text\0{further}\0");
    frame(b'N', body.as_bytes())
}

#[tokio::test]
async fn what_the_server_says_of_its_own_work_is_the_clients_for_the_clients_statements_only() {
    let told = [
        notice("WARNING", ""),
        notice("NOTICE", ""),
        // Code that runs.
        notice("DEBUG", "Wfunction f()\0"),
        notice("LOG", "Wfunction f()\0"),
    ];
    let of_the_server = [notice("DEBUG", ""), notice("LOG", "")];
    let all = [&of_the_server[..], &told].concat();
    let mut stage = Stage::new().await;
    stage.client_sends(&query(ALLOWED)).await;
    stage.server_gets(1).await;
    stage.server_sends(&[all.concat(), rows()].concat()).await;
    let got = stage.client_gets(all.len()).await;
    assert_eq!(got, all.concat());
    stage.client_gets(4).await;

    stage.client_sends(&query("begin")).await;
    stage.server_gets(1).await;
    stage
        .server_sends(&[complete("BEGIN"), ready(b'T')].concat())
        .await;
    stage.client_gets(2).await;
    stage.client_sends(&query(DENIED)).await;
    let forced = stage.server_gets(1).await;
    assert_ne!(forced, query(DENIED));
    let failed = [error("42601"), ready(b'E')].concat();
    stage.server_sends(&[all.concat(), failed].concat()).await;
    assert_eq!(stage.client_gets(told.len()).await, told.concat());
    assert_eq!(stage.client_errors().await, "42501");
    assert_eq!(stage.client_gets(1).await, ready(b'E'));
}
