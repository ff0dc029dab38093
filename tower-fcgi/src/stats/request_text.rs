//! The method and the target of a request in flight. Its connection writes them without a lock, and anyone reads them.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use http::{Method, Uri};

/// The method and the target, cut to 16 and 200 bytes.
#[derive(Debug)]
pub(super) struct RequestText {
    /// The index of the method in [`METHODS`].
    method: AtomicU8,
    other_method: AtomicText<1>,
    target: AtomicText<6>,
}

/// The methods of most requests: a number costs less than a copy. The first one stands for all others.
const METHODS: [&str; 3] = ["", "GET", "POST"];

/// The most bytes of a method and of a target.
const MAX_METHOD: usize = 16;
const MAX_TARGET: usize = 200;

/// A text in words of 8 bytes: one of at most `32 * BLOCKS + 31` bytes. A reader that is concurrent with the writer gets a
/// mixture.
///
/// The last bytes of a text are copied as a whole chunk, which overlaps the chunk before: that takes two instructions for each
/// word, and no loop over single bytes. So `blocks` has the whole chunks of 32, 16, 8 or 4 bytes, whichever is the largest that
/// the text fills, and `last` ends with the last chunk. A text of fewer than 4 bytes is in the first word.
#[derive(Debug)]
struct AtomicText<const BLOCKS: usize> {
    len: AtomicU8,
    blocks: [Block; BLOCKS],
    last: Block,
}

/// 32 bytes.
type Block = [AtomicU64; 4];

const fn block() -> Block {
    [const { AtomicU64::new(0) }; 4]
}

impl RequestText {
    pub(super) const fn new() -> Self {
        Self { method: AtomicU8::new(0), other_method: AtomicText::new(), target: AtomicText::new() }
    }

    /// Sets both, if the method is one of most requests.
    #[inline(always)]
    pub(super) fn set_frequent(&self, method: &Method, uri: &Uri) -> Result<(), OtherMethod> {
        let index = match *method {
            Method::GET => 1,
            Method::POST => 2,
            _ => return Err(OtherMethod),
        };
        self.method.store(index, Ordering::Relaxed);
        self.target.set(target(uri), MAX_TARGET);
        Ok(())
    }

    /// Sets both, for any method.
    pub(super) fn set(&self, method: &Method, uri: &Uri) {
        if self.set_frequent(method, uri).is_err() {
            self.other_method.set(method.as_str(), MAX_METHOD);
            self.method.store(0, Ordering::Relaxed);
            self.target.set(target(uri), MAX_TARGET);
        }
    }

    pub(super) fn method(&self) -> String {
        match METHODS.get(usize::from(self.method.load(Ordering::Relaxed))) {
            None | Some(&"") => self.other_method.get(),
            Some(&method) => method.to_owned(),
        }
    }

    pub(super) fn target(&self) -> String {
        self.target.get()
    }
}

/// The method is not in [`METHODS`].
#[derive(Debug)]
pub(super) struct OtherMethod;

#[inline(always)]
fn target(uri: &Uri) -> &str {
    match uri.path_and_query() {
        Some(target) => target.as_str(),
        None => uri.authority().map_or("", |authority| authority.as_str()),
    }
}

impl<const BLOCKS: usize> AtomicText<BLOCKS> {
    const fn new() -> Self {
        Self { len: AtomicU8::new(0), blocks: [const { block() }; BLOCKS], last: block() }
    }

    #[inline(always)]
    fn set(&self, text: &str, max_len: usize) {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..max_len).unwrap_or(bytes);
        self.len.store(bytes.len() as u8, Ordering::Relaxed);
        if let Some(last) = bytes.last_chunk::<32>() {
            for (block, chunk) in self.blocks.iter().zip(bytes.as_chunks::<32>().0) {
                store_words(block, chunk);
            }
            store_words(&self.last, last);
            return;
        }
        let Some(first) = self.blocks.first() else { return };
        if let (Some(head), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            store_words(&first[..2], head);
            store_words(&self.last[2..], last);
        } else if let (Some(head), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            store_words(&first[..1], head);
            store_words(&self.last[3..], last);
        } else if let (Some(head), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            first[0].store(u32::from_le_bytes(*head).into(), Ordering::Relaxed);
            self.last[3].store(u64::from(u32::from_le_bytes(*last)) << 32, Ordering::Relaxed);
        } else {
            let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            first[0].store(word, Ordering::Relaxed);
        }
    }

    fn get(&self) -> String {
        let len = usize::from(self.len.load(Ordering::Relaxed));
        let chunk = [32, 16, 8, 4, 1].into_iter().find(|chunk| *chunk <= len).unwrap_or(1);
        let (whole, rest) = (len / chunk * chunk, len % chunk);
        let bytes: Vec<u8> = self.blocks.iter().chain([&self.last]).flatten().flat_map(load_bytes).collect();
        let text =
            [bytes.get(..whole).unwrap_or_default(), bytes.get(bytes.len() - rest..).unwrap_or_default()];
        String::from_utf8_lossy(&text.concat()).into_owned()
    }
}

/// Stores whole words.
#[inline(always)]
fn store_words(words: &[AtomicU64], bytes: &[u8]) {
    for (word, bytes) in words.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
    }
}

fn load_bytes(word: &AtomicU64) -> [u8; 8] {
    word.load(Ordering::Relaxed).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_each_length_are_kept() {
        let letters: String = ('a'..='z').cycle().take(255).collect();
        let text = AtomicText::<6>::new();
        for len in (0..=255).rev().chain(0..=255) {
            text.set(&letters[..len], MAX_TARGET);
            assert_eq!(text.get(), letters[..len.min(MAX_TARGET)]);
            text.set(&letters[..len], MAX_METHOD);
            assert_eq!(text.get(), letters[..len.min(MAX_METHOD)]);
        }
    }

    #[test]
    fn each_method_is_kept() {
        let text = RequestText::new();
        for method in ["PROPFIND", "GET", "DELETE", "POST", "PURGE"] {
            text.set(&method.parse().unwrap(), &Uri::from_static("/a?b"));
            assert_eq!((text.method(), text.target()), (method.to_owned(), "/a?b".to_owned()));
        }
        text.set(&Method::CONNECT, &Uri::from_static("example.org:443"));
        assert_eq!((text.method().as_str(), text.target().as_str()), ("CONNECT", "example.org:443"));
    }
}
