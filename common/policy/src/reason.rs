//! The words for each reason code: what a person who was refused reads, and what they can do.
//!
//! They must never speak of other roles, rules or the network's inside: the caller reads them.

use crate::Reason;

impl Reason {
    /// Every reason, for documents and tests.
    pub const ALL: &'static [Self] = &[
        Self::Allowed,
        Self::CredentialsMissing,
        Self::CredentialsInvalid,
        Self::CredentialsExpired,
        Self::CredentialsRevoked,
        Self::IdentityUnknown,
        Self::IdentityConflict,
        Self::AssuranceTooLow,
        Self::AuthorityMalformed,
        Self::HostNotAllowed,
        Self::PortNotAllowed,
        Self::DeniedByRule,
        Self::IpLiteral,
        Self::SpecialUseName,
        Self::AddressNotPublic,
        Self::AddressMetadata,
        Self::TlsRequired,
        Self::SniMismatch,
        Self::SniMissing,
        Self::EncryptedClientHello,
        Self::NotTls,
        Self::TlsMalformed,
        Self::TlsTimeout,
        Self::DatabaseNotAllowed,
        Self::Unreadable,
        Self::Unconfirmed,
        Self::StatementNotAllowed,
        Self::RelationNotAllowed,
        Self::ColumnNotAllowed,
        Self::ColumnMasked,
        Self::FunctionNotAllowed,
        Self::OperatorNotAllowed,
        Self::TypeNotAllowed,
        Self::SettingNotAllowed,
        Self::LimitConnects,
        Self::LimitTunnels,
        Self::LimitBytes,
        Self::LimitSessions,
        Self::LimitStatements,
        Self::LimitRows,
    ];

    /// The stable code: what metrics, records, headers and SQL errors carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsInvalid => "credentials_invalid",
            Self::CredentialsExpired => "credentials_expired",
            Self::CredentialsRevoked => "credentials_revoked",
            Self::IdentityUnknown => "identity_unknown",
            Self::IdentityConflict => "identity_conflict",
            Self::AssuranceTooLow => "assurance_too_low",
            Self::AuthorityMalformed => "authority_malformed",
            Self::HostNotAllowed => "host_not_allowed",
            Self::PortNotAllowed => "port_not_allowed",
            Self::DeniedByRule => "denied_by_rule",
            Self::IpLiteral => "ip_literal",
            Self::SpecialUseName => "special_use_name",
            Self::AddressNotPublic => "address_not_public",
            Self::AddressMetadata => "address_metadata",
            Self::TlsRequired => "tls_required",
            Self::SniMismatch => "sni_mismatch",
            Self::SniMissing => "sni_missing",
            Self::EncryptedClientHello => "encrypted_client_hello",
            Self::NotTls => "not_tls",
            Self::TlsMalformed => "tls_malformed",
            Self::TlsTimeout => "tls_timeout",
            Self::DatabaseNotAllowed => "database_not_allowed",
            Self::Unreadable => "unreadable",
            Self::Unconfirmed => "unconfirmed",
            Self::StatementNotAllowed => "statement_not_allowed",
            Self::RelationNotAllowed => "relation_not_allowed",
            Self::ColumnNotAllowed => "column_not_allowed",
            Self::ColumnMasked => "column_masked",
            Self::FunctionNotAllowed => "function_not_allowed",
            Self::OperatorNotAllowed => "operator_not_allowed",
            Self::TypeNotAllowed => "type_not_allowed",
            Self::SettingNotAllowed => "setting_not_allowed",
            Self::LimitConnects => "limit_connects",
            Self::LimitTunnels => "limit_tunnels",
            Self::LimitBytes => "limit_bytes",
            Self::LimitSessions => "limit_sessions",
            Self::LimitStatements => "limit_statements",
            Self::LimitRows => "limit_rows",
        }
    }

    /// One sentence for the caller, without a full stop.
    pub fn message(self) -> &'static str {
        match self {
            Self::Allowed => "allowed by the policy",
            Self::CredentialsMissing => "no credentials were presented",
            Self::CredentialsInvalid => "the credentials are not valid",
            Self::CredentialsExpired => "the credentials have expired",
            Self::CredentialsRevoked => "the credentials were revoked",
            Self::IdentityUnknown => "no role of the policy claims this identity",
            Self::IdentityConflict => {
                "two proofs of identity, or a proof and the claimed role, disagree"
            }
            Self::AssuranceTooLow => "this needs a stronger proof of identity",
            Self::AuthorityMalformed => "the destination is not a legal authority",
            Self::HostNotAllowed => "no rule of the role allows this host",
            Self::PortNotAllowed => "a rule allows this host, but not this port",
            Self::DeniedByRule => "a deny rule matches",
            Self::IpLiteral => "an address instead of a name, and no rule names its network",
            Self::SpecialUseName => "the name is reserved for local use",
            Self::AddressNotPublic => {
                "the name leads to an address that is not public, and no rule opens its network"
            }
            Self::AddressMetadata => "the destination is a metadata service",
            Self::TlsRequired => "the rule asks for TLS",
            Self::SniMismatch => "the server name inside the tunnel differs from the destination",
            Self::SniMissing => "the tunnel carries TLS without a server name",
            Self::EncryptedClientHello => {
                "the tunnel hides its server name (Encrypted Client Hello)"
            }
            Self::NotTls => "the tunnel does not carry TLS",
            Self::TlsMalformed => "the tunnel carries a TLS handshake that breaks the protocol",
            Self::TlsTimeout => "no TLS handshake arrived in time",
            Self::DatabaseNotAllowed => "the role has no access to this database",
            Self::Unreadable => "the statement can't be read with certainty",
            Self::Unconfirmed => {
                "the statement can be read by one reader only, and no rule grants such statements"
            }
            Self::StatementNotAllowed => "this kind of statement is not allowed",
            Self::RelationNotAllowed => "this access to the relation is not allowed",
            Self::ColumnNotAllowed => "this access to the column is not allowed",
            Self::ColumnMasked => "the column is masked and can't be read",
            Self::FunctionNotAllowed => "the function is not allowed",
            Self::OperatorNotAllowed => "the operator is not PostgreSQL's own and not allowed",
            Self::TypeNotAllowed => "the type or collation is not PostgreSQL's own and not allowed",
            Self::SettingNotAllowed => "the configuration parameter may not be set",
            Self::LimitConnects => "too many new connections in this period",
            Self::LimitTunnels => "too many live tunnels",
            Self::LimitBytes => "the byte quota of this period is used up",
            Self::LimitSessions => "too many live database sessions",
            Self::LimitStatements => "too many statements in this period",
            Self::LimitRows => "the statement exceeds the row limit",
        }
    }

    /// What the caller, or whoever answers for the policy, can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Allowed => "nothing to do",
            Self::CredentialsMissing => "present a client certificate, a token or a JWT",
            Self::CredentialsInvalid => "check the token, the password or the certificate",
            Self::CredentialsExpired => "get a fresh token or certificate",
            Self::CredentialsRevoked => "ask for new credentials",
            Self::IdentityUnknown => "add the identity to a role of the policy",
            Self::IdentityConflict => "present one proof only, and claim the role that it gives",
            Self::AssuranceTooLow => "use a client certificate, or a JWT instead of a token",
            Self::AuthorityMalformed => {
                "write host:port with a lower-case ASCII name, an IPv4 address or [an IPv6 address]"
            }
            Self::HostNotAllowed => "`exeat policy explain` prints the rule to ask for",
            Self::PortNotAllowed => "add the port to the rule",
            Self::DeniedByRule => "a deny rule wins over every allow rule; ask its owner",
            Self::IpLiteral => "use the name, or ask for a `cidr` rule",
            Self::SpecialUseName => "use a public name, or ask for a rule that names this one",
            Self::AddressNotPublic => "ask for the network in the rule's `networks`",
            Self::AddressMetadata => {
                "use the workload's own identity instead of the metadata service"
            }
            Self::TlsRequired => "use https, or ask for `tls: false` in the rule",
            Self::SniMismatch => "connect to the name that the TLS handshake asks for",
            Self::SniMissing => "use a client that sends the server name (SNI)",
            Self::EncryptedClientHello => "turn Encrypted Client Hello off in the client",
            Self::NotTls => "use TLS, or ask for `tls: false` in the rule",
            Self::TlsMalformed => "check the client's TLS library",
            Self::TlsTimeout => "check the client's TLS library and the network",
            Self::DatabaseNotAllowed => "ask for the database under the role's `databases`",
            Self::Unreadable => "write the statement in plain PostgreSQL, one construct at a time",
            Self::Unconfirmed => "rewrite the statement more plainly, or ask for a `define` rule",
            Self::StatementNotAllowed => "ask for a `statement` rule",
            Self::RelationNotAllowed => "`exeat policy explain` prints the rule to ask for",
            Self::ColumnNotAllowed => "leave the column out, or ask for it in the rule",
            Self::ColumnMasked => "leave the column out",
            Self::FunctionNotAllowed => "ask for the function in a `call` rule",
            Self::OperatorNotAllowed => "ask for the operator in an `operator` rule",
            Self::TypeNotAllowed => "ask for the type in a `type` rule",
            Self::SettingNotAllowed => "leave it at its default, or ask for a `set` rule",
            Self::LimitConnects => "reuse connections, or slow down",
            Self::LimitTunnels => "close idle tunnels",
            Self::LimitBytes => "wait for the next period",
            Self::LimitSessions => "use a smaller connection pool",
            Self::LimitStatements => "slow down",
            Self::LimitRows => "add a LIMIT",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
