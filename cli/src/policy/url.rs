//! `--database-url`: where a database is and who asks it, for commands that need no configuration.
//!
//! TLS is verified, or there is none and the server is on this machine, or the URL says so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use exeat_identity::Secret;
use exeat_service::config::{Analysis, Database, SecondWall, UpstreamTls, User};

/// Reads `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…`. Gives the database and
/// the role to connect as; the error says what is wrong, never what the password is.
pub(super) fn parse(url: &str) -> Result<(Database, Arc<str>), String> {
    let rest = url
        .strip_prefix("postgresql://")
        .or_else(|| url.strip_prefix("postgres://"))
        .ok_or("it does not begin with postgresql://")?;
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (login, address) = authority
        .rsplit_once('@')
        .ok_or("it names no user; write postgresql://USER@HOST/DATABASE")?;
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (decoded(user)?, Some(decoded(password)?)),
        None => (decoded(login)?, std::env::var("PGPASSWORD").ok()),
    };
    let (host, port) = host_and_port(address)?;
    let database = match decoded(database)? {
        none if none.is_empty() => user.clone(),
        some => some,
    };
    let user: Arc<str> = user.into();
    let tls = tls(options, &host)?;
    let database = Database {
        host,
        port,
        database,
        tls,
        users: BTreeMap::from([(
            Arc::clone(&user),
            User {
                password: password.map(Secret::new),
            },
        )]),
        catalog_user: Some(Arc::clone(&user)),
        search_path: Vec::new(),
        analysis: Analysis::Required,
        second_wall: SecondWall::Off,
    };
    Ok((database, user))
}

fn host_and_port(address: &str) -> Result<(String, u16), String> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("its address has no `]`")?;
            (host, port.strip_prefix(':'))
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let host = decoded(host)?;
    if host.is_empty() || host.starts_with('/') {
        return Err("it names no host; sockets of this machine are not supported".to_owned());
    }
    let port = match port {
        Some(port) => port.parse().map_err(|_| "its port is no number")?,
        None => 5432,
    };
    Ok((host, port))
}

fn tls(options: &str, host: &str) -> Result<UpstreamTls, String> {
    let (mut mode, mut roots) = (None, Vec::new());
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "sslmode" => mode = Some(decoded(value)?),
            "sslrootcert" => roots.push(PathBuf::from(decoded(value)?)),
            other => return Err(format!("its parameter `{other}` is not supported")),
        }
    }
    let local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    match mode.as_deref() {
        Some("disable") => Ok(UpstreamTls::Disable),
        None if local && roots.is_empty() => Ok(UpstreamTls::Disable),
        None | Some("verify-full") => Ok(UpstreamTls::VerifyFull { roots }),
        Some(_) => Err("sslmode is `verify-full`, or `disable`".to_owned()),
    }
}

/// Percent-encoding taken away.
fn decoded(text: &str) -> Result<String, String> {
    let bad = || "it has a `%` that is no escape".to_owned();
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_first_chunk::<2>().ok_or_else(bad)?;
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        rest = more;
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests;
