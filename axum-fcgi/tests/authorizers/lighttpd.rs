//! lighttpd's `"mode" => "authorizer"`.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;

use crate::application::Application;
use crate::client::{ALICE, EVE, SECRETS, post};
use crate::server::Server;

/// A denial reaches the client unchanged.
pub(crate) fn allows_denies(program: &Path) -> Result<(), Failed> {
    let application = Application::start()?;
    let port = application.address.port();
    let server = Server::start(program, &["-D", "-f"], |address, prefix| {
        // After the authorizer has allowed a request, lighttpd requires that the requested file exists.
        let app = prefix.join("app");
        fs::create_dir(&app).expect("a new directory");
        for name in ["x", "page", "secret"] {
            fs::write(app.join(name), "a file").expect("a new file");
        }
        let prefix = prefix.display();
        format!(
            r#"
server.document-root = "{prefix}"
server.bind = "127.0.0.1"
server.port = {http}
server.pid-file = "{prefix}/lighttpd.pid"
server.errorlog = "{prefix}/error.log"
server.upload-dirs = ( "{prefix}" )
server.modules = ( "mod_fastcgi" )
fastcgi.server = ( "/app" => (
  "authorizer" => ( "host" => "127.0.0.1", "port" => {port}, "mode" => "authorizer", "docroot" => "{prefix}" ),
  "responder" => ( "host" => "127.0.0.1", "port" => {port} )
) )
"#,
            http = address.port(),
        )
    })?;
    let ask = |path: &str, header| post(server.address, path, header);

    let allowed = ask("/app/x", ALICE)?;
    assert!(allowed.contains(" 200 OK\r\n"), "{allowed}\n{}", server.logs());
    assert!(allowed.ends_with("granted yes indeed, posted body"), "{allowed}");

    for header in [EVE, ""] {
        let denied = ask("/app/x", header)?;
        assert!(denied.contains(" 403 Forbidden\r\n") && denied.ends_with("not you"), "{denied}");
        assert!(denied.to_ascii_lowercase().contains("x-denied: yes\r\n"), "{denied}");
    }

    for secret in SECRETS {
        let denied = ask(&format!("/app{secret}"), ALICE)?;
        assert!(!denied.contains(" 200 ") && !denied.contains("granted"), "{secret}: {denied}");
    }

    let page = ask("/app/page", ALICE)?;
    assert!(page.contains(" 500 Internal Server Error\r\n") && !page.contains("granted"), "{page}");
    assert!(server.logs().contains("no permission"), "{}", server.logs());
    Ok(())
}
