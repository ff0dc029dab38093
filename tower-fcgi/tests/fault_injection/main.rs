//! Every fault at every place: of the transport at each byte, of the handler at each poll.
//!
//! `conversations` has the bytes, `transport` and `poked` the faults; `run` runs them and checks the outcome.

mod conversations;
#[path = "../driver/handlers.rs"]
#[expect(dead_code, reason = "used in full by the driver's tests")]
mod handlers;
mod interrupted_polls;
#[path = "../driver/records.rs"]
mod records;
#[path = "../driver/responses.rs"]
#[expect(dead_code, reason = "used in full by the driver's tests")]
mod responses;
mod run;
#[path = "../driver/scripted.rs"]
#[expect(dead_code, reason = "used in full by the driver's tests")]
mod scripted;
mod transport;

use fcgi_core::RecordDecoder;

use self::conversations::Conversation;
use self::interrupted_polls::Poke;
use self::run::{Outcome, Wrong, judge, run};
use self::scripted::quietly;
use self::transport::{Fault, Place};

/// Reports which case failed.
struct Doing<'a>(&'a Conversation, Wrong);

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {:?}", self.0.name, self.1);
        }
    }
}

async fn holds(conversation: &Conversation, wrong: Wrong, right: &Outcome) {
    let _doing = Doing(conversation, wrong);
    let is = run(conversation, wrong).await;
    judge(conversation, wrong, right, &is);
}

/// The outcome of a conversation without a fault.
async fn undisturbed(conversation: &Conversation) -> Outcome {
    let right = run(conversation, Wrong::Nothing).await;
    judge(conversation, Wrong::Nothing, &right, &right);
    for id in conversation.ids {
        let answer = right.answers.of(*id);
        assert!(answer.is_whole() && answer.status() == 200, "{}: {answer:?}", conversation.name);
    }
    right
}

/// Places in some records: all of them, or if there are very many, those near a record's border and some others.
fn places(records: &[u8]) -> Vec<usize> {
    let mut deframer = RecordDecoder::new();
    let mut input = records;
    let mut borders = vec![0];
    while deframer.next(&mut input).unwrap().is_some() {
        borders.push(records.len() - input.len());
    }
    let is_near = |at: usize| borders.iter().any(|border| border.abs_diff(at) < 24);
    (0..=records.len()).filter(|at| records.len() < 2000 || at % 1999 == 0 || is_near(*at)).collect()
}

#[tokio::test(start_paused = true)]
async fn any_fault_after_any_byte_of_the_input() {
    let mut runs = 0;
    for conversation in conversations::all() {
        let right = undisturbed(&conversation).await;
        for at in 0..=conversation.input.len() {
            for fault in Fault::ALL {
                holds(&conversation, Wrong::Transport(Place::Input(at), fault), &right).await;
                runs += 1;
            }
        }
    }
    println!("{runs} connections");
}

#[tokio::test(start_paused = true)]
async fn any_fault_after_any_byte_of_the_output() {
    let mut runs = 0;
    for conversation in conversations::all() {
        let right = undisturbed(&conversation).await;
        for at in places(&right.output) {
            for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::Garbage) {
                holds(&conversation, Wrong::Transport(Place::Output(at), fault), &right).await;
                runs += 1;
            }
        }
    }
    println!("{runs} connections");
}

#[tokio::test(start_paused = true)]
async fn a_flush_or_shutdown_that_never_completes() {
    for conversation in conversations::all() {
        let right = undisturbed(&conversation).await;
        for place in [Place::Flush, Place::Shutdown] {
            for fault in [Fault::Again, Fault::Late, Fault::Stall, Fault::Reset] {
                holds(&conversation, Wrong::Transport(place, fault), &right).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn anything_at_any_poll_of_a_handler_or_a_body() {
    quietly();
    let mut runs = 0;
    for conversation in conversations::all() {
        let right = undisturbed(&conversation).await;
        assert!(right.polls > 0);
        for at in 0..right.polls {
            for poke in Poke::ALL {
                holds(&conversation, Wrong::Handler(at, poke), &right).await;
                runs += 1;
            }
        }
    }
    println!("{runs} connections");
}
