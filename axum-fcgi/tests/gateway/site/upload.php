<?php
// The uploaded file "file", and the field sent with it.
$file = $_FILES['file'];
echo $file['error'], ' ', $file['name'], ' ', $file['size'], ' ', md5_file($file['tmp_name']), ' ', $_POST['field'];
