//! The key that signs checkpoints: Ed25519, in the text forms of C2SP signed-note (`vkey`) and of Go's
//! `sumdb/note` for the secret half. The secret half never leaves its file but into memory, and its
//! `Debug` shows the name alone.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::AuditError;
use crate::hash::sha256;

/// The secret half's file in the log's folder.
pub(crate) const SECRET_FILE: &str = "audit.key";
/// The public half's file in the log's folder.
pub const PUBLIC_FILE: &str = "audit.pub";

const ED25519: u8 = 1;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// The public half of a log's key, with the log's name.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    /// The vkey form: `<name>+<id>+<base64>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex(self.id()),
            STANDARD.encode(bytes)
        )
    }
}

impl PublicKey {
    /// Reads the vkey form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it is not of the form <name>+<id>+<base64>");
        };
        let key = decode(key).ok_or("its last part is not an Ed25519 key in base64")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| "it is not a point of the curve")?;
        let parsed = Self {
            name: name.to_owned(),
            key,
        };
        if hex(parsed.id()) != id {
            return Err("its id does not belong to its name and key");
        }
        Ok(parsed)
    }

    /// Reads a file that holds the vkey form.
    ///
    /// # Errors
    /// Where the file can't be read or holds something else.
    pub fn read(path: &Path) -> Result<Self, AuditError> {
        let text = fs::read_to_string(path).map_err(AuditError::io("read", path))?;
        Self::parse(&text).map_err(|why| AuditError::Key {
            path: path.to_owned(),
            why,
        })
    }

    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id of signed-note: the first bytes of a hash over name, type and key.
    pub(crate) fn id(&self) -> [u8; 4] {
        let digest = sha256([self.name.as_bytes(), &[b'\n', ED25519], self.key.as_bytes()]);
        let mut id = [0; 4];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        id
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

/// Both halves.
pub(crate) struct SecretKey {
    public: PublicKey,
    key: SigningKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Makes a key for a log of this name.
    pub(crate) fn generate(name: &str) -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self::from_seed(name, &seed))
    }

    pub(crate) fn from_seed(name: &str, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self {
            public: PublicKey {
                name: name.to_owned(),
                key: key.verifying_key(),
            },
            key,
        }
    }

    /// The public half.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Reads the key of a log's folder, which for a new log is made first.
    pub(crate) fn open(directory: &Path, node: &str, new: bool) -> Result<Self, AuditError> {
        let path = directory.join(SECRET_FILE);
        if new && !path.exists() {
            let refused = |_| AuditError::Key {
                path: path.clone(),
                why: "there is no randomness",
            };
            let key = Self::generate(&format!("exeat/{}", plain(node))).map_err(refused)?;
            key.store(&path)?;
        }
        let text = fs::read_to_string(&path)
            .map(Zeroizing::new)
            .map_err(AuditError::io("read", &path))?;
        let key = Self::parse(&text).map_err(|why| AuditError::Key { path, why })?;
        let public = directory.join(PUBLIC_FILE);
        if !public.exists() {
            fs::write(&public, format!("{}\n", key.public))
                .map_err(AuditError::io("write", &public))?;
        }
        Ok(key)
    }

    fn store(&self, path: &Path) -> Result<(), AuditError> {
        let mut bytes = Zeroizing::new(vec![ED25519]);
        bytes.extend_from_slice(self.key.as_bytes());
        let id = hex(self.public.id());
        let text = Zeroizing::new(format!(
            "{SECRET_PREFIX}{}+{id}+{}\n",
            self.public.name,
            STANDARD.encode(&*bytes)
        ));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(AuditError::io("create", path))?;
        file.write_all(text.as_bytes())
            .map_err(AuditError::io("write", path))?;
        file.sync_all().map_err(AuditError::io("sync", path))
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .ok_or("it is not a signer's key")?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it is not of the form PRIVATE+KEY+<name>+<id>+<base64>");
        };
        let seed = Zeroizing::new(decode(seed).ok_or("its last part is not an Ed25519 seed")?);
        let key = Self::from_seed(name, &seed);
        if hex(key.public.id()) != id {
            return Err("its id does not belong to its name and key");
        }
        Ok(key)
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let (kind, key) = bytes.split_first()?;
    (*kind == ED25519).then(|| key.try_into().ok()).flatten()
}

fn hex(bytes: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(bytes))
}

/// A node's name as part of a log's name: neither spaces nor plus signs may be in it.
fn plain(node: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    node.chars().map(keep).collect()
}
