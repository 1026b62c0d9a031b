//! What no identity of a role can prove.

use super::*;

/// A role with these identities and the rest of its keys.
fn role(identities: &str, rest: &str) -> String {
    format!("version: 1\nroles:\n  a:\n    identities: [{identities}]\n{rest}")
}

const STRONG: &str = "{ spiffe: 'spiffe://d/a' }, { token: a }";
const JWT: &str = "{ jwt: { issuer: i, subject: s } }";

#[test]
fn an_assurance_above_every_identity_is_an_error() {
    for identities in ["{ token: a }", "{ scram: a }, { source: 10.0.0.0/8 }", JWT] {
        refused(
            &role(
                identities,
                "    assurance: certificate\n    egress: { allow: [{ host: a.example }] }\n",
            ),
            5,
            16,
            "can never match: no identity of the role is as strong as `certificate`",
            "`spiffe:`",
        );
        refused(
            &role(
                identities,
                "    databases:\n      d: { as: x, assurance: certificate }\n",
            ),
            6,
            30,
            "can never match",
            "add an identity that is",
        );
    }
    refused(
        &role(
            JWT,
            "    egress: { allow: [{ host: a.example, assurance: certificate }] }\n",
        ),
        5,
        53,
        "as strong as `certificate`",
        "or ask for `jwt`",
    );
    refused(
        &role(
            "{ source: 10.0.0.0/8 }",
            "    egress: { allow: [{ host: a.example, assurance: token }] }\n",
        ),
        5,
        53,
        "as strong as `token`",
        "`token:`, `jwt:` or `spiffe:`",
    );
    // The verifier is as strong as a token, but no proof at the gateway.
    refused(
        &role(
            "{ source: 10.0.0.0/8 }, { scram: a }",
            "    egress: { allow: [{ host: a.example, assurance: token }] }\n",
        ),
        5,
        53,
        "as strong as `token`",
        "or ask for `source`",
    );
    for held in [
        role(
            STRONG,
            "    assurance: certificate\n    egress: { allow: [{ host: a.example, assurance: certificate }] }\n",
        ),
        role(
            STRONG,
            "    databases: { d: { as: x, assurance: certificate } }\n",
        ),
        role(
            JWT,
            "    assurance: jwt\n    egress: { allow: [{ host: a.example, assurance: source }] }\n",
        ),
        role(
            "{ scram: a }",
            "    assurance: token\n    databases: { d: { as: x, assurance: token } }\n",
        ),
    ] {
        assert!(load(&[source("p", &held)]).is_ok(), "{held}");
    }
}

#[test]
fn egress_needs_an_identity_that_the_gateway_can_learn_of() {
    let rules = "    egress:\n      allow:\n        - host: a.example\n";
    refused(
        &role("{ scram: a }", rules),
        7,
        11,
        "no identity of the role proves itself to the gateway",
        "`scram:` proves itself to databases only",
    );
    refused(
        &role(
            "{ scram: a }, { source: 10.0.0.0/8 }",
            &format!("    assurance: token\n{rules}"),
        ),
        8,
        11,
        "no identity of the role proves itself to the gateway",
        "as strong as the role asks for",
    );
    let database = "    databases: { d: { as: x } }\n";
    assert!(load(&[source("p", &role("{ scram: a }", database))]).is_ok());
    let both = role("{ scram: a }, { token: a }", rules);
    assert!(load(&[source("p", &both)]).is_ok());
}

#[test]
fn an_identity_that_can_not_be_read_is_the_only_problem() {
    let rest = "    assurance: certificate\n    egress: { allow: [{ host: a.example }] }\n";
    refused(
        &role("{ spife: x }, { token: a }", rest),
        4,
        20,
        "unknown word `spife`",
        "",
    );
    refused(&role("{ spiffe: x }", rest), 4, 18, "is no SPIFFE ID", "");
}
