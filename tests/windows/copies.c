/* Copies from name to name: what comes out, what is refused, and that a refusal or a failure leaves
 * nothing behind. */
#include "harness.h"

/* The result of a copy on a volume that cannot clone. */
static void check_copied(const struct reflink_result *result, unsigned long long size)
{
    EQUAL(result->bytes_cloned + result->bytes_copied + result->bytes_hole, size);
    EQUAL(result->os_error, 0);
    EQUAL(result->step, REFLINK_STEP_NONE);
    EQUAL(result->flags, 0);
    if (result->method != REFLINK_METHOD_CLONE) {
        EQUAL(result->method, REFLINK_METHOD_COPY);
        EQUAL(result->reason, REFLINK_REASON_UNSUPPORTED);
        EQUAL(result->clone_error, -EOPNOTSUPP);
    }
}

static void sizes_around_clusters_and_buffers(void)
{
    static const unsigned long long sizes[] = {0,      1,      511,     512,    4095,   4096,
                                               4097,   65535,  65536,   65537,  262143, 262144,
                                               262145, 524288, 1048577, 5000011};
    struct reflink_result result = REFLINK_RESULT_INIT;
    char source[64], copy[64];
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(source, sizeof source, "source-%d", (int)i);
        snprintf(copy, sizeof copy, "copy-%d", (int)i);
        make(source, sizes[i]);
        EQUAL(reflink_copy_file(source, copy, NULL, &result), 0);
        check_copied(&result, sizes[i]);
        CHECK(holds(copy, sizes[i]));
        CHECK(holds(source, sizes[i]));
    }
}

static void always_is_refused_and_leaves_nothing(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    uint32_t durability;
    unsigned long long number;
    if (clones_here()) {
        skip("files can be cloned here");
        return;
    }
    make("source", 300001);
    options.mode = REFLINK_ALWAYS;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        EQUAL(reflink_copy_file("source", "copy", &options, &result), -EOPNOTSUPP);
        EQUAL(result.reason, REFLINK_REASON_UNSUPPORTED);
        EQUAL(result.clone_error, -EOPNOTSUPP);
        EQUAL(result.os_error, ERROR_NOT_SUPPORTED);
        EQUAL(result.step, REFLINK_STEP_CLONE);
        EQUAL(result.method, REFLINK_METHOD_NONE);
        EQUAL(entries(), 1);
    }
    make_text("old", "old");
    number = number_of("old");
    options.if_exists = REFLINK_REPLACE;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        EQUAL(reflink_copy_file("source", "old", &options, &result), -EOPNOTSUPP);
        CHECK(holds_text("old", "old"));
        EQUAL(number_of("old"), number);
        EQUAL(entries(), 2);
    }
}

static void never_copies(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make("source", 300001);
    options.mode = REFLINK_NEVER;
    EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
    EQUAL(result.method, REFLINK_METHOD_COPY);
    EQUAL(result.reason, REFLINK_REASON_NOT_ASKED);
    EQUAL(result.clone_error, 0);
    EQUAL(result.bytes_copied, 300001);
    CHECK(holds("copy", 300001));
}

static void a_name_that_exists(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    uint32_t durability;
    unsigned long long number;
    make("source", 300001);
    make_text("old", "old");
    CHECK(CreateDirectoryW(wide("directory"), NULL));
    number = number_of("old");
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        EQUAL(reflink_copy_file("source", "old", &options, &result), -EEXIST);
        CHECK(holds_text("old", "old"));
        EQUAL(number_of("old"), number);
        EQUAL(reflink_copy_file("source", "OLD", &options, &result), -EEXIST);
        EQUAL(reflink_copy_file("source", "directory", &options, &result), -EEXIST);
        EQUAL(entries(), 3);
    }
    EQUAL(result.step, REFLINK_STEP_CREATE);
    EQUAL(result.os_error, ERROR_ALREADY_EXISTS);
}

static void replacing(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    uint32_t durability;
    unsigned long long number;
    char old[16];
    make("source", 300001);
    options.if_exists = REFLINK_REPLACE;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        snprintf(old, sizeof old, "old-%u", (unsigned)durability);
        make_text(old, "old");
        number = number_of(old);
        options.durability = durability;
        EQUAL(reflink_copy_file("source", old, &options, &result), 0);
        check_copied(&result, 300001);
        CHECK(holds(old, 300001));
        CHECK(number_of(old) != number);
        snprintf(old, sizeof old, "new-%u", (unsigned)durability);
        EQUAL(reflink_copy_file("source", old, &options, &result), 0);
        CHECK(holds(old, 300001));
    }
    EQUAL(entries(), 7);
}

