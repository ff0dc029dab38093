//! The request's target: from the meta-variables to a [`Uri`](http::Uri).

mod classes;
mod decision;
mod encode;
mod front_controller;
mod own_program;
mod path;
#[cfg(test)]
mod recorded;
mod request_uri;
mod select;
#[cfg(test)]
mod tests;
mod uri;
mod variables;

pub(crate) use self::own_program::OwnProgram;
pub(super) use self::select::{partial_target, whole_target};
pub(crate) use self::variables::TargetContext;
pub(super) use self::variables::TargetVariables;
