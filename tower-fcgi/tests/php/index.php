<?php
// The requests of the tests of `client`.
switch ($_SERVER['REQUEST_URI']) {
case '/variables':
    header('Content-Type: text/plain');
    header('X-Two: 1', false);
    header('X-Two: 2', false);
    foreach (['REQUEST_METHOD', 'QUERY_STRING', 'HTTP_X_FOO', 'SERVER_NAME', 'SCRIPT_NAME', 'HTTP_PROXY'] as $name) {
        echo $name, '=', $_SERVER[$name] ?? 'none', "\n";
    }
    break;
case '/long':
    ksort($_SERVER);
    foreach ($_SERVER as $name => $value) {
        if (str_starts_with($name, 'HTTP_X_')) {
            echo $name, '=', $value, "\n";
        }
    }
    break;
case '/digest':
    echo $_SERVER['CONTENT_LENGTH'] ?? 'none', ' ', md5(file_get_contents('php://input'));
    break;
case '/large':
    for ($i = 0; $i < 300; $i++) {
        echo str_repeat(chr(65 + $i % 26), 10000);
    }
    break;
case '/early':
    http_response_code(403);
    echo 'no';
    break;
case '/log':
    error_log('to the log');
    echo 'logged';
    break;
case '/status':
    http_response_code(404);
    header('Set-Cookie: a=b');
    echo 'not here';
    exit(3);
case '/redirect':
    header('Location: /variables');
    break;
case '/slow':
    echo 'begun';
    flush();
    sleep(600);
    break;
case '/crash':
    echo 'begun';
    flush();
    exec('kill -9 ' . getmypid());
    break;
}
