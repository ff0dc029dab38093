//! The settings of buffering.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::total::{Reservation, Total};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// How a gateway buffers bodies, so that slow clients do not hold workers of the application.
///
/// - The body of a request is collected before a worker is taken: in memory up to a size, then in a temporary file. The
///   application gets its length, also if the client did not send it.
/// - A response is passed on as it arrives. What the client does not read yet is kept: in memory up to a size, then in a
///   temporary file. So the worker is free when the application has sent its response. Beyond these sizes the
///   application waits for the client.
///
/// `Default` has nginx's sizes, and limits on all bodies together and on slow uploads, which nginx does not have:
///
/// | setting | default | nginx |
/// | --- | --- | --- |
/// | [`request_buffering`](Self::with_request_buffering) | all | `fastcgi_request_buffering on` |
/// | [`request_memory`](Self::with_request_memory) | 16 KiB | `client_body_buffer_size` |
/// | [`max_body`](Self::with_max_body) | 512 MiB, an eighth of `max_total_files` | `client_max_body_size`, 1 MiB |
/// | [`body_read_timeout`](Self::with_body_read_timeout) | 60 s | `client_body_timeout` |
/// | [`min_body_rate`](Self::with_min_body_rate) | 240 bytes/s | none |
/// | [`body_timeout`](Self::with_body_timeout) | 2 h | none |
/// | [`response_buffering`](Self::with_response_buffering) | on | `fastcgi_buffering on` |
/// | [`response_memory`](Self::with_response_memory) | 64 KiB | `fastcgi_buffers`, 32 or 64 KiB |
/// | [`max_response_file`](Self::with_max_response_file) | 1 GiB | `fastcgi_max_temp_file_size` |
/// | [`send_timeout`](Self::with_send_timeout) | 300 s | `send_timeout`, 60 s |
/// | [`directory`](Self::with_directory) | [`std::env::temp_dir`] | `client_body_temp_path`, `fastcgi_temp_path` |
/// | [`max_total_memory`](Self::with_max_total_memory) | 64 MiB | no limit |
/// | [`max_total_files`](Self::with_max_total_files) | 4 GiB | no limit |
///
/// # One total for several gateways
/// **Clones share what is in use**, and so do the clones of a gateway. Give each mount a clone of one `Buffering`:
///
/// ```
/// use axum_fcgi::{Buffering, FastCgiGateway};
/// # use std::convert::Infallible;
/// # let [wiki, shop] = [(); 2].map(|()| tower::service_fn(async |_: axum::extract::Request| {
/// #     Ok::<_, Infallible>(axum::response::Response::<axum::body::Body>::default())
/// # }));
/// let buffering = Buffering::default().with_directory("/var/tmp").with_max_total_files(8 << 30);
/// let wiki = FastCgiGateway::new(wiki).buffering(buffering.clone());
/// let shop = FastCgiGateway::new(shop).buffering(buffering.with_max_body(100 << 20));
/// ```
///
/// # When a total is used up
/// - *Memory*: bodies go to files at once. Each response can hold one chunk of up to 64 KiB beyond the limit.
/// - *Files of requests*, half of [`max_total_files`](Self::with_max_total_files): a request whose body needs more is a 503
///   and an ERROR.
/// - *Files of responses*, the other half: a response holds its worker until the client has read enough, with a WARN.
///
/// Each has its own half, so downloads that clients do not read leave room for uploads, and the reverse.
///
/// # What one client can hold
/// A body of at most `max_body`, for at most `body_timeout`: by default a quarter of the room for requests, for two hours.
/// So four bodies can keep other large uploads out; bodies that fit into memory need no file. Sites with small uploads
/// should lower `max_body`, and a proxy or a layer in front can limit the connections of a client.
///
/// # Temporary files
/// They have no names (`O_TMPFILE`, or unlinked as soon as they are created), so no crash leaves one, and only the process can
/// open them. If the directory is on a `tmpfs`, as `/tmp` often is, files take memory; `/var/tmp` is on a disk.
///
/// If a file fails (a full disk, a directory that does not exist), an ERROR names the directory. A request is then a 500. A
/// response is delivered, but holds its worker as without files.
///
/// File I/O runs on the runtime's threads for blocking work, in parts of up to 128 KiB.
#[derive(Debug, Clone)]
pub struct Buffering {
    pub(super) requests: RequestBuffering,
    pub(super) request_memory: usize,
    pub(super) max_body: Option<u64>,
    pub(super) body_read_timeout: Option<Duration>,
    pub(super) min_body_rate: u64,
    pub(super) body_timeout: Option<Duration>,
    pub(super) responses: ResponseBuffering,
    pub(super) response_memory: usize,
    pub(super) max_response_file: u64,
    pub(super) send_timeout: Option<Duration>,
    pub(super) directory: Arc<Path>,
    max_total_memory: u64,
    max_total_files: u64,
    memory: Arc<Total>,
    request_files: Arc<Total>,
    response_files: Arc<Total>,
}

