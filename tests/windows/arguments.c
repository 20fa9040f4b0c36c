/* What the functions say of their arguments, of themselves and of directories, and what they leave
 * alone: errno, the last error, and what other threads do. */
#include "harness.h"

static void null_arguments(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make_text("source", "text");
    EQUAL(reflink_copy_file(NULL, "copy", &options, &result), -EINVAL);
    EQUAL(result.step, REFLINK_STEP_ARGUMENTS);
    EQUAL(result.os_error, 0);
    EQUAL(reflink_copy_file("source", NULL, NULL, NULL), -EINVAL);
    EQUAL(reflink_copy_file_at(NULL, "source", NULL, NULL, NULL, NULL), -EINVAL);
    EQUAL(reflink_copy_file("", "copy", NULL, &result), -ENOENT);
    EQUAL(reflink_copy_file("source", "", NULL, &result), -ENOENT);
    EQUAL(entries(), 1);
    EQUAL(reflink_copy_file("source", "copy", NULL, NULL), 0);
    CHECK(holds_text("copy", "text"));
}

static void structure_sizes(void)
{
    struct {
        struct reflink_options known;
        uint64_t later;
    } options = {REFLINK_OPTIONS_INIT, 0};
    struct reflink_result result = REFLINK_RESULT_INIT;
    make_text("source", "text");
    options.known.size = sizeof options;
    EQUAL(reflink_copy_file("source", "copy", &options.known, &result), 0);
    options.later = 1;
    EQUAL(reflink_copy_file("source", "other", &options.known, &result), -E2BIG);
    options.known.size = sizeof options.known - 1;
    EQUAL(reflink_copy_file("source", "other", &options.known, &result), -EINVAL);
    options.known.size = 0;
    EQUAL(reflink_copy_file("source", "other", &options.known, &result), -EINVAL);
    result.size = sizeof result - 1;
    EQUAL(reflink_copy_file("source", "other", NULL, &result), -EINVAL);
    EQUAL(entries(), 2);
}

static void unknown_values(void)
{
    struct reflink_options plain = REFLINK_OPTIONS_INIT, options;
    make_text("source", "text");
#define REFUSED(member, value)                                                                     \
    (options = plain, options.member = (value),                                                    \
     EQUAL(reflink_copy_file("source", "copy", &options, NULL), -EINVAL))
    REFUSED(mode, 3);
    REFUSED(if_exists, 2);
    REFUSED(durability, 3);
    REFUSED(preserve, 16);
    REFUSED(flags, 4);
    EQUAL(entries(), 1);
}

static void errno_and_last_error_stay(void)
{
    struct reflink_options always = REFLINK_OPTIONS_INIT;
    make_text("source", "text");
    always.mode = REFLINK_ALWAYS;
    SetLastError(4711);
    errno = 4242;
    EQUAL(reflink_copy_file("source", "copy", NULL, NULL), 0);
    EQUAL(errno, 4242);
    EQUAL(GetLastError(), 4711);
    CHECK(reflink_copy_file("source", "copy", &always, NULL) < 0);
    EQUAL(reflink_copy_file("missing", "other", &always, NULL), -ENOENT);
    EQUAL(errno, 4242);
    EQUAL(GetLastError(), 4711);
    EQUAL(reflink_copy_fd(NULL, NULL, NULL, NULL), -EBADF);
    EQUAL(errno, 4242);
    EQUAL(GetLastError(), 4711);
}

static void texts(void)
{
    EQUAL(reflink_version_number(), REFLINK_VERSION_NUMBER);
    CHECK(strcmp(reflink_err_name(-EXDEV), "EXDEV") == 0);
    CHECK(strcmp(reflink_err_name(-EOPNOTSUPP), "EOPNOTSUPP") == 0);
    CHECK(strcmp(reflink_err_name(-EILSEQ), "EILSEQ") == 0);
    CHECK(strcmp(reflink_err_name(REFLINK_ERR_SAME_FILE), "REFLINK_ERR_SAME_FILE") == 0);
    CHECK(strcmp(reflink_err_name(-4095), "UNKNOWN") == 0);
    CHECK(strlen(reflink_strerror(-ENOSPC)) > 0 && strlen(reflink_strerror(123456)) > 0);
}

