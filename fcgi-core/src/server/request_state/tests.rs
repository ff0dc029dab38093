//! Every arrow of the diagram, and every refused transition, from every state that can be reached.

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
    Answer,
    End,
    Fail,
    Refuse,
}

const STEPS: [Step; 11] = [
    Step::Params,
    Step::ParamsEnd,
    Step::Stdin,
    Step::StdinEnd,
    Step::Data,
    Step::DataEnd,
    Step::Abort,
    Step::Answer,
    Step::End,
    Step::Fail,
    Step::Refuse,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Kept,
    Dropped,
    Broke(ProtocolErrorKind),
    Aborted(AbortAction),
    Done,
    Refused(UserError),
}
use Outcome::{Aborted, Broke, Done, Dropped, Kept, Refused};

fn step(request: &mut RequestState, step: Step) -> Outcome {
    let received = |result: Result<RecordAction, ProtocolErrorKind>| match result {
        Ok(RecordAction::Deliver) => Kept,
        Ok(RecordAction::Ignore) => Dropped,
        Err(rule) => Broke(rule),
    };
    let sent = |result: Result<(), UserError>| result.map_or_else(Refused, |()| Done);
    match step {
        Step::Params => received(request.params()),
        Step::ParamsEnd => received(request.params_end()),
        Step::Stdin => received(request.stdin()),
        Step::StdinEnd => received(request.stdin_end()),
        Step::Data => received(request.data()),
        Step::DataEnd => received(request.data_end()),
        Step::Abort => Aborted(request.abort()),
        Step::Answer => sent(request.check_writable()),
        Step::End => sent(request.end_request()),
        Step::Fail => sent(request.abort_response()),
        Step::Refuse => sent(request.reject()),
    }
}

const fn state(role: Role, input: RecvState, output: SendState) -> RequestState {
    RequestState { role, recv: input, send: output }
}

/// From which state, by which step, to which state, with which outcome.
type Arrow = (Role, (RecvState, SendState), Step, (RecvState, SendState), Outcome);

#[test]
fn each_arrow_of_the_diagram() {
    use RecvState::{Aborted as Given, Data, Ended, Params, Stdin};
    use SendState::{Failed, Open, Waiting};
    const R: Role = Role::RESPONDER;
    const A: Role = Role::AUTHORIZER;
    const F: Role = Role::FILTER;
    let arrows: &[Arrow] = &[
        (R, (Params, Waiting), Step::Params, (Params, Waiting), Kept),
        (R, (Params, Waiting), Step::ParamsEnd, (Stdin, Open), Kept),
        (A, (Params, Waiting), Step::ParamsEnd, (Ended, Open), Kept),
        (F, (Params, Waiting), Step::ParamsEnd, (Stdin, Open), Kept),
        (R, (Stdin, Open), Step::Stdin, (Stdin, Open), Kept),
        (R, (Stdin, Open), Step::StdinEnd, (Ended, Open), Kept),
        (F, (Stdin, Open), Step::StdinEnd, (Data, Open), Kept),
        (F, (Data, Open), Step::Data, (Data, Open), Kept),
        (F, (Data, Open), Step::DataEnd, (Ended, Open), Kept),
        (R, (Stdin, Open), Step::Answer, (Stdin, Open), Done),
        (R, (Stdin, Open), Step::End, (Stdin, SendState::Ended), Done),
        (R, (Ended, Open), Step::End, (Ended, SendState::Ended), Done),
        (R, (Stdin, Open), Step::Fail, (Stdin, Failed), Done),
        (R, (Params, Waiting), Step::Refuse, (Params, Open), Done),
        (R, (Params, Open), Step::Params, (Params, Open), Dropped),
        (R, (Params, Open), Step::ParamsEnd, (Stdin, Open), Dropped),
        (R, (Params, Waiting), Step::Abort, (Given, SendState::Ended), Aborted(AbortAction::EndNow)),
        (R, (Stdin, Open), Step::Abort, (Given, Open), Aborted(AbortAction::Notify)),
        (R, (Ended, Open), Step::Abort, (Ended, Open), Aborted(AbortAction::Notify)),
        (R, (Stdin, SendState::Ended), Step::Abort, (Given, SendState::Ended), Aborted(AbortAction::Ignore)),
        (R, (Stdin, SendState::Ended), Step::Stdin, (Stdin, SendState::Ended), Dropped),
        (R, (Stdin, SendState::Ended), Step::StdinEnd, (Ended, SendState::Ended), Dropped),
    ];
    for &(role, (input, output), by, (to_input, to_output), outcome) in arrows {
        let mut request = state(role, input, output);
        assert_eq!(step(&mut request, by), outcome, "{role:?} {input:?}/{output:?} by {by:?}");
        assert_eq!(request, state(role, to_input, to_output), "{role:?} {input:?}/{output:?} by {by:?}");
    }
}