static void replacing_a_read_only_file(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    uint32_t durability;
    make("source", 300001);
    options.if_exists = REFLINK_REPLACE;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        make_text("old", "old");
        set_read_only("old", 1);
        options.durability = durability;
        EQUAL(reflink_copy_file("source", "old", &options, &result), 0);
        CHECK(holds("old", 300001));
        CHECK((attributes_of("old") & FILE_ATTRIBUTE_READONLY) == 0);
        EQUAL(entries(), 2);
        CHECK(DeleteFileW(wide("old")));
    }
}

/* Whether the system itself can put a file in the place of one that is open (NTFS from Windows 10
 * 1709 on). */
static int replaces_open_files(void)
{
    struct {
        DWORD flags;
        HANDLE root;
        DWORD length;
        wchar_t name[MAX_PATH];
    } rename;
    const DWORD replace_posix = 1 | 2;
    const int rename_ex = 22; /* FileRenameInfoEx */
    HANDLE open, file;
    int renamed;
    make_text("from", "new");
    make_text("to", "old");
    open = open_for("to", FILE_READ_DATA);
    file = open_for("from", DELETE);
    memset(&rename, 0, sizeof rename);
    rename.flags = replace_posix;
    wcscpy(rename.name, wide("to"));
    rename.length = (DWORD)(wcslen(rename.name) * sizeof *rename.name);
    renamed = SetFileInformationByHandle(file, (FILE_INFO_BY_HANDLE_CLASS)rename_ex, &rename,
                                         sizeof rename);
    CloseHandle(open);
    CloseHandle(file);
    DeleteFileW(wide("from"));
    DeleteFileW(wide("to"));
    return renamed;
}

static void replacing_a_file_that_is_open(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE open;
    make("source", 300001);
    options.if_exists = REFLINK_REPLACE;
    /* Whoever does not share its deletion, keeps the name. */
    make_text("held", "old");
    open = open_with("held", FILE_READ_DATA, FILE_SHARE_READ, OPEN_EXISTING, 0);
    CHECK(open != INVALID_HANDLE_VALUE);
    CHECK(reflink_copy_file("source", "held", &options, &result) < 0);
    EQUAL(result.step, REFLINK_STEP_PUBLISH);
    CHECK(result.os_error == ERROR_SHARING_VIOLATION || result.os_error == ERROR_ACCESS_DENIED);
    CHECK(holds_text("held", "old"));
    CloseHandle(open);
    EQUAL(entries(), 2);
}

static void replacing_a_file_that_is_open_and_shared(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    int possible = replaces_open_files();
    char text[4];
    DWORD got = 0;
    HANDLE open;
    make("source", 300001);
    options.if_exists = REFLINK_REPLACE;
    make_text("shared", "old");
    open = open_for("shared", FILE_READ_DATA);
    CHECK(open != INVALID_HANDLE_VALUE);
    if (possible) {
        /* The old file stays under the handle, the name is the new one's. */
        EQUAL(reflink_copy_file("source", "shared", &options, &result), 0);
        CHECK(holds("shared", 300001));
    } else {
        EQUAL(reflink_copy_file("source", "shared", &options, &result), -EACCES);
        EQUAL(result.step, REFLINK_STEP_PUBLISH);
        EQUAL(result.os_error, ERROR_ACCESS_DENIED);
        CHECK(holds_text("shared", "old"));
        skip("the system replaces no file that is open: the refusal was seen, the replacing not");
    }
    CHECK(ReadFile(open, text, 3, &got, NULL) && got == 3 && memcmp(text, "old", 3) == 0);
    CloseHandle(open);
    EQUAL(entries(), 2);
}

static void directories(void)
{
    struct reflink_options replace = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make_text("source", "text");
    CHECK(CreateDirectoryW(wide("directory"), NULL));
    replace.if_exists = REFLINK_REPLACE;
    EQUAL(reflink_copy_file("directory", "copy", NULL, &result), -EISDIR);
    EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
    EQUAL(reflink_copy_file(".", "copy", NULL, &result), -EISDIR);
    EQUAL(reflink_copy_file("directory\\", "copy", NULL, &result), -EISDIR);
    EQUAL(reflink_copy_file("source", "directory", &replace, &result), -EISDIR);
    EQUAL(result.step, REFLINK_STEP_CHECK);
    EQUAL(reflink_copy_file("source", "directory\\", &replace, &result), -EISDIR);
    EQUAL(reflink_copy_file("source", "directory/", NULL, &result), -EISDIR);
    EQUAL(reflink_copy_file("source", "directory\\.", NULL, &result), -EISDIR);
    EQUAL(reflink_copy_file("source", "..", NULL, &result), -EISDIR);
    EQUAL(reflink_copy_file("source", "C:", NULL, &result), -EISDIR);
    /* No directory, or no name: as the system sees it. */
    CHECK(reflink_copy_file("source\\", "copy", NULL, &result) < 0);
    CHECK(result.os_error == ERROR_DIRECTORY || result.os_error == ERROR_INVALID_NAME);
    EQUAL(entries(), 2);
}

