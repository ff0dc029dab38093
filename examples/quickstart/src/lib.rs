//! A web server and an application in one program, with FastCGI between them, and a page that shows its records.
//!
//! Run `cargo run -p quickstart` and open the address that it says. Nothing else needs to be installed.
//!
//! A request goes from the browser to [`front`], the web server; over a connection that is [tapped](Tapped), on a unix
//! socket; to [`app`], an axum Router that `axum_fcgi::serve` serves. The page, and the records that it shows, come the
//! same way back.

mod diagram;
mod forgetful;
mod front;
mod page;
mod records;
mod replay;
mod sample;
mod serve;
mod tap;
mod trace;
mod viewers;

pub use self::front::{front, listen};
pub use self::records::{Content, HttpRequest, Notice, Peer, Step, What};
pub use self::replay::{Replay, Run, seed};
pub use self::sample::app;
pub use self::serve::serve;
pub use self::tap::Tapped;
pub use self::trace::{Audience, Watcher};
pub use self::viewers::{Viewer, Viewers};
