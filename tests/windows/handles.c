/* Copies between HANDLEs: whole files and ranges, positions that stay, overlapped handles, rights
 * that lack. */
#include "harness.h"

#define READ_WRITE (GENERIC_READ | GENERIC_WRITE)

static HANDLE new_file(const char *name, DWORD flags)
{
    HANDLE file =
        open_with(name, READ_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                  CREATE_NEW, flags);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

static void whole_files(void)
{
    static const unsigned long long before[] = {0, 1, 70001, 70002, 1000000};
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE source, target;
    char name[32];
    size_t i;
    make("source", 70001);
    for (i = 0; i < sizeof before / sizeof *before; i++) {
        snprintf(name, sizeof name, "target-%d", (int)i);
        make(name, before[i]);
        source = open_for("source", GENERIC_READ);
        target = open_for(name, READ_WRITE);
        set_position(source, 1000);
        set_position(target, 77);
        EQUAL(reflink_copy_fd(source, target, NULL, &result), 0);
        EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 70001);
        EQUAL(position_of(source), 1000);
        EQUAL(position_of(target), 77);
        CloseHandle(source);
        CloseHandle(target);
        CHECK(holds(name, 70001));
    }
}

static void always_leaves_the_destination(void)
{
    struct reflink_options always = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE source, target;
    if (clones_here()) {
        skip("files can be cloned here");
        return;
    }
    make("source", 70001);
    make_text("target", "old");
    source = open_for("source", GENERIC_READ);
    target = open_for("target", READ_WRITE);
    always.mode = REFLINK_ALWAYS;
    EQUAL(reflink_copy_fd(source, target, &always, &result), -EOPNOTSUPP);
    EQUAL(result.reason, REFLINK_REASON_UNSUPPORTED);
    EQUAL(result.os_error, ERROR_NOT_SUPPORTED);
    EQUAL(result.step, REFLINK_STEP_CLONE);
    EQUAL(reflink_copy_range(source, 0, target, 0, 65536, &always, &result), -EOPNOTSUPP);
    EQUAL(result.os_error, ERROR_NOT_SUPPORTED);
    CHECK(holds_text("target", "old"));
    CloseHandle(source);
    CloseHandle(target);
}

static void overlapped_handles(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE source, target, port;
    OVERLAPPED *completed;
    ULONG_PTR key;
    DWORD moved;
    make("source", 3000001);
    source =
        open_with("source", GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    target = new_file("target", FILE_FLAG_OVERLAPPED);
    port = CreateIoCompletionPort(target, NULL, 5, 1);
    CHECK(port != NULL);
    EQUAL(reflink_copy_fd(source, target, NULL, &result), 0);
    EQUAL(reflink_copy_range(source, 17, target, 3000001, 100000, NULL, &result), 0);
    EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 100000);
    EQUAL(reflink_copy_range(source, 4000000, target, 0, 100, NULL, &result), 0);
    EQUAL(result.method, REFLINK_METHOD_NONE);
    /* Nothing of it came to the caller's own completion port. */
    CHECK(!GetQueuedCompletionStatus(port, &moved, &key, &completed, 0) && completed == NULL);
    CloseHandle(port);
    CloseHandle(source);
    CloseHandle(target);
    EQUAL(size_of("target"), 3100001);
}

