//! A client that sends exactly the bytes it is given, for what no well-behaved client sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a read may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub struct Raw {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// The head of an HTTP answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code; 0 where the peer closed without an answer.
    pub status: u16,
    /// The header fields, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as far as `content-length` tells.
    pub body: String,
}

impl Head {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Raw {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    /// Sends bytes. A peer that closed already shows when reading.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).ok();
        self
    }

    /// Sends bytes; false where the peer has closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        // A peer that closed in order takes one more write.
        !self.is_closed() && self.stream.write_all(bytes).is_ok()
    }

    /// Whether the peer has closed, as far as is known by now.
    pub fn is_closed(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match peeked {
            Ok(count) => count == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Says that nothing more comes.
    pub fn finish(&mut self) -> &mut Self {
        self.stream.shutdown(std::net::Shutdown::Write).ok();
        self
    }

    /// Reads an HTTP answer: head, and body by its length.
    pub fn head(&mut self) -> Head {
        let end = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                break at;
            }
            if !self.more() {
                return Head {
                    status: 0,
                    headers: Vec::new(),
                    body: self.text(),
                };
            }
        };
        let text = String::from_utf8_lossy(&self.rest[..end]).into_owned();
        self.rest.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut head = Head {
            status: status.unwrap_or(0),
            headers,
            body: String::new(),
        };
        let length: usize = head
            .header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        while self.rest.len() < length && self.more() {}
        let length = length.min(self.rest.len());
        head.body = String::from_utf8_lossy(&self.rest[..length]).into_owned();
        self.rest.drain(..length);
        head
    }

    /// Reads exactly `count` bytes, or fewer where the peer closes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count && self.more() {}
        let count = count.min(self.rest.len());
        self.rest.drain(..count).collect()
    }

    /// Reads until the peer closes, and gives what came. Panics where it does not close in time.
    #[track_caller]
    pub fn to_end(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.rest)
    }

    /// The stream itself, for TLS over it.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.rest.is_empty(), "bytes were read already");
        self.stream
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }

    /// Reads once; false at the end of the stream or after a reset.
    #[track_caller]
    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => {
                let timed_out = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                assert!(
                    !timed_out,
                    "no answer after {PATIENCE:?}; so far {:?}",
                    self.text()
                );
                false
            }
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

/// A TLS 1.2 shaped ClientHello with these extensions appended to its own minimal ones.
pub fn client_hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, data) in extensions {
        list.extend(kind.to_be_bytes());
        list.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        list.extend(data);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    // Cipher suites: TLS_AES_128_GCM_SHA256 and an ECDHE one; null compression.
    body.extend([0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
    body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
    body.extend(list);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1][..], &length[1..], &body].concat();
    record(22, &handshake)
}

/// A TLS record.
pub fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 3, 1][..], &length, payload].concat()
}

/// The `server_name` extension with these host names (RFC 6066 §3).
pub fn server_name(names: &[&[u8]]) -> (u16, Vec<u8>) {
    let mut list = Vec::new();
    for name in names {
        list.push(0);
        list.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        list.extend(*name);
    }
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    (0, [&length[..], &list].concat())
}

/// The extension of an encrypted client hello (0xfe0d), outer.
pub fn encrypted_client_hello() -> (u16, Vec<u8>) {
    let mut data = vec![0, 0, 1, 0, 1, 42, 0, 32];
    data.extend([9; 32]);
    data.extend([0, 144]);
    data.extend([8; 144]);
    (0xfe0d, data)
}
