/* copy-one [always|never] [replace] [durable|unstaged] [run=COMMAND] SRC DST: one copy, and one
 * line on what came of it. COMMAND is run when the copy has begun, for faults that strike in the
 * middle.
 */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs the command at the first call. */
static int begun(void *user, const struct reflink_progress *progress)
{
    const char **command = user;
    (void)progress;
    if (*command && system(*command) != 0)
        printf("(the command failed) ");
    *command = NULL;
    return 0;
}

static const char *set(struct reflink_options *options, const char *word)
{
    if (strcmp(word, "always") == 0)
        options->mode = REFLINK_ALWAYS;
    else if (strcmp(word, "never") == 0)
        options->mode = REFLINK_NEVER;
    else if (strcmp(word, "replace") == 0)
        options->if_exists = REFLINK_REPLACE;
    else if (strcmp(word, "durable") == 0)
        options->durability = REFLINK_DURABLE;
    else if (strcmp(word, "unstaged") == 0)
        options->durability = REFLINK_UNSTAGED;
    else if (strncmp(word, "run=", 4) == 0)
        return word + 4;
    return NULL;
}

int main(int count, char **words)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    const char *command = NULL;
    if (count < 3)
        return 2;
    alarm(60);
    for (int i = 1; i < count - 2; i++) {
        const char *found = set(&options, words[i]);
        command = found ? found : command;
    }
    if (command) {
        options.progress = begun;
        options.user = &command;
    }
    int code = reflink_copy_file(words[count - 2], words[count - 1], &options, &result);
    printf("%s step=%u method=%u reason=%u clone=%s cloned=%" PRIu64 " copied=%" PRIu64 "\n",
           reflink_err_name(code), result.step, result.method, result.reason,
           reflink_err_name(result.clone_error), result.bytes_cloned, result.bytes_copied);
    return code ? 1 : 0;
}