static void what_is_missing(void)
{
    struct reflink_options direct = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make_text("source", "text");
    direct.durability = REFLINK_DIRECT;
    EQUAL(reflink_copy_file("missing", "copy", NULL, &result), -ENOENT);
    EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
    EQUAL(result.os_error, ERROR_FILE_NOT_FOUND);
    EQUAL(reflink_copy_file("missing\\file", "copy", NULL, &result), -ENOENT);
    EQUAL(result.os_error, ERROR_PATH_NOT_FOUND);
    EQUAL(reflink_copy_file("source", "missing\\copy", NULL, &result), -ENOENT);
    EQUAL(result.step, REFLINK_STEP_CREATE);
    EQUAL(reflink_copy_file("source", "missing\\copy", &direct, &result), -ENOENT);
    EQUAL(result.os_error, ERROR_PATH_NOT_FOUND);
    CHECK(reflink_copy_file("source", "source\\copy", NULL, &result) < 0);
    EQUAL(result.step, REFLINK_STEP_CREATE);
    EQUAL(entries(), 1);
}

static void the_read_only_attribute_is_the_mode(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    uint32_t durability;
    make("source", 300001);
    set_read_only("source", 1);
    options.if_exists = REFLINK_REPLACE;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
        CHECK(holds("copy", 300001));
        CHECK((attributes_of("copy") & FILE_ATTRIBUTE_READONLY) != 0);
        /* Once more, over the read-only copy. */
        EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
        CHECK((attributes_of("copy") & FILE_ATTRIBUTE_READONLY) != 0);
        EQUAL(entries(), 2);
        set_read_only("copy", 0);
        CHECK(DeleteFileW(wide("copy")));
    }
    /* A read-only file that was made under its own name is removed again too. */
    if (!clones_here()) {
        options.durability = REFLINK_DIRECT;
        options.mode = REFLINK_ALWAYS;
        EQUAL(reflink_copy_file("source", "copy", &options, &result), -EOPNOTSUPP);
        EQUAL(entries(), 1);
    }
    set_read_only("source", 0);
    options.mode = REFLINK_AUTO;
    EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
    CHECK((attributes_of("copy") & FILE_ATTRIBUTE_READONLY) == 0);
}

static long long ticks(FILETIME time)
{
    return (long long)((unsigned long long)time.dwHighDateTime << 32 | time.dwLowDateTime);
}

static void times_are_preserved_when_asked(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    const long long accessed = 131234567891234560, written = 125555555551234567;
    FILETIME set[2], found[2];
    HANDLE file;
    make("source", 300001);
    set[0].dwLowDateTime = (DWORD)accessed;
    set[0].dwHighDateTime = (DWORD)(accessed >> 32);
    set[1].dwLowDateTime = (DWORD)written;
    set[1].dwHighDateTime = (DWORD)(written >> 32);
    file = open_for("source", FILE_WRITE_ATTRIBUTES);
    CHECK(SetFileTime(file, NULL, &set[0], &set[1]));
    CloseHandle(file);
    options.preserve = REFLINK_PRESERVE_TIMES;
    EQUAL(reflink_copy_file("source", "copy", &options, NULL), 0);
    EQUAL(reflink_copy_file("source", "now", NULL, NULL), 0);
    file = open_for("copy", FILE_READ_ATTRIBUTES);
    CHECK(GetFileTime(file, NULL, &found[0], &found[1]));
    CloseHandle(file);
    EQUAL(ticks(found[1]), written);
    /* Wine reads from a file to tell its kind; the time of last access is seen with handles. */
    if (!on_wine())
        EQUAL(ticks(found[0]), accessed);
    file = open_for("now", FILE_READ_ATTRIBUTES);
    CHECK(GetFileTime(file, NULL, NULL, &found[1]));
    CloseHandle(file);
    CHECK(ticks(found[1]) > 132000000000000000);
}

