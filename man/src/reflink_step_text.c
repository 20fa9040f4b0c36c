/* Writes a line for a log: what failed, in fields. */
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code;

    if (argc != 3)
        return 2;
    code = reflink_copy_file(argv[1], argv[2], NULL, &result);
    if (code < 0)
        printf("error=%s step=\"%s\" bytes=%llu\n",
               reflink_err_name(code), reflink_step_text(result.step),
               (unsigned long long)(result.bytes_cloned +
                                    result.bytes_copied));
    return code < 0;
}
