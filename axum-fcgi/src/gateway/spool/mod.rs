//! Buffers bodies, so that slow clients do not hold workers of the application: request bodies before a worker is taken, and
//! responses until the client reads them.

mod buffering;
mod channel;
mod chunk_queue;
mod collect;
mod collect_error;
mod collected_body;
mod drain;
mod error;
mod overflow;
mod poll_now;
mod response;
mod temp_file;
mod total;
mod upload_rate;

pub use self::buffering::{Buffering, RequestBuffering, ResponseBuffering};
pub(super) use self::collect::{Collected, collect};
pub(super) use self::collect_error::CollectError;
pub(super) use self::error::SpoolError;
pub(super) use self::response::buffer_response;

#[cfg(test)]
mod tests;
