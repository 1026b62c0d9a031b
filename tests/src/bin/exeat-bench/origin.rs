//! The origin of the gateway's measurements: plain TCP, answers every request with 1 KB.
//!
//! The first request on a connection is a ClientHello, the later ones have a fixed size, so that no parsing
//! of the origin's counts.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a request after the first one.
pub(crate) const REQUEST: usize = 128;
/// Bytes of an answer.
pub(crate) const ANSWER: usize = 1024;

/// Starts the origin on a thread of its own; it ends with the process.
pub(crate) fn start(hello: usize) -> Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, hello));
            }
        });
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream, hello: usize) {
    stream.set_nodelay(true).ok();
    let mut buffer = vec![0; hello.max(REQUEST)];
    let mut size = hello;
    while stream.read_exact(&mut buffer[..size]).await.is_ok() {
        if stream.write_all(&[b'x'; ANSWER]).await.is_err() {
            return;
        }
        size = REQUEST;
    }
}
