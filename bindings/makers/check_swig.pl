# The Perl that SWIG writes from creflink.i, against the library. usage: check_swig.pl SRC DST

use strict;
use warnings;
use creflink;

my ($src, $dst) = @ARGV;
my ($options, $result) = (creflink::reflink_options->new, creflink::reflink_result->new);
die 'numbers' if $creflink::REFLINK_NOFOLLOW != 1 << 32 || $creflink::REFLINK_TO_EOF != (1 << 63) - 1;
$options->{flags} = $creflink::REFLINK_NOFOLLOW;
$options->{if_exists} = $creflink::REFLINK_REPLACE;
die 'the copy' if creflink::reflink_copy_file($src, $dst, $options, $result) != 0;
die 'the bytes' if $result->{bytes_cloned} + $result->{bytes_copied} + $result->{bytes_hole} != -s $src;
$options->{if_exists} = $creflink::REFLINK_FAIL;
my $code = creflink::reflink_copy_file($src, $dst, $options, $result);
die "error $code" if creflink::reflink_err_name($code) ne 'EEXIST';
