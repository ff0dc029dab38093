//! From events to exchanges, and what ends them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fcgi_core::server::{Event, NewRequest, RejectReason};
use fcgi_core::{RequestKey, Role, StreamState};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::error_log::{DeferredLog, LogScope};
use super::failure::Failure;
use super::filter;
use super::in_flight::InFlightRequest;
use super::oneshot::Oneshot;
use super::params::Params;
use super::response_driver::{ResponseDriver, ResponseProgress, catch_panic, complete};
use super::response_writer::DirectWriter;
use super::service::FcgiService;
use super::stderr::Stderr;
use super::tasks::RequestTasks;
use super::timer_table::RequestTimer;
use crate::body::{BodyChannel, BodyErrorKind, Receiver, RequestBody, SendOutcome};
use crate::cgi::{ErrorBody, OwnProgram, RequestInfo, ResponseContext, TargetContext, read_head};

type Inline<'a, S> = Pin<&'a mut ResponseDriver<Oneshot<S>, <S as FcgiService>::ResponseBody>>;

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Acts on everything that the protocol has to tell.
    pub(super) fn take_events(&mut self, mut inline: Inline<'_, S>, cx: &mut Context<'_>) {
        while let Some(event) = self.protocol.poll_event() {
            if let Event::Request(_) | Event::Rejected(..) = event {
                self.begun = self.begun.checked_add(1).unwrap_or(1);
            }
            if let Event::Request(request) = &event
                && self.settings.request_timeout.is_some()
            {
                self.deadline.begin(request.key, RequestTimer::Total);
            }
            match event {
                Event::Request(request) => self.dispatch(request, inline.as_mut(), cx),
                Event::BodyReadable(key) => self.deliver(key, inline.as_mut()),
                Event::Aborted(key) => self.abort(key, inline.as_mut()),
                Event::Rejected(key, refusal) => self.refuse(key, refusal),
                // The core has no other event; a later one that this driver does not know has nobody to go
                // to.
                _ => {}
            }
        }
    }

    /// Goes on with the exchange that runs in this future.
    pub(super) fn poll_inline(&mut self, inline: Inline<'_, S>, cx: &mut Context<'_>) {
        let Some(running) = &self.running else { return };
        let most = self.settings.max_write_buffer;
        let mut sink = DirectWriter::new(&mut self.protocol, running.key, most);
        if running.span.in_scope(|| inline.poll(cx, &mut sink)).is_ready() {
            running.fail_body(BodyErrorKind::RequestEnded);
            self.running = None;
        }
    }

    /// Takes in what the exchanges in tasks have to say, as long as there is room for it.
    pub(super) fn poll_spawned(&mut self, cx: &mut Context<'_>) {
        let Some(spawned) = &mut self.spawned else { return };
        let most = self.settings.max_write_buffer;
        while self.protocol.output_len() < most {
            let Poll::Ready((key, batch)) = spawned.poll_output(cx) else { break };
            batch.drain_into(&mut DirectWriter::new(&mut self.protocol, key, most));
            if !self.protocol.is_writable(key)
                && let Some(running) = spawned.remove(key)
            {
                running.fail_body(BodyErrorKind::RequestEnded);
            }
        }
    }

    /// Checks the request, and only then gives it a clone of the service: a rejected request must reserve nothing.
    /// The clone is called if it is ready; else its exchange waits for it, beside all others.
    fn dispatch(&mut self, request: NewRequest, inline: Inline<'_, S>, cx: &mut Context<'_>) {
        let key = request.key;
        let mut call = Request::new(RequestBody::empty());
        *call.extensions_mut() = self.settings.extensions.clone();
        let context = TargetContext {
            settings: &self.settings.target,
            program: OwnProgram::Application,
            role: request.role,
        };
        let facts = match read_head(&request.params, context, &mut call) {
            Ok(facts) => facts,
            Err(error) => return self.answer(key, &error.into(), ErrorBody::None),
        };
        let is = ResponseContext::new(request.role, call.method());
        let too_large = |length| length > self.settings.max_body_bytes;
        if is.role != Role::AUTHORIZER && facts.content_length.is_some_and(too_large) {
            return self.answer(key, &Failure::BodyTooLarge, is.error_body());
        }
        let data = match self.data_of(&request) {
            Ok(data) => data,
            Err(failure) => return self.answer(key, &failure, is.error_body()),
        };
        let Some((body, cell)) = self.body(key, is, facts) else { return };
        let span =
            tracing::debug_span!("request", id = request.id.0, method = %call.method(), uri = %call.uri());
        *call.body_mut() = body;
        let data = data.and_then(|(data, cell)| {
            call.extensions_mut().insert(data);
            cell
        });
        call.extensions_mut().insert(Params::new(
            request.params,
            request.role,
            facts.client,
            Stderr::new(&self.handle, key),
        ));
        let mut held = DeferredLog::default();
        let scope = LogScope::enter();
        let started = catch_panic(|| span.in_scope(|| Oneshot::start(self.service.clone(), call, cx)));
        held.collect();
        scope.leave();
        let running = InFlightRequest { key, role: is.role, body: cell, data, span };
        if self.settings.body_read_timeout.is_some() && (running.body.is_some() || running.data.is_some()) {
            self.deadline.begin(key, RequestTimer::BodyRead);
        }
        match started.and_then(|started| started) {
            Ok(future) => self.run(running, ResponseDriver::new(future, is, held), inline, cx),
            Err(failure) => {
                self.conclude(key, &failure, is.error_body(), held);
                running.fail_body(BodyErrorKind::RequestEnded);
            }
        }
    }

    /// Here, if nothing else runs here; else in a task.
    fn run(
        &mut self,
        running: InFlightRequest,
        exchange: ResponseDriver<Oneshot<S>, S::ResponseBody>,
        mut inline: Inline<'_, S>,
        cx: &mut Context<'_>,
    ) {
        if self.running.is_none() {
            self.running = Some(running);
            inline.set(exchange);
            if self.is_alone() && !self.is_full() {
                // With one thread for everything, a task for the next request gains nothing if this one can be
                // answered at once. With several, it may run elsewhere while this one does here.
                self.poll_inline(inline, cx);
            }
        } else {
            self.spawned_now = true;
            self.spawned.get_or_insert_with(|| Box::new(RequestTasks::new())).spawn(running, exchange);
        }
    }

    /// Whether the runtime has one thread for all tasks, so that none runs while another one does.
    fn is_alone(&mut self) -> bool {
        *self.alone.get_or_insert_with(|| {
            tokio::runtime::Handle::try_current().is_ok_and(|runtime| runtime.metrics().num_workers() == 1)
        })
    }

    /// The body of a request that is to be dispatched, and what the connection keeps of it. `None`: there is
    /// no such request any more.
    fn body(
        &mut self,
        key: RequestKey,
        is: ResponseContext,
        head: RequestInfo,
    ) -> Option<(RequestBody, Option<Arc<BodyChannel>>)> {
        let role = is.role;
        let mut chunks = VecDeque::new();
        let state = self.protocol.read_body(key, &mut chunks).ok()?;
        if chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>() > self.settings.max_body_bytes {
            self.answer(key, &Failure::BodyTooLarge, is.error_body());
            return None;
        }
        match state {
            // FastCGI §6.3: none, whatever length the web server tells of the client's.
            StreamState::Ended if role == Role::AUTHORIZER => return Some((RequestBody::empty(), None)),
            StreamState::Ended => {
                self.protocol.release_capacity(key, chunks.iter().map(bytes::Bytes::len).sum());
                return Some((RequestBody::whole(chunks, head.content_length), None));
            }
            StreamState::Aborted => {
                let _ = self.protocol.end_request(key, 0);
                return None;
            }
            StreamState::Open => {}
        }
        let none = match head.content_length {
            // RFC 3875 §4.1.2. The wire half stays open until its terminal record; HAProxy may send none at
            // all.
            Some(length) => length == 0,
            None => self.settings.empty_without_content_length,
        };
        if none && chunks.is_empty() {
            if role != Role::FILTER {
                // The DATA would go with it.
                self.protocol.discard_body(key).ok()?;
            }
            return Some((RequestBody::empty(), None));
        }
        let cell = Arc::new(BodyChannel::default());
        let ended = self.input_ended;
        cell.push(|waiting| {
            *waiting = chunks;
            if ended { SendOutcome::Broken(BodyErrorKind::Disconnected) } else { SendOutcome::More }
        });
        Some((RequestBody::streaming(Arc::clone(&cell), head.content_length), Some(cell)))
    }

    /// Moves what has come of a body to its reader.
    fn deliver(&mut self, key: RequestKey, inline: Inline<'_, S>) {
        let running = match &self.running {
            Some(running) if running.key == key => Some(running),
            _ => self.spawned.as_ref().and_then(|spawned| spawned.find(key)),
        };
        // One whose body was whole has none.
        let Some(running) = running else { return };
        self.deadline.got_on(key);
        if running.role == Role::FILTER {
            return filter::deliver(running, &mut self.protocol);
        }
        let Some(body) = &running.body else { return };
        let protocol = &mut self.protocol;
        let reader = body.push(|chunks| protocol.read_body(key, chunks).into());
        if reader == Receiver::Dropped {
            let _ = protocol.discard_body(key);
        } else if self.settings.max_body_bytes < body.received() {
            self.too_large(key, inline);
        }
    }

    /// The web server has given a request up: its handler is dropped, and its end is sent, unless that would make an
    /// answer look whole that is not.
    fn abort(&mut self, key: RequestKey, inline: Inline<'_, S>) {
        self.stop(key, BodyErrorKind::Aborted, inline);
        let _ = match self.protocol.replace_response(key, b"") {
            Ok(true) => self.protocol.end_request(key, 0),
            Ok(false) => self.protocol.abandon_response(key),
            Err(over) => Err(over),
        };
    }

    /// Answers a request in its handler's stead: the handler is dropped.
    pub(super) fn give_up(
        &mut self,
        key: RequestKey,
        failure: &Failure,
        kind: BodyErrorKind,
        mut inline: Inline<'_, S>,
    ) {
        let out = self.out(key, inline.as_ref());
        self.stop(key, kind, inline.as_mut());
        complete(failure, out.error_body(), DeferredLog::default(), &mut self.direct(key));
    }

    /// The web server sends no more of a body. Whoever waits for it gets no further; others may.
    pub(super) fn stalled(&mut self, key: RequestKey, inline: Inline<'_, S>) {
        let Some(running) = self.find(key) else { return };
        if running.reader_is_waiting()
            && matches!(self.out(key, inline.as_ref()), ResponseProgress::NotStarted(_))
        {
            self.give_up(key, &Failure::BodyStalled, BodyErrorKind::ReadTimeout, inline);
        } else {
            running.fail_body(BodyErrorKind::ReadTimeout);
        }
    }

    /// A body has more bytes than it may.
    fn too_large(&mut self, key: RequestKey, inline: Inline<'_, S>) {
        let Some(running) = self.find(key) else { return };
        if matches!(self.out(key, inline.as_ref()), ResponseProgress::NotStarted(_)) {
            self.give_up(key, &Failure::BodyTooLarge, BodyErrorKind::TooLarge, inline);
        } else {
            running.fail_body(BodyErrorKind::TooLarge);
            let _ = self.protocol.discard_body(key);
        }
    }

    /// A request that was dispatched and is not answered.
    fn find(&self, key: RequestKey) -> Option<&InFlightRequest> {
        let inline = self.running.as_ref().filter(|running| running.key == key);
        inline.or_else(|| self.spawned.as_ref().and_then(|spawned| spawned.find(key)))
    }

    /// How much of a request's answer is out.
    fn out(
        &self,
        key: RequestKey,
        inline: Pin<&ResponseDriver<Oneshot<S>, S::ResponseBody>>,
    ) -> ResponseProgress {
        let out = match &self.running {
            Some(running) if running.key == key => Some(inline.progress()),
            _ => self.spawned.as_ref().and_then(|spawned| spawned.out(key)),
        };
        out.unwrap_or(ResponseProgress::NotStarted(ErrorBody::None))
    }

    /// Drops a request's handler, wherever it runs.
    fn stop(&mut self, key: RequestKey, kind: BodyErrorKind, inline: Inline<'_, S>) {
        if let Some(running) = self.running.take_if(|running| running.key == key) {
            running.fail_body(kind);
            let _entered = running.span.enter();
            inline.discard(&mut self.direct(key));
        } else if let Some(running) = self.spawned.as_mut().and_then(|spawned| spawned.remove(key)) {
            running.fail_body(kind);
        }
    }

    /// Drops every handler: nobody is there to be answered.
    pub(super) fn cancel_all(&mut self, inline: Inline<'_, S>, kind: BodyErrorKind) {
        if let Some(InFlightRequest { key, .. }) = self.running {
            self.stop(key, kind, inline);
        }
        if let Some(spawned) = self.spawned.take() {
            for running in spawned.running() {
                running.fail_body(kind);
            }
        }
        self.handle.stderr().close();
    }

    /// Nothing more comes into any body.
    pub(super) fn break_off_bodies(&self) {
        let spawned = self.spawned.iter().flat_map(|spawned| spawned.running());
        for running in self.running.iter().chain(spawned) {
            running.fail_body(BodyErrorKind::Disconnected);
        }
    }

    fn refuse(&mut self, key: RequestKey, refusal: RejectReason) {
        let reason = match refusal {
            RejectReason::TooManyBytes => "its PARAMS are longer than the limit",
            _ => "its PARAMS are more than the limit",
        };
        let failure = Failure::Request(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason);
        self.answer(key, &failure, ErrorBody::None);
    }

    /// Answers a request that no handler has.
    pub(super) fn answer(&mut self, key: RequestKey, failure: &Failure, asked: ErrorBody) {
        self.conclude(key, failure, asked, DeferredLog::default());
    }

    fn conclude(&mut self, key: RequestKey, failure: &Failure, asked: ErrorBody, held: DeferredLog) {
        complete(failure, asked, held, &mut self.direct(key));
    }

    /// Where a request's answer goes.
    fn direct(&mut self, key: RequestKey) -> DirectWriter<'_> {
        DirectWriter::new(&mut self.protocol, key, self.settings.max_write_buffer)
    }
}
