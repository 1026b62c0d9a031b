use std::future::poll_fn;

use super::{FULL_READS, Pipe, SIZES, SMALL};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_buffer_grows_for_bulk_and_shrinks_after_it() {
    let (mut source, mut reader) = tokio::io::duplex(1 << 20);
    let (mut writer, mut sink) = tokio::io::duplex(4 << 20);
    let mut pipe = Pipe::new(&[]);
    assert_eq!(pipe.buffer.len(), SMALL);
    let mut sent = 0;
    for size in SIZES {
        let bulk = vec![1; size * usize::from(FULL_READS + 1)];
        source.write_all(&bulk).await.unwrap();
        sent += bulk.len();
        let pending =
            poll_fn(|cx| std::task::Poll::Ready(pipe.poll(cx, &mut reader, &mut writer, |_| true)))
                .await;
        assert!(pending.is_pending());
    }
    assert_eq!(pipe.buffer.len(), SIZES[2]);
    pipe.shrink();
    assert_eq!(pipe.buffer.len(), SMALL);
    assert_eq!(pipe.total(), sent as u64);
    let mut received = vec![0; sent];
    sink.read_exact(&mut received).await.unwrap();
}

#[tokio::test]
async fn kept_bytes_go_first_and_the_end_follows_them() {
    for length in [0, 1, 2048, 5000, 70_000] {
        let (source, mut reader) = tokio::io::duplex(64);
        let (mut writer, mut sink) = tokio::io::duplex(64);
        drop(source);
        let kept = vec![7; length];
        let mut pipe = Pipe::new(&kept);
        let (outcome, received) = tokio::join!(
            poll_fn(|cx| pipe.poll(cx, &mut reader, &mut writer, |_| true)),
            async {
                let mut received = Vec::new();
                sink.read_to_end(&mut received).await.unwrap();
                received
            }
        );
        assert_eq!(outcome, Ok(()));
        assert!(pipe.is_done());
        assert_eq!(received, kept);
    }
}
