//! The units of the wire, one per file (FastCGI 1.0 §3.3 and §8).
//!
//! Both sides use these types, so each one encodes and decodes.

mod begin;
mod end;
mod foreign_protocol;
mod header;
mod id;
mod kind;
mod management;
mod role;

pub use begin::BeginRequest;
pub use end::{EndRequest, ProtocolStatus};
pub use foreign_protocol::ForeignProtocol;
pub use header::{RecordHeader, VERSION};
pub use id::RequestId;
pub use kind::{Direction, RecordType};
pub use management::{UnknownType, Variable};
pub use role::{Role, Roles};
