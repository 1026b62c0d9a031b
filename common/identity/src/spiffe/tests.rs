use super::{SpiffeError, SpiffeId, TrustDomainName};

#[test]
fn reads_an_id_into_its_domain_and_path() {
    let id = SpiffeId::parse("spiffe://corp.example/ns/billing/sa/charge").unwrap();
    assert_eq!(id.domain().as_str(), "corp.example");
    assert_eq!(id.as_str(), "spiffe://corp.example/ns/billing/sa/charge");
    assert_eq!(id.last_segment(), "charge");
}

#[test]
fn refuses_every_other_spelling() {
    let long = format!("spiffe://a/{}", "x".repeat(2048));
    let long_domain = format!("spiffe://{}/x", "a".repeat(256));
    let cases = [
        ("", SpiffeError::Scheme),
        ("SPIFFE://corp.example/x", SpiffeError::Scheme),
        ("https://corp.example/x", SpiffeError::Scheme),
        ("spiffe:/corp.example/x", SpiffeError::Scheme),
        (" spiffe://corp.example/x", SpiffeError::Scheme),
        ("spiffe://corp.example", SpiffeError::Path),
        ("spiffe://corp.example/", SpiffeError::Path),
        ("spiffe://corp.example/x/", SpiffeError::Path),
        ("spiffe://corp.example//x", SpiffeError::Path),
        ("spiffe://corp.example/../x", SpiffeError::Path),
        ("spiffe://corp.example/./x", SpiffeError::Path),
        ("spiffe://corp.example/a%2fb", SpiffeError::Path),
        ("spiffe://corp.example/a?b", SpiffeError::Path),
        ("spiffe://corp.example/a#b", SpiffeError::Path),
        ("spiffe://corp.example/a b", SpiffeError::Path),
        ("spiffe://corp.example/ä", SpiffeError::Path),
        ("spiffe://corp.example/a\0", SpiffeError::Path),
        ("spiffe:///x", SpiffeError::TrustDomain),
        ("spiffe://Corp.example/x", SpiffeError::TrustDomain),
        ("spiffe://corp.example:443/x", SpiffeError::TrustDomain),
        ("spiffe://user@corp.example/x", SpiffeError::TrustDomain),
        ("spiffe://cörp.example/x", SpiffeError::TrustDomain),
        (long.as_str(), SpiffeError::TooLong),
        (long_domain.as_str(), SpiffeError::TrustDomain),
    ];
    for (text, error) in cases {
        assert_eq!(SpiffeId::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_role_name_is_one_segment() {
    let domain = TrustDomainName::parse("exeat.internal").unwrap();
    let id = SpiffeId::of_role(&domain, "billing-fn").unwrap();
    assert_eq!(id.as_str(), "spiffe://exeat.internal/role/billing-fn");
    for role in ["", "..", "a/b", "a b", "ä"] {
        assert_eq!(
            SpiffeId::of_role(&domain, role),
            Err(SpiffeError::Path),
            "{role}"
        );
    }
}
