<?php
// PHP's parser over the declarations, against the library. usage: check_php.php DECLARATIONS LIBRARY LAYOUT SRC DST

function check(bool $condition, string $what): void
{
    if (!$condition) {
        fwrite(STDERR, "check_php.php: $what\n");
        exit(1);
    }
}

[, $declarations, $library, $layout, $src, $dst] = $argv;
$lib = FFI::cdef(file_get_contents($declarations), $library);
foreach (file($layout, FILE_IGNORE_NEW_LINES) as $line) {
    [$name, $number] = explode(' ', $line);
    [$kind, $member] = array_pad(explode('.', $name), 2, null);
    $type = $lib->type("struct $kind");
    $found = $member === null ? $type->getSize() : $type->getStructFieldOffset($member);
    check($found === (int) $number, $line);
}

$done = 0;
$options = $lib->new('struct reflink_options');
$result = $lib->new('struct reflink_result');
[$options->size, $result->size] = [FFI::sizeof($options), FFI::sizeof($result)];
$options->if_exists = 0x10;
$options->progress = function ($user, $now) use (&$done) {
    $done = $now->bytes_done;
    return 0;
};
check($lib->reflink_copy_file($src, $dst, FFI::addr($options), FFI::addr($result)) === 0, 'the copy');
check($result->bytes_cloned + $result->bytes_copied + $result->bytes_hole === $done && $done > 0, 'the bytes');
[$options->if_exists, $options->progress, $options->flags] = [0, null, 0x100000000];
$code = $lib->reflink_copy_file($src, $dst, FFI::addr($options), FFI::addr($result));
check($lib->reflink_err_name($code) === 'EEXIST', "error $code");
