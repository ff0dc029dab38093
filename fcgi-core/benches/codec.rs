//! The cost of the codec and the state machine alone, without a transport or a handler.
//!
//! ```text
//! cargo bench -p fcgi-core
//! cargo bench -p fcgi-core --bench codec -- encode::
//! ```
//!
//! divan is small (no plots, no history; clap is its only large dependency) and reports bytes and items per second
//! beside the time. Compare the medians; differences below 10 % are noise. tower-fcgi's test `counts` counts what must
//! not change at all.

#![expect(clippy::unwrap_used, reason = "a benchmark reports errors by a panic")]

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use fcgi_core::server::{Config, Connection, Event};
use fcgi_core::{
    BeginRequest, EndRequest, NameValuePairs, Params, ProtocolStatus, RecordDecoder, RecordEncoder,
    RecordType, RequestId, Role, StreamState, encode_pair,
};

fn main() {
    divan::main();
}

/// What nginx sends with its `fastcgi_params` for a browser's request of a page: 19 meta-variables and 11 headers.
const PARAMS: [(&str, &str); 30] = [
    ("SCRIPT_FILENAME", "/srv/shop/public/app.fcgi"),
    ("QUERY_STRING", "sort=price&page=3"),
    ("REQUEST_METHOD", "GET"),
    ("CONTENT_TYPE", ""),
    ("CONTENT_LENGTH", ""),
    ("SCRIPT_NAME", "/catalogue/lamps"),
    ("REQUEST_URI", "/catalogue/lamps?sort=price&page=3"),
    ("DOCUMENT_URI", "/catalogue/lamps"),
    ("DOCUMENT_ROOT", "/srv/shop/public"),
    ("SERVER_PROTOCOL", "HTTP/2.0"),
    ("REQUEST_SCHEME", "https"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/1.28.0"),
    ("REMOTE_ADDR", "203.0.113.77"),
    ("REMOTE_PORT", "51544"),
    ("SERVER_ADDR", "198.51.100.5"),
    ("SERVER_PORT", "443"),
    ("SERVER_NAME", "shop.example.org"),
    ("REDIRECT_STATUS", "200"),
    ("HTTP_HOST", "shop.example.org"),
    ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("HTTP_ACCEPT_LANGUAGE", "en-GB,en;q=0.7,fr;q=0.3"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br, zstd"),
    ("HTTP_REFERER", "https://shop.example.org/catalogue"),
    ("HTTP_COOKIE", "sid=b3f1c9a27e5d4068; basket=17-4-221; currency=EUR; seen-banner=1"),
    ("HTTP_UPGRADE_INSECURE_REQUESTS", "1"),
    ("HTTP_SEC_FETCH_DEST", "document"),
    ("HTTP_SEC_FETCH_SITE", "same-origin"),
    ("HTTP_PRIORITY", "u=0, i"),
];

const ID: RequestId = RequestId(1);

fn encoded_params() -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in PARAMS {
        encode_pair(&mut encoded, name.as_bytes(), value.as_bytes());
    }
    encoded
}

/// A complete request on a kept connection, with a body of `body` bytes in records of 32 KiB.
fn request(body: usize) -> Bytes {
    let mut out = RecordEncoder::new();
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: true };
    out.write_record(RecordType::BEGIN_REQUEST, ID, &begin.encode());
    out.write_stream(RecordType::PARAMS, ID, &encoded_params());
    out.write_stream_end(RecordType::PARAMS, ID);
    for chunk in vec![b'x'; body].chunks(32 * 1024) {
        out.write_record(RecordType::STDIN, ID, chunk);
    }
    out.write_stream_end(RecordType::STDIN, ID);
    out.slices().flatten().copied().collect()
}

const HEAD: &[u8] =
    b"Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n";

/// Bytes to records, and PARAMS to names and values, for a request without a body.
#[divan::bench(sample_size = 1000)]
fn decode_request(bencher: Bencher<'_, '_>) {
    let wire = request(0);
    bencher.counter(BytesCount::of_slice(&wire)).counter(ItemsCount::new(1_usize)).bench(|| {
        let mut decoder = RecordDecoder::new();
        let mut input = &black_box(&wire)[..];
        while let Some(fragment) = decoder.next(&mut input).unwrap() {
            if black_box(fragment).header.kind == RecordType::PARAMS {
                for pair in NameValuePairs::new(fragment.content) {
                    black_box(pair.unwrap());
                }
            }
        }
    });
}

/// Bytes to records: a body of 16 KiB in packets of 1 460 bytes. The content is not read, so the bytes per second only
/// show that decoding is no bottleneck.
#[divan::bench(sample_size = 1000)]
fn decode_16_kib(bencher: Bencher<'_, '_>) {
    let wire = request(16 * 1024);
    bencher.counter(BytesCount::of_slice(&wire)).counter(ItemsCount::new(1_usize)).bench(|| {
        let mut decoder = RecordDecoder::new();
        for mut packet in black_box(&wire).chunks(1460) {
            while let Some(fragment) = decoder.next(&mut packet).unwrap() {
                black_box(fragment);
            }
        }
    });
}

#[divan::bench_group(sample_size = 1000)]
mod params {
    use super::*;

