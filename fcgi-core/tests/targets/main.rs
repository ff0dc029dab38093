//! What the fuzzer runs, run on its corpus and on some random input. A target is a function from bytes to
//! nothing that panics where a rule is broken; `fcgi-core/fuzz` says how to have the fuzzer run it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "whatever panics in a test is a failure of that test"
)]

#[path = "../explore/both.rs"]
mod both;
mod client;
mod deframe;
#[path = "../explore/model.rs"]
#[expect(dead_code, reason = "the exploration needs more of it")]
mod model;
mod operations;
mod pairs;
mod raw;
#[path = "../explore/request.rs"]
mod request;
mod sides;
#[path = "../explore/steps.rs"]
mod steps;

use std::path::Path;

/// Runs the target on its corpus, then on `times` inputs that are made of it and of chance.
fn run_on(target: fn(&[u8]), name: &str, times: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!corpus.is_empty(), "a corpus in {}", folder.display());
    for input in &corpus {
        target(input);
    }
    let mut random = Random(0x0f_c9_1c_0e);
    for _ in 0..times {
        target(&random.input(&corpus));
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// The beginning of one of the corpus and the end of another, with some bytes changed or made up.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        input.truncate(self.below(input.len() + 1));
        let other = &corpus[self.below(corpus.len())];
        input.extend_from_slice(&other[self.below(other.len() + 1)..]);
        for _ in 0..self.below(8) {
            let at = self.below(input.len() + 1);
            let byte = u8::try_from(self.below(256)).unwrap();
            match input.get_mut(at) {
                Some(old) if self.below(2) == 0 => *old = byte,
                _ => input.insert(at, byte),
            }
        }
        input
    }
}

#[test]
fn bytes_are_cut_into_the_same_records_however_they_come() {
    run_on(deframe::run, "deframe", 2000);
}

#[test]
fn pairs_are_read_as_they_were_written_however_they_come() {
    run_on(pairs::run, "pairs", 2000);
}

#[test]
fn any_bytes_have_the_same_events_however_they_come_and_an_answer_to_each_request() {
    run_on(raw::run, "raw", 2000);
}

#[test]
fn any_operations_do_what_the_model_says() {
    run_on(operations::run, "operations", 500);
}

#[test]
fn any_answers_have_the_same_events_however_they_come() {
    run_on(client::run, "client", 2000);
}

#[test]
fn both_sides_understand_each_other_whatever_they_do() {
    run_on(sides::run, "sides", 1000);
}
