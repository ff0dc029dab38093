//! tower-http's `ServeDir`: the same over HTTP and behind nginx.

use std::fs;

use axum::{
    Router,
    http::{Request, StatusCode, header},
};
use libtest_mimic::Failed;
use tower_http::services::ServeDir;

use crate::{runner::Outcome, same_as_http::Twins, site::Place};

const PAGE: &str = "<p>Hello from a file.</p>\n";
const LARGE: usize = 1_000_000;

async fn files(place: Place) -> Result<Twins, Failed> {
    let directory = place.create_directory("files")?;
    fs::write(directory.join("index.html"), PAGE)?;
    fs::write(directory.join("large.bin"), vec![b'x'; LARGE])?;
    fs::create_dir(directory.join("sub"))?;
    Twins::serve(place, || Router::new().nest_service("/files", ServeDir::new(&directory))).await
}

pub(crate) async fn whole_files(place: Place) -> Outcome {
    let twins = files(place).await?;
    let response = twins.get("/files/").await?;
    assert_eq!(response.body(), PAGE);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
    assert_eq!(twins.get("/files/large.bin").await?.body().len(), LARGE);
    assert_eq!(twins.get("/files/none").await?.status(), StatusCode::NOT_FOUND);
    assert_eq!(twins.get("/files/%2e%2e/nginx.conf").await?.status(), StatusCode::NOT_FOUND);
    // A directory without a trailing slash is redirected to the one with it.
    assert_eq!(twins.get("/files/sub").await?.status(), StatusCode::TEMPORARY_REDIRECT);
    Ok(())
}

pub(crate) async fn ranges(place: Place) -> Outcome {
    let twins = files(place).await?;
    let ask = |range| Request::get("/files/index.html").header(header::RANGE, range).body("");
    let response = twins.ask(ask("bytes=3-7")?).await?;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()[header::CONTENT_RANGE], format!("bytes 3-7/{}", PAGE.len()));
    assert_eq!(response.body(), &PAGE[3..=7]);
    assert_eq!(twins.ask(ask("bytes=-5")?).await?.body(), &PAGE[PAGE.len() - 5..]);
    assert_eq!(twins.ask(ask("bytes=1000-")?).await?.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    Ok(())
}

pub(crate) async fn not_modified(place: Place) -> Outcome {
    let twins = files(place).await?;
    let modified = twins.get("/files/index.html").await?.headers()[header::LAST_MODIFIED].clone();
    let ask = |since| Request::get("/files/index.html").header(header::IF_MODIFIED_SINCE, since).body("");
    let response = twins.ask(ask(modified)?).await?;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(response.body(), "");
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT".parse()?;
    assert_eq!(twins.ask(ask(long_ago)?).await?.status(), StatusCode::OK);
    Ok(())
}

pub(crate) async fn head(place: Place) -> Outcome {
    let twins = files(place).await?;
    let response = twins.ask(Request::head("/files/large.bin").body("")?).await?;
    assert_eq!(response.headers()[header::CONTENT_LENGTH], LARGE.to_string());
    assert_eq!(response.body(), "");
    Ok(())
}
