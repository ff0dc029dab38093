//! Every arrow of the diagram, and every rejected transition, in all reachable states.

use super::*;
use alloc::vec::Vec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Params,
    ParamsEnd,
    Stdin,
    StdinEnd,
    Data,
    DataEnd,
    Abort,
    Write,
    EndRequest,
    AbortResponse,
    Reject,
}

const STEPS: [Step; 11] = [
    Step::Params,
    Step::ParamsEnd,
    Step::Stdin,
    Step::StdinEnd,
    Step::Data,
    Step::DataEnd,
    Step::Abort,
    Step::Write,
    Step::EndRequest,
    Step::AbortResponse,
    Step::Reject,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Ignored,
    Failed(ProtocolErrorKind),
    Aborted(AbortAction),
    Accepted,
    Rejected(UserError),
}
use Outcome::{Aborted, Accepted, Delivered, Ignored, Rejected};

fn step(request: &mut RequestState, step: Step) -> Outcome {
    let received = |result: Result<RecordAction, ProtocolErrorKind>| match result {
        Ok(RecordAction::Deliver) => Delivered,
        Ok(RecordAction::Ignore) => Ignored,
        Err(kind) => Outcome::Failed(kind),
    };
    let sent = |result: Result<(), UserError>| result.map_or_else(Rejected, |()| Accepted);
    match step {
        Step::Params => received(request.params()),
        Step::ParamsEnd => received(request.params_end()),
        Step::Stdin => received(request.stdin()),
        Step::StdinEnd => received(request.stdin_end()),
        Step::Data => received(request.data()),
        Step::DataEnd => received(request.data_end()),
        Step::Abort => Aborted(request.abort()),
        Step::Write => sent(request.check_writable()),
        Step::EndRequest => sent(request.end_request()),
        Step::AbortResponse => sent(request.abort_response()),
        Step::Reject => sent(request.reject()),
    }
}

const fn state(role: Role, recv: RecvState, send: SendState) -> RequestState {
    RequestState { role, recv, send }
}

/// From which state, by which step, to which state, with which outcome.
type Arrow = (Role, (RecvState, SendState), Step, (RecvState, SendState), Outcome);

#[test]
fn each_arrow_of_the_diagram() {
    use RecvState::{Aborted as AbortedInput, Data, Ended, Params, Stdin};
    use SendState::{Failed, Open, Waiting};
    const R: Role = Role::RESPONDER;
    const A: Role = Role::AUTHORIZER;
    const F: Role = Role::FILTER;
    let arrows: &[Arrow] = &[
        (R, (Params, Waiting), Step::Params, (Params, Waiting), Delivered),
        (R, (Params, Waiting), Step::ParamsEnd, (Stdin, Open), Delivered),
        (A, (Params, Waiting), Step::ParamsEnd, (Ended, Open), Delivered),
        (F, (Params, Waiting), Step::ParamsEnd, (Stdin, Open), Delivered),
        (R, (Stdin, Open), Step::Stdin, (Stdin, Open), Delivered),
        (R, (Stdin, Open), Step::StdinEnd, (Ended, Open), Delivered),
        (F, (Stdin, Open), Step::StdinEnd, (Data, Open), Delivered),
        (F, (Data, Open), Step::Data, (Data, Open), Delivered),
        (F, (Data, Open), Step::DataEnd, (Ended, Open), Delivered),
        (R, (Stdin, Open), Step::Write, (Stdin, Open), Accepted),
        (R, (Stdin, Open), Step::EndRequest, (Stdin, SendState::Ended), Accepted),
        (R, (Ended, Open), Step::EndRequest, (Ended, SendState::Ended), Accepted),
        (R, (Stdin, Open), Step::AbortResponse, (Stdin, Failed), Accepted),
        (R, (Params, Waiting), Step::Reject, (Params, Open), Accepted),
        (R, (Params, Open), Step::Params, (Params, Open), Ignored),
        (R, (Params, Open), Step::ParamsEnd, (Stdin, Open), Ignored),
        (R, (Params, Waiting), Step::Abort, (AbortedInput, SendState::Ended), Aborted(AbortAction::EndNow)),
        (R, (Stdin, Open), Step::Abort, (AbortedInput, Open), Aborted(AbortAction::Notify)),
        (R, (Ended, Open), Step::Abort, (Ended, Open), Aborted(AbortAction::Notify)),
        (
            R,
            (Stdin, SendState::Ended),
            Step::Abort,
            (AbortedInput, SendState::Ended),
            Aborted(AbortAction::Ignore),
        ),
        (R, (Stdin, SendState::Ended), Step::Stdin, (Stdin, SendState::Ended), Ignored),
        (R, (Stdin, SendState::Ended), Step::StdinEnd, (Ended, SendState::Ended), Ignored),
    ];
    for &(role, (recv, send), by, (to_recv, to_send), outcome) in arrows {
        let mut request = state(role, recv, send);
        assert_eq!(step(&mut request, by), outcome, "{role:?} {recv:?}/{send:?} by {by:?}");
        assert_eq!(request, state(role, to_recv, to_send), "{role:?} {recv:?}/{send:?} by {by:?}");
    }
}