static void probes(void)
{
    struct reflink_capability one = REFLINK_CAPABILITY_INIT, other = REFLINK_CAPABILITY_INIT;
    HANDLE here = open_directory(".");
    make("source", 100000);
    CHECK(here != INVALID_HANDLE_VALUE);
    EQUAL(reflink_probe(NULL, ".", &one), 0);
    EQUAL(reflink_probe_fd(NULL, here, &other), 0);
    CHECK(memcmp(&one, &other, sizeof one) == 0);
    EQUAL(reflink_probe_fd(INVALID_HANDLE_VALUE, here, &other), 0);
    CHECK(memcmp(&one, &other, sizeof one) == 0);
    CHECK(strlen(one.fs_name) > 0 && strlen(one.fs_name) < sizeof one.fs_name);
    EQUAL(one.kernel_copy, 0);
    EQUAL(one.dedupe, 0);
    EQUAL(one.unnamed_files, 0);
    if (one.clone != 1) {
        EQUAL(one.clone, 0);
        EQUAL(one.reason, REFLINK_REASON_UNSUPPORTED);
        EQUAL(one.error, -EOPNOTSUPP);
        EQUAL(one.range, 0);
        EQUAL(one.granularity, 0);
        EQUAL(reflink_probe("source", ".", &other), 0);
        EQUAL(other.clone, 0);
        EQUAL(other.error, -EOPNOTSUPP);
        EQUAL(reflink_probe(".", ".", &other), 0);
        EQUAL(other.clone, 0);
    }
    EQUAL(reflink_probe("source", NULL, &one), -EINVAL);
    EQUAL(reflink_probe(NULL, ".", NULL), -EINVAL);
    EQUAL(reflink_probe(NULL, "missing", &one), -ENOENT);
    EQUAL(reflink_probe("missing", ".", &one), -ENOENT);
    EQUAL(reflink_probe(NULL, "source", &one), -ENOTDIR);
    EQUAL(reflink_probe("NUL", ".", &one), REFLINK_ERR_NOT_REGULAR);
    EQUAL(reflink_probe_fd(NULL, NULL, &one), -EBADF);
    CloseHandle(here);
    EQUAL(reflink_probe_fd(NULL, here, &one), -EBADF);
    EQUAL(entries(), 1);
}

struct copier {
    int index;
    int common;
    int codes[20];
};

static DWORD WINAPI copy_many(void *data)
{
    struct copier *copier = data;
    char name[64];
    int i;
    for (i = 0; i < 20; i++) {
        if (copier->common)
            snprintf(name, sizeof name, "common-%d", i);
        else
            snprintf(name, sizeof name, "own-%d-%d", copier->index, i);
        copier->codes[i] = reflink_copy_file("source", name, NULL, NULL);
    }
    return 0;
}

static void threads(void)
{
    enum { THREADS = 8 };
    struct copier copiers[THREADS];
    HANDLE handles[THREADS];
    char name[64];
    int common, t, i;
    make("source", 70001);
    for (common = 0; common < 2; common++) {
        for (t = 0; t < THREADS; t++) {
            copiers[t].index = t;
            copiers[t].common = common;
            handles[t] = CreateThread(NULL, 0, copy_many, &copiers[t], 0, NULL);
            CHECK(handles[t] != NULL);
        }
        CHECK(WaitForMultipleObjects(THREADS, handles, TRUE, 60000) == WAIT_OBJECT_0);
        for (t = 0; t < THREADS; t++)
            CloseHandle(handles[t]);
        for (i = 0; i < 20; i++) {
            int won = 0;
            for (t = 0; t < THREADS; t++) {
                won += copiers[t].codes[i] == 0;
                if (common)
                    CHECK(copiers[t].codes[i] == 0 || copiers[t].codes[i] == -EEXIST);
                else
                    snprintf(name, sizeof name, "own-%d-%d", t, i), CHECK(holds(name, 70001));
            }
            EQUAL(won, common ? 1 : THREADS);
            if (common)
                snprintf(name, sizeof name, "common-%d", i), CHECK(holds(name, 70001));
        }
    }
}

const struct test arguments_tests[] = {
    {"null_arguments", null_arguments},
    {"structure_sizes", structure_sizes},
    {"unknown_values", unknown_values},
    {"errno_and_last_error_stay", errno_and_last_error_stay},
    {"texts", texts},
    {"probes", probes},
    {"threads", threads},
    {NULL, NULL},
};
