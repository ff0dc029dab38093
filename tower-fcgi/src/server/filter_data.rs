//! The DATA of a Filter.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::body::RequestBody;
use crate::cgi::parse_decimal;

/// The DATA of a Filter (FastCGI §6.4): a file that the web server sends with the request.
///
/// It is in the extensions of each request to a Filter, and only there. A clone is the same stream.
///
/// The stream is a [`RequestBody`] and behaves like one: reading it resumes paused input, and leaving it unread pauses the
/// input once STDIN and DATA together reach the limits. The web server sends DATA after STDIN, so read or drop the request's
/// body first. As §6.4 requires, the number of bytes is checked against FCGI_DATA_LENGTH: fewer or more are a
/// [`BodyError`](crate::BodyError), never a clean end. A request without that length gets a `400`.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use http_body_util::BodyExt as _;
/// use tower_fcgi::{BodyError, FilterData, RequestBody};
///
/// async fn shout(request: Request<RequestBody>) -> Result<Response<String>, BodyError> {
///     let (parts, body) = request.into_parts();
///     drop(body);
///     let Some(file) = parts.extensions.get().and_then(FilterData::take) else {
///         return Ok(Response::new("only as a Filter".to_owned()));
///     };
///     let text = file.collect().await?.to_bytes();
///     Ok(Response::new(String::from_utf8_lossy(&text).to_uppercase()))
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// // In a test, without a web server.
/// let file = FilterData::whole("a file", None);
/// let request = Request::builder().extension(file).body(RequestBody::empty())?;
/// assert_eq!(shout(request).await?.into_body(), "A FILE");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FilterData {
    length: u64,
    last_modified: Option<SystemTime>,
    /// `None` once it was taken.
    stream: Arc<Mutex<Option<RequestBody>>>,
}

impl FilterData {
    /// DATA with a complete file, for tests of a Filter.
    #[must_use]
    pub fn whole(file: impl Into<Bytes>, last_modified: Option<SystemTime>) -> Self {
        let file = file.into();
        let length = file.len() as u64;
        Self::new(length, last_modified, RequestBody::whole([file].into(), Some(length)))
    }

    pub(crate) fn new(length: u64, last_modified: Option<SystemTime>, stream: RequestBody) -> Self {
        Self { length, last_modified, stream: Arc::new(Mutex::new(Some(stream))) }
    }

    /// The length of the file in bytes: FCGI_DATA_LENGTH. It is verified when the stream ends.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The time when the file was last modified: FCGI_DATA_LAST_MOD. `None` if missing or not a time.
    #[must_use]
    pub const fn last_modified(&self) -> Option<SystemTime> {
        self.last_modified
    }

    /// Takes the stream with the content of the file. `None` if it was taken before.
    #[must_use]
    pub fn take(&self) -> Option<RequestBody> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// FCGI_DATA_LENGTH. `None` if missing or not a number.
pub(crate) fn length(params: &fcgi_core::Params) -> Option<u64> {
    parse_decimal(params.get("FCGI_DATA_LENGTH")?)
}

/// FCGI_DATA_LAST_MOD, in seconds since 1970. `None` if missing or not a time.
pub(crate) fn last_modified(params: &fcgi_core::Params) -> Option<SystemTime> {
    let seconds = parse_decimal(params.get("FCGI_DATA_LAST_MOD")?)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

impl fmt::Debug for FilterData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterData")
            .field("length", &self.length)
            .field("last_modified", &self.last_modified)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_or_a_time_that_is_no_number_is_none() {
        for (value, expected, seconds) in [
            ("0", Some(0), Some(0)),
            ("1234567890", Some(1_234_567_890), Some(1_234_567_890)),
            ("", None, None),
            ("-1", None, None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None, None),
            // Beyond the range of a `SystemTime`.
            ("18446744073709551615", Some(u64::MAX), None),
        ] {
            let params = [("FCGI_DATA_LENGTH", value), ("FCGI_DATA_LAST_MOD", value)].into_iter().collect();
            assert_eq!(length(&params), expected, "{value}");
            let time = seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(last_modified(&params), time, "{value}");
        }
        let nothing = fcgi_core::Params::default();
        assert_eq!((length(&nothing), last_modified(&nothing)), (None, None));
    }

    #[test]
    fn the_stream_can_be_taken_once_by_whichever_clone() {
        let data = FilterData::whole("file", None);
        assert!(data.clone().take().is_some());
        assert!(data.take().is_none());
        assert_eq!(data.length(), 4);
    }
}
