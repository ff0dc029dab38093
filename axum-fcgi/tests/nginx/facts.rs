//! nginx's own variables as the extractors see them, its error log, and files that it sends itself.

use std::fs;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use axum_fcgi::{
    DocumentRoot, RedirectStatus, RemoteUser, RequestScheme, ScriptName, SendFile, SendFileHeader, SendFiles,
    ServerName, ServerRequestId, ServerSoftware, Stderr, TlsInfo, UnsafePath,
};
use futures_util::{StreamExt, stream};

use crate::{runner::Outcome, site::Place};

pub(crate) async fn extractors_see_nginx_variables(place: Place) -> Outcome {
    let handler = |RequestScheme(scheme): RequestScheme,
                   ServerSoftware(software): ServerSoftware,
                   ScriptName(script): ScriptName,
                   DocumentRoot(root): DocumentRoot,
                   RedirectStatus(status): RedirectStatus,
                   ServerRequestId(id): ServerRequestId,
                   name: Option<ServerName>,
                   tls: Option<TlsInfo>| async move {
        assert!(software.starts_with("nginx/"), "{software}");
        assert!(root.is_absolute(), "{root:?}");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!((name, tls), (None, None));
        format!("{scheme} {script} {status}")
    };
    let site = place
        .with("fastcgi_param REDIRECT_STATUS 200; fastcgi_param REQUEST_ID $request_id;")
        .with("fastcgi_param SSL_PROTOCOL $ssl_protocol; fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;")
        .serve(Router::new().route("/{*path}", get(handler)))
        .await?;
    assert_eq!(site.get("/a%20b/c?d").await?.body(), "http /a b/c 200 OK");
    Ok(())
}

/// REMOTE_USER is set although no password was asked for or checked.
pub(crate) async fn remote_user_is_unverified_without_auth(place: Place) -> Outcome {
    let handler = |user: Option<RemoteUser>| async { user.map_or("nobody".to_owned(), |user| user.0) };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    assert_eq!(site.get("/").await?.body(), "nobody");
    // The user root, without a password.
    let request = Request::get("/").header(header::AUTHORIZATION, "Basic cm9vdDo=").body(Body::empty())?;
    assert_eq!(site.send(request).await?.body(), "root");
    Ok(())
}

pub(crate) async fn lines_on_stderr_are_in_nginx_error_log(place: Place) -> Outcome {
    let handler = |stderr: Stderr| async move {
        stderr.write("line one").await.expect("the head is not sent yet");
        let body = stream::iter(["some ", "more "]).then(move |part| {
            let stderr = stderr.clone();
            async move {
                stderr.write(format!("line at {part}")).await?;
                Ok::<_, axum_fcgi::StderrClosed>(Bytes::from(part))
            }
        });
        Body::from_stream(body)
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    for _ in 0..3 {
        let response = site.get("/").await?;
        assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &b"some more "[..]));
    }
    let log = site.error_log()?;
    for line in ["line one", "line at some", "line at more"] {
        assert_eq!(log.matches(line).count(), 3, "{line:?} in {log}");
    }
    Ok(())
}

/// More lines than nginx, the socket and the connection can buffer. Written after the head: before it, nginx
/// has only the head's buffer for them.
pub(crate) async fn a_flood_of_lines_delays_no_response(place: Place) -> Outcome {
    let handler = |stderr: Stderr| async move {
        for line in 0..20 {
            stderr.write(format!("{line:100}")).await.expect("the request is active");
        }
        let body = stream::iter([0, 2000, 0]).then(move |lines| {
            let stderr = stderr.clone();
            async move {
                for _ in 0..lines {
                    stderr.write("x".repeat(1000)).await?;
                }
                Ok::<_, axum_fcgi::StderrClosed>(Bytes::from(vec![b'y'; 100_000]))
            }
        });
        Body::from_stream(body)
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    for _ in 0..3 {
        let response = site.get("/").await?;
        assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 300_000));
    }
    Ok(())
}

pub(crate) async fn files_are_sent_by_nginx(place: Place) -> Outcome {
    async fn file(State(files): State<SendFiles>, Path(path): Path<String>) -> Result<SendFile, UnsafePath> {
        files.file(&path)
    }
    async fn typed(files: State<SendFiles>, path: Path<String>) -> impl IntoResponse {
        ([(header::CONTENT_TYPE, "text/x-typed")], file(files, path).await)
    }
    let directory = place.create_directory("files")?;
    fs::create_dir(directory.join("sub dir"))?;
    for name in ["plain.txt", "sub dir/a?b#c%20d.txt", "sub dir/ü.txt", "%2e%2e"] {
        fs::write(directory.join(name), format!("this is {name}"))?;
    }
    let nested = format!("location \"/in ternal/\" {{ internal; alias {}/; }}", directory.display());
    let by = SendFileHeader::XAccelRedirect { location: "/in ternal/".to_owned() };
    let router = Router::new()
        .route("/files/{*path}", get(file))
        .route("/typed/{*path}", get(typed))
        .with_state(SendFiles::new(directory, by));
    let site = place.with(&nested).serve(router).await?;

    for (uri, name) in [
        ("/files/plain.txt", "plain.txt"),
        ("/files/sub%20dir/a%3Fb%23c%2520d.txt", "sub dir/a?b#c%20d.txt"),
        ("/files/sub%20dir/%C3%BC.txt", "sub dir/ü.txt"),
        ("/files/%252e%252e", "%2e%2e"),
        // nginx has resolved the path.
        ("/files/sub%20dir%2F..%2Fplain.txt", "plain.txt"),
    ] {
        let response = site.get(uri).await?;
        assert_eq!(response.body(), &format!("this is {name}"), "{uri}");
        assert!(!response.headers().contains_key("x-accel-redirect"));
    }
    let typed = site.get("/typed/plain.txt").await?;
    assert_eq!(typed.headers()[header::CONTENT_TYPE], "text/x-typed");
    let part = Request::get("/files/plain.txt").header(header::RANGE, "bytes=8-12").body(Body::empty())?;
    let part = site.send(part).await?;
    assert_eq!((part.status(), &part.body()[..]), (StatusCode::PARTIAL_CONTENT, &b"plain"[..]));
    let head = site.send(Request::head("/files/plain.txt").body(Body::empty())?).await?;
    assert_eq!((head.status(), &head.headers()[header::CONTENT_LENGTH]), (StatusCode::OK, &"17".parse()?));

    for uri in ["/files/none", "/files/..%2Fnginx.conf", "/in%20ternal/plain.txt"] {
        assert_eq!(site.get(uri).await?.status(), StatusCode::NOT_FOUND, "{uri}");
    }
    Ok(())
}