static void ranges(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    unsigned char buffer[12000];
    HANDLE source, target;
    DWORD got;
    int i;
    make("source", 300001);
    source = open_for("source", GENERIC_READ);
    target = new_file("target", 0);
    set_position(source, 5);
    EQUAL(reflink_copy_range(source, 1000, target, 7, 4000, NULL, &result), 0);
    EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 4000);
    EQUAL(position_of(source), 5);
    EQUAL(position_of(target), 0);
    CHECK(ReadFile(target, buffer, sizeof buffer, &got, NULL));
    EQUAL(got, 4007);
    for (i = 0; i < 4007; i++)
        if (!CHECK(buffer[i] == (i < 7 ? 0 : byte_at((unsigned)i + 993))))
            break;
    /* In the middle: what is before and behind stays. */
    EQUAL(reflink_copy_range(source, 0, target, 100, 100, NULL, &result), 0);
    set_position(target, 0);
    CHECK(ReadFile(target, buffer, sizeof buffer, &got, NULL) && got == 4007);
    for (i = 7; i < 4007; i++)
        if (!CHECK(buffer[i] == byte_at((unsigned)(i >= 100 && i < 200 ? i - 100 : i + 993))))
            break;
    EQUAL(reflink_copy_range(target, 0, target, 1, 4000, NULL, &result), REFLINK_ERR_OVERLAP);
    EQUAL(reflink_copy_range(target, 0, target, 8000, 4000, NULL, &result), 0);
    EQUAL(size_of("target"), 12000);
    EQUAL(reflink_copy_range(source, 0, target, 0, 0, NULL, &result), 0);
    EQUAL(result.method, REFLINK_METHOD_NONE);
    EQUAL(reflink_copy_range(source, 300001, target, 0, 10, NULL, &result), 0);
    EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 0);
    EQUAL(reflink_copy_range(source, 0, target, 0, REFLINK_TO_EOF, NULL, &result), 0);
    CHECK(holds("target", 300001));
    EQUAL(reflink_copy_range(source, 300000, target, 300000, 5000, NULL, &result), 0);
    EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 1);
    CHECK(holds("target", 300001));
    CloseHandle(source);
    CloseHandle(target);
}

static void impossible_ranges(void)
{
    struct reflink_options times = REFLINK_OPTIONS_INIT;
    HANDLE source, target;
    const uint64_t beyond = (uint64_t)1 << 63;
    make("source", 70001);
    source = open_for("source", GENERIC_READ);
    target = new_file("target", 0);
    times.preserve = REFLINK_PRESERVE_TIMES;
    EQUAL(reflink_copy_range(source, 0, target, 0, 10, &times, NULL), -EINVAL);
    EQUAL(reflink_copy_range(source, beyond, target, 0, 10, NULL, NULL), -EINVAL);
    EQUAL(reflink_copy_range(source, 0, target, beyond, 10, NULL, NULL), -EINVAL);
    EQUAL(reflink_copy_range(source, 0, target, 0, beyond, NULL, NULL), -EINVAL);
    EQUAL(reflink_copy_range(source, 0, target, beyond - 5, 10, NULL, NULL), -EFBIG);
    CloseHandle(source);
    CloseHandle(target);
    EQUAL(size_of("target"), 0);
}

static void rights_that_lack(void)
{
    static const DWORD not_readable[] = {GENERIC_WRITE, FILE_READ_ATTRIBUTES, DELETE};
    static const DWORD not_writable[] = {GENERIC_READ, FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES};
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE source, target, lacking;
    size_t i;
    make("source", 70001);
    make_text("target", "old");
    source = open_for("source", GENERIC_READ);
    target = open_for("target", READ_WRITE);
    for (i = 0; i < 3; i++) {
        lacking = open_for("source", not_readable[i]);
        EQUAL(reflink_copy_fd(lacking, target, NULL, &result), -EBADF);
        EQUAL(result.step, REFLINK_STEP_CHECK);
        EQUAL(reflink_copy_range(lacking, 0, target, 0, 10, NULL, &result), -EBADF);
        CloseHandle(lacking);
        lacking = open_for("target", not_writable[i]);
        EQUAL(reflink_copy_fd(source, lacking, NULL, &result), -EBADF);
        EQUAL(reflink_copy_range(source, 0, lacking, 0, 10, NULL, &result), -EBADF);
        CloseHandle(lacking);
    }
    lacking = open_for("target", FILE_APPEND_DATA | SYNCHRONIZE);
    EQUAL(reflink_copy_fd(source, lacking, NULL, &result), REFLINK_ERR_APPEND);
    EQUAL(reflink_copy_range(source, 0, lacking, 0, 10, NULL, &result), REFLINK_ERR_APPEND);
    CloseHandle(lacking);
    CHECK(holds_text("target", "old"));
    /* To write, no right to read is needed. */
    lacking = open_for("target", GENERIC_WRITE);
    EQUAL(reflink_copy_fd(source, lacking, NULL, &result), 0);
    CloseHandle(lacking);
    CHECK(holds("target", 70001));
    CloseHandle(source);
    CloseHandle(target);
}

