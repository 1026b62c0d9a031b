//! The fuzz targets over their corpus and over changes of it: a few thousand in `make test`, and for
//! `EXEAT_FUZZ_MINUTES` of each target's own processor time in `make fuzz`. An input that fails is printed.

use std::path::Path;
use std::time::Duration;

use exeat_tests::fuzz::{TARGETS, mutate};
use rustix::time::{ClockId, clock_gettime};

/// Changes of the corpus that each target gets where no time is given.
const CHANGES: usize = 3000;
/// The seed unless `EXEAT_FUZZ_SEED` gives one.
const SEED: u64 = 6;

/// The inputs of a target, in a fixed order.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// The processor's time that this thread has had: what others take of the machine is not counted.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Runs a target on changes of its corpus.
fn fuzz(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let mut inputs = corpus(name);
    assert!(inputs.len() >= 5, "a corpus of {name}");
    inputs.iter().for_each(|input| target(input));
    let minutes = std::env::var("EXEAT_FUZZ_MINUTES")
        .ok()
        .map(|text| text.parse::<u64>().unwrap());
    let seed = std::env::var("EXEAT_FUZZ_SEED").map_or(SEED, |text| text.parse().unwrap());
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let started = processor_time();
    let mut now = started;
    let mut count = 0;
    while match minutes {
        Some(minutes) => now - started < Duration::from_secs(60 * minutes),
        None => count < CHANGES,
    } {
        let (one, other) = (next() % inputs.len(), next() % inputs.len());
        let changed = mutate(&inputs[one], &inputs[other], &mut next);
        let outcome = std::panic::catch_unwind(|| target(&changed));
        assert!(
            outcome.is_ok(),
            "{name}, change {count} of seed {seed}: {:?}",
            String::from_utf8_lossy(&changed)
        );
        // Asked once for each change: to ask costs as much as many a change does.
        let before = std::mem::replace(&mut now, processor_time());
        assert!(
            now - before < Duration::from_secs(20),
            "{name} needs too long: {:?}",
            String::from_utf8_lossy(&changed)
        );
        // Some changes are built upon.
        if next() % 64 == 0 && inputs.len() < 4096 {
            inputs.push(changed);
        }
        count += 1;
    }
    println!("{name}: {count} changes in {:.1?}", now - started);
}

#[test]
fn frames_of_a_client_never_break_their_reader() {
    fuzz("frontend");
}

#[test]
fn frames_of_a_server_never_break_their_reader() {
    fuzz("backend");
}

#[test]
fn a_first_packet_never_breaks_its_reader() {
    fuzz("startup");
}

#[test]
fn a_statement_never_breaks_its_readers() {
    fuzz("sql");
}

#[test]
fn a_template_is_its_own_template() {
    fuzz("template");
}

#[test]
fn a_query_tree_never_breaks_its_reader() {
    fuzz("tree");
}
