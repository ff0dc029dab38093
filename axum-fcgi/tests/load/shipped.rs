//! The nginx configurations in this repository.

use std::fs;
use std::path::{Path, PathBuf};

use test_support::Result;

/// A configuration, named by its place.
#[derive(Debug, Clone)]
pub(crate) struct Shipped {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The files beside the examples.
pub(crate) fn files() -> Vec<Shipped> {
    let examples = root().join("examples");
    let entries = fs::read_dir(examples).into_iter().flatten().flatten();
    let files = entries.flat_map(|example| fs::read_dir(example.path()).into_iter().flatten().flatten());
    let mut files: Vec<_> = files.map(|file| file.path()).filter(|path| is_config(path)).collect();
    files.sort();
    files.into_iter().filter_map(|path| shipped(&path)).collect()
}

fn is_config(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("nginx") && name.ends_with(".conf"))
}

fn shipped(path: &Path) -> Option<Shipped> {
    let name = path.strip_prefix(root()).ok()?.display().to_string();
    Some(Shipped { name, text: fs::read_to_string(path).ok()? })
}

/// The blocks in documents that have an `upstream` and its `server`, as complete configurations.
pub(crate) fn blocks() -> Vec<Shipped> {
    let complete = |block: Shipped| {
        let is_complete = block.text.contains("upstream ") && block.text.contains("server {");
        is_complete.then(|| Shipped { text: PRELUDE.replace("BLOCK", &filled(&block.text)), ..block })
    };
    documents().into_iter().flat_map(|path| blocks_of(&path)).filter_map(complete).collect()
}

/// The configuration around a block in `/etc/nginx`.
const PRELUDE: &str = "daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
BLOCK
}
";

/// The parameters that an application needs from `include fastcgi_params`.
const PARAMS: &str = "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri;
fastcgi_param SCRIPT_NAME $fastcgi_script_name; fastcgi_param QUERY_STRING $query_string;
fastcgi_param DOCUMENT_URI $document_uri; fastcgi_param SERVER_PROTOCOL $server_protocol;
fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;";

fn filled(block: &str) -> String {
    let block = block.replace("include fastcgi_params;", PARAMS);
    if block.contains("listen ") {
        block
    } else {
        block.replacen("server {\n", "server {\n listen 127.0.0.1:8080;\n", 1)
    }
}

/// Every document that may contain a configuration.
pub(crate) fn documents() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() && name != "target" && name != "tests" && name != ".git" {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md" || extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

/// The nginx blocks of a document, without the slashes of Rust comments.
pub(crate) fn blocks_of(document: &Path) -> Vec<Shipped> {
    let Some(Shipped { name, text }) = shipped(document) else { return Vec::new() };
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim_start_matches("///"));
    let (mut blocks, mut block) = (Vec::new(), None::<String>);
    for (number, line) in lines.enumerate() {
        match &mut block {
            Some(text) if line.trim() == "```" => {
                blocks.push(Shipped { name: format!("{name}:{number}"), text: std::mem::take(text) });
                block = None;
            }
            Some(text) => *text += &format!("{line}\n"),
            None if line.trim() == "```nginx" => block = Some(String::new()),
            None => {}
        }
    }
    blocks
}

/// Fails if a configuration lets nginx keep a connection that it asked the application to close.
pub(crate) fn all_keep_connections() -> Result {
    let blocks = documents().into_iter().flat_map(|path| blocks_of(&path));
    let all: Vec<_> =
        files().into_iter().chain(blocks).filter(|shipped| shipped.text.contains("fastcgi_pass")).collect();
    let is_safe = |text: &str| text.contains("fastcgi_keep_conn on;") || text.contains("keepalive 0;");
    let wrong: Vec<_> =
        all.iter().filter(|shipped| !is_safe(&shipped.text)).map(|shipped| &shipped.name).collect();
    if all.is_empty() || !wrong.is_empty() {
        return Err(
            format!("of {} configurations, these have no fastcgi_keep_conn: {wrong:?}", all.len()).into()
        );
    }
    Ok(())
}

/// Fails if a list of parameters is not that of `examples/hello/nginx.conf`, or if response buffering is not decided.
pub(crate) fn all_have_the_list() -> Result {
    let files = files();
    let hello = files.iter().find(|shipped| shipped.name.contains("hello")).ok_or("no hello")?;
    let list = list(&hello.text);
    let notes = blocks_of(&root().join("axum-fcgi/src/deployment.md"));
    let documented = notes.iter().filter(|block| block.text.contains("REMOTE_ADDR"));
    let all: Vec<_> = files.iter().chain(documented).collect();
    let is_wrong = |shipped: &Shipped| self::list(&shipped.text) != list;
    let wrong: Vec<_> = all.iter().filter(|shipped| is_wrong(shipped)).map(|shipped| &shipped.name).collect();
    let undecided: Vec<_> =
        files.iter().filter(|shipped| !shipped.text.contains("fastcgi_buffering on;")).collect();
    if list.len() == 10 && all.len() > files.len() && wrong.is_empty() && undecided.is_empty() {
        return Ok(());
    }
    Err(format!("{list:?}; another list: {wrong:?}; no fastcgi_buffering: {undecided:?}").into())
}

/// The parameters of a configuration, without the spaces.
fn list(config: &str) -> Vec<String> {
    let lines = config.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| line.starts_with("fastcgi_param ")).collect()
}

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}
