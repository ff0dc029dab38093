<?php
// A guest book for one visitor: the session holds the names.
session_start();
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $_SESSION['names'][] = $_POST['name'] ?? '';
    header('Location: ' . $_SERVER['SCRIPT_NAME'], true, 303);
    exit;
}
?>
<!DOCTYPE html>
<title>Guest book</title>
<link rel="stylesheet" href="style.css">
<p>Hello, <?= htmlspecialchars($_SERVER['REMOTE_ADDR']) ?>.</p>
<ul>
<?php foreach ($_SESSION['names'] ?? [] as $name): ?>
<li><?= htmlspecialchars($name) ?></li>
<?php endforeach ?>
</ul>
<form method="post"><input name="name"><button>Sign</button></form>
