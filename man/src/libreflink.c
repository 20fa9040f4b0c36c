/* Copies argv[1] to argv[2], shows how far it is, and says why blocks
 * are not shared where they are not. */
#include <libreflink.h>
#include <stdio.h>

static int show(void *user, const struct reflink_progress *progress)
{
    (void)user;
    fprintf(stderr, "\r%llu of %llu",
            (unsigned long long)progress->bytes_done,
            (unsigned long long)progress->bytes_total);
    return 0; /* anything else cancels with -ECANCELED */
}

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code;

    if (argc != 3)
        return 2;
    options.progress = show;
    code = reflink_copy_file(argv[1], argv[2], &options, &result);
    fputc('\n', stderr);
    if (code == 0 && result.method == REFLINK_METHOD_CLONE)
        puts("all of it is shared");
    else if (code == 0)
        printf("not all of it is shared: %s\n",
               reflink_err_name(result.clone_error));
    else
        printf("failed at step %u: %s\n", (unsigned)result.step,
               reflink_strerror(code));
    return code < 0;
}
