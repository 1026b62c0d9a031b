//! A PostgreSQL client that sends exactly the messages it is given (protocol 3.0, without TLS
//! unless it is asked for), for what no driver sends.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::database::Database;

/// A stream to the server, plain or TLS.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection.
pub struct Wire {
    stream: Box<dyn Stream>,
}

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: char,
    /// Its body, without the length.
    pub body: Vec<u8>,
}

impl Message {
    /// A field of an ErrorResponse or NoticeResponse: `C` SQLSTATE, `M` message, `D` detail, `H` hint.
    pub fn field(&self, kind: char) -> Option<String> {
        self.body
            .split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&(kind as u8)))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    }
}

impl Wire {
    /// Connects, without a startup message.
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_within(address, Duration::from_secs(20))
    }

    /// Connects, for answers that come within this time.
    pub fn connect_within(address: SocketAddr, patience: Duration) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: Box::new(stream),
        }
    }

    /// Connects from this address of the loopback network, by which a policy may know who it is.
    pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from((source, 0))).unwrap();
        connect(&socket, &address).unwrap();
        let stream = TcpStream::from(socket);
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: Box::new(stream),
        }
    }

    /// Connects with an SSLRequest and TLS, trusting `roots` (PEM).
    pub fn connect_tls(address: SocketAddr, roots: &str) -> Self {
        Self::upgraded(address, tls_client(roots, "localhost", &[b"postgresql"]))
    }

    /// As [`Self::connect_tls`], with a client certificate and its key.
    pub fn connect_tls_as(address: SocketAddr, roots: &str, pair: (&Path, &Path)) -> Self {
        let session = tls_client_as(roots, "localhost", &[b"postgresql"], pair);
        Self::upgraded(address, session)
    }

    fn upgraded(address: SocketAddr, session: rustls::ClientConnection) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"S", "the server takes TLS");
        Self {
            stream: Box::new(rustls::StreamOwned::new(session, stream)),
        }
    }

    /// Connects with direct TLS (no SSLRequest) and these ALPN names; `None` where the handshake fails.
    pub fn connect_direct(address: SocketAddr, roots: &str, alpn: &[&[u8]]) -> Option<Self> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut session = tls_client(roots, "localhost", alpn);
        while session.is_handshaking() {
            session.complete_io(&mut stream).ok()?;
        }
        Some(Self {
            stream: Box::new(rustls::StreamOwned::new(session, stream)),
        })
    }

    /// Connects to the database itself as its superuser, past the proxy.
    pub fn past_the_proxy(database: &Database, name: &str) -> Self {
        let stream = UnixStream::connect(database.socket()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut wire = Self {
            stream: Box::new(stream),
        };
        let answer = wire.start(&[("user", "postgres"), ("database", name)], "");
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        wire
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // A server that closed already shows when reading.
        self.stream.write_all(bytes.as_ref()).ok();
        self.stream.flush().ok();
        self
    }

    /// The next message; `None` at the end of the stream.
    pub fn message(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some(Message {
            kind: char::from(head[0]),
            body,
        })
    }

    /// Messages up to and with ReadyForQuery, or to the end of the stream.
    pub fn until_ready(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.message() {
            let ready = message.kind == 'Z';
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// The startup, answering a cleartext password request; the messages up to ReadyForQuery or the end.
    pub fn start(&mut self, parameters: &[(&str, &str)], password: &str) -> Vec<Message> {
        self.start_as(196_608, parameters, password)
    }

    /// As [`Self::start`], with this version of the protocol.
    pub fn start_as(
        &mut self,
        version: u32,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Vec<Message> {
        self.send(startup(version, parameters));
        let mut messages = Vec::new();
        while let Some(message) = self.message() {
            if message.kind == 'R' && message.body == [0, 0, 0, 3] {
                self.send(frame('p', &cstr(password)));
            }
            let end = matches!(message.kind, 'Z' | 'E');
            messages.push(message);
            if end {
                break;
            }
        }
        messages
    }

    /// A simple query and its answer.
    pub fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(query(sql));
        self.until_ready()
    }

    /// The rows of a simple query as `psql` shows them: one per line, values between bars. Whoever asks the
    /// same again and again is spared a process and a login each time.
    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> String {
        let answer = self.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        let rows = answer.iter().filter(|message| message.kind == 'D');
        rows.map(row).collect::<Vec<_>>().join("\n")
    }

    /// Makes of a session one that has just begun: no transaction, nothing of its own.
    #[track_caller]
    pub fn begin_anew(&mut self) {
        self.query("ROLLBACK");
        let answer = self.query("DISCARD ALL");
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
    }

    /// Reads until the server closes; the messages that came.
    pub fn to_end(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.message()).collect()
    }
}

/// The values of a DataRow; NULL is an empty one.
fn row(message: &Message) -> String {
    let mut rest = &message.body[2..];
    let mut values = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, behind) = behind.split_at(length);
        values.push(String::from_utf8_lossy(value));
        rest = behind;
    }
    values.join("|")
}

/// The kinds of messages, as a string: `TDCZ`.
pub fn kinds(messages: &[Message]) -> String {
    messages.iter().map(|message| message.kind).collect()
}

/// The SQLSTATE of the first error.
pub fn sqlstate(messages: &[Message]) -> Option<String> {
    messages
        .iter()
        .find(|message| message.kind == 'E')
        .and_then(|message| message.field('C'))
}

/// A message with its length.
pub fn frame(kind: char, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind as u8][..], &length, body].concat()
}

/// A startup message.
pub fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(cstr(name));
        body.extend(cstr(value));
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&length[..], &body].concat()
}

/// A string with its final NUL.
pub fn cstr(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Query.
pub fn query(sql: &str) -> Vec<u8> {
    frame('Q', &cstr(sql))
}

/// Parse of an unnamed or named statement without parameter types.
pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    frame('P', &[cstr(name), cstr(sql), vec![0, 0]].concat())
}

/// Bind without parameters, results as text.
pub fn bind(portal: &str, statement: &str) -> Vec<u8> {
    frame(
        'B',
        &[cstr(portal), cstr(statement), vec![0, 0, 0, 0, 0, 0]].concat(),
    )
}

/// Describe of a portal.
pub fn describe_portal(portal: &str) -> Vec<u8> {
    frame('D', &[vec![b'P'], cstr(portal)].concat())
}

/// Execute without a row limit.
pub fn execute(portal: &str) -> Vec<u8> {
    frame('E', &[cstr(portal), vec![0, 0, 0, 0]].concat())
}

/// Sync.
pub fn sync() -> Vec<u8> {
    frame('S', &[])
}

/// A TLS client that trusts `roots`.
pub fn tls_client(roots: &str, name: &str, alpn: &[&[u8]]) -> rustls::ClientConnection {
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(root_store(roots))
        .with_no_client_auth();
    client(config, name, alpn)
}

/// The same with a client certificate and its key.
pub fn tls_client_as(
    roots: &str,
    name: &str,
    alpn: &[&[u8]],
    (certificate, key): (&Path, &Path),
) -> rustls::ClientConnection {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(root_store(roots))
        .with_client_auth_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    client(config, name, alpn)
}

fn root_store(roots: &str) -> rustls::RootCertStore {
    let mut store = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(root.unwrap()).unwrap();
    }
    store
}

fn client(
    mut config: rustls::ClientConfig,
    name: &str,
    alpn: &[&[u8]],
) -> rustls::ClientConnection {
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    rustls::ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap()
}
