//! Sockets and threads.

use std::net::TcpStream;

use super::*;

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn port_zero_is_resolved_once_for_all_threads() {
    let bound = Bound::new(loopback(0), 4).unwrap();
    assert_ne!(bound.address().port(), 0);
    let address = bound.address();
    let sockets = bound.into_sockets();
    assert_eq!(sockets.len(), 4);
    assert!(
        sockets
            .iter()
            .all(|socket| socket.local_addr().unwrap() == address)
    );
    TcpStream::connect(address).unwrap();
}

#[test]
fn a_port_in_use_is_refused_although_ports_are_shared() {
    let bound = Bound::new(loopback(0), 2).unwrap();
    let error = Bound::new(bound.address(), 2).unwrap_err();
    assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(error.address, bound.address());
    let error = exclusive(bound.address()).unwrap_err();
    assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn each_thread_runs_its_item_to_the_end() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(4);
    let threads = Threads::start(vec![1, 2, 3], move |item| {
        let sender = sender.clone();
        async move {
            tokio::task::yield_now().await;
            sender.send(item).unwrap();
        }
    });
    threads.unwrap().join().unwrap();
    let mut ran: Vec<i32> = receiver.iter().collect();
    ran.sort();
    assert_eq!(ran, [1, 2, 3]);
}

#[test]
fn the_file_limit_is_raised_to_what_is_allowed() {
    let raised = raise_file_limit().unwrap();
    assert_eq!(raised, getrlimit(Resource::Nofile).maximum);
    assert_eq!(raised, getrlimit(Resource::Nofile).current);
}
