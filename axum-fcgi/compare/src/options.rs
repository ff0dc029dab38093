//! Command line options.

use std::{io, path::PathBuf, time::Duration};

#[derive(Debug)]
pub(crate) struct Options {
    /// Selects the comparisons whose name contains this.
    filter: Option<String>,
    /// Measured time of a run.
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
    pub(crate) nginx: bool,
    /// Measure web servers and application together.
    pub(crate) stack: bool,
    /// Compare the gateway to PHP with nginx: CPU time, slow clients, memory.
    pub(crate) php: bool,
    /// Compare the client with hyper's.
    pub(crate) client: bool,
    /// Compare WebSockets behind lighttpd.
    pub(crate) web_socket: bool,
    /// Count instructions instead of measuring time.
    pub(crate) instructions: bool,
    /// Other FastCGI applications to compare with.
    pub(crate) peers: Vec<Peer>,
}

/// A FastCGI application. Its only argument is its socket, as `unix:PATH`.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
}

impl Peer {
    fn parse(argument: Option<&String>) -> io::Result<Self> {
        let (name, program) = argument
            .and_then(|argument| argument.split_once('='))
            .ok_or_else(|| io::Error::other("--peer needs NAME=PROGRAM"))?;
        Ok(Self { name: name.to_owned(), program: program.into() })
    }
}

impl Options {
    /// Parses the arguments.
    ///
    /// # Errors
    /// An option is unknown, or its value is missing or invalid.
    pub(crate) fn parse(arguments: &[String]) -> io::Result<Self> {
        let mut options = Self {
            filter: None,
            time: Duration::from_secs(1),
            rounds: 5,
            nginx: false,
            stack: false,
            php: false,
            client: false,
            web_socket: false,
            instructions: false,
            peers: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--nginx" => options.nginx = true,
                "--stack" => options.stack = true,
                "--php" => options.php = true,
                "--client" => options.client = true,
                "--websocket" => options.web_socket = true,
                "--instructions" => options.instructions = true,
                "--seconds" => {
                    let seconds = number(argument, arguments.next())?;
                    options.time = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
                }
                "--peer" => options.peers.push(Peer::parse(arguments.next())?),
                "--rounds" => options.rounds = number(argument, arguments.next())?,
                other if other.starts_with('-') => {
                    return Err(io::Error::other(format!("unknown option: {other}")));
                }
                filter => options.filter = Some(filter.to_owned()),
            }
        }
        if options.rounds == 0 || options.time.is_zero() {
            return Err(io::Error::other("--rounds and --seconds must be greater than 0"));
        }
        Ok(options)
    }

    /// Whether the filter selects this comparison.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}

fn number<N: std::str::FromStr>(option: &str, value: Option<&String>) -> io::Result<N> {
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| io::Error::other(format!("{option} needs a number")))
}
