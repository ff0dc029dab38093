//! A driver with the bug that this project began with, to be seen beside ours.
//!
//! It forgets a request when its handler returns. A connection without KEEP_CONN is to be closed once the request's
//! body has ended; but the record that ends it is now one of a request unknown, and is ignored. So the body never ends,
//! and the connection stays open. Go's `net/http/fcgi` did so (golang/go#43901).

use std::collections::HashSet;
use std::io;

use fcgi_core::{RecordDecoder, RecordEncoder, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::replay::ANSWER;

/// Answers every request of one connection with a 404 as soon as its head is complete.
pub(crate) async fn serve(mut io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut deframer = RecordDecoder::new();
    let mut known = HashSet::new();
    let mut buffer = [0; 1024];
    loop {
        let read = io.read(&mut buffer).await?;
        let mut input = &buffer[..read];
        if read == 0 {
            return Ok(());
        }
        while let Some(piece) = deframer.next(&mut input).map_err(io::Error::other)? {
            let id = piece.header.id;
            let ends_stream = piece.header.content_len == 0;
            match piece.header.kind {
                RecordType::BEGIN_REQUEST if piece.is_first => {
                    known.insert(id);
                }
                RecordType::PARAMS if ends_stream && known.contains(&id) => {
                    let mut out = RecordEncoder::new();
                    out.write_stream(RecordType::STDOUT, id, ANSWER);
                    out.write_stream_end(RecordType::STDOUT, id);
                    out.write_record(RecordType::END_REQUEST, id, &[0; 8]);
                    io.write_all(&out.slices().collect::<Vec<_>>().concat()).await?;
                    // The bug.
                    known.remove(&id);
                }
                // The end of the body, and of the connection, if only the request were still known.
                RecordType::STDIN if ends_stream && known.contains(&id) => return Ok(()),
                _ => {}
            }
        }
    }
}
