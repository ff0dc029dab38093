//! What a request's target hides, for the log.

use super::request_summary::{Summarize, request_event};
use crate::cgi::TargetLog;

impl<T: Summarize> TargetLog for T {
    fn front_controller(&self, script: &[u8]) {
        request_event!(
            warn,
            &self.summary(),
            script = %script.escape_ascii(),
            "the web server sent a request to a path that looks like a front controller, and the request is routed on that path; \
             if all requests reach the application by it, name it with Config::with_front_controllers or FCGI_FRONT_CONTROLLERS"
        );
    }

    fn no_script_name(&self) {
        request_event!(
            warn,
            &self.summary(),
            "the web server sends no SCRIPT_NAME: requests are routed on REQUEST_URI, and the web server's rewrites, access rules \
             and subrequests may have decided on another path; add SCRIPT_NAME and QUERY_STRING to the parameters that it sends"
        );
    }
}
