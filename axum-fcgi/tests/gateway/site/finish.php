<?php
// Responds, and goes on until the file exists.
echo 'done';
fastcgi_finish_request();
touch($_GET['file'] . '.begun');
while (!file_exists($_GET['file'])) {
    clearstatcache();
    usleep(2000);
}
