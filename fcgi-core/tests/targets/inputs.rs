//! The inputs of a target without a fuzzer, also for the targets of tower-fcgi.

use std::path::Path;

use crate::random::Random;

/// Runs the target on its corpus, then on `times` random variations of it.
pub(crate) fn run_on(target: fn(&[u8]), name: &str, times: usize) {
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
        target(&input(&mut random, &corpus));
    }
}

/// The beginning of one corpus file and the end of another, with some bytes changed or inserted.
fn input(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    input.truncate(random.below(input.len() + 1));
    let other = &corpus[random.below(corpus.len())];
    input.extend_from_slice(&other[random.below(other.len() + 1)..]);
    for _ in 0..random.below(8) {
        let at = random.below(input.len() + 1);
        let byte = u8::try_from(random.below(256)).unwrap();
        match input.get_mut(at) {
            Some(old) if random.below(2) == 0 => *old = byte,
            _ => input.insert(at, byte),
        }
    }
    input
}
