use super::*;

#[test]
fn the_thread_ends_with_its_owner() {
    let background = Background::new("exeat-test", &Tasks::default());
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
