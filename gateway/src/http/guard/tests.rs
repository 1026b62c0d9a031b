use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Guard, Patience};
use http::{Request, Response};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(20),
    idle: Duration::from_secs(20),
};

/// What the service saw of one request.
#[derive(Debug, PartialEq)]
struct Seen {
    target: String,
    refused: Option<&'static str>,
    early: bool,
    body: Result<String, ()>,
}

fn seen(target: &str, body: &str) -> Seen {
    Seen {
        target: target.to_owned(),
        refused: None,
        early: false,
        body: Ok(body.to_owned()),
    }
}

fn refused(code: &'static str) -> Seen {
    Seen {
        refused: Some(code),
        ..seen("", "")
    }
}

struct Empty;

impl hyper::body::Body for Empty {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// Sends `pieces` one after the other and returns what the service saw.
async fn serve(pieces: Vec<Vec<u8>>) -> Vec<Seen> {
    let (mut client, server) = duplex(64);
    let guard = Guard::new(server, PATIENCE, Instant::now());
    let watch = guard.watch();
    let list = Arc::new(Mutex::new(Vec::new()));
    let all = list.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (watch, all) = (watch.clone(), all.clone());
        async move {
            let notice = watch.notice().unwrap();
            let mut body = Ok(Vec::new());
            let mut incoming = request.into_body();
            while let Some(frame) =
                std::future::poll_fn(|cx| std::pin::Pin::new(&mut incoming).poll_frame(cx)).await
            {
                match (frame, &mut body) {
                    (Ok(frame), Ok(bytes)) => bytes.extend(frame.into_data().unwrap_or_default()),
                    _ => body = Err(()),
                }
            }
            all.lock().unwrap().push(Seen {
                target: notice.target.to_string(),
                refused: notice.refusal.map(|refusal| refusal.code),
                early: notice.early,
                body: body.map(|bytes| String::from_utf8(bytes).unwrap()),
            });
            watch.resume();
            watch.answered();
            let status = notice
                .refusal
                .map_or(403, |refusal| refusal.status.as_u16());
            Ok::<_, Infallible>(Response::builder().status(status).body(Empty).unwrap())
        }
    });
    let mut builder = http1::Builder::new();
    let connection = builder
        .half_close(true)
        .header_read_timeout(None)
        .serve_connection(guard, service);
    let talk = async {
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let send = async {
            for piece in pieces {
                if writer.write_all(&piece).await.is_err() {
                    break;
                }
            }
            let _ = writer.shutdown().await;
        };
        let mut answer = Vec::new();
        let _ = tokio::join!(send, reader.read_to_end(&mut answer));
    };
    let _ = tokio::join!(connection, talk);
    std::mem::take(&mut list.lock().unwrap())
}

async fn whole(text: &str) -> Vec<Seen> {
    serve(vec![text.as_bytes().to_vec()]).await
}

const TWO: &str = "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET http://b/ HTTP/1.1\r\nHost: b\r\n\r\n";

#[tokio::test]
async fn messages_are_handed_over_one_by_one() {
    assert_eq!(
        whole(TWO).await,
        [seen("http://a/", "hello"), seen("http://b/", "")]
    );
    let chunked = "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET http://b/ HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(
        whole(chunked).await,
        [seen("http://a/", "abcde"), seen("http://b/", "")]
    );
}

#[tokio::test]
async fn pieces_of_any_size_make_the_same_messages() {
    for size in [1, 2, 7, 50] {
        let pieces = TWO.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        assert_eq!(
            serve(pieces).await,
            [seen("http://a/", "hello"), seen("http://b/", "")],
            "{size}"
        );
    }
}

#[tokio::test]
async fn nothing_behind_a_refusal_is_read() {
    let text = format!("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{TWO}");
    assert_eq!(whole(&text).await, [refused("repeated_host")]);
    // A refusal waits for its turn.
    let text = format!("{TWO}GET / HTTP/1.1\n\n");
    assert_eq!(
        whole(&text).await,
        [
            seen("http://a/", "hello"),
            seen("http://b/", ""),
            refused("bad_line_end")
        ]
    );
}

#[tokio::test]
async fn a_body_that_breaks_the_coding_breaks_off() {
    let text = "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\nGET http://b/ HTTP/1.1\r\nHost: b\r\n\r\n";
    let list = whole(text).await;
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].body, Err(()));
}

#[tokio::test]
async fn what_follows_a_connect_is_kept_back_and_seen() {
    let connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    let early = Seen {
        early: true,
        ..seen("a:443", "")
    };
    // The answer was a denial: the bytes are read as the next message then.
    assert_eq!(
        whole(&format!("{connect}{TWO}")).await,
        [early, seen("http://a/", "hello"), seen("http://b/", "")]
    );
    assert_eq!(serve(vec![connect.into(), TWO.into()]).await.len(), 3);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_the_client() {
    let (mut client, server) = duplex(1024);
    let patience = Patience {
        head: Duration::from_millis(20),
        idle: Duration::from_millis(20),
    };
    let guard = Guard::new(server, patience, Instant::now());
    let watch = guard.watch();
    let service = service_fn(move |_: Request<Incoming>| {
        let watch = watch.clone();
        async move {
            watch.notice().unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            watch.answered();
            Ok::<_, Infallible>(Response::new(Empty))
        }
    });
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .serve_connection(guard, service);
    let talk = async {
        client
            .write_all(b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (_, answer) = tokio::join!(connection, talk);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
