<?php
// Sends the headers and the status that the query names, and a body.
ini_set('default_mimetype', $_GET['mimetype'] ?? 'text/html');
foreach ($_GET['h'] ?? [] as $header) {
    header($header, false);
}
http_response_code((int) ($_GET['status'] ?? 200));
echo 'a body of PHP';