    /// All names and values of a request, without a copy. An item is a pair.
    #[divan::bench]
    fn decode(bencher: Bencher<'_, '_>) {
        let encoded = encoded_params();
        bencher.counter(BytesCount::of_slice(&encoded)).counter(ItemsCount::new(PARAMS.len())).bench(|| {
            for pair in NameValuePairs::new(black_box(&encoded)) {
                black_box(pair.unwrap());
            }
        });
    }

    /// One value by its name. Walks all pairs, since the last value of a name counts.
    #[divan::bench]
    fn get(bencher: Bencher<'_, '_>) {
        let params: Params = PARAMS.into_iter().collect();
        bencher
            .counter(ItemsCount::new(1_usize))
            .bench(|| black_box(&params).get(black_box("REQUEST_URI")).map(<[u8]>::len));
    }

    #[divan::bench]
    fn encode(bencher: Bencher<'_, '_>) {
        let len = encoded_params().len();
        let mut out = Vec::with_capacity(len);
        bencher.counter(BytesCount::new(len)).counter(ItemsCount::new(PARAMS.len())).bench_local(|| {
            out.clear();
            for (name, value) in black_box(&PARAMS) {
                encode_pair(&mut out, name.as_bytes(), value.as_bytes());
            }
            black_box(&out);
        });
    }
}

/// Responses to bytes, up to the slices of a vectored write, which writes all of them.
#[divan::bench_group(sample_size = 1000)]
mod encode {
    use super::*;

    fn end(out: &mut RecordEncoder) {
        let end = EndRequest { app_status: 0, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
        out.write_stream_end(RecordType::STDOUT, ID);
        out.write_record(RecordType::END_REQUEST, ID, &end.encode());
        for slice in out.slices() {
            black_box(slice);
        }
        out.advance(out.len());
    }

    /// A head, a body of 13 bytes, and the ends, in an allocated buffer.
    #[divan::bench]
    fn small(bencher: Bencher<'_, '_>) {
        let mut out = RecordEncoder::new();
        let body = b"Hello, World!";
        let content = HEAD.len().saturating_add(body.len());
        bencher.counter(BytesCount::new(content)).counter(ItemsCount::new(1_usize)).bench_local(|| {
            out.write_stream_with(RecordType::STDOUT, ID, |record| record.extend_from_slice(black_box(HEAD)));
            out.write_stream(RecordType::STDOUT, ID, black_box(body));
            end(&mut out);
        });
    }

    /// A head and a body of `size` bytes in one chunk, which is shared, not copied: bytes per second do not measure a
    /// copy.
    #[divan::bench(args = [16 * 1024, 64 * 1024, 1024 * 1024])]
    fn large(bencher: Bencher<'_, '_>, size: usize) {
        let mut out = RecordEncoder::new();
        let body = Bytes::from(vec![b'x'; size]);
        bencher.counter(BytesCount::new(size)).counter(ItemsCount::new(1_usize)).bench_local(|| {
            out.write_stream(RecordType::STDOUT, ID, black_box(HEAD));
            out.write_stream_bytes(RecordType::STDOUT, ID, black_box(&body).clone());
            end(&mut out);
        });
    }

    /// The same in chunks of 3 KiB, which are copied.
    #[divan::bench(sample_size = 20)]
    fn copied_1_mib(bencher: Bencher<'_, '_>) {
        let mut out = RecordEncoder::new();
        let body = vec![b'x'; 1024 * 1024];
        bencher.counter(BytesCount::of_slice(&body)).counter(ItemsCount::new(1_usize)).bench_local(|| {
            out.write_stream(RecordType::STDOUT, ID, black_box(HEAD));
            for chunk in body.chunks(3 * 1024) {
                out.write_stream(RecordType::STDOUT, ID, black_box(chunk));
            }
            end(&mut out);
        });
    }
}

/// A complete request on a kept connection: bytes in, event, body, a small response, bytes out, until the connection is
/// idle. Bytes are those of the request.
#[divan::bench_group(sample_size = 1000)]
mod connection {
    use super::*;

    fn respond(connection: &mut Connection, wire: &Bytes, body: &mut VecDeque<Bytes>) {
        connection.receive_shared(black_box(wire)).unwrap();
        while let Some(event) = connection.poll_event() {
            // The body is complete: skip the other events.
            let Event::Request(request) = black_box(event) else { continue };
            let state = connection.read_body(request.key, body).unwrap();
            assert_eq!(state, StreamState::Ended);
            for chunk in body.drain(..) {
                connection.release_capacity(request.key, black_box(chunk).len());
            }
            connection.stdout(request.key, black_box(HEAD)).unwrap();
            connection.stdout(request.key, black_box(b"Hello, World!")).unwrap();
            connection.end_request(request.key, 0).unwrap();
        }
        let output = connection.output();
        for slice in output.slices() {
            black_box(slice);
        }
        output.advance(output.len());
        connection.shrink();
    }

    fn run(bencher: Bencher<'_, '_>, wire: &Bytes) {
        let mut connection = Connection::new(Arc::new(Config::default()));
        let mut body = VecDeque::new();
        bencher
            .counter(BytesCount::of_slice(wire))
            .counter(ItemsCount::new(1_usize))
            .bench_local(|| respond(&mut connection, wire, &mut body));
        assert!(connection.is_idle());
    }

    #[divan::bench]
    fn get(bencher: Bencher<'_, '_>) {
        run(bencher, &request(0));
    }

    #[divan::bench]
    fn post_16_kib(bencher: Bencher<'_, '_>) {
        run(bencher, &request(16 * 1024));
    }
}