/// Which request bodies are collected before a worker is taken.
///
/// ```
/// use axum_fcgi::{Buffering, RequestBuffering};
/// // Uploads stream to the application: it can reject one before its end, or show progress.
/// let buffering = Buffering::default().with_request_buffering(RequestBuffering::UnknownLength);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RequestBuffering {
    /// All bodies.
    #[default]
    All,
    /// Bodies of unknown length (`Transfer-Encoding: chunked`, or HTTP/2 without a Content-Length), because PHP reads
    /// CONTENT_LENGTH bytes. Others stream to the application, and a slow client holds a worker.
    UnknownLength,
    /// None. The application gets no CONTENT_LENGTH with a body of unknown length.
    Off,
}

/// Whether responses are buffered that the client reads slowly.
///
/// ```
/// use axum_fcgi::{Buffering, ResponseBuffering};
/// let buffering = Buffering::default().with_response_buffering(ResponseBuffering::Off);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ResponseBuffering {
    /// Yes, except those with the header `X-Accel-Buffering: no`.
    #[default]
    On,
    /// No. A slow client holds a worker.
    Off,
}

impl Default for Buffering {
    fn default() -> Self {
        Self {
            requests: RequestBuffering::All,
            request_memory: 16 * 1024,
            max_body: None,
            body_read_timeout: Some(Duration::from_secs(60)),
            min_body_rate: 240,
            body_timeout: Some(Duration::from_secs(2 * 60 * 60)),
            responses: ResponseBuffering::On,
            response_memory: 64 * 1024,
            max_response_file: 1024 * MIB,
            send_timeout: Some(Duration::from_secs(300)),
            directory: std::env::temp_dir().into(),
            max_total_memory: 64 * MIB,
            max_total_files: 4 * 1024 * MIB,
            memory: Arc::default(),
            request_files: Arc::default(),
            response_files: Arc::default(),
        }
    }
}

impl Buffering {
    /// Sets which request bodies are collected before a worker is taken. Default: all.
    #[must_use]
    pub fn with_request_buffering(mut self, requests: RequestBuffering) -> Self {
        self.requests = requests;
        self
    }

    /// The value that [`with_request_buffering`](Self::with_request_buffering) sets.
    #[must_use]
    pub const fn request_buffering(&self) -> RequestBuffering {
        self.requests
    }

    /// Sets how many bytes of a request's body wait in memory for more from the client. Default: 16 KiB.
    ///
    /// A longer body goes to a file, unless it arrives as a whole within 128 KiB.
    #[must_use]
    pub fn with_request_memory(mut self, bytes: usize) -> Self {
        self.request_memory = bytes;
        self
    }

    /// The value that [`with_request_memory`](Self::with_request_memory) sets.
    #[must_use]
    pub const fn request_memory(&self) -> usize {
        self.request_memory
    }

    /// Sets the limit in bytes for the body of a request that is collected; a longer one is a 413. Default: `None`, an eighth of
    /// [`max_total_files`](Self::with_max_total_files), that is 512 MiB.
    ///
    /// A Content-Length above the limit is rejected before the body is read. A limit above half of `max_total_files`, which
    /// is the room of all requests, is lowered to that; [`request_memory`](Self::with_request_memory) is allowed in any
    /// case. PHP has limits of its own: `post_max_size` and `upload_max_filesize`.
    #[must_use]
    pub fn with_max_body(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_body = bytes.into();
        self
    }

    /// The value that [`with_max_body`](Self::with_max_body) sets.
    #[must_use]
    pub const fn max_body(&self) -> Option<u64> {
        self.max_body
    }