static void what_is_no_file(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE source, target, directory, read_end, write_end, event, closed;
    make("source", 70001);
    source = open_for("source", GENERIC_READ);
    target = new_file("target", 0);
    directory = open_directory(".");
    event = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(CreatePipe(&read_end, &write_end, NULL, 0) && event != NULL);
    EQUAL(reflink_copy_fd(directory, target, NULL, &result), -EISDIR);
    EQUAL(reflink_copy_fd(source, directory, NULL, &result), -EISDIR);
    EQUAL(reflink_copy_fd(read_end, target, NULL, &result), REFLINK_ERR_NOT_REGULAR);
    EQUAL(reflink_copy_fd(source, write_end, NULL, &result), REFLINK_ERR_NOT_REGULAR);
    EQUAL(reflink_copy_range(read_end, 0, target, 0, 10, NULL, &result), REFLINK_ERR_NOT_REGULAR);
    CHECK(reflink_copy_fd(event, target, NULL, &result) < 0);
    CHECK(reflink_copy_fd(source, event, NULL, &result) < 0);
    EQUAL(reflink_copy_fd(target, target, NULL, &result), REFLINK_ERR_SAME_FILE);
    closed = open_for("source", GENERIC_READ);
    CloseHandle(closed);
    EQUAL(reflink_copy_fd(closed, target, NULL, &result), -EBADF);
    EQUAL(result.step, REFLINK_STEP_CHECK);
    EQUAL(result.os_error, ERROR_INVALID_HANDLE);
    EQUAL(reflink_copy_fd(source, closed, NULL, &result), -EBADF);
    EQUAL(reflink_copy_fd(NULL, target, NULL, &result), -EBADF);
    EQUAL(reflink_copy_fd(source, NULL, NULL, &result), -EBADF);
    EQUAL(reflink_copy_fd(INVALID_HANDLE_VALUE, target, NULL, &result), -EBADF);
    EQUAL(reflink_copy_fd(source, INVALID_HANDLE_VALUE, NULL, &result), -EBADF);
    EQUAL(reflink_copy_range(NULL, 0, target, 0, 0, NULL, &result), -EBADF);
    CloseHandle(read_end);
    CloseHandle(write_end);
    CloseHandle(event);
    CloseHandle(directory);
    CloseHandle(source);
    CloseHandle(target);
    EQUAL(size_of("target"), 0);
}

static int stop(void *user, const struct reflink_progress *progress)
{
    (void)progress;
    return ++*(int *)user == 2;
}

static void options_of_handles(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    const FILETIME accessed = {1234567890, 30555555}, written = {987654320, 30444444};
    FILETIME found[2];
    HANDLE source, target;
    int calls = 0;
    make("source", 40000000);
    source = open_for("source", GENERIC_READ | FILE_WRITE_ATTRIBUTES);
    target = new_file("target", 0);
    options.progress = stop;
    options.progress_user = &calls;
    EQUAL(reflink_copy_fd(source, target, &options, &result), -ECANCELED);
    options.progress = NULL;
    options.durability = REFLINK_DURABLE;
    options.preserve = REFLINK_PRESERVE_TIMES;
    CHECK(SetFileTime(source, NULL, &accessed, &written));
    EQUAL(reflink_copy_fd(source, target, &options, &result), 0);
    CHECK(GetFileTime(target, NULL, &found[0], &found[1]));
    CHECK(CompareFileTime(&found[0], &accessed) == 0);
    CHECK(CompareFileTime(&found[1], &written) == 0);
    options.preserve = 0;
    options.mode = REFLINK_NEVER;
    EQUAL(reflink_copy_fd(source, target, &options, &result), 0);
    EQUAL(result.reason, REFLINK_REASON_NOT_ASKED);
    CloseHandle(source);
    CloseHandle(target);
    CHECK(holds("target", 40000000));
}