#[test]
fn each_rejected_transition_names_its_error() {
    use RecvState::{Data, Ended, Params, Stdin};
    use SendState::{Failed, Open, Waiting};
    const R: Role = Role::RESPONDER;
    const F: Role = Role::FILTER;
    let rejected: &[(Role, (RecvState, SendState), Step, Outcome)] = &[
        (R, (Stdin, Open), Step::Params, Outcome::Failed(ProtocolErrorKind::ParamsAfterEnd)),
        (R, (Ended, Open), Step::Params, Outcome::Failed(ProtocolErrorKind::ParamsAfterEnd)),
        (R, (Params, Waiting), Step::Stdin, Outcome::Failed(ProtocolErrorKind::StdinBeforeParamsEnd)),
        (R, (Params, Waiting), Step::StdinEnd, Outcome::Failed(ProtocolErrorKind::StdinBeforeParamsEnd)),
        (R, (Ended, Open), Step::Stdin, Outcome::Failed(ProtocolErrorKind::StreamAfterEnd)),
        (F, (Data, Open), Step::Stdin, Outcome::Failed(ProtocolErrorKind::StreamAfterEnd)),
        (R, (Stdin, Open), Step::Data, Outcome::Failed(ProtocolErrorKind::UnexpectedData)),
        (R, (Ended, Open), Step::DataEnd, Outcome::Failed(ProtocolErrorKind::UnexpectedData)),
        (F, (Stdin, Open), Step::Data, Outcome::Failed(ProtocolErrorKind::UnexpectedData)),
        (F, (Ended, Open), Step::Data, Outcome::Failed(ProtocolErrorKind::StreamAfterEnd)),
        (R, (Params, Waiting), Step::Write, Rejected(UserError::StreamNotOpen)),
        (R, (Params, Waiting), Step::EndRequest, Rejected(UserError::StreamNotOpen)),
        (R, (Params, Waiting), Step::AbortResponse, Rejected(UserError::StreamNotOpen)),
        (R, (Stdin, SendState::Ended), Step::Write, Rejected(UserError::RequestClosed)),
        (R, (Stdin, SendState::Ended), Step::EndRequest, Rejected(UserError::RequestClosed)),
        (R, (Stdin, Failed), Step::EndRequest, Rejected(UserError::RequestClosed)),
        (R, (Stdin, Failed), Step::AbortResponse, Rejected(UserError::RequestClosed)),
        (R, (Stdin, Open), Step::Reject, Rejected(UserError::RequestClosed)),
    ];
    for &(role, (recv, send), by, outcome) in rejected {
        let before = state(role, recv, send);
        let mut request = before;
        assert_eq!(step(&mut request, by), outcome, "{before:?} by {by:?}");
        assert_eq!(request, before, "{by:?} was rejected");
    }
}

/// Visits every reachable state, and checks its invariants.
#[test]
fn reachable_states_end_once_and_never_go_back() {
    let rank = |request: &RequestState| match request.recv {
        RecvState::Params => 0,
        RecvState::Stdin => 1,
        RecvState::Data => 2,
        RecvState::Ended | RecvState::Aborted => 3,
    };
    for role in [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER] {
        let mut seen = Vec::from([RequestState::begin(role)]);
        let mut next = 0;
        while let Some(&before) = seen.get(next) {
            next += 1;
            for by in STEPS {
                let mut after = before;
                let outcome = step(&mut after, by);
                assert!(rank(&after) >= rank(&before), "{before:?} by {by:?}: input went back");
                if matches!(before.send, SendState::Ended | SendState::Failed) {
                    assert_eq!(after.send, before.send, "{before:?} by {by:?}: output after the end");
                    assert!(!matches!(outcome, Delivered | Accepted), "{before:?} by {by:?}: {outcome:?}");
                }
                if matches!(outcome, Outcome::Failed(_) | Rejected(_)) {
                    assert_eq!(after, before, "{by:?} was rejected");
                }
                if by == Step::Stdin && role == Role::AUTHORIZER {
                    assert_ne!(outcome, Delivered, "an Authorizer has no STDIN");
                }
                if !seen.contains(&after) {
                    seen.push(after);
                }
            }
        }
        assert!(seen.len() >= 8, "{role:?}: {} states", seen.len());
        assert!(seen.iter().any(RequestState::is_over));
    }
}
