<?php
if ($_SERVER['REQUEST_URI'] === '/echo') {
    header('Content-Type: application/octet-stream');
    echo file_get_contents('php://input');
} else {
    header('Content-Type: text/plain');
    echo "{$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']} {$_SERVER['HTTP_HOST']}\n";
}
