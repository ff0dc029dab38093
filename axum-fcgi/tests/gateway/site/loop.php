<?php
// Redirects to itself with a Location without a Status, unless the query says that it is the end.
error_log('around');
header("X-Method: $_SERVER[REQUEST_METHOD]");
if ($_SERVER['QUERY_STRING'] !== 'end') {
    header("Location: $_SERVER[REQUEST_URI]");
    http_response_code(200);
}
