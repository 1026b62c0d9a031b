//! Listening sockets and the threads that serve them: one single-threaded runtime per core, each with
//! its own socket of the same port (`SO_REUSEPORT`), so that no connection ever changes its core.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted, per socket.
const BACKLOG: i32 = 4096;

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {error}")]
pub struct BindError {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

/// One address, bound once per thread.
#[derive(Debug)]
pub struct Bound {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
}

impl Bound {
    /// Binds `address` once per thread. Port 0 takes a free port, the same for all.
    pub fn new(address: SocketAddr, threads: usize) -> Result<Self, BindError> {
        let at = |error| BindError { address, error };
        // SO_REUSEPORT would let a second process of the same user share the port in silence. A
        // socket without the option is refused where anybody has the port.
        if address.port() != 0 {
            socket(address, false).map_err(at)?;
        }
        let first = listen(address, true).map_err(at)?;
        let resolved = first.local_addr().map_err(at)?;
        let mut sockets = vec![first];
        for _ in 1..threads {
            sockets.push(listen(resolved, true).map_err(at)?);
        }
        Ok(Self {
            address: resolved,
            sockets,
        })
    }

    /// The address with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The sockets, one per thread.
    pub fn into_sockets(self) -> Vec<TcpListener> {
        self.sockets
    }
}

/// Binds and listens once, without sharing the port: the admin listener.
pub fn exclusive(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address, false).map_err(|error| BindError { address, error })
}

fn listen(address: SocketAddr, share: bool) -> io::Result<TcpListener> {
    let socket = socket(address, share)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Lets the process open as many files as it may: each session needs two, and the soft limit of many
/// systems is 1024. Gives the limit that holds now; `None`: there is none.
pub fn raise_file_limit() -> io::Result<Option<u64>> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current)
}

/// The threads that serve connections.
#[derive(Debug)]
pub struct Threads(Vec<JoinHandle<io::Result<()>>>);

impl Threads {
    /// Starts one thread per item. Each makes its own runtime and runs `serve` of its item to the end;
    /// what was spawned there ends with it.
    pub fn start<T, S, F>(items: Vec<T>, serve: S) -> io::Result<Self>
    where
        T: Send + 'static,
        S: Fn(T) -> F + Send + Sync + 'static,
        F: Future<Output = ()>,
    {
        let serve = Arc::new(serve);
        let start = |(index, item): (usize, T)| {
            let serve = serve.clone();
            std::thread::Builder::new()
                .name(format!("serve-{index}"))
                .spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    runtime.block_on(serve(item));
                    Ok(())
                })
        };
        items
            .into_iter()
            .enumerate()
            .map(start)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Waits until all have ended.
    pub fn join(self) -> io::Result<()> {
        for thread in self.0 {
            thread
                .join()
                .map_err(|_| io::Error::other("a serving thread panicked"))??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
