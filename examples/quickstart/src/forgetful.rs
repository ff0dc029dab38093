//! A driver with the bug that started this project, for comparison.
//!
//! It forgets a request when its handler returns. Without KEEP_CONN, the connection closes when the request's body ends.
//! But the record that ends the body now belongs to an unknown request and is ignored, so the connection stays open. Go's
//! `net/http/fcgi` had this bug (golang/go#43901).

use std::collections::HashSet;
use std::io;

use fcgi_core::{RecordDecoder, RecordEncoder, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::replay::RESPONSE;

/// Responds to each request of a connection with 404 as soon as its head is complete.
pub(crate) async fn serve(mut io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut decoder = RecordDecoder::new();
    let mut known = HashSet::new();
    let mut buffer = [0; 1024];
    loop {
        let read = io.read(&mut buffer).await?;
        let mut input = &buffer[..read];
        if read == 0 {
            return Ok(());
        }
        while let Some(fragment) = decoder.next(&mut input).map_err(io::Error::other)? {
            let id = fragment.header.id;
            let ends_stream = fragment.header.content_len == 0;
            match fragment.header.kind {
                RecordType::BEGIN_REQUEST if fragment.is_first => {
                    known.insert(id);
                }
                RecordType::PARAMS if ends_stream && known.contains(&id) => {
                    let mut out = RecordEncoder::new();
                    out.write_stream(RecordType::STDOUT, id, RESPONSE);
                    out.write_stream_end(RecordType::STDOUT, id);
                    out.write_record(RecordType::END_REQUEST, id, &[0; 8]);
                    io.write_all(&out.slices().collect::<Vec<_>>().concat()).await?;
                    // The bug.
                    known.remove(&id);
                }
                // The end of the body would close the connection if the request were still known.
                RecordType::STDIN if ends_stream && known.contains(&id) => return Ok(()),
                _ => {}
            }
        }
    }
}
