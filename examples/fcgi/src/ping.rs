//! `fcgi ping`: whether an application responds, and how fast.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::args::PingArgs;
use crate::client_connection::ClientConnection;
use crate::exchange;
use crate::failure::{Code, Failure};

/// # Errors
/// If no connection could be made at all, or for an invalid path.
pub(crate) async fn run(args: &PingArgs) -> Result<Code, Failure> {
    let mut times = Vec::new();
    let mut last = None;
    for number in 0..args.count {
        if number > 0 {
            sleep(args.interval).await;
        }
        match ping(args).await {
            Ok(answer) => {
                println!("{} from {}: {}", answer.words, args.target, milliseconds(answer.time));
                if answer.is_good {
                    times.push(answer.time);
                }
                last = None;
            }
            Err(failure) if failure.code == Code::Usage => return Err(failure),
            Err(failure) => {
                eprintln!("fcgi: {failure}");
                last = Some(failure.code);
            }
        }
    }
    times.sort_unstable();
    let spread = times.first().zip(times.last()).map(|(first, last)| {
        let [first, middle, last] = [*first, median(&times), *last].map(milliseconds);
        format!("; fastest {first}, median {middle}, slowest {last}")
    });
    println!("-- {} of {} answered{}", times.len(), args.count, spread.unwrap_or_default());
    Ok(match last {
        _ if times.len() as u64 == u64::from(args.count) => Code::Success,
        Some(code) if times.is_empty() => code,
        _ => Code::Failed,
    })
}

struct Answer {
    words: String,
    is_good: bool,
    time: Duration,
}

async fn ping(args: &PingArgs) -> Result<Answer, Failure> {
    let limit = args.wait.timeout;
    if let Some(path) = &args.path {
        let params = args.request.params(path, None)?;
        let response = exchange::send(&args.target, params, limit).await?;
        let words = response.status.to_string();
        return Ok(Answer { words, is_good: response.status < 500, time: response.time });
    }
    let start = Instant::now();
    let mut connection = ClientConnection::new(args.target.connect(limit).await?, limit);
    let words = match connection.values().await? {
        Some(_) => "GET_VALUES_RESULT",
        None => "UNKNOWN_TYPE",
    };
    Ok(Answer { words: words.to_owned(), is_good: true, time: start.elapsed() })
}

/// The median of sorted times, which are not empty.
fn median(times: &[Duration]) -> Duration {
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        let times = [1, 2, 4, 9].map(Duration::from_secs);
        assert_eq!(median(&times), Duration::from_secs(3));
        assert_eq!(median(&times[..3]), Duration::from_secs(2));
    }
}
