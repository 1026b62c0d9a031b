use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn a_task_that_panics_starts_again() {
    let background = Background::new("exeat-test");
    let runs = Arc::new(AtomicUsize::new(0));
    let (told, heard) = std::sync::mpsc::channel();
    let task = move || {
        let (runs, told) = (Arc::clone(&runs), told.clone());
        async move {
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("on purpose");
            }
            told.send(()).unwrap();
        }
    };
    background.keep("test", task).unwrap();
    heard.recv_timeout(Duration::from_secs(30)).unwrap();
}

#[test]
fn the_thread_ends_with_its_owner() {
    let background = Background::new("exeat-test");
    let handle = background.handle().unwrap();
    let (never, ended) = oneshot::channel::<()>();
    handle.spawn(async move {
        let _kept = never;
        std::future::pending::<()>().await;
    });
    drop(background);
    // The task is dropped with its runtime, and its sender with it.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(ended).is_err());
}
