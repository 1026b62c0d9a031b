use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Answer, Dns, Failure, Settings};
use exeat_service::config;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a server says to one question; `None`: nothing.
type Script = fn(&str, RecordType, &mut Message) -> Option<()>;

/// A name server on loopback, by UDP and TCP, and how often it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

fn reply(script: Script, bytes: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let query = Message::from_vec(bytes).unwrap();
    let question = query.queries.first().unwrap().clone();
    let mut answer = Message::response(query.id, OpCode::Query);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.add_query(question.clone());
    let name = question.name().to_ascii();
    script(&name, question.query_type(), &mut answer)?;
    if tcp {
        answer.metadata.truncation = false;
    } else if answer.metadata.truncation {
        answer.answers.clear();
    }
    Some(answer.to_vec().unwrap())
}

impl Server {
    async fn start(script: Script) -> Self {
        // A port that is free for the one may be in use by the other.
        let (udp, tcp, address) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = udp.local_addr().unwrap();
            if let Ok(tcp) = TcpListener::bind(address).await {
                break (udp, tcp, address);
            }
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = udp.recv_from(&mut buffer).await {
                counter.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = reply(script, &buffer[..length], false) {
                    udp.send_to(&answer, peer).await.unwrap();
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                tokio::spawn(async move {
                    while let Ok(length) = stream.read_u16().await {
                        let mut query = vec![0; usize::from(length)];
                        stream.read_exact(&mut query).await.unwrap();
                        if let Some(answer) = reply(script, &query, true) {
                            stream.write_u16(answer.len() as u16).await.unwrap();
                            stream.write_all(&answer).await.unwrap();
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn resolver(&self, timeout: Duration) -> Dns {
        let fixed = [("static.test".to_owned(), ips(&["192.0.2.9"]))];
        let config = config::Dns {
            servers: vec![self.address],
            fixed: fixed.into(),
            timeout,
        };
        Dns::new(&Settings::new(&config).unwrap()).unwrap()
    }
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().unwrap()).collect()
}

fn add(message: &mut Message, name: &str, data: RData) {
    message.add_answer(Record::from_rdata(
        Name::from_ascii(name).unwrap(),
        60,
        data,
    ));
}

fn a(message: &mut Message, name: &str, address: &str) {
    add(message, name, RData::A(A(address.parse().unwrap())));
}

fn aaaa(message: &mut Message, name: &str, address: &str) {
    add(message, name, RData::AAAA(AAAA(address.parse().unwrap())));
}

fn alias(message: &mut Message, name: &str, target: &str) {
    add(
        message,
        name,
        RData::CNAME(CNAME(Name::from_ascii(target).unwrap())),
    );
}

fn code(message: &mut Message, code: ResponseCode) -> Option<()> {
    message.metadata.response_code = code;
    Some(())
}

async fn resolve(script: Script) -> Result<Answer, Failure> {
    let server = Server::start(script).await;
    let mut answer = server
        .resolver(Duration::from_secs(20))
        .resolve("a.test")
        .await;
    if let Ok(answer) = &mut answer {
        answer.addresses.sort();
    }
    answer
}

fn found(addresses: &[&str], chain: &[&str]) -> Result<Answer, Failure> {
    Ok(Answer {
        addresses: ips(addresses),
        chain: chain.iter().map(|&name| name.into()).collect(),
    })
}

#[tokio::test]
async fn both_families_are_one_answer() {
    let answer = resolve(|name, family, message| {
        match family {
            RecordType::A => {
                a(message, name, "192.0.2.1");
                a(message, name, "10.0.0.1");
            }
            _ => aaaa(message, name, "2001:db8::1"),
        }
        Some(())
    });
    assert_eq!(
        answer.await,
        found(&["10.0.0.1", "192.0.2.1", "2001:db8::1"], &[])
    );
}

#[tokio::test]
async fn one_family_that_fails_does_not_take_the_other_along() {
    let scripts: [Script; 3] = [
        |name, family, message| {
            match family {
                RecordType::A => a(message, name, "192.0.2.1"),
                _ => return code(message, ResponseCode::ServFail),
            }
            Some(())
        },
        |name, family, message| {
            if family == RecordType::AAAA {
                return None;
            }
            a(message, name, "192.0.2.1");
            Some(())
        },
        |name, family, message| {
            if family == RecordType::A {
                a(message, name, "192.0.2.1");
            }
            Some(())
        },
    ];
    for script in scripts {
        assert_eq!(resolve(script).await, found(&["192.0.2.1"], &[]));
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let table: [(Script, Failure); 5] = [
        (
            |_, _, message| code(message, ResponseCode::NXDomain),
            Failure::NoName,
        ),
        (
            |_, _, message| code(message, ResponseCode::ServFail),
            Failure::Server(ResponseCode::ServFail),
        ),
        (
            |_, _, message| code(message, ResponseCode::Refused),
            Failure::Server(ResponseCode::Refused),
        ),
        (
            |_, _, message| code(message, ResponseCode::FormErr),
            Failure::Server(ResponseCode::FormErr),
        ),
        (|_, _, _| Some(()), Failure::NoAddress),
    ];
    for (script, failure) in table {
        assert_eq!(resolve(script).await, Err(failure));
    }
}

#[tokio::test]
async fn silence_ends_in_time() {
    let server = Server::start(|_, _, _| None).await;
    let dns = server.resolver(Duration::from_millis(200));
    assert_eq!(dns.resolve("a.test").await, Err(Failure::Timeout));
}

#[tokio::test]
async fn aliases_are_followed_and_named() {
    let in_one = resolve(|name, family, message| {
        if family == RecordType::A {
            alias(message, name, "B.test.");
            alias(message, "b.test.", "c.test.");
            a(message, "c.test.", "192.0.2.1");
        }
        Some(())
    });
    assert_eq!(in_one.await, found(&["192.0.2.1"], &["b.test", "c.test"]));
    let one_by_one = resolve(|name, family, message| {
        match name {
            "a.test." => alias(message, name, "b.test."),
            _ if family == RecordType::A => a(message, name, "192.0.2.1"),
            _ => {}
        }
        Some(())
    });
    assert_eq!(one_by_one.await, found(&["192.0.2.1"], &["b.test"]));
}

#[tokio::test]
async fn loops_and_endless_chains_fail_in_bounded_time() {
    let scripts: [Script; 3] = [
        |name, _, message| {
            alias(message, name, name);
            Some(())
        },
        |name, _, message| {
            alias(
                message,
                name,
                if name == "a.test." {
                    "b.test."
                } else {
                    "a.test."
                },
            );
            Some(())
        },
        |name, _, message| {
            let next = format!("x{name}");
            alias(message, name, &next);
            Some(())
        },
    ];
    for script in scripts {
        assert!(resolve(script).await.is_err());
    }
}

#[tokio::test]
async fn records_of_other_names_are_no_answer() {
    let stray = resolve(|name, family, message| {
        if family == RecordType::A {
            a(message, name, "192.0.2.1");
            a(message, "evil.test.", "192.0.2.66");
            let extra = Record::from_rdata(
                Name::from_ascii(name).unwrap(),
                60,
                RData::A(A("192.0.2.67".parse().unwrap())),
            );
            message.add_additional(extra);
        }
        Some(())
    });
    assert_eq!(stray.await, found(&["192.0.2.1"], &[]));
    let unrelated = resolve(|_, family, message| {
        if family == RecordType::A {
            a(message, "evil.test.", "192.0.2.66");
        }
        Some(())
    });
    assert!(unrelated.await.is_err());
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_by_tcp() {
    let large = resolve(|name, family, message| {
        if family == RecordType::A {
            message.metadata.truncation = true;
            for last in 0..100 {
                a(message, name, &format!("192.0.2.{last}"));
            }
        }
        Some(())
    });
    assert_eq!(large.await.unwrap().addresses.len(), 100);
}

#[tokio::test]
async fn static_names_cause_no_query_and_answers_are_kept() {
    let server = Server::start(|name, family, message| {
        if family == RecordType::A {
            a(message, name, "192.0.2.1");
        }
        Some(())
    })
    .await;
    let dns = server.resolver(Duration::from_secs(20));
    assert_eq!(
        dns.resolve("static.test").await.unwrap().addresses,
        ips(&["192.0.2.9"])
    );
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        assert_eq!(
            dns.resolve("a.test").await.unwrap().addresses,
            ips(&["192.0.2.1"])
        );
    }
    assert!(
        server.asked.load(Ordering::SeqCst) <= 4,
        "{}",
        server.asked.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn names_are_absolute() {
    let server = Server::start(|name, family, message| {
        assert!(["a.test.", "single."].contains(&name), "{name}");
        if family == RecordType::A {
            a(message, name, "192.0.2.1");
        }
        Some(())
    })
    .await;
    let dns = server.resolver(Duration::from_secs(20));
    for name in ["a.test", "single"] {
        assert!(dns.resolve(name).await.is_ok(), "{name}");
    }
}
