//! A name server on loopback (UDP and TCP) that answers as told and writes down what it was asked.
//! The wire format is made by hand, so that wrong answers can be made too (RFC 1035 §4).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::origin::runtime;

/// What a name answers with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Addresses, the A ones for A and the AAAA ones for AAAA.
    Addresses(Vec<IpAddr>),
    /// The first query for A gets the first list, later ones the next; the last one stays. No AAAA.
    Turns(Vec<Vec<IpAddr>>),
    /// An alias.
    Alias(String),
    /// A response code (3 NXDOMAIN, 2 SERVFAIL, 5 REFUSED, 1 FORMERR).
    Code(u8),
    /// Addresses for A, a response code for AAAA.
    OnlyV4(Vec<IpAddr>, u8),
    /// Addresses for A, no answer for AAAA.
    V4Alone(Vec<IpAddr>),
    /// Truncated over UDP, these addresses over TCP.
    Truncated(Vec<IpAddr>),
    /// Nothing at all.
    Silence,
    /// First an answer with a wrong id and one to another question, both with the first list; then the right one.
    Spoofed(Vec<IpAddr>, Vec<IpAddr>),
}

#[derive(Default)]
struct State {
    zone: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
}

/// A running name server.
pub struct NameServer {
    address: SocketAddr,
    state: Arc<State>,
    tasks: [JoinHandle<()>; 2],
}

impl NameServer {
    /// Starts one that knows no name.
    pub fn start() -> Self {
        let state = Arc::new(State::default());
        let (udp, tcp) = runtime().block_on(async {
            loop {
                // The same free port for both.
                let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                    return (udp, tcp);
                }
            }
        });
        let address = udp.local_addr().unwrap();
        let tasks = [
            runtime().spawn(serve_udp(udp, Arc::clone(&state))),
            runtime().spawn(serve_tcp(tcp, Arc::clone(&state))),
        ];
        Self {
            address,
            state,
            tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on `name` answers so.
    pub fn set(&self, name: &str, answer: Answer) {
        self.state
            .zone
            .lock()
            .unwrap()
            .insert(name.to_owned(), answer);
    }

    /// From now on `name` answers with these addresses.
    pub fn addresses(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        self.set(name, Answer::Addresses(addresses));
    }

    /// Every name that it was asked for, in order, in lower case.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serve_udp(socket: UdpSocket, state: Arc<State>) {
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            return;
        };
        for answer in respond(&buffer[..length], &state, false) {
            socket.send_to(&answer, peer).await.ok();
        }
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<State>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; length.into()];
                if stream.read_exact(&mut query).await.is_err() {
                    return;
                }
                for answer in respond(&query, &state, true) {
                    let length = u16::try_from(answer.len()).unwrap();
                    let sent = [&length.to_be_bytes()[..], &answer].concat();
                    stream.write_all(&sent).await.ok();
                }
            }
        });
    }
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

struct Query<'a> {
    id: [u8; 2],
    question: &'a [u8],
    kind: u16,
}

/// One answer section entry: owner (a compression pointer or a whole name), type, data.
type Entry = (Vec<u8>, u16, Vec<u8>);

fn respond(query: &[u8], state: &State, tcp: bool) -> Vec<Vec<u8>> {
    let Some((name, end)) = read_name(query, 12) else {
        return Vec::new();
    };
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let query = Query {
        id: [query[0], query[1]],
        question: &query[12..end + 4],
        kind,
    };
    state.asked.lock().unwrap().push(name.clone());
    let mut zone = state.zone.lock().unwrap();
    let answer = zone.get(&name).cloned().unwrap_or(Answer::Code(3));
    match answer {
        Answer::Addresses(addresses) => vec![found(&query, &addresses)],
        Answer::Turns(mut turns) if kind == A => {
            let now = turns[0].clone();
            if turns.len() > 1 {
                turns.remove(0);
                zone.insert(name, Answer::Turns(turns));
            }
            vec![found(&query, &now)]
        }
        Answer::Turns(_) => vec![found(&query, &[])],
        Answer::Alias(target) => vec![aliased(&query, &target, &zone)],
        Answer::Code(code) => vec![message(&query, code, false, &[])],
        Answer::OnlyV4(addresses, code) if kind == A => {
            let _ = code;
            vec![found(&query, &addresses)]
        }
        Answer::OnlyV4(_, code) => vec![message(&query, code, false, &[])],
        Answer::V4Alone(addresses) if kind == A => vec![found(&query, &addresses)],
        Answer::V4Alone(_) => Vec::new(),
        Answer::Truncated(addresses) if tcp => vec![found(&query, &addresses)],
        Answer::Truncated(_) => vec![message(&query, 0, true, &[])],
        Answer::Silence => Vec::new(),
        Answer::Spoofed(wrong, right) => {
            let other_id = Query {
                id: [query.id[0] ^ 0xff, query.id[1]],
                ..query
            };
            let mut other_name = query.question.to_vec();
            other_name[1] ^= 1;
            let other_question = Query {
                question: &other_name,
                ..query
            };
            vec![
                found(&other_id, &wrong),
                found(&other_question, &wrong),
                found(&query, &right),
            ]
        }
    }
}

/// An answer with the addresses of the family that was asked for.
fn found(query: &Query<'_>, addresses: &[IpAddr]) -> Vec<u8> {
    message(
        query,
        0,
        false,
        &entries(&[0xc0, 12], query.kind, addresses),
    )
}

fn entries(owner: &[u8], kind: u16, addresses: &[IpAddr]) -> Vec<Entry> {
    addresses
        .iter()
        .filter_map(|address| match (address, kind) {
            (IpAddr::V4(address), A) => Some((owner.to_vec(), A, address.octets().to_vec())),
            (IpAddr::V6(address), AAAA) => Some((owner.to_vec(), AAAA, address.octets().to_vec())),
            _ => None,
        })
        .collect()
}

/// The chain of aliases as far as the zone knows it, 20 steps at most, and its addresses.
fn aliased(query: &Query<'_>, target: &str, zone: &HashMap<String, Answer>) -> Vec<u8> {
    let mut answer = vec![(vec![0xc0, 12], CNAME, wire_name(target))];
    let mut target = target.to_owned();
    for _ in 0..20 {
        match zone.get(&target) {
            Some(Answer::Alias(next)) => {
                answer.push((wire_name(&target), CNAME, wire_name(next)));
                target = next.clone();
            }
            Some(Answer::Addresses(addresses)) => {
                answer.extend(entries(&wire_name(&target), query.kind, addresses));
                break;
            }
            _ => break,
        }
    }
    message(query, 0, false, &answer)
}

fn message(query: &Query<'_>, code: u8, truncated: bool, answer: &[Entry]) -> Vec<u8> {
    let mut bytes = query.id.to_vec();
    bytes.extend([0x84 | (u8::from(truncated) << 1), 0x80 | code]);
    let count = u16::try_from(answer.len()).unwrap();
    bytes.extend([0, 1]);
    bytes.extend(count.to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(query.question);
    for (owner, kind, data) in answer {
        bytes.extend(owner);
        bytes.extend(kind.to_be_bytes());
        // Class IN, no time to live.
        bytes.extend([0, 1, 0, 0, 0, 0]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

fn read_name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(bytes.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    (bytes.len() >= at + 4).then(|| (labels.join("."), at))
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
