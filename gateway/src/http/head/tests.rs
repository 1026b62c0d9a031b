use super::{Framing, Head, HeadReader, MAX_HEAD, Progress};
use proptest::prelude::*;

fn read(text: &[u8]) -> Progress {
    HeadReader::default().read(text)
}

fn head(text: &str) -> Head {
    match read(text.as_bytes()) {
        Progress::Complete(head) => head,
        other => panic!("{:?}: {other:?}", text.get(..80).unwrap_or(text)),
    }
}

fn refused(text: &str) -> (u16, &'static str) {
    match read(text.as_bytes()) {
        Progress::Refused(refusal) => (refusal.status.as_u16(), refusal.code),
        other => panic!("{:?}: {other:?}", text.get(..80).unwrap_or(text)),
    }
}

const CONNECT: &str = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n";

#[test]
fn reads_a_connect_and_leaves_what_follows() {
    let text = format!("{CONNECT}\r\n\x16\x03\x01");
    let head = head(&text);
    assert_eq!(head.length, text.len() - 3);
    assert_eq!(&*head.target, "api.example.com:443");
    assert!(head.connect);
    assert_eq!(head.framing, Framing::Empty);
}

#[test]
fn reads_how_a_body_is_delimited() {
    let get = "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n";
    assert_eq!(head(&format!("{get}\r\n")).framing, Framing::Empty);
    assert_eq!(
        head(&format!("{get}Content-Length: 7\r\n\r\n")).framing,
        Framing::Length(7)
    );
    assert_eq!(
        head(&format!("{get}Content-Length: 0\r\n\r\n")).framing,
        Framing::Empty
    );
    assert_eq!(
        head(&format!("{get}Transfer-Encoding: Chunked\r\n\r\n")).framing,
        Framing::Chunked
    );
}

#[test]
fn reads_the_same_however_it_is_split() {
    let text = format!("{CONNECT}User-Agent: x\r\n\r\n");
    for split in 0..text.len() {
        let mut reader = HeadReader::default();
        assert_eq!(
            reader.read(&text.as_bytes()[..split]),
            Progress::More,
            "{split}"
        );
        assert!(
            matches!(reader.read(text.as_bytes()), Progress::Complete(_)),
            "{split}"
        );
    }
}

#[test]
fn refuses_every_ambiguity() {
    let post = "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n";
    let old = "POST http://a.test/ HTTP/1.0\r\n";
    let table: &[(&str, &str, &str)] = &[
        (
            post,
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "ambiguous_length",
        ),
        (
            post,
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "ambiguous_length",
        ),
        (
            post,
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "ambiguous_length",
        ),
        (
            post,
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "repeated_content_length",
        ),
        (
            post,
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "repeated_content_length",
        ),
        (post, "Content-Length: 5, 5\r\n", "bad_content_length"),
        (post, "Content-Length: +5\r\n", "bad_content_length"),
        (post, "Content-Length: -5\r\n", "bad_content_length"),
        (post, "Content-Length: 0x5\r\n", "bad_content_length"),
        (post, "Content-Length: 5 5\r\n", "bad_content_length"),
        (post, "Content-Length:\r\n", "bad_content_length"),
        (
            post,
            "Content-Length: 99999999999999999999\r\n",
            "bad_content_length",
        ),
        (
            post,
            "Transfer-Encoding: chunked, chunked\r\n",
            "bad_transfer_encoding",
        ),
        (
            post,
            "Transfer-Encoding: gzip, chunked\r\n",
            "bad_transfer_encoding",
        ),
        (
            post,
            "Transfer-Encoding: xchunked\r\n",
            "bad_transfer_encoding",
        ),
        (
            post,
            "Transfer-Encoding: identity\r\n",
            "bad_transfer_encoding",
        ),
        (post, "Transfer-Encoding: \x0bchunked\r\n", "bad_field"),
        (
            post,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "repeated_transfer_encoding",
        ),
        (
            old,
            "Transfer-Encoding: chunked\r\n",
            "bad_transfer_encoding",
        ),
        (post, "Transfer-Encoding : chunked\r\n", "bad_field"),
        (post, "Content-Length : 5\r\n", "bad_field"),
        (post, "X: a\r\n b\r\n", "obsolete_fold"),
        (post, "X: a\r\n\tb\r\n", "obsolete_fold"),
        (post, " X: a\r\n", "obsolete_fold"),
        (post, "X: a\nY: b\r\n", "bad_line_end"),
        (post, "X: a\rY: b\r\n", "bad_field"),
        (post, "X: a\0b\r\n", "bad_field"),
        (post, "X: a\x7f\r\n", "bad_field"),
        (post, "X\r\n", "bad_field"),
        (post, ": x\r\n", "bad_field"),
        (post, "X Y: z\r\n", "bad_field"),
        (post, "Host: b.test\r\n", "repeated_host"),
        (
            post,
            "Proxy-Authorization: Basic YTpi\r\nproxy-authorization: Basic YTpi\r\n",
            "repeated_proxy_authorization",
        ),
        (CONNECT, "Content-Length: 5\r\n", "connect_with_body"),
        (
            CONNECT,
            "Transfer-Encoding: chunked\r\n",
            "connect_with_body",
        ),
    ];
    for (start, fields, code) in table {
        assert_eq!(
            refused(&format!("{start}{fields}\r\n")),
            (400, *code),
            "{fields:?}"
        );
    }
}

