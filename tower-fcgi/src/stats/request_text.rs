//! The method and the target of a request in flight. Its connection writes them without a lock, and anyone reads them.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use http::{Method, Uri};

/// The method and the target, cut to 16 and 200 bytes.
#[derive(Debug)]
pub(super) struct RequestText {
    /// The index of the method in [`METHODS`].
    method: AtomicU8,
    other_method: AtomicText<2>,
    target: AtomicText<25>,
}

/// The methods of most requests: a number costs less than a copy. The first one stands for all others.
const METHODS: [&str; 3] = ["", "GET", "POST"];

/// A text in words of 8 bytes. A reader that is concurrent with the writer gets a mixture.
#[derive(Debug)]
struct AtomicText<const WORDS: usize> {
    len: AtomicU8,
    words: [AtomicU64; WORDS],
}

impl RequestText {
    pub(super) const fn new() -> Self {
        Self { method: AtomicU8::new(0), other_method: AtomicText::new(), target: AtomicText::new() }
    }

    #[inline(always)]
    pub(super) fn set(&self, method: &Method, uri: &Uri) {
        let index = match *method {
            Method::GET => 1,
            Method::POST => 2,
            _ => self.set_other_method(method),
        };
        self.method.store(index, Ordering::Relaxed);
        self.target.set(match uri.path_and_query() {
            Some(target) => target.as_str(),
            None => uri.authority().map_or("", |authority| authority.as_str()),
        });
    }

    #[cold]
    fn set_other_method(&self, method: &Method) -> u8 {
        self.other_method.set(method.as_str());
        0
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

impl<const WORDS: usize> AtomicText<WORDS> {
    const fn new() -> Self {
        Self { len: AtomicU8::new(0), words: [const { AtomicU64::new(0) }; WORDS] }
    }

    #[inline]
    fn set(&self, text: &str) {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..8 * WORDS).unwrap_or(bytes);
        let (chunks, rest) = bytes.as_chunks::<8>();
        for (word, chunk) in self.words.iter().zip(chunks) {
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
        if !rest.is_empty()
            && let Some(word) = self.words.get(chunks.len())
        {
            let last = match bytes.last_chunk::<8>() {
                // One load of the last 8 bytes costs less than a loop over the rest.
                Some(chunk) => u64::from_le_bytes(*chunk) >> (8 * (8 - rest.len())),
                None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            word.store(last, Ordering::Relaxed);
        }
        self.len.store(bytes.len() as u8, Ordering::Relaxed);
    }

    fn get(&self) -> String {
        let words = self.words.iter().map(|word| word.load(Ordering::Relaxed));
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let text = bytes.get(..self.len.load(Ordering::Relaxed).into()).unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_each_length_are_kept() {
        let text = AtomicText::<2>::new();
        for len in (0..=17).rev().chain(0..=17) {
            text.set(&"abcdefghijklmnopq"[..len]);
            assert_eq!(text.get(), "abcdefghijklmnop"[..len.min(16)]);
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
