use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

fn ready<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn one_identity_gets_half_and_another_a_place_at_once() {
    let places = Places::new(4);
    let (greedy, other): (Arc<str>, Arc<str>) = ("greedy".into(), "other".into());
    let mut asked: Vec<_> = (0..8).map(|_| Box::pin(places.take(&greedy))).collect();
    let mut held: Vec<_> = asked
        .iter_mut()
        .filter_map(|one| ready(one.as_mut()))
        .collect();
    assert_eq!(held.len(), 2);
    let first = ready(pin!(places.take(&other))).expect("a place for another");
    // A place that is given back goes to the next of its own.
    held.pop();
    let waiting = asked.iter_mut().skip(2);
    let next: Vec<_> = waiting.filter_map(|one| ready(one.as_mut())).collect();
    assert_eq!(next.len(), 1);
    drop(first);
}

#[test]
fn who_holds_fewest_is_next_and_who_has_left_is_passed_over() {
    let places = Places::new(2);
    let names: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).to_vec();
    let first = ready(pin!(places.take(&names[0]))).unwrap();
    let second = ready(pin!(places.take(&names[1]))).unwrap();
    let mut of_a = Box::pin(places.take(&names[0]));
    let mut gone = Box::pin(places.take(&names[2]));
    let mut of_c = Box::pin(places.take(&names[2]));
    assert!(ready(of_a.as_mut()).is_none() && ready(gone.as_mut()).is_none());
    assert!(ready(of_c.as_mut()).is_none());
    // It has its place and does not know.
    drop(second);
    drop(gone);
    let third = ready(of_c.as_mut()).expect("the place of who has left");
    drop(first);
    assert!(ready(of_a.as_mut()).is_some());
    drop(third);
    let line = places.line.lock().unwrap();
    assert_eq!((line.free, line.held.len(), line.waiting.len()), (2, 0, 0));
}
