//! Dispatches requests: checks their PARAMS and calls the service.

use fcgi_core::server::{Connection, NewRequest};
use fcgi_core::{RequestKey, Role};
use http::Request;

use super::config::DriverConfig;
use super::error_log::DeferredLog;
use super::failure::Failure;
use super::handle::ConnectionHandle;
use super::in_flight::{InFlight, Placement};
use super::in_flight_request::InFlightRequest;
use super::input_streams::{InputStreams, NotOpened};
use super::oneshot::Oneshot;
use super::params::Params;
use super::request_summary::{Summarize, SummaryParts};
use super::response_driver::{ResponseDriver, catch_panic, complete};
use super::response_writer::DirectWriter;
use super::service::FcgiService;
use super::slow_log::SlowLog;
use super::stderr::Stderr;
use crate::body::RequestBody;
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

    /// Checks the request, and only then clones the service for it: a rejected request must not reserve anything. The clone is
    /// called when it is ready and the response is polled, without delaying other requests.
    ///
    /// Returns where the request runs. `None` if it is already answered, or aborted.
    #[inline]
    pub(super) fn dispatch(
        &self,
        request: NewRequest,
        protocol: &mut Connection,
        in_flight: &mut InFlight<Oneshot<S>, S::ResponseBody>,
        config: &DriverConfig,
        handle: &ConnectionHandle,
    ) -> Option<Placement> {
        let key = request.key;
        let params = request.params.clone();
        let summary = SummaryParts { params: &params, id: request.id, connection: handle };
        let mut call = Request::new(RequestBody::empty());
        *call.extensions_mut() = config.extensions.clone();
        let target = TargetContext {
            settings: &config.target,
            program: OwnProgram::Application,
            role: request.role,
            log: &summary,
        };
        let info = match read_head(&request.params, target, &mut call) {
            Ok(info) => info,
            Err(error) => {
                return answer(protocol, in_flight, key, config, &error.into(), ErrorBody::None, &summary);
            }
        };
        let context = ResponseContext::new(request.role, call.method());
        let too_large = |length| length > config.max_body_bytes;
        if request.role != Role::AUTHORIZER && info.content_length.is_some_and(too_large) {
            return answer(
                protocol,
                in_flight,
                key,
                config,
                &Failure::BodyTooLarge,
                context.error_body(),
                &summary,
            );
        }
        let (input, upgrade) =
            match InputStreams::open(protocol, &request, &info, config, &summary, &mut call) {
                Ok(input) => input,
                Err(NotOpened::Aborted) => {
                    in_flight.recorder().aborted_before_begin();
                    return None;
                }
                Err(NotOpened::Failed(failure)) => {
                    return answer(
                        protocol,
                        in_flight,
                        key,
                        config,
                        &failure,
                        context.error_body(),
                        &summary,
                    );
                }
            };
        let span =
            tracing::debug_span!("request", id = request.id.0, method = %call.method(), uri = %call.uri());
        let stderr = Stderr::new(handle, key, request.id);
        call.extensions_mut().insert(Params::new(request.params, request.role, info.client, stderr));
        let service = match catch_panic(|| self.service.clone()) {
            Ok(service) => service,
            Err(failure) => {
                return answer(protocol, in_flight, key, config, &failure, context.error_body(), &summary);
            }
        };
        in_flight.recorder().begin(key, call.method(), call.uri());
        let slow_log = config.slow_request_log.map(|after| Box::new(SlowLog::new(summary.summary(), after)));
        let called = slow_log.as_ref().map(|log| log.called_flag());
        let response = move || ResponseDriver::new(Oneshot::new(service, call, called), context, upgrade);
        let request = InFlightRequest { key, input, span, id: request.id, params, slow_log };
        Some(in_flight.start(request, response, handle))
    }
}

/// Answers a request that has no handler.
#[cold]
fn answer<F, B>(
    protocol: &mut Connection,
    in_flight: &mut InFlight<F, B>,
    key: RequestKey,
    config: &DriverConfig,
    failure: &Failure,
    error_body: ErrorBody,
    summary: &dyn Summarize,
) -> Option<Placement> {
    let mut writer = DirectWriter::new(protocol, key, config.max_write_buffer, summary);
    complete(failure, error_body, DeferredLog::default(), &mut writer);
    in_flight.recorder().answered(key, &writer.into_report());
    None
}
