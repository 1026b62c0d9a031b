use std::net::IpAddr;
use std::time::Duration;

use super::{Failure, connect, in_turn};
use tokio::net::TcpListener;

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().unwrap()).collect()
}

#[test]
fn families_take_turns_and_six_is_first() {
    let list = ips(&["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"]);
    assert_eq!(
        in_turn(&list),
        ips(&["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"])
    );
    let mapped = ips(&["::ffff:192.0.2.1", "2001:db8::1"]);
    assert_eq!(in_turn(&mapped), ips(&["2001:db8::1", "::ffff:192.0.2.1"]));
}

#[tokio::test]
async fn one_address_that_fails_does_not_hide_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Nothing listens on 127.0.0.2 of that port.
    let (stream, address) = connect(
        &ips(&["127.0.0.2", "127.0.0.1"]),
        port,
        Duration::from_secs(5),
    )
    .await
    .unwrap();
    assert_eq!(stream.peer_addr().unwrap().ip(), address);
    assert_eq!(address, ips(&["127.0.0.1"])[0]);
    let (mapped, _) = connect(&ips(&["::ffff:127.0.0.1"]), port, Duration::from_secs(5))
        .await
        .unwrap();
    assert!(mapped.peer_addr().unwrap().is_ipv4());
}

#[tokio::test]
async fn a_refusal_is_told_from_silence() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for list in [&["127.0.0.1"][..], &["127.0.0.1", "127.0.0.2"]] {
        let failure = connect(&ips(list), port, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(failure, Failure::Refused);
    }
    assert_eq!(
        connect(&[], port, Duration::from_secs(5))
            .await
            .unwrap_err(),
        Failure::Unreachable
    );
}