static void locked_bytes(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE holder, other;
    char byte;
    DWORD got;
    int enforced;
    make("source", 70001);
    holder = open_for("source", READ_WRITE);
    CHECK(LockFile(holder, 1000, 0, 100, 0));
    other = open_for("source", GENERIC_READ);
    set_position(other, 1000);
    enforced = !ReadFile(other, &byte, 1, &got, NULL);
    CloseHandle(other);
    if (enforced) {
        EQUAL(reflink_copy_file("source", "copy", NULL, &result), -EBUSY);
        EQUAL(result.os_error, ERROR_LOCK_VIOLATION);
        EQUAL(result.step, REFLINK_STEP_COPY);
        EQUAL(entries(), 1);
    } else {
        skip("locks do not bind readers here");
    }
    CloseHandle(holder);
}

/* The number that a new handle gets: they are given out again, so that it grows only by those that
 * stay open. */
static unsigned long next_handle(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(event != NULL);
    CloseHandle(event);
    return (unsigned long)(ULONG_PTR)event;
}

static void no_handle_stays_open(void)
{
    enum { ROUNDS = 200, STEP = 4 }; /* handles are multiples of four */
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_capability here = REFLINK_CAPABILITY_INIT;
    DWORD counted = 0, count = 0;
    unsigned long first = 0;
    HANDLE source, target, directory;
    int round;
    make("source", 70001);
    source = open_for("source", GENERIC_READ);
    target = new_file("target", FILE_FLAG_OVERLAPPED);
    directory = open_directory(".");
    for (round = 0; round < ROUNDS; round++) {
        if (round == 10) {
            first = next_handle();
            GetProcessHandleCount(GetCurrentProcess(), &counted);
        }
        options.durability = (uint32_t)(round % 3);
        options.if_exists = REFLINK_REPLACE;
        options.mode = REFLINK_AUTO;
        EQUAL(reflink_copy_file("source", "copy", &options, NULL), 0);
        EQUAL(reflink_copy_file_at(directory, "source", directory, "copy", &options, NULL), 0);
        options.if_exists = REFLINK_FAIL;
        EQUAL(reflink_copy_file("source", "copy", &options, NULL), -EEXIST);
        EQUAL(reflink_copy_file("missing", "copy", &options, NULL), -ENOENT);
        EQUAL(reflink_copy_file("source", "missing\\copy", &options, NULL), -ENOENT);
        options.preserve = REFLINK_PRESERVE_OWNER;
        EQUAL(reflink_copy_file("source", "other", &options, NULL), -EOPNOTSUPP);
        options.preserve = 0;
        EQUAL(reflink_copy_fd(source, target, NULL, NULL), 0);
        EQUAL(reflink_copy_range(source, 1, target, 2, 3000, NULL, NULL), 0);
        EQUAL(reflink_probe("source", ".", &here), 0);
        EQUAL(reflink_probe_fd(source, directory, &here), 0);
    }
    CHECK(next_handle() < first + (ROUNDS - 10) * STEP / 2);
    if (GetProcessHandleCount(GetCurrentProcess(), &count) && counted > 0)
        EQUAL(count, counted);
    CloseHandle(source);
    CloseHandle(target);
    CloseHandle(directory);
}

const struct test handles_tests[] = {
    {"whole_files", whole_files},
    {"always_leaves_the_destination", always_leaves_the_destination},
    {"overlapped_handles", overlapped_handles},
    {"ranges", ranges},
    {"impossible_ranges", impossible_ranges},
    {"rights_that_lack", rights_that_lack},
    {"what_is_no_file", what_is_no_file},
    {"options_of_handles", options_of_handles},
    {"locked_bytes", locked_bytes},
    {"no_handle_stays_open", no_handle_stays_open},
    {NULL, NULL},
};
