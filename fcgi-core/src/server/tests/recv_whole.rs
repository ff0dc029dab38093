//! A request that arrives in one read has the same effect as one that arrives byte by byte.

use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::wire::{all_params, begin, head, padded, params, stdin, stdin_end, unwritten};
use crate::server::{Config, Connection, Event};
use crate::{RecordType, Role, Roles};

/// Sends `wire` in reads of `size` bytes after `before`, answers everything, and sends `wire` again. Returns all that can be
/// observed.
fn observe(
    config: &Arc<Config>,
    before: &dyn Fn(&mut Connection),
    wire: &[u8],
    size: usize,
) -> Vec<alloc::string::String> {
    let mut server = Connection::new(Arc::clone(config));
    before(&mut server);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let result = wire.chunks(size).map(|read| server.receive(read)).find(Result::is_err);
        seen.push(format!("{result:?}"));
        let events: Vec<Event> = core::iter::from_fn(|| server.poll_event()).collect();
        let new_head = server.poll_new_head();
        let heads: Vec<_> = server.incomplete_heads().chain(new_head).collect();
        seen.push(format!("{events:?} {heads:?}"));
        for event in &events {
            if let Event::Request(request) = event {
                let params: Vec<_> = request.params.iter().collect();
                let mut chunks = alloc::collections::VecDeque::new();
                let state = server.read_body(request.key, &mut chunks);
                seen.push(format!("{params:?} {state:?} {chunks:?}"));
            }
        }
        for answered in [false, true] {
            if answered {
                for event in &events {
                    if let Event::Request(request) = event {
                        let _ = server.stdout(request.key, b"answer");
                        let _ = server.end_request(request.key, 0);
                    }
                }
            }
            let counts = (server.active_requests(), server.half_closed_requests(), server.unread_bytes());
            let (close, wants_read) = (server.close_action(), server.wants_read());
            seen.push(format!("{counts:?} {close:?} {wants_read} {}", server.params_bytes));
            if result.is_none() {
                seen.push(format!("{} {:?}", server.is_idle(), server.end_of_input()));
            }
        }
        let output = unwritten(server.output());
        seen.push(format!("{output:?}"));
        server.output().advance(output.len());
    }
    seen
}

fn compare(config: &Arc<Config>, before: &dyn Fn(&mut Connection), wire: &[u8]) {
    let whole = observe(config, before, wire, usize::MAX);
    assert_eq!(whole, observe(config, before, wire, 1), "{}", wire.escape_ascii());
}

fn config(set: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::default();
    set(&mut config);
    Arc::new(config)
}

const PAIRS: &[(&str, &str)] = &[("REQUEST_METHOD", "GET"), ("", ""), ("A", "")];

fn request(id: u16, role: Role, keep_conn: bool) -> Vec<u8> {
    [begin(id, role, keep_conn), all_params(id, PAIRS), stdin_end(id)].concat()
}

#[test]
fn a_whole_request_is_its_records() {
    let padding = [
        padded(RecordType::BEGIN_REQUEST, 1, &[0, 1, 1, 0, 0, 0, 0, 0], 8),
        padded(RecordType::PARAMS, 1, b"\x01\x01ab", 4),
        padded(RecordType::PARAMS, 1, b"", 255),
        padded(RecordType::STDIN, 1, b"", 7),
    ];
    let mut wires = vec![padding.concat(), [head(1, Role::RESPONDER, true), stdin(1, b"body")].concat()];
    for role in [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role(9)] {
        wires.push(request(1, role, true));
        wires.push(request(1, role, false));
    }
    for next in [1, 2] {
        wires.push([request(1, Role::RESPONDER, true), request(next, Role::RESPONDER, false)].concat());
    }
    wires.push([request(1, Role::RESPONDER, true), stdin_end(1), stdin(1, b"late")].concat());
    wires.push(
        [begin(1, Role::RESPONDER, true), params(1, b"\x01\x01a"), all_params(1, PAIRS), stdin_end(1)]
            .concat(),
    );
    for roles in [Roles::RESPONDER, Roles::AUTHORIZER, Roles::ALL] {
        let config = config(|config| config.roles = roles);
        for wire in &wires {
            for end in 0..=wire.len() {
                compare(&config, &|_| (), &wire[..end]);
            }
        }
    }
}

#[test]
fn a_whole_request_with_a_wrong_byte_is_its_records() {
    let config = Arc::new(Config::default());
    let wire = request(1, Role::RESPONDER, true);
    for at in 0..wire.len() {
        for byte in (0..=u8::MAX).filter(|byte| *byte < 12 || *byte > 250 || byte % 32 == 0) {
            let mut wire = wire.clone();
            wire[at] = byte;
            compare(&config, &|_| (), &wire);
        }
    }
}

#[test]
fn a_whole_request_at_a_limit_is_its_records() {
    let wire = request(1, Role::RESPONDER, true);
    for limit in 0..40 {
        let sets: [fn(&mut Config, usize); 4] = [
            |config, limit| config.limits.max_params_bytes = limit,
            |config, limit| config.limits.max_total_params_bytes = limit,
            |config, limit| config.limits.max_params = limit,
            |config, limit| config.limits.max_concurrent_requests = limit,
        ];
        for set in sets {
            compare(&config(|config| set(config, limit)), &|_| (), &wire);
        }
    }
}

#[test]
fn a_whole_request_after_others_is_its_records() {
    let answer = |server: &mut Connection, wire: Vec<u8>| {
        server.receive(&wire).unwrap();
        while let Some(event) = server.poll_event() {
            if let Event::Request(request) = event {
                server.end_request(request.key, 0).unwrap();
            }
        }
    };
    let befores: [&dyn Fn(&mut Connection); 6] = [
        &|server| server.stop_accepting(),
        &|server| answer(server, request(1, Role::RESPONDER, false)),
        &|server| answer(server, head(1, Role::RESPONDER, true)),
        &|server| answer(server, head(2, Role::RESPONDER, true)),
        &|server| server.receive(&begin(2, Role::RESPONDER, true)).unwrap(),
        &|server| server.receive(&stdin(3, b"dropped")).unwrap(),
    ];
    let config = Arc::new(Config::default());
    for before in befores {
        compare(&config, before, &request(1, Role::RESPONDER, true));
    }
}