#[test]
fn each_rejected_transition_names_its_error() {
    use RecvState::{Data, Ended, Params, Stdin};
    use SendState::{Failed, Open, Waiting};
    const R: Role = Role::RESPONDER;
    const F: Role = Role::FILTER;
    let refused: &[(Role, (RecvState, SendState), Step, Outcome)] = &[
        (R, (Stdin, Open), Step::Params, Broke(ProtocolErrorKind::ParamsAfterEnd)),
        (R, (Ended, Open), Step::Params, Broke(ProtocolErrorKind::ParamsAfterEnd)),
        (R, (Params, Waiting), Step::Stdin, Broke(ProtocolErrorKind::StdinBeforeParamsEnd)),
        (R, (Params, Waiting), Step::StdinEnd, Broke(ProtocolErrorKind::StdinBeforeParamsEnd)),
        (R, (Ended, Open), Step::Stdin, Broke(ProtocolErrorKind::StreamAfterEnd)),
        (F, (Data, Open), Step::Stdin, Broke(ProtocolErrorKind::StreamAfterEnd)),
        (R, (Stdin, Open), Step::Data, Broke(ProtocolErrorKind::UnexpectedData)),
        (R, (Ended, Open), Step::DataEnd, Broke(ProtocolErrorKind::UnexpectedData)),
        (F, (Stdin, Open), Step::Data, Broke(ProtocolErrorKind::UnexpectedData)),
        (F, (Ended, Open), Step::Data, Broke(ProtocolErrorKind::StreamAfterEnd)),
        (R, (Params, Waiting), Step::Answer, Refused(UserError::StreamNotOpen)),
        (R, (Params, Waiting), Step::End, Refused(UserError::StreamNotOpen)),
        (R, (Params, Waiting), Step::Fail, Refused(UserError::StreamNotOpen)),
        (R, (Stdin, SendState::Ended), Step::Answer, Refused(UserError::RequestClosed)),
        (R, (Stdin, SendState::Ended), Step::End, Refused(UserError::RequestClosed)),
        (R, (Stdin, Failed), Step::End, Refused(UserError::RequestClosed)),
        (R, (Stdin, Failed), Step::Fail, Refused(UserError::RequestClosed)),
        (R, (Stdin, Open), Step::Refuse, Refused(UserError::RequestClosed)),
    ];
    for &(role, (input, output), by, outcome) in refused {
        let before = state(role, input, output);
        let mut request = before;
        assert_eq!(step(&mut request, by), outcome, "{before:?} by {by:?}");
        assert_eq!(request, before, "{by:?} was refused");
    }
}

/// Walks every state that any sequence of steps can reach, and checks what must hold in all of them.
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
                assert!(rank(&after) >= rank(&before), "{before:?} by {by:?}: input went backwards");
                if matches!(before.send, SendState::Ended | SendState::Failed) {
                    assert_eq!(after.send, before.send, "{before:?} by {by:?}: output after its end");
                    assert!(!matches!(outcome, Kept | Done), "{before:?} by {by:?}: {outcome:?}");
                }
                if matches!(outcome, Broke(_) | Refused(_)) {
                    assert_eq!(after, before, "{by:?} was refused");
                }
                if by == Step::Stdin && role == Role::AUTHORIZER {
                    assert_ne!(outcome, Kept, "an authorizer has no STDIN");
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
