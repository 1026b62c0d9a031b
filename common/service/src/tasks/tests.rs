use tokio::sync::mpsc;

use super::*;

#[tokio::test]
async fn a_task_that_panics_is_told_and_starts_again() {
    let tasks = Tasks::default();
    let (told, mut heard) = mpsc::unbounded_channel();
    tasks.keep(&Handle::current(), "test", move |run| {
        let told = told.clone();
        async move {
            told.send(run).unwrap();
            assert_eq!(run, Run::Again, "on purpose");
            std::future::pending().await
        }
    });
    assert_eq!(heard.recv().await, Some(Run::First));
    assert_eq!(heard.recv().await, Some(Run::Again));
    // It is up, but not for long enough.
    assert_eq!(tasks.failed(), Some("test"));
}

#[test]
fn a_task_that_fails_again_and_again_is_left_alone_for_longer_each_time() {
    let mut pauses = Vec::new();
    let mut last = None;
    for _ in 0..7 {
        let pause = next_breath(last, Duration::ZERO);
        pauses.push(pause.as_secs());
        last = Some(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(next_breath(last, WELL_AFTER), BREATH);
}

#[tokio::test]
async fn a_task_that_fails_is_a_failure_too() {
    let tasks = Tasks::default();
    let (told, mut heard) = mpsc::unbounded_channel();
    tasks.keep(&Handle::current(), "test", move |run| {
        told.send(run).unwrap();
        async { Err(io::Error::other("on purpose")) }
    });
    assert_eq!(heard.recv().await, Some(Run::First));
    assert_eq!(heard.recv().await, Some(Run::Again));
    assert_eq!(tasks.failed(), Some("test"));
}

#[tokio::test]
async fn a_task_that_ends_by_itself_is_no_failure() {
    let tasks = Tasks::default();
    let (told, mut heard) = mpsc::unbounded_channel::<()>();
    tasks.keep(&Handle::current(), "test", move |_| {
        let told = told.clone();
        async move {
            drop(told);
            Ok(())
        }
    });
    assert_eq!(heard.recv().await, None);
    assert_eq!(tasks.failed(), None);
}
