use exeat_service::config::{Database, UpstreamTls};
use exeat_service::keepalive::Keepalive;

use super::*;
use crate::upstream::Upstream;

/// A process of a server that nobody reaches; all have the same number.
fn target() -> CancelTarget {
    let database = Database {
        host: "127.0.0.1".to_owned(),
        port: 1,
        database: "shop".to_owned(),
        tls: UpstreamTls::Disable,
        users: [].into(),
        catalog_user: None,
        search_path: Vec::new(),
        analysis: exeat_service::config::Analysis::Own,
        second_wall: exeat_service::config::SecondWall::Off,
    };
    let upstream = Upstream::new(&database, &[], DEADLINE, Keepalive::default());
    CancelTarget::of(Arc::new(upstream.unwrap()))
}

fn key(handle: &CancelHandle) -> CancelKey {
    let (process, secret) = handle.key();
    CancelKey {
        process,
        secret: secret.to_vec(),
    }
}

#[test]
fn two_sessions_of_one_process_number_have_keys_of_their_own() {
    let cancels = Arc::new(Cancels::default());
    let register = |minor| {
        let id = Uuid::now_v7();
        (id, cancels.register(id, minor, target()).unwrap())
    };
    let ((first_id, first), (second_id, second)) = (register(0), register(2));
    assert_eq!(first.key().0, second.key().0);
    assert_eq!((first.key().1.len(), second.key().1.len()), (4, 32));
    let found = |key: &CancelKey| cancels.find(key).map(|entry| entry.session);
    let (of_first, of_second) = (key(&first), key(&second));
    assert_eq!(found(&of_first), Some(first_id));
    assert_eq!(found(&of_second), Some(second_id));
    let short = CancelKey {
        secret: of_second.secret[..4].to_vec(),
        ..of_second.clone()
    };
    assert_eq!(found(&short), None);
    drop(first);
    assert_eq!(found(&of_first), None);
    assert_eq!(found(&of_second), Some(second_id));
    drop(second);
    assert!(cancels.sessions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_cancel_is_passed_on_when_its_statement_has_left_and_only_then() {
    use Progress::{Held, Idle, Judged, Running};
    for (course, outcome) in [
        (&[Idle][..], "cancel_nothing_runs"),
        (&[Running], "cancel_forwarded"),
        (&[Judged, Held, Running], "cancel_forwarded"),
        (&[Held, Running], "cancel_forwarded"),
        // Denied: it never leaves.
        (&[Judged, Idle], "cancel_nothing_runs"),
        (&[Held, Idle], "cancel_nothing_runs"),
    ] {
        let cancels = Arc::new(Cancels::default());
        let mut handle = cancels.register(Uuid::now_v7(), 0, target()).unwrap();
        let (first, rest) = course.split_first().unwrap();
        handle.note(*first);
        let (asking, asked) = (Arc::clone(&cancels), key(&handle));
        let mut request = tokio::spawn(async move { asking.request(&asked).await.0 });
        for next in rest {
            tokio::task::yield_now().await;
            handle.looked();
            assert!(!request.is_finished(), "{course:?}");
            handle.note(*next);
        }
        let answer = loop {
            handle.looked();
            let beat = std::pin::pin!(tokio::task::yield_now());
            match futures_util::future::select(&mut request, beat).await {
                futures_util::future::Either::Left((answer, _)) => break answer.unwrap(),
                futures_util::future::Either::Right(_) => {}
            }
        };
        assert_eq!(answer, outcome, "{course:?}");
    }
}
