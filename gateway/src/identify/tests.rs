use super::Credentials;
use http::{HeaderMap, HeaderValue, header};

/// The user and the secret, or `None` where the field can't be read.
fn read(fields: &[&[u8]]) -> Option<(Option<String>, Option<String>)> {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(
            header::PROXY_AUTHORIZATION,
            HeaderValue::from_bytes(field).unwrap(),
        );
    }
    match Credentials::read(&headers).ok()? {
        Credentials::None => Some((None, None)),
        Credentials::Bearer(secret) => Some((None, Some(secret.to_owned()))),
        Credentials::Basic { user, password } => Some((Some(user), Some(password))),
    }
}

#[test]
fn basic_and_bearer_are_read_in_any_case() {
    let basic = Some((Some("fn-a".to_owned()), Some("s:e:c".to_owned())));
    for field in [
        "Basic Zm4tYTpzOmU6Yw==",
        "basic Zm4tYTpzOmU6Yw==",
        "BASIC   Zm4tYTpzOmU6Yw==",
    ] {
        assert_eq!(read(&[field.as_bytes()]), basic, "{field}");
    }
    assert_eq!(read(&[b"bearer abc"]), Some((None, Some("abc".to_owned()))));
    assert_eq!(read(&[]), Some((None, None)));
}

#[test]
fn what_can_not_be_read_is_no_credential() {
    for field in [
        "",
        "Basic",
        "Basic !!!!",
        "Basic Zm4tYQ==",
        "Basic Zm4tYTpz OmU6Yw==",
        "Negotiate abc",
        "Digest username=x",
        "Basic /////w==",
    ] {
        assert_eq!(read(&[field.as_bytes()]), None, "{field}");
    }
    assert_eq!(read(&["Bearer é".as_bytes()]), None);
    assert_eq!(read(&[b"Bearer a", b"Bearer b"]), None);
}