static void metadata_that_windows_keeps_otherwise(void)
{
    static const uint32_t bits[] = {REFLINK_PRESERVE_OWNER, REFLINK_PRESERVE_XATTRS,
                                    REFLINK_PRESERVE_ACL};
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    size_t i;
    make("source", 5000);
    for (i = 0; i < 3; i++) {
        options.preserve = bits[i];
        options.flags = 0;
        EQUAL(reflink_copy_file("source", "copy", &options, &result), -EOPNOTSUPP);
        EQUAL(result.step, REFLINK_STEP_METADATA);
        EQUAL(result.os_error, 0); /* the library's own word */
        EQUAL(entries(), 1);
        options.flags = REFLINK_BEST_EFFORT_METADATA;
        EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
        EQUAL(result.flags, REFLINK_METADATA_INCOMPLETE | REFLINK_PUBLISHED);
        CHECK(holds("copy", 5000));
        CHECK(DeleteFileW(wide("copy")));
    }
}

static void durable_copies(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make("source", 300001);
    CHECK(CreateDirectoryW(wide("directory"), NULL));
    options.durability = REFLINK_DURABLE;
    EQUAL(reflink_copy_file("source", "directory/copy", &options, &result), 0);
    CHECK(holds("directory/copy", 300001));
    options.if_exists = REFLINK_REPLACE;
    EQUAL(reflink_copy_file("source", "directory/copy", &options, &result), 0);
    CHECK(holds("directory/copy", 300001));
}

static void a_file_is_not_copied_onto_itself(void)
{
    struct reflink_options replace = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    make_text("source", "text");
    CHECK(CreateDirectoryW(wide("directory"), NULL));
    CHECK(CreateHardLinkW(wide("link"), wide("source"), NULL));
    replace.if_exists = REFLINK_REPLACE;
    EQUAL(reflink_copy_file("source", "source", &replace, &result), REFLINK_ERR_SAME_FILE);
    EQUAL(reflink_copy_file("source", "SOURCE", &replace, &result), REFLINK_ERR_SAME_FILE);
    EQUAL(reflink_copy_file("source", ".\\directory\\..\\source", &replace, &result),
          REFLINK_ERR_SAME_FILE);
    EQUAL(reflink_copy_file("source", "link", &replace, &result), REFLINK_ERR_SAME_FILE);
    EQUAL(reflink_copy_file("source", "source", NULL, &result), -EEXIST);
    CHECK(holds_text("source", "text"));
    EQUAL(entries(), 3);
}

static void a_source_that_others_hold(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE held;
    make_text("source", "text");
    held = open_with("source", FILE_READ_DATA, 0, OPEN_EXISTING, 0);
    CHECK(held != INVALID_HANDLE_VALUE);
    EQUAL(reflink_copy_file("source", "copy", NULL, &result), -EBUSY);
    EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
    EQUAL(result.os_error, ERROR_SHARING_VIOLATION);
    CloseHandle(held);
    EQUAL(entries(), 1);
    /* One that is open for writing, and shared, is copied. */
    held = open_for("source", FILE_WRITE_DATA);
    EQUAL(reflink_copy_file("source", "copy", NULL, &result), 0);
    CloseHandle(held);
    CHECK(holds_text("copy", "text"));
}

static void holes_stay_holes(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    FILE_ZERO_DATA_INFORMATION zero;
    DWORD moved, high = 0;
    unsigned char one = 7;
    HANDLE file = open_with("source", GENERIC_READ | GENERIC_WRITE, 0, CREATE_NEW, 0);
    int sparse;
    unsigned long long i;
    unsigned char buffer[4096];
    DWORD got;
    CHECK(DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &moved, NULL));
    set_position(file, 8 << 20);
    CHECK(WriteFile(file, &one, 1, &moved, NULL));
    set_position(file, 16 << 20);
    CHECK(SetEndOfFile(file));
    zero.FileOffset.QuadPart = 0;
    zero.BeyondFinalZero.QuadPart = 1 << 20;
    DeviceIoControl(file, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, NULL, 0, &moved, NULL);
    CloseHandle(file);
    sparse = (attributes_of("source") & FILE_ATTRIBUTE_SPARSE_FILE) != 0;
    EQUAL(reflink_copy_file("source", "copy", NULL, &result), 0);
    EQUAL(result.bytes_cloned + result.bytes_copied + result.bytes_hole, 16 << 20);
    EQUAL(size_of("copy"), 16 << 20);
    file = open_for("copy", FILE_READ_DATA);
    for (i = 0; i < 16 << 20; i += sizeof buffer) {
        CHECK(ReadFile(file, buffer, sizeof buffer, &got, NULL) && got == sizeof buffer);
        CHECK(buffer[0] == (i == 8 << 20 ? 7 : 0) && memcmp(buffer + 1, buffer + 2, 4094) == 0 &&
              buffer[1] == 0);
    }
    CloseHandle(file);
    if (!sparse) {
        skip("no sparse files here: the bytes were compared, the holes not seen");
        return;
    }
    CHECK((attributes_of("copy") & FILE_ATTRIBUTE_SPARSE_FILE) != 0);
    CHECK(GetCompressedFileSizeW(wide("copy"), &high) <= 1 << 20 && high == 0);
    CHECK(result.bytes_hole > 8 << 20 || result.bytes_cloned == 16 << 20);
}

