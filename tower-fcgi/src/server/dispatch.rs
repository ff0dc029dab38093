//! Dispatches requests: checks their PARAMS and calls the service.

use std::task::Context;

use fcgi_core::server::{Connection, NewRequest};
use fcgi_core::{RequestKey, Role};
use http::Request;

use super::config::DriverConfig;
use super::error_log::{DeferredLog, LogScope};
use super::failure::Failure;
use super::handle::ConnectionHandle;
use super::in_flight_request::{Dispatched, InFlightRequest};
use super::input_streams::{InputStreams, NotOpened};
use super::oneshot::Oneshot;
use super::params::Params;
use super::response_driver::{ResponseDriver, catch_panic, complete};
use super::response_writer::DirectWriter;
use super::service::FcgiService;
use super::stderr::Stderr;
use crate::body::{BodyErrorKind, RequestBody};
use crate::cgi::{ErrorBody, OwnProgram, ResponseContext, TargetContext, read_head};

/// Checks requests and calls the service with them.
#[derive(Debug)]
pub(super) struct Dispatcher<S> {
    /// Neither polled nor called itself: each request gets a clone.
    service: S,
    runtime: RuntimeThreads,
}

/// The number of worker threads of the runtime: with several, requests can run in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuntimeThreads {
    /// The runtime was not queried yet.
    Unknown,
    One,
    Several,
}

/// A dispatched request to a service of type `S`.
pub(super) type DispatchedTo<S> = Dispatched<Oneshot<S>, <S as FcgiService>::ResponseBody>;

impl<S: FcgiService> Dispatcher<S> {
    pub(super) const fn new(service: S) -> Self {
        Self { service, runtime: RuntimeThreads::Unknown }
    }

    /// Whether the runtime has a single thread, so that tasks never run in parallel.
    pub(super) fn is_single_threaded(&mut self) -> bool {
        if self.runtime == RuntimeThreads::Unknown {
            let workers =
                tokio::runtime::Handle::try_current().map(|runtime| runtime.metrics().num_workers());
            self.runtime =
                if matches!(workers, Ok(1)) { RuntimeThreads::One } else { RuntimeThreads::Several };
        }
        self.runtime == RuntimeThreads::One
    }

    /// Checks the request, and only then clones the service for it: a rejected request must not reserve anything. Calls the
    /// clone if it is ready at once; else the response waits for it, without delaying other requests.
    ///
    /// `run` receives the dispatched request. `None` if the request is already answered, or aborted.
    #[inline]
    pub(super) fn dispatch<T>(
        &self,
        request: NewRequest,
        protocol: &mut Connection,
        config: &DriverConfig,
        handle: &ConnectionHandle,
        cx: &mut Context<'_>,
        run: impl FnOnce(DispatchedTo<S>) -> T,
    ) -> Option<T> {
        let key = request.key;
        let mut call = Request::new(RequestBody::empty());
        *call.extensions_mut() = config.extensions.clone();
        let target =
            TargetContext { settings: &config.target, program: OwnProgram::Application, role: request.role };
        let info = match read_head(&request.params, target, &mut call) {
            Ok(info) => info,
            Err(error) => return answer(protocol, key, config, &error.into(), ErrorBody::None),
        };
        let context = ResponseContext::new(request.role, call.method());
        let too_large = |length| length > config.max_body_bytes;
        if request.role != Role::AUTHORIZER && info.content_length.is_some_and(too_large) {
            return answer(protocol, key, config, &Failure::BodyTooLarge, context.error_body());
        }
        let (input, upgrade) = match InputStreams::open(protocol, &request, &info, config, &mut call) {
            Ok(input) => input,
            Err(NotOpened::Aborted) => return None,
            Err(NotOpened::Failed(failure)) => {
                return answer(protocol, key, config, &failure, context.error_body());
            }
        };
        let span =
            tracing::debug_span!("request", id = request.id.0, method = %call.method(), uri = %call.uri());
        let stderr = Stderr::new(handle, key);
        call.extensions_mut().insert(Params::new(request.params, request.role, info.client, stderr));
        let mut log = DeferredLog::default();
        let scope = LogScope::enter();
        let started = catch_panic(|| span.in_scope(|| Oneshot::start(self.service.clone(), call, cx)));
        log.collect();
        scope.leave();
        let request = InFlightRequest { key, input, span };
        match started.and_then(|started| started) {
            Ok(future) => {
                let response = ResponseDriver::new(future, context, log, upgrade);
                Some(run(Dispatched { request, response }))
            }
            Err(failure) => {
                let mut writer = DirectWriter::new(protocol, key, config.max_write_buffer);
                complete(&failure, context.error_body(), log, &mut writer);
                request.input.fail(BodyErrorKind::RequestEnded);
                None
            }
        }
    }
}

/// Answers a request that has no handler.
#[cold]
fn answer<T>(
    protocol: &mut Connection,
    key: RequestKey,
    config: &DriverConfig,
    failure: &Failure,
    error_body: ErrorBody,
) -> Option<T> {
    let mut writer = DirectWriter::new(protocol, key, config.max_write_buffer);
    complete(failure, error_body, DeferredLog::default(), &mut writer);
    None
}
