/* A program with two static libraries made in Rust, each with a standard library in it:
 * libreflink.a, and one that panics and catches it (consumer_two.rs). They link without
 * -Wl,--allow-multiple-definition, and neither disturbs the other. */
#include <libreflink.h>

#include <errno.h>
#include <stdio.h>

int other_catches_a_panic(int number);

/* argv[1]: an empty directory */
int main(int argc, char **argv)
{
    char name[4096];

    if (argc != 2)
        return 2;
    snprintf(name, sizeof(name), "%s/copy", argv[1]);
    if (other_catches_a_panic(41) != 42)
        return 1;
    if (reflink_copy_file(argv[0], name, NULL, NULL) != 0)
        return 1;
    if (other_catches_a_panic(-1) != -1)
        return 1;
    return reflink_copy_file(argv[0], name, NULL, NULL) == -EEXIST ? 0 : 1;
}
