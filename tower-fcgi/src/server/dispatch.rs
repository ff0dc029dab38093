//! From events to exchanges, and what ends them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fcgi_core::server::{Event, NewRequest, Refusal};
use fcgi_core::{BodyState, Key, Role};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::error_log::{Held, Scope};
use super::failure::Failure;
use super::filter;
use super::in_flight::Running;
use super::oneshot::Oneshot;
use super::params::Params;
use super::response_driver::{Exchange, Out, conclude, guard};
use super::response_writer::Direct;
use super::service::FcgiService;
use super::stderr::Stderr;
use super::tasks::Spawned;
use super::timer_table::Stage;
use crate::body::{Cell, Delivered, Kind, Reader, RequestBody};
use crate::cgi::{Asked, Call, Facts, OwnProgram, TargetContext, read_head};

type Inline<'a, S> = Pin<&'a mut Exchange<Oneshot<S>, <S as FcgiService>::ResponseBody>>;

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Acts on everything that the protocol has to tell.
    pub(super) fn take_events(&mut self, mut inline: Inline<'_, S>, cx: &mut Context<'_>) {
        while let Some(event) = self.protocol.poll_event() {
            if let Event::Request(_) | Event::Refused(..) = event {
                self.begun = self.begun.checked_add(1).unwrap_or(1);
            }
            if let Event::Request(request) = &event
                && self.settings.request_timeout.is_some()
            {
                self.deadline.begin(request.key, Stage::Whole);
            }
            match event {
                Event::Request(request) => self.dispatch(request, inline.as_mut(), cx),
                Event::Body(key) => self.deliver(key, inline.as_mut()),
                Event::Abort(key) => self.abort(key, inline.as_mut()),
                Event::Refused(key, refusal) => self.refuse(key, refusal),
                // The core has no other event; a later one that this driver does not know has nobody to go
                // to.
                _ => {}
            }
        }
    }

    /// Goes on with the exchange that runs in this future.
    pub(super) fn poll_inline(&mut self, inline: Inline<'_, S>, cx: &mut Context<'_>) {
        let Some(running) = &self.running else { return };
        let most = self.settings.output_bytes;
        let mut sink = Direct::new(&mut self.protocol, running.key, most);
        if running.span.in_scope(|| inline.poll(cx, &mut sink)).is_ready() {
            running.end_body(Kind::Over);
            self.running = None;
        }
    }

    /// Takes in what the exchanges in tasks have to say, as long as there is room for it.
    pub(super) fn poll_spawned(&mut self, cx: &mut Context<'_>) {
        let Some(spawned) = &mut self.spawned else { return };
        let most = self.settings.output_bytes;
        while self.protocol.output_len() < most {
            let Poll::Ready((key, batch)) = spawned.poll_batch(cx) else { break };
            batch.replay(&mut Direct::new(&mut self.protocol, key, most));
            if !self.protocol.is_open(key)
                && let Some(running) = spawned.remove(key)
            {
                running.end_body(Kind::Over);
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
            Err(failure) => return self.answer(key, &failure, Asked::Unknown),
        };
        let is = Call::new(request.role, call.method());
        let too_large = |length| length > self.settings.body_limit;
        if is.role != Role::AUTHORIZER && facts.content_length.is_some_and(too_large) {
            return self.answer(key, &Failure::BodyTooLarge, is.asked());
        }
        let data = match self.data_of(&request) {
            Ok(data) => data,
            Err(failure) => return self.answer(key, &failure, is.asked()),
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
        let mut held = Held::default();
        let scope = Scope::enter();
        let started = guard(|| span.in_scope(|| Oneshot::start(self.service.clone(), call, cx)));
        held.collect();
        scope.leave();
        let running = Running { key, role: is.role, body: cell, data, span };
        if self.settings.body_timeout.is_some() && (running.body.is_some() || running.data.is_some()) {
            self.deadline.begin(key, Stage::Body);
        }
        match started.and_then(|started| started) {
            Ok(future) => self.run(running, Exchange::calling(future, is, held), inline, cx),
            Err(failure) => {
                self.conclude(key, &failure, is.asked(), held);
                running.end_body(Kind::Over);
            }
        }
    }

    /// Here, if nothing else runs here; else in a task.
    fn run(
        &mut self,
        running: Running,
        exchange: Exchange<Oneshot<S>, S::ResponseBody>,
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
            self.spawned.get_or_insert_with(|| Box::new(Spawned::new())).spawn(running, exchange);
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
    fn body(&mut self, key: Key, is: Call, head: Facts) -> Option<(RequestBody, Option<Arc<Cell>>)> {
        let role = is.role;
        let mut chunks = VecDeque::new();
        let state = self.protocol.read_body(key, &mut chunks).ok()?;
        if chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>() > self.settings.body_limit {
            self.answer(key, &Failure::BodyTooLarge, is.asked());
            return None;
        }
        match state {
            // FastCGI §6.3: none, whatever length the web server tells of the client's.
            BodyState::Ended if role == Role::AUTHORIZER => return Some((RequestBody::empty(), None)),
            BodyState::Ended => {
                self.protocol.consumed(key, chunks.iter().map(bytes::Bytes::len).sum());
                return Some((RequestBody::whole(chunks, head.content_length), None));
            }
            BodyState::Aborted => {
                let _ = self.protocol.end(key, 0);
                return None;
            }
            BodyState::Open => {}
        }
        let none = match head.content_length {
            // RFC 3875 §4.1.2. The wire half stays open until its terminal record; HAProxy may send none at
            // all.
            Some(length) => length == 0,
            None => self.settings.no_length_no_body,
        };
        if none && chunks.is_empty() {
            if role != Role::FILTER {
                // The DATA would go with it.
                self.protocol.discard_body(key).ok()?;
            }
            return Some((RequestBody::empty(), None));
        }
        let cell = Arc::new(Cell::default());
        let ended = self.input_ended;
        cell.deliver(|waiting| {
            *waiting = chunks;
            if ended { Delivered::Broken(Kind::Disconnected) } else { Delivered::More }
        });
        Some((RequestBody::streaming(Arc::clone(&cell), head.content_length), Some(cell)))
    }

    /// Moves what has come of a body to its reader.
    fn deliver(&mut self, key: Key, inline: Inline<'_, S>) {
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
        let reader = body.deliver(|chunks| protocol.read_body(key, chunks).into());
        if reader == Reader::Gone {
            let _ = protocol.discard_body(key);
        } else if self.settings.body_limit < body.received() {
            self.too_large(key, inline);
        }
    }

    /// The web server has given a request up: its handler is dropped, and its end is sent, unless that would make an
    /// answer look whole that is not.
    fn abort(&mut self, key: Key, inline: Inline<'_, S>) {
        self.stop(key, Kind::Aborted, inline);
        let _ = match self.protocol.replace_response(key, b"") {
            Ok(true) => self.protocol.end(key, 0),
            Ok(false) => self.protocol.abandon(key),
            Err(over) => Err(over),
        };
    }

    /// Answers a request in its handler's stead: the handler is dropped.
    pub(super) fn give_up(&mut self, key: Key, failure: &Failure, kind: Kind, mut inline: Inline<'_, S>) {
        let out = self.out(key, inline.as_ref());
        self.stop(key, kind, inline.as_mut());
        conclude(failure, out.asked(), Held::default(), &mut self.direct(key));
    }

    /// The web server sends no more of a body. Whoever waits for it gets no further; others may.
    pub(super) fn stalled(&mut self, key: Key, inline: Inline<'_, S>) {
        let Some(running) = self.find(key) else { return };
        if running.is_awaited() && matches!(self.out(key, inline.as_ref()), Out::Nothing(_)) {
            self.give_up(key, &Failure::BodyStalled, Kind::Stalled, inline);
        } else {
            running.end_body(Kind::Stalled);
        }
    }

    /// A body has more bytes than it may.
    fn too_large(&mut self, key: Key, inline: Inline<'_, S>) {
        let Some(running) = self.find(key) else { return };
        if matches!(self.out(key, inline.as_ref()), Out::Nothing(_)) {
            self.give_up(key, &Failure::BodyTooLarge, Kind::TooLarge, inline);
        } else {
            running.end_body(Kind::TooLarge);
            let _ = self.protocol.discard_body(key);
        }
    }

    /// A request that was dispatched and is not answered.
    fn find(&self, key: Key) -> Option<&Running> {
        let inline = self.running.as_ref().filter(|running| running.key == key);
        inline.or_else(|| self.spawned.as_ref().and_then(|spawned| spawned.find(key)))
    }

    /// How much of a request's answer is out.
    fn out(&self, key: Key, inline: Pin<&Exchange<Oneshot<S>, S::ResponseBody>>) -> Out {
        let out = match &self.running {
            Some(running) if running.key == key => Some(inline.out()),
            _ => self.spawned.as_ref().and_then(|spawned| spawned.out(key)),
        };
        out.unwrap_or(Out::Nothing(Asked::Unknown))
    }

    /// Drops a request's handler, wherever it runs.
    fn stop(&mut self, key: Key, kind: Kind, inline: Inline<'_, S>) {
        if let Some(running) = self.running.take_if(|running| running.key == key) {
            running.end_body(kind);
            let _entered = running.span.enter();
            inline.discard(&mut self.direct(key));
        } else if let Some(running) = self.spawned.as_mut().and_then(|spawned| spawned.remove(key)) {
            running.end_body(kind);
        }
    }

    /// Drops every handler: nobody is there to be answered.
    pub(super) fn cancel_all(&mut self, inline: Inline<'_, S>, kind: Kind) {
        if let Some(Running { key, .. }) = self.running {
            self.stop(key, kind, inline);
        }
        if let Some(spawned) = self.spawned.take() {
            for running in spawned.running() {
                running.end_body(kind);
            }
        }
        self.handle.lines().close();
    }

    /// Nothing more comes into any body.
    pub(super) fn break_off_bodies(&self) {
        let spawned = self.spawned.iter().flat_map(|spawned| spawned.running());
        for running in self.running.iter().chain(spawned) {
            running.end_body(Kind::Disconnected);
        }
    }

    fn refuse(&mut self, key: Key, refusal: Refusal) {
        let reason = match refusal {
            Refusal::ParamsBytes => "its PARAMS are longer than the limit",
            _ => "its PARAMS are more than the limit",
        };
        let failure = Failure::Request(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason);
        self.answer(key, &failure, Asked::Unknown);
    }

    /// Answers a request that no handler has.
    pub(super) fn answer(&mut self, key: Key, failure: &Failure, asked: Asked) {
        self.conclude(key, failure, asked, Held::default());
    }

    fn conclude(&mut self, key: Key, failure: &Failure, asked: Asked, held: Held) {
        conclude(failure, asked, held, &mut self.direct(key));
    }

    /// Where a request's answer goes.
    fn direct(&mut self, key: Key) -> Direct<'_> {
        Direct::new(&mut self.protocol, key, self.settings.output_bytes)
    }
}
