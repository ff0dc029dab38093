//! Pseudorandom bytes, different for each seed and offset.

/// Returns `len` bytes, starting at offset `at`, of the endless sequence that belongs to `seed`.
pub(crate) fn pattern(seed: u64, at: usize, len: usize) -> Vec<u8> {
    (at..at + len).map(|at| byte(seed, at)).collect()
}

fn byte(seed: u64, at: usize) -> u8 {
    let word = (seed ^ (at as u64 / 8)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word.rotate_right(23).to_le_bytes()[at % 8]
}

/// A pseudorandom number generator (xorshift), deterministic for a seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below `end`.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}