/* ---- Progress ---- */

struct watched {
    unsigned calls, cancel_at;
    uint64_t done, total;
};

static int watch(void *user, const struct reflink_progress *progress)
{
    struct watched *watched = user;
    EQUAL(progress->size, sizeof *progress);
    CHECK(progress->bytes_done >= watched->done && progress->bytes_done <= progress->bytes_total);
    watched->done = progress->bytes_done;
    watched->total = progress->bytes_total;
    return ++watched->calls == watched->cancel_at;
}

static void progress_and_cancelling(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct watched watched = {0, 0, 0, 0};
    const unsigned long long size = 50000003;
    uint32_t durability;
    unsigned calls, at;
    make("source", size);
    options.progress = watch;
    options.progress_user = &watched;
    EQUAL(reflink_copy_file("source", "copy", &options, &result), 0);
    CHECK(holds("copy", size));
    EQUAL(watched.done, size);
    EQUAL(watched.total, size);
    calls = watched.calls;
    CHECK(calls >= 4); /* the beginning, two stretches of 16 MiB, the end */
    CHECK(DeleteFileW(wide("copy")));
    make_text("old", "old");
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        for (at = 1; at <= calls; at++) {
            memset(&watched, 0, sizeof watched);
            watched.cancel_at = at;
            options.if_exists = REFLINK_FAIL;
            EQUAL(reflink_copy_file("source", "copy", &options, &result), -ECANCELED);
            EQUAL(result.step, REFLINK_STEP_PROGRESS);
            EQUAL(result.os_error, 0);
            memset(&watched, 0, sizeof watched);
            watched.cancel_at = at;
            options.if_exists = REFLINK_REPLACE;
            EQUAL(reflink_copy_file("source", "old", &options, &result), -ECANCELED);
            CHECK(holds_text("old", "old"));
            EQUAL(entries(), 2);
        }
    }
}

/* Whatever the moment, the name holds the old state or the new one. What was unfinished may stay
 * behind under its private name, as on every system without unnamed files. */
static void killed_copies(void)
{
    WIN32_FIND_DATAW found;
    HANDLE search;
    unsigned call;
    make("source", 50000003);
    make_text("old", "old");
    for (call = 1; call <= 4; call++) {
        EQUAL(killed_copy("source", "copy", call, REFLINK_FAIL), 99);
        CHECK(!exists("copy"));
        EQUAL(killed_copy("source", "old", call, REFLINK_REPLACE), 99);
        CHECK(holds_text("old", "old"));
    }
    EQUAL(killed_copy("source", "copy", 100, REFLINK_FAIL), 0);
    CHECK(holds("copy", 50000003));
    while ((search = FindFirstFileW(L".reflink-*", &found)) != INVALID_HANDLE_VALUE) {
        FindClose(search);
        if (!CHECK(DeleteFileW(found.cFileName)))
            break;
    }
    EQUAL(entries(), 3);
}

const struct test copies_tests[] = {
    {"sizes_around_clusters_and_buffers", sizes_around_clusters_and_buffers},
    {"always_is_refused_and_leaves_nothing", always_is_refused_and_leaves_nothing},
    {"never_copies", never_copies},
    {"a_name_that_exists", a_name_that_exists},
    {"replacing", replacing},
    {"replacing_a_read_only_file", replacing_a_read_only_file},
    {"replacing_a_file_that_is_open", replacing_a_file_that_is_open},
    {"replacing_a_file_that_is_open_and_shared", replacing_a_file_that_is_open_and_shared},
    {"directories", directories},
    {"what_is_missing", what_is_missing},
    {"the_read_only_attribute_is_the_mode", the_read_only_attribute_is_the_mode},
    {"times_are_preserved_when_asked", times_are_preserved_when_asked},
    {"metadata_that_windows_keeps_otherwise", metadata_that_windows_keeps_otherwise},
    {"durable_copies", durable_copies},
    {"a_file_is_not_copied_onto_itself", a_file_is_not_copied_onto_itself},
    {"a_source_that_others_hold", a_source_that_others_hold},
    {"holes_stay_holes", holes_stay_holes},
    {"progress_and_cancelling", progress_and_cancelling},
    {"killed_copies", killed_copies},
    {NULL, NULL},
};
