//! A web server and an application in one program, with a page that shows the FastCGI records between them.
//!
//! Run `cargo run -p quickstart` and open the address that it prints. Nothing else needs to be installed.
//!
//! The browser sends a request to [`web_server()`]. This sends it, over a [tapped](Tapped) connection to a unix socket (TCP on
//! Windows), to [`app`], an axum Router that `axum_fcgi::serve` serves. The page and the records that it shows come back the
//! same way.

mod application;
mod connect;
mod diagram;
mod forgetful;
mod page;
mod records;
mod replay;
mod serve;
mod tap;
mod trace;
mod viewers;
mod web_server;

pub use self::application::app;
pub use self::records::{Content, HttpRequest, Notice, Peer, Step, What};
pub use self::replay::{Replay, Run, seed};
pub use self::serve::serve;
pub use self::tap::Tapped;
pub use self::trace::{FindWatcher, Watcher};
pub use self::viewers::{Viewer, Viewers};
pub use self::web_server::{listen, web_server};
