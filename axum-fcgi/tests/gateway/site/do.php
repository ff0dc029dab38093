<?php
// Does what the parameter "what" says.
switch ($_GET['what']) {
case 'form':
    echo json_encode([$_POST, $_SERVER['CONTENT_TYPE'] ?? null]);
    break;
case 'digest':
    echo $_SERVER['CONTENT_LENGTH'] ?? 'none', ' ', md5(file_get_contents('php://input'));
    break;
case 'append':
    // Records that it ran, and the body's length.
    file_put_contents($_GET['file'], strlen(file_get_contents('php://input')) . "\n", FILE_APPEND | LOCK_EX);
    break;
case 'large':
    // 50 MiB, in chunks.
    for ($i = 0; $i < 800; $i++) {
        echo str_repeat(chr(65 + $i % 26), 65536);
    }
    break;
case 'bytes':
    echo str_repeat('x', (int) $_GET['n']);
    break;
case 'short':
    header('Content-Length: 10');
    echo 'four';
    break;
case 'log':
    error_log('a line for the log');
    echo 'logged';
    break;
case 'fatal':
    ini_set('display_errors', '0');
    no_such_function();
    break;
case 'early':
    http_response_code(403);
    exit('no');
case 'killed':
    echo 'begun';
    flush();
    exec('kill -9 ' . getmypid());
    break;
case 'killed-at-once':
    exec('kill -9 ' . getmypid());
    break;
case 'wait':
    // Creates a file to report that it runs, and waits until it may end.
    touch($_GET['file'] . '.begun');
    while (!file_exists($_GET['file'])) {
        usleep(5000);
        clearstatcache();
    }
    echo 'done';
    break;
case 'outlive':
    // Waits as above, and then goes on writing. Without `ignore_user_abort`, PHP ends it if the connection is gone.
    touch($_GET['file'] . '.begun');
    while (!file_exists($_GET['file'])) {
        usleep(5000);
        clearstatcache();
    }
    for ($i = 0; $i < 100; $i++) {
        echo str_repeat('x', 10000);
        flush();
    }
    file_put_contents($_GET['file'] . '.ended', $i);
    break;
case 'drip':
    echo 'begun';
    flush();
    while (!connection_aborted()) {
        usleep(5000);
        echo '.';
        flush();
    }
    break;
case 'redirect':
    header('Location: /elsewhere');
    break;
}
