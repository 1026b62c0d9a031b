//! The outside of the demo: HTTPS servers on loopback that say who they are.
//!
//! A handful of requests by a handful of clients: one thread per connection, one answer per request,
//! and a feed that never ends for the tour's live tunnel.

use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The pause between two lines of the feed.
const FEED: Duration = Duration::from_millis(200);

/// Serves `name` on `address` until the process ends. The address that it got.
pub(crate) fn serve(
    name: &'static str,
    address: SocketAddr,
    tls: Arc<ServerConfig>,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("origin {name}: {address} can't be bound; end what listens there")
    })?;
    let bound = listener.local_addr()?;
    thread::Builder::new()
        .name(format!("origin {name}"))
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = Arc::clone(&tls);
                // A client that goes away ends its connection, nothing else.
                thread::spawn(move || answer(name, stream, tls).ok());
            }
        })?;
    Ok(bound)
}

fn answer(name: &str, stream: TcpStream, tls: Arc<ServerConfig>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream));
    loop {
        let mut request = String::new();
        if stream.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::new();
        while stream.read_line(&mut header)? > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1).unwrap_or("/");
        if path == "/feed" {
            return feed(name, stream.get_mut());
        }
        let body = format!("{name} here: you asked for {path}\n");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let stream = stream.get_mut();
        stream.write_all((head + &body).as_bytes())?;
        stream.flush()?;
    }
}

/// Lines without end.
fn feed(name: &str, stream: &mut impl Write) -> Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")?;
    for line in 1.. {
        stream.write_all(format!("{name}: line {line}\n").as_bytes())?;
        stream.flush()?;
        thread::park_timeout(FEED);
    }
    Ok(())
}
