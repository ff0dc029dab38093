use super::*;

fn read(head: &str) -> Result<(ResponseHead, Bytes), String> {
    let result = HeadParser::default().push(Bytes::copy_from_slice(head.as_bytes()), 1000);
    result.map(|head| head.expect("it is whole")).map_err(|kind| format!("{kind:?}"))
}

#[test]
fn status_location_or_neither() {
    for (head, status, redirect) in [
        ("Status: 404 Not Found\r\n\r\n", 404, None),
        ("status:201\n\n", 201, None),
        ("Status: 999\r\nX: y\r\n\r\n", 999, None),
        ("Content-Type: text/html\n\n", 200, None),
        ("\r\n", 200, None),
        ("\n", 200, None),
        ("HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n", 403, None),
        ("Location: http://example.org/\r\n\r\n", 302, None),
        ("Location: /other?x=1\r\n\r\n", 302, Some("/other?x=1")),
        ("Location: //example.org/\r\n\r\n", 302, None),
        ("Location: /other\r\nStatus: 301 Moved\r\n\r\n", 301, None),
    ] {
        let (read, rest) = read(head).unwrap();
        assert_eq!((read.status.as_u16(), rest.len()), (status, 0), "{head:?}");
        let found = read.extensions.get::<LocalRedirect>().map(|local| local.0.as_str());
        assert_eq!(found, redirect, "{head:?}");
    }
}

#[test]
fn headers_stay_in_order_and_those_between_peers_go() {
    let head = "Set-Cookie: a\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\
        Set-Cookie:\t b \t\r\nX-Obs: \u{e9}\r\n\r\nbody";
    let (read, rest) = read(head).unwrap();
    let cookies: Vec<_> = read.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a", "b"]);
    assert_eq!((read.headers.len(), &rest[..]), (3, &b"body"[..]));
}

#[test]
fn what_is_no_head_is_an_error() {
    for head in [
        "Status: abc\r\n\r\n",
        "Status: 20\r\n\r\n",
        "Status: 100 Continue\r\n\r\n",
        "no colon\r\n\r\n",
        "X: y\r\n folded\r\n\r\n",
        "a b: c\r\n\r\n",
        ": c\r\n\r\n",
        "X: \u{1}\r\n\r\n",
        "Traceback (most recent call last):\n  File 'x'\nno colon\n\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        assert!(read(head).is_err(), "{head:?}");
    }
}

#[test]
fn whole_byte_by_byte_and_with_a_tail() {
    for head in ["Status: 201 Created\r\nContent-Length: 4\r\n\r\n", "Status: 201\nContent-Length: 4\n\n"] {
        for split in 0..head.len() {
            let mut partial = HeadParser::default();
            assert!(partial.push(Bytes::copy_from_slice(&head.as_bytes()[..split]), 100).unwrap().is_none());
            let tail = [&head.as_bytes()[split..], b"body"].concat();
            let (read, rest) = partial.push(tail.into(), 100).unwrap().unwrap();
            assert_eq!((read.status, read.length, &rest[..]), (StatusCode::CREATED, Some(4), &b"body"[..]));
        }
        let mut partial = HeadParser::default();
        let last = head.bytes().filter_map(|byte| partial.push(vec![byte].into(), 100).unwrap()).count();
        assert_eq!(last, 1);
    }
}

#[test]
fn a_head_without_an_end_is_refused_at_the_limit() {
    let mut partial = HeadParser::default();
    assert!(partial.push(vec![b'x'; 100].into(), 100).unwrap().is_none());
    assert!(partial.push(Bytes::from_static(b"x"), 100).is_err());
    let long = format!("X: {}\r\n\r\n", "y".repeat(100));
    assert!(HeadParser::default().push(long.into(), 100).is_err(), "also where it comes in one piece");
}

/// What nginx 1.22 answers, seen with the same head; `None`: 502.
#[test]
fn odd_statuses_are_as_in_nginx() {
    for (value, nginx) in [
        ("999", Some((999, ""))),
        ("600", Some((600, ""))),
        ("200", Some((200, ""))),
        ("200 ", Some((200, ""))),
        ("  404 x", Some((404, "x"))),
        ("404 Gone Fishing", Some((404, "Gone Fishing"))),
        ("404  two  spaces ", Some((404, "two  spaces"))),
        ("404 a\tb", Some((404, "a\tb"))),
        ("200OK", Some((200, ""))),
        ("200\tFine", Some((200, "Fine"))),
        ("42", None),
        ("abc", None),
        ("", None),
        ("-20", None),
        ("+20", None),
        ("20x", None),
        ("\u{1} 404", None),
        // The reason is the standard one.
        ("404 Not Found", Some((404, ""))),
        // nginx copies the rest of these into its status line, which is then none of HTTP's.
        ("0200", None),
        ("2000", None),
        ("1000", None),
        ("000", None),
        ("099", None),
        ("100 Continue", None),
        ("101 Switching", None),
        ("103", None),
        ("404 x\u{1}y", Some((404, ""))),
    ] {
        let head = format!("Status: {value}\r\nX: y\r\n\r\n");
        let found = read(&head).ok().map(|(head, _)| {
            let reason = head.extensions.get::<ReasonPhrase>().map(|reason| reason.as_bytes().to_vec());
            (head.status.as_u16(), String::from_utf8(reason.unwrap_or_default()).unwrap())
        });
        assert_eq!(found, nginx.map(|(code, reason)| (code, reason.to_owned())), "{value:?}");
    }
}

