//! The web server's end, record by record.

use fcgi_core::{BeginRequest, RecordEncoder, RecordHeader, RecordType, RequestId, Role, encode_pair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

pub(crate) const ID: RequestId = RequestId(1);

/// The records of a request without a body.
pub(crate) fn get(path: &str, keep_conn: bool) -> Vec<u8> {
    let mut out = head(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", path)], keep_conn);
    out.write_stream_end(RecordType::STDIN, ID);
    bytes(&out)
}

/// The records of a request up to the end of its PARAMS.
pub(crate) fn head(params: &[(&str, &str)], keep_conn: bool) -> RecordEncoder {
    let mut out = RecordEncoder::new();
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn };
    out.write_record(RecordType::BEGIN_REQUEST, ID, &begin.encode());
    let mut pairs = Vec::new();
    for (name, value) in params {
        encode_pair(&mut pairs, name.as_bytes(), value.as_bytes());
    }
    out.write_stream(RecordType::PARAMS, ID, &pairs);
    out.write_stream_end(RecordType::PARAMS, ID);
    out
}

pub(crate) fn bytes(out: &RecordEncoder) -> Vec<u8> {
    out.slices().flatten().copied().collect()
}

/// Sends a request on a connection; returns its STDOUT up to END_REQUEST.
pub(crate) async fn ask<IO>(io: &mut IO, request: &[u8]) -> std::io::Result<String>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    io.write_all(request).await?;
    read_response(io).await
}

/// The STDOUT of the next response, read up to its END_REQUEST and not beyond.
pub(crate) async fn read_response(io: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    Ok(streams(io).await?.0)
}

/// STDOUT and STDERR of the next response.
pub(crate) async fn streams(io: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(String, String)> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        let mut header = [0; RecordHeader::LEN];
        io.read_exact(&mut header).await?;
        let header = RecordHeader::decode(header).expect("a valid record header");
        let mut content = vec![0; usize::from(header.content_len) + usize::from(header.padding_len)];
        io.read_exact(&mut content).await?;
        content.truncate(header.content_len.into());
        match header.kind {
            RecordType::STDOUT => stdout.extend(content),
            RecordType::STDERR => stderr.extend(content),
            RecordType::END_REQUEST => {
                let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
                return Ok((text(stdout), text(stderr)));
            }
            _ => {}
        }
    }
}