    /// Sets how long a client may send nothing of a body that is being collected; then a 408. Default: 60 s. `None`: no
    /// limit.
    #[must_use]
    pub fn with_body_read_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.body_read_timeout = limit.into();
        self
    }

    /// The value that [`with_body_read_timeout`](Self::with_body_read_timeout) sets.
    #[must_use]
    pub const fn body_read_timeout(&self) -> Option<Duration> {
        self.body_read_timeout
    }

    /// Sets the lowest rate in bytes per second at which a client may send a body that is being collected; then a 408. Default:
    /// 240, as Kestrel's. 0: none.
    ///
    /// It is an average over each 60 s for which the client is waited for, so a body that arrives within that time may be slower.
    #[must_use]
    pub fn with_min_body_rate(mut self, bytes_per_second: u64) -> Self {
        self.min_body_rate = bytes_per_second;
        self
    }

    /// The value that [`with_min_body_rate`](Self::with_min_body_rate) sets.
    #[must_use]
    pub const fn min_body_rate(&self) -> u64 {
        self.min_body_rate
    }

    /// Sets how long collecting a whole body may take; then a 408. Default: 2 h, in which 512 MiB need 75 KB/s. `None`: no limit.
    ///
    /// The response is not included: see [`PhpGateway::timeout`](crate::PhpGateway::timeout).
    #[must_use]
    pub fn with_body_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.body_timeout = limit.into();
        self
    }

    /// The value that [`with_body_timeout`](Self::with_body_timeout) sets.
    #[must_use]
    pub const fn body_timeout(&self) -> Option<Duration> {
        self.body_timeout
    }

    /// Sets whether responses are buffered that the client reads slowly. Default: yes.
    #[must_use]
    pub fn with_response_buffering(mut self, responses: ResponseBuffering) -> Self {
        self.responses = responses;
        self
    }

    /// The value that [`with_response_buffering`](Self::with_response_buffering) sets.
    #[must_use]
    pub const fn response_buffering(&self) -> ResponseBuffering {
        self.responses
    }

    /// Sets how many bytes of a response wait in memory for the client. Default: 64 KiB. On the way to a file there are up to
    /// 128 KiB more.
    #[must_use]
    pub fn with_response_memory(mut self, bytes: usize) -> Self {
        self.response_memory = bytes;
        self
    }

    /// The value that [`with_response_memory`](Self::with_response_memory) sets.
    #[must_use]
    pub const fn response_memory(&self) -> usize {
        self.response_memory
    }

    /// Sets the limit in bytes for the file of one response. Default: 1 GiB. 0: no files.
    #[must_use]
    pub fn with_max_response_file(mut self, bytes: u64) -> Self {
        self.max_response_file = bytes;
        self
    }

    /// The value that [`with_max_response_file`](Self::with_max_response_file) sets.
    #[must_use]
    pub const fn max_response_file(&self) -> u64 {
        self.max_response_file
    }

    /// Sets how long a client may read nothing of a buffered response; then the response fails. Default: 300 s. `None`: no
    /// limit.
    ///
    /// The buffers of the HTTP server and of the socket hold a part of the response. So a client that reads 1 KB/s is seen
    /// only every few minutes. It does not apply to a response that was received completely at once and fits into memory:
    /// the HTTP server has no such timeout.
    #[must_use]
    pub fn with_send_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.send_timeout = limit.into();
        self
    }

    /// The value that [`with_send_timeout`](Self::with_send_timeout) sets.
    #[must_use]
    pub const fn send_timeout(&self) -> Option<Duration> {
        self.send_timeout
    }

    /// Sets the directory for temporary files. It must exist. Default: [`std::env::temp_dir`].
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into().into();
        self
    }

    /// The value that [`with_directory`](Self::with_directory) sets.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Sets the limit in bytes for what all bodies together hold in memory. Default: 64 MiB.
    #[must_use]
    pub fn with_max_total_memory(mut self, bytes: u64) -> Self {
        self.max_total_memory = bytes;
        self
    }

    /// The value that [`with_max_total_memory`](Self::with_max_total_memory) sets.
    #[must_use]
    pub const fn max_total_memory(&self) -> u64 {
        self.max_total_memory
    }

    /// Sets the limit in bytes for all temporary files together: one half for requests, the other for responses. Default: 4 GiB.
    /// 0: no files.
    #[must_use]
    pub fn with_max_total_files(mut self, bytes: u64) -> Self {
        self.max_total_files = bytes;
        self
    }

    /// The value that [`with_max_total_files`](Self::with_max_total_files) sets.
    #[must_use]
    pub const fn max_total_files(&self) -> u64 {
        self.max_total_files
    }

    /// The bytes that all bodies hold in memory now, without what is on its way to the application.
    #[must_use]
    pub fn used_memory(&self) -> u64 {
        self.memory.used()
    }

    /// The bytes of all temporary files now.
    #[must_use]
    pub fn used_files(&self) -> u64 {
        self.request_files.used() + self.response_files.used()
    }

    pub(super) fn reserve_memory(&self) -> Reservation {
        Reservation::new(&self.memory, self.max_total_memory)
    }

    pub(super) fn reserve_request_files(&self) -> Reservation {
        Reservation::new(&self.request_files, self.request_files_limit())
    }

    pub(super) fn reserve_response_files(&self) -> Reservation {
        Reservation::new(&self.response_files, self.max_total_files - self.request_files_limit())
    }

    /// The most bytes of all files of requests.
    const fn request_files_limit(&self) -> u64 {
        self.max_total_files.div_ceil(2)
    }

    /// The most bytes that a request's body can have.
    pub(super) fn body_limit(&self) -> u64 {
        let in_memory = self.request_memory as u64;
        let stored = self.request_files_limit().max(in_memory);
        match self.max_body {
            Some(limit) => limit.min(stored),
            None => (self.max_total_files / 8).max(in_memory),
        }
    }
}