#[test]
fn the_first_status_counts() {
    for (head, status, nginx) in [
        ("Status: 201\r\nStatus: 404\r\n\r\n", 201, 201),
        ("Status: 201 b\r\nHTTP/1.1 404 a\r\n\r\n", 201, 201),
        ("HTTP/1.1 404 a\r\nStatus: 201 b\r\n\r\n", 201, 201),
        ("HTTP/1.1 abc\r\n\r\n", 200, 200),
        ("HTTP/1.1 42\r\n\r\n", 200, 200),
        ("HTTP/1.1\r\n\r\n", 200, 200),
        ("X: y\r\nHTTP/1.1 404 a\r\n\r\n", 200, 200),
        // nginx sends an error's page as a success.
        ("HTTP/1.1 404 Gone Fishing\r\n\r\n", 404, 200),
        ("HTTP/2 404\r\n\r\n", 404, 200),
        // RFC 9112 §5.1; a 502 in nginx.
        ("Status : 404\r\n\r\n", 404, 502),
    ] {
        assert_eq!(read(head).unwrap().0.status.as_u16(), status, "{head:?}, {nginx} in nginx");
    }
}

#[test]
fn headers_that_http_cannot_carry_are_dropped() {
    for (line, name, error) in [
        ("X y: z", "X y", HeadError::InvalidName),
        (": z", "", HeadError::InvalidName),
        ("X\u{e9}: 1", "X\\xc3\\xa9", HeadError::InvalidName),
        ("X(1): 1", "X(1)", HeadError::InvalidName),
        ("X: y\u{1}z", "X", HeadError::InvalidValue),
        ("X: y\0z", "X", HeadError::InvalidValue),
        ("X: a\rSet-Cookie: b", "X", HeadError::InvalidValue),
        ("X: \u{7f}", "X", HeadError::InvalidValue),
        ("X: y\r\n folded", "X", HeadError::Folded),
        ("Set-Cookie: y\r\n\tfolded\r\n twice: z", "Set-Cookie", HeadError::Folded),
        ("no colon", "no colon", HeadError::NoColon),
        ("Content-Length: abc", "content-length", HeadError::InvalidLength),
        ("Content-Length: -1", "content-length", HeadError::InvalidLength),
        ("Content-Length: ", "content-length", HeadError::InvalidLength),
        ("Status: 500", "Status", HeadError::DuplicateStatus),
        (&format!("{}: y z\u{1}", "x".repeat(100)), &"x".repeat(64), HeadError::InvalidValue),
    ] {
        for head in [
            format!("Status: 201\r\nA: 1\r\n{line}\r\nB: 2\r\n\r\nbody"),
            format!("Status: 201\r\nA: 1\r\nB: 2\r\n{line}\r\n\r\nbody"),
        ] {
            let (head, body) = read(&head).unwrap();
            assert_eq!((head.status.as_u16(), head.length, &body[..]), (201, None, &b"body"[..]), "{line:?}");
            let headers: Vec<_> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(headers, ["a", "b"], "{line:?}");
            let dropped = head.dropped.unwrap();
            assert_eq!((&*dropped.name, dropped.error, dropped.count), (name, error, 1), "{line:?}");
        }
    }
}

#[test]
fn dropped_headers_are_counted() {
    let head = format!("Status: 200\r\n{}X: y\r\n\r\n", "a b: c\r\n".repeat(50));
    let dropped = read(&head).unwrap().0.dropped.unwrap();
    assert_eq!((&*dropped.name, dropped.count), ("a b", 50));
}

#[test]
fn a_response_without_content_has_no_content_length() {
    for (status, length) in [(204, None), (304, None), (205, Some(4)), (200, Some(4))] {
        let (head, _) = read(&format!("Status: {status}\r\nContent-Length: 4\r\n\r\nbody")).unwrap();
        assert_eq!((head.length, head.headers.contains_key(CONTENT_LENGTH)), (length, length.is_some()));
    }
}
