use super::*;
use crate::wire::{Fields, frame, startup};

#[test]
fn an_error_reads_back() {
    let mut out = Vec::new();
    error(
        &mut out,
        &Error::plain("42501", "no\0pe").detail("why").hint("how"),
    );
    let header = frame::header(&out).unwrap().unwrap();
    assert_eq!(header.length, out.len());
    let fields = Fields::read(frame::body(&out, header).unwrap());
    assert_eq!(fields.text(b'C').as_deref(), Some("42501"));
    assert_eq!(fields.text(b'M').as_deref(), Some("no pe"));
    assert!(!fields.is_fatal());
}

#[test]
fn a_startup_message_reads_back() {
    let mut out = Vec::new();
    startup(&mut out, [("user", "u"), ("database", "d")]);
    let (opening, taken) = startup::read(&out).unwrap().unwrap();
    assert_eq!(taken, out.len());
    let startup::Opening::Startup(startup) = opening else {
        panic!("{opening:?}");
    };
    assert_eq!(
        (startup.user.as_str(), startup.database.as_str()),
        ("u", "d")
    );
}

#[test]
fn a_cancel_request_and_an_ssl_request_read_back() {
    let mut out = Vec::new();
    cancel(&mut out, 9, &[1, 2, 3, 4]);
    assert!(matches!(
        startup::read(&out),
        Ok(Some((startup::Opening::Cancel(_), 16)))
    ));
    assert_eq!(
        startup::read(&SSL_REQUEST),
        Ok(Some((startup::Opening::Ssl, 8)))
    );
}
