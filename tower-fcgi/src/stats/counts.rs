//! Groups of counters: a plain struct for a snapshot, and an enum that names the counter of an event.

use std::sync::atomic::{AtomicU64, Ordering};

/// Defines the struct of a group of counters, and the enum of its events, so that both have the same members.
macro_rules! counts {
    (
        $(#[$doc:meta])*
        $name:ident;
        $(#[$event_doc:meta])*
        $visibility:vis $event:ident { $($(#[$field_doc:meta])* $field:ident = $variant:ident,)* }
    ) => {
        $(#[$doc])*
        ///
        /// ```
        #[doc = concat!("use tower_fcgi::stats::", stringify!($name), ";")]
        ///
        #[doc = concat!("fn print(counts: ", stringify!($name), ") {")]
        ///     for (reason, count) in counts.iter().filter(|(_, count)| *count > 0) {
        ///         println!("{reason}: {count}");
        ///     }
        ///     println!("together: {}", counts.total());
        /// }
        /// ```
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// The names of the fields and their values, in order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }

            /// The sum of all fields.
            #[must_use]
            pub fn total(&self) -> u64 {
                self.iter().map(|(_, count)| count).sum()
            }
        }

        $(#[$event_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $visibility enum $event {
            $($(#[$field_doc])* $variant,)*
        }

        impl $event {
            pub(crate) const COUNT: usize = [$(stringify!($variant)),*].len();
        }

        impl $name {
            /// Not a `From`: that would make the number of fields a part of the interface.
            pub(crate) const fn from_counts(counts: [u64; $event::COUNT]) -> Self {
                let [$($field),*] = counts;
                Self { $($field),* }
            }
        }
    };
}
pub(super) use counts;

/// Adds to a counter that only the current thread writes: without a locked instruction.
#[inline]
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}
