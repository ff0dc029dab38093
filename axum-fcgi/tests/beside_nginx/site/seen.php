<?php
// Sends back what it has got, by the place where it has found it. Other bytes than ASCII become escapes.
function escape($value)
{
    $flags = JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR;
    $text = is_string($value) ? $value : json_encode($value, $flags);
    $escape = fn($byte) => sprintf('\x%02x', ord($byte[0]));
    return preg_replace_callback('/[^\x20-\x7e]/', $escape, str_replace(getenv('SITE'), '', $text));
}
$seen = [];
foreach ($_SERVER as $name => $value) {
    if (!in_array($name, ['REQUEST_TIME', 'REQUEST_TIME_FLOAT', 'SITE'])) {
        $seen[escape((string) $name)] = escape($value);
    }
}
$files = array_map(fn($file) => array_diff_key($file, ['tmp_name' => 1]), $_FILES);
$body = file_get_contents('php://input');
foreach (['GET' => $_GET, 'POST' => $_POST, 'COOKIE' => $_COOKIE, 'FILES' => $files] as $name => $values) {
    $seen["\$_$name"] = escape($values);
}
foreach ($_FILES as $file) {
    $seen['an upload'] = is_string($file['tmp_name']) && $file['tmp_name'] ? md5_file($file['tmp_name']) : 'none';
}
$seen['the body'] = strlen($body) . ' bytes, ' . md5($body);
$seen['the file'] = escape(__FILE__);
$seen['the working directory'] = escape(getcwd());
header('Content-Type: text/plain');
echo 'seen ', json_encode($seen);
