use std::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn a_connection_is_kept_alive_as_configured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let socket = SockRef::from(&stream);
    assert!(!socket.keepalive().unwrap());
    let keepalive = Keepalive {
        idle: Duration::from_secs(7),
        interval: Duration::from_secs(2),
        count: 3,
    };
    keepalive.apply(&stream).unwrap();
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), keepalive.idle);
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), keepalive.interval);
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), keepalive.count);
}
