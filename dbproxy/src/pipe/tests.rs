use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// What the examiner does with the next bytes.
#[derive(Clone, Debug)]
enum Step {
    Pass(usize),
    Discard(usize),
    Inject(Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1usize..5000).prop_map(Step::Pass),
        (1usize..500).prop_map(Step::Discard),
        proptest::collection::vec(any::<u8>(), 0..50).prop_map(Step::Inject),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What must come out when `steps` are taken over `input`.
fn expected(input: &[u8], steps: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    for step in steps {
        match step {
            Step::Pass(count) => {
                let (taken, left) = rest.split_at((*count).min(rest.len()));
                out.extend_from_slice(taken);
                rest = left;
            }
            Step::Discard(count) => rest = &rest[(*count).min(rest.len())..],
            Step::Inject(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

proptest! {
    #[test]
    fn writes_what_was_passed_and_injected_in_that_order(
        length in 0usize..60_000,
        steps in steps(),
        chunk in 1usize..8000,
    ) {
        let input: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let out = runtime.block_on(async {
            let (mut client, mut near) = duplex(chunk);
            let (mut far, mut server) = duplex(chunk);
            let sent = input.clone();
            let writer = tokio::spawn(async move {
                client.write_all(&sent).await.unwrap();
            });
            let reader = tokio::spawn(async move {
                let mut out = Vec::new();
                server.read_to_end(&mut out).await.unwrap();
                out
            });
            let mut pipe = Pipe::new();
            let mut ended = false;
            for step in &steps {
                match step {
                    Step::Inject(bytes) => pipe.inject(|out| out.extend_from_slice(bytes)),
                    Step::Pass(count) | Step::Discard(count) => {
                        if pipe.unscanned().is_empty() && !ended {
                            ended = pipe.fill(&mut near).await.unwrap() == 0;
                        }
                        if matches!(step, Step::Pass(_)) { pipe.pass(*count) } else { pipe.discard(*count) }
                        while pipe.within_frame() && !ended {
                            pipe.flush(&mut far).await.unwrap();
                            ended = pipe.fill(&mut near).await.unwrap() == 0;
                        }
                    }
                }
                pipe.flush(&mut far).await.unwrap();
            }
            assert!(pipe.is_flushed());
            drop(far);
            drop(near);
            let _ = writer.await;
            reader.await.unwrap()
        });
        prop_assert_eq!(out, expected(&input, &steps));
    }
}

#[tokio::test]
async fn holds_a_whole_frame_when_asked() {
    let (mut client, mut near) = duplex(700);
    let input: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    let sent = input.clone();
    tokio::spawn(async move { client.write_all(&sent).await });
    let mut pipe = Pipe::new();
    pipe.need(input.len());
    while pipe.unscanned().len() < input.len() {
        assert_ne!(pipe.fill(&mut near).await.unwrap(), 0);
    }
    assert_eq!(pipe.unscanned(), input);
}

#[tokio::test]
async fn a_quiet_pipe_keeps_a_small_buffer() {
    let (mut client, mut near) = duplex(700);
    client.write_all(b"Q").await.unwrap();
    let mut pipe = Pipe::new();
    pipe.fill(&mut near).await.unwrap();
    assert_eq!(pipe.storage.len(), SMALL);
}
