// The `main` of the programs whose code block needs unix sockets or `serve_auto`, on other systems than Unix.

fn main() -> std::process::ExitCode {
    eprintln!("this code needs Unix");
    std::process::ExitCode::from(2)
}
