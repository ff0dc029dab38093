//! Marks a request whose body does not depend on its caller.

/// An extension of a request: its body is complete, but reading it may take a moment, as from a file.
///
/// If the caller leaves, such a request is sent completely all the same. Without it, a request is aborted as soon as its body
/// is pending.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower_fcgi::client::BodyInHand;
///
/// let form = Full::new(Bytes::from("amount=100"));
/// let request = Request::post("/pay.php").extension(BodyInHand).body(form)?;
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodyInHand;
