//! Apache's mod_authnz_fcgi.

use std::path::Path;

use libtest_mimic::Failed;

use crate::application::Application;
use crate::client::{ALICE, EVE, SECRETS, post};
use crate::server::Server;

/// Debian's module directory.
const MODULES: &str = "/usr/lib/apache2/modules";

/// A denial is Apache's own 401, with the headers of the authorizer's response.
pub(crate) fn allows_denies(program: &Path) -> Result<(), Failed> {
    let application = Application::start()?;
    let port = application.address.port();
    let server = Server::start(program, &["-DFOREGROUND", "-f"], |address, prefix| {
        let prefix = prefix.display();
        let modules: String = [
            "mpm_event",
            "authz_core",
            "authn_core",
            "auth_basic",
            "authz_user",
            "authnz_fcgi",
            "proxy",
            "proxy_fcgi",
        ]
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .concat();
        format!(
            "
ServerRoot {prefix}
DefaultRuntimeDir {prefix}
PidFile {prefix}/httpd.pid
ErrorLog {prefix}/error.log
Mutex file:{prefix} default
ServerName localhost
Listen {address}
{modules}
User www-data
Group www-data
DocumentRoot {prefix}
AuthnzFcgiDefineProvider authn Guard fcgi://127.0.0.1:{port}/
ProxyPass / fcgi://127.0.0.1:{port}/
<Location />
  AuthType Basic
  AuthName guarded
  AuthBasicProvider Guard
  Require valid-user
</Location>
"
        )
    })?;
    let ask = |path: &str, header| post(server.address, path, header);

    let allowed = ask("/x", ALICE)?;
    assert!(allowed.contains(" 200 OK\r\n"), "{allowed}\n{}", server.logs());
    assert!(allowed.ends_with("granted yes indeed, posted body"), "{allowed}");

    let denied = ask("/x", EVE)?;
    assert!(denied.contains(" 401 Unauthorized\r\n") && !denied.contains("granted"), "{denied}");
    assert!(denied.to_ascii_lowercase().contains("x-denied: yes\r\n"), "{denied}");
    let unnamed = ask("/x", "")?;
    assert!(unnamed.contains(" 401 Unauthorized\r\n") && !unnamed.contains("granted"), "{unnamed}");

    for secret in SECRETS {
        let denied = ask(secret, ALICE)?;
        assert!(!denied.contains(" 200 ") && !denied.contains("granted"), "{secret}: {denied}");
    }

    let page = ask("/page", ALICE)?;
    assert!(!page.contains(" 200 ") && !page.contains("granted"), "{page}");
    assert!(server.logs().contains("no permission"), "{}", server.logs());
    Ok(())
}
