//! The load generator: tunnels through a proxy (or past it), each request answered before the next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::origin::{ANSWER, REQUEST};

/// How to reach the origin.
#[derive(Clone)]
pub(crate) struct Route {
    /// What is dialled: the proxy, or the origin itself.
    pub(crate) dial: SocketAddr,
    /// The CONNECT request; `None` past every proxy.
    pub(crate) connect: Option<Arc<str>>,
    /// The first bytes inside: a ClientHello with the origin's name.
    pub(crate) hello: Arc<[u8]>,
}

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A new tunnel, the hello, the first answer, the end.
    Tunnel,
    /// A request in a tunnel that lives on.
    Request,
}

/// What one measurement gave.
pub(crate) struct Load {
    /// Operations done.
    pub(crate) operations: u64,
    /// Wall time, seconds.
    pub(crate) seconds: f64,
    /// The time of every operation, microseconds, sorted.
    pub(crate) latencies: Vec<u32>,
}

/// Runs `operation` on `connections` connections for `duration`.
pub(crate) async fn run(
    route: &Route,
    operation: Operation,
    connections: usize,
    duration: Duration,
) -> Result<Load> {
    let started = Instant::now();
    let end = started + duration;
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let route = route.clone();
        tasks.spawn(async move {
            match operation {
                Operation::Tunnel => tunnels(&route, end).await,
                Operation::Request => requests(&route, end).await,
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Load {
        operations: latencies.len() as u64,
        seconds,
        latencies,
    })
}

async fn tunnels(route: &Route, end: Instant) -> Result<Vec<u32>> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        open(route).await?;
        latencies.push(micros(began));
    }
    Ok(latencies)
}

async fn requests(route: &Route, end: Instant) -> Result<Vec<u32>> {
    let mut stream = open(route).await?;
    let mut latencies = Vec::new();
    let mut answer = [0; ANSWER];
    while Instant::now() < end {
        let began = Instant::now();
        stream.write_all(&[b'q'; REQUEST]).await?;
        stream.read_exact(&mut answer).await?;
        latencies.push(micros(began));
    }
    Ok(latencies)
}

/// A tunnel whose first answer has arrived.
async fn open(route: &Route) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(route.dial).await.context("dialling")?;
    stream.set_nodelay(true)?;
    if let Some(connect) = &route.connect {
        stream.write_all(connect.as_bytes()).await?;
        established(&mut stream).await?;
    }
    stream.write_all(&route.hello).await?;
    let mut answer = [0; ANSWER];
    stream
        .read_exact(&mut answer)
        .await
        .context("the first answer through the tunnel")?;
    Ok(stream)
}

/// Reads the proxy's answer to CONNECT.
async fn established(stream: &mut TcpStream) -> Result<()> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 || head.len() > 8192 {
            bail!(
                "the proxy ended the connection: {}",
                String::from_utf8_lossy(&head)
            );
        }
    }
    if !head.starts_with(b"HTTP/1.1 200") {
        bail!("the proxy refused: {}", String::from_utf8_lossy(&head));
    }
    Ok(())
}

fn micros(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX)
}
