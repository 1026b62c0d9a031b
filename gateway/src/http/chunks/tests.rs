use super::Chunks;
use proptest::prelude::*;

/// How many bytes belong to the body, and whether it is over.
fn follow(text: &[u8]) -> Result<(usize, bool), &'static str> {
    let mut chunks = Chunks::new();
    let used = chunks.follow(text).map_err(|refusal| refusal.code)?;
    Ok((used, chunks.is_done()))
}

#[test]
fn finds_the_end_of_the_body() {
    for body in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "a;x=y\r\n0123456789\r\n000\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\nHost: evil.test\r\n\r\n",
    ] {
        let text = format!("{body}GET http://next.test/ HTTP/1.1\r\n");
        assert_eq!(follow(text.as_bytes()), Ok((body.len(), true)), "{body:?}");
    }
}

#[test]
fn refuses_what_two_readers_may_read_differently() {
    for body in [
        "\r\n",
        "ffffffffffffffff1\r\n",
        "-1\r\n",
        "+1\r\na\r\n",
        "0x10\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\rhello",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\n\n",
    ] {
        assert_eq!(follow(body.as_bytes()), Err("bad_chunk"), "{body:?}");
    }
    let long = format!("5;{}\r\n", "x".repeat(300));
    assert_eq!(follow(long.as_bytes()), Err("bad_chunk"));
    let trailers = format!("0\r\n{}\r\n", "X: yyyyyyyy\r\n".repeat(1000));
    assert_eq!(follow(trailers.as_bytes()), Err("bad_chunk"));
}

proptest! {
    #[test]
    fn splitting_changes_nothing(body in "([0-9a-f]{1,2}(;[a-z]{0,3})?\r\n[a-z]{0,20}(\r\n)?){0,4}0\r\n\r\n", split in 0usize..100) {
        let whole = follow(body.as_bytes());
        let (first, second) = body.as_bytes().split_at(split.min(body.len()));
        let mut chunks = Chunks::new();
        let parts = chunks.follow(first).and_then(|one| {
            if chunks.is_done() { return Ok(one) }
            chunks.follow(second).map(|two| one + two)
        });
        prop_assert_eq!(whole, parts.map(|used| (used, chunks.is_done())).map_err(|refusal| refusal.code));
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = follow(&bytes);
    }
}