#[test]
fn refuses_request_lines_that_are_none() {
    let table: &[(&str, u16, &str)] = &[
        ("connect a.test:443 HTTP/1.1", 400, "bad_method"),
        ("Get http://a.test/ HTTP/1.1", 400, "bad_method"),
        ("GET  http://a.test/ HTTP/1.1", 400, "bad_request_line"),
        ("GET http://a.test/  HTTP/1.1", 400, "bad_request_line"),
        ("GET http://a.test/ HTTP/1.1 ", 400, "bad_request_line"),
        ("GET http://a.test/\tHTTP/1.1", 400, "bad_request_line"),
        ("GET http://a.test/", 400, "bad_request_line"),
        ("GET http://a.test/ HTTP/2.0", 505, "version_not_supported"),
        ("PRI * HTTP/2.0", 505, "version_not_supported"),
        ("GET http://a.test/ http/1.1", 400, "bad_request_line"),
        ("GET http://a.test#@b.test/ HTTP/1.1", 400, "bad_target"),
        ("GET http://a.test\\@b.test/ HTTP/1.1", 400, "bad_target"),
        ("GET http://bücher.test/ HTTP/1.1", 400, "bad_target"),
        (
            "CONNECT  api.example.com:443 HTTP/1.1",
            400,
            "bad_request_line",
        ),
        ("CONNECT api.example\t.com:443 HTTP/1.1", 400, "bad_target"),
        (
            "CONNECT api.example.com:4 43 HTTP/1.1",
            400,
            "bad_request_line",
        ),
        ("G(T http://a.test/ HTTP/1.1", 400, "bad_request_line"),
    ];
    for (line, status, code) in table {
        assert_eq!(
            refused(&format!("{line}\r\nHost: a.test\r\n\r\n")),
            (*status, *code),
            "{line:?}"
        );
    }
    assert_eq!(
        refused("GET http://a.test/ HTTP/1.1\r\n\r\n"),
        (400, "host_missing")
    );
    assert_eq!(
        refused("\r\nGET http://a.test/ HTTP/1.1\r\n"),
        (400, "bad_request_line")
    );
    assert_eq!(refused("\x16\x03\x01"), (400, "tls_on_plain_listener"));
    assert_eq!(refused("\x05\x01\x00"), (400, "bad_request_line"));
    assert_eq!(
        refused("GET http://a.test/ HTTP/1.1\n"),
        (400, "bad_line_end")
    );
}

#[test]
fn caps_what_it_waits_for() {
    let long = format!("GET http://a.test/{}", "a".repeat(9000));
    assert_eq!(refused(&long), (414, "request_line_too_long"));
    assert_eq!(
        refused(&format!("{long} HTTP/1.1\r\n")),
        (414, "request_line_too_long")
    );
    let many = format!("{CONNECT}{}", "X: y\r\n".repeat(200));
    assert_eq!(refused(&many), (431, "head_too_large"));
    let large = format!("{CONNECT}X: {}", "y".repeat(MAX_HEAD));
    assert_eq!(refused(&large), (431, "head_too_large"));
    assert_eq!(
        refused(&format!("{large}\r\n\r\n")),
        (431, "head_too_large")
    );
}

#[test]
fn old_requests_need_no_host() {
    assert!(head("CONNECT a.test:443 HTTP/1.0\r\n\r\n").connect);
}

proptest! {
    #[test]
    fn never_panics_and_never_reads_past_its_head(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Progress::Complete(head) = read(&bytes) {
            prop_assert!(head.length <= bytes.len());
        }
    }

    #[test]
    fn splitting_changes_nothing(
        fields in "([A-Za-z-]{1,12}: ?[ -~]{0,20}(\r\n|\n|\r)){0,6}\r?\n",
        split in 0usize..200,
    ) {
        let text = format!("{CONNECT}{fields}");
        let whole = read(text.as_bytes());
        let mut reader = HeadReader::default();
        let first = reader.read(&text.as_bytes()[..split.min(text.len())]);
        let second = if first == Progress::More { reader.read(text.as_bytes()) } else { first };
        prop_assert_eq!(whole, second);
    }
}
