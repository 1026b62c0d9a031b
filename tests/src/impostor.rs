//! A server that speaks as much PostgreSQL as its script says, and lies, breaks off or falls silent
//! where it is told to: what a database behind the proxy must not be able to do to it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::scram::{self, Keys};
use crate::wire::{cstr, frame};

/// What is done with a connection, until the proxy leaves (`None`) or it is closed.
pub type Script = dyn Fn(&mut Peer) -> Option<()> + Send + Sync;

/// A running server.
pub struct Impostor {
    address: SocketAddr,
    script: Arc<Mutex<Arc<Script>>>,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    serving: Mutex<Vec<JoinHandle<()>>>,
}

/// The proxy, seen from behind.
pub struct Peer {
    stream: Box<dyn Stream>,
}

/// A stream to the proxy, plain or TLS.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Impostor {
    /// Starts one that closes every connection at once.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Arc<Script>>> = Arc::new(Mutex::new(Arc::new(|_: &mut Peer| None)));
        let shared = Arc::new(Shared::default());
        let accepting = std::thread::spawn({
            let (script, shared) = (Arc::clone(&script), Arc::clone(&shared));
            move || accept(&listener, &script, &shared)
        });
        Self {
            address,
            script,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on connections are served so.
    pub fn set(&self, script: impl Fn(&mut Peer) -> Option<()> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }
}

fn accept(listener: &TcpListener, script: &Mutex<Arc<Script>>, shared: &Shared) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        let socket = stream.try_clone().unwrap();
        shared
            .open
            .lock()
            .unwrap()
            .push(stream.try_clone().unwrap());
        let script = Arc::clone(&script.lock().unwrap());
        let serving = std::thread::spawn(move || {
            let mut peer = Peer {
                stream: Box::new(stream),
            };
            script(&mut peer);
            socket.shutdown(Shutdown::Both).ok();
        });
        shared.serving.lock().unwrap().push(serving);
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
        for stream in self.shared.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
        for serving in self.shared.serving.lock().unwrap().drain(..) {
            serving.join().ok();
        }
    }
}

impl Peer {
    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // A proxy that closed already shows when reading.
        self.stream.write_all(bytes.as_ref()).ok();
        self.stream.flush().ok();
        self
    }

    /// A packet without a type: SSLRequest, startup. `None` where the proxy left.
    pub fn packet(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// The next message. `None` where the proxy left.
    pub fn message(&mut self) -> Option<(char, Vec<u8>)> {
        let mut kind = [0];
        self.stream.read_exact(&mut kind).ok()?;
        Some((char::from(kind[0]), self.packet()?))
    }

    /// Takes the SSLRequest and goes on in TLS. `None` where the handshake fails.
    pub fn encrypt(&mut self, config: rustls::ServerConfig) -> Option<()> {
        self.packet()?;
        self.send(b"S");
        let plain = std::mem::replace(&mut self.stream, Box::new(std::io::empty()));
        let session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, plain);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).ok()?;
        }
        self.stream = Box::new(stream);
        Some(())
    }

    /// Says nothing more, and waits until the proxy leaves.
    pub fn stall(&mut self) {
        while matches!(self.stream.read(&mut [0; 1024]), Ok(1..)) {}
    }

    /// Takes the startup and lets the proxy in without asking for anything.
    pub fn welcome(&mut self) -> Option<Vec<u8>> {
        let startup = self.packet()?;
        self.send([authentication(0, b""), ready_to_begin()].concat());
        Some(startup)
    }

    /// Serves the proxy's own connection for the catalog (an empty one), where this startup is its;
    /// true where it was.
    pub fn catalog(&mut self, startup: &[u8]) -> bool {
        let own = find(startup, b"exeat catalog");
        while own && self.message().is_some_and(|(kind, _)| kind == 'Q') {
            self.send([frame('C', b"SELECT 0\0"), frame('Z', b"I")].concat());
        }
        own
    }

    /// The start of SCRAM as an honest server does it: the startup, and what the client sent first,
    /// without its GS2 header.
    pub fn client_first(&mut self) -> Option<(Vec<u8>, String)> {
        let startup = self.packet()?;
        self.send(authentication(10, b"SCRAM-SHA-256\0\0"));
        let (_, body) = self.message()?;
        let at = body.iter().position(|byte| *byte == 0)? + 5;
        let first = String::from_utf8(body[at..].to_vec()).ok()?;
        let (_, bare) = first.split_once(",,")?;
        Some((startup, bare.to_owned()))
    }

    /// The whole of SCRAM as an honest server with this password does it; gives the startup.
    pub fn scram(&mut self, password: &str) -> Option<Vec<u8>> {
        let salt = b"an honest salt..";
        let (startup, first) = self.client_first()?;
        let nonce = scram::attribute(&first, 'r');
        let server_first = format!("r={nonce}and-mine,s={},i=4096", scram::encode(salt));
        self.send(authentication(11, server_first.as_bytes()));
        let (_, body) = self.message()?;
        let last = String::from_utf8(body).ok()?;
        let (without_proof, _) = last.rsplit_once(",p=")?;
        let keys = Keys::of(password, salt, 4096);
        let signed = format!("{first},{server_first},{without_proof}");
        let done = format!("v={}", keys.signature(&signed));
        self.send(authentication(12, done.as_bytes()));
        self.send([authentication(0, b""), ready_to_begin()].concat());
        Some(startup)
    }
}

/// An Authentication message.
pub fn authentication(code: u32, data: &[u8]) -> Vec<u8> {
    frame('R', &[&code.to_be_bytes()[..], data].concat())
}

/// A ParameterStatus.
pub fn parameter(name: &str, value: &str) -> Vec<u8> {
    frame('S', &[cstr(name), cstr(value)].concat())
}

/// An ErrorResponse.
pub fn error(severity: &str, code: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0Mfrom the impostor\0\0");
    frame('E', fields.as_bytes())
}

/// From the settings to ReadyForQuery, as PostgreSQL says it.
pub fn ready_to_begin() -> Vec<u8> {
    [
        parameter("server_version", "16.0"),
        parameter("client_encoding", "UTF8"),
        parameter("standard_conforming_strings", "on"),
        parameter("is_superuser", "off"),
        frame('K', &[0, 0, 0, 7, 1, 2, 3, 4]),
        frame('Z', b"I"),
    ]
    .concat()
}

/// A RowDescription of one column `a`, an int4.
pub fn description() -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(cstr("a"));
    body.extend([
        0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0,
    ]);
    frame('T', &body)
}

/// A DataRow of one column.
pub fn row(value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    frame('D', &[&[0, 1][..], &length, value.as_bytes()].concat())
}

fn find(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.windows(pattern.len()).any(|window| window == pattern)
}
