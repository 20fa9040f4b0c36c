/* What only Windows has: names in UTF-8 that become UTF-16, drives, devices and streams, the
 * read-only attribute, files that others hold, overlapped handles, and trees with all of that. */
#include "contract.h"

#ifdef _WIN32
#include "win32.h"

#define READ_WRITE (GENERIC_READ | GENERIC_WRITE)
#define SHARED     (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

enum modes learn_modes(void)
{
    return MODES_NONE;
}

static struct copy plain_copy(void)
{
    return copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
}

/* ---- Names ---- */

static void names_in_utf_16(void)
{
    static const char *const names[] = {"\xc3\xa4.bin", "a\xcc\x88.bin", "\xe6\xbc\xa2\xe5\xad\x97",
                                        "\xf0\x9f\x90\xa6 bird"};
    static const wchar_t *const wide_names[] = {L"\x00e4.bin", L"a\x0308.bin", L"\x6f22\x5b57",
                                                L"\xd83d\xdc26 bird"};
    struct copy copy = plain_copy();
    size_t i;
    make_text("src", "text");
    for (i = 0; i < COUNT(names); i++) {
        EQUAL(copy_file(&copy, "src", names[i]), 0);
        CHECK(GetFileAttributesW(wide_names[i]) != INVALID_FILE_ATTRIBUTES);
    }
    EQUAL(count_names(".", "", NULL), 5);
}

static void invalid_utf8(void)
{
    static const char *const names[] = {
        "\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80x", "\xf4\x90\x80\x80", "\xe4.bin"};
    struct copy copy = plain_copy();
    size_t i;
    make_text("src", "text");
    for (i = 0; i < COUNT(names); i++) {
        /* Not by copy_file(), which looks at the source itself. */
        EQUAL(copy_at(&copy, NULL, names[i], NULL, "dst"), -EILSEQ);
        EQUAL(copy.result.step, REFLINK_STEP_OPEN_SOURCE);
        EQUAL(copy_at(&copy, NULL, "src", NULL, names[i]), -EILSEQ);
        EQUAL(copy.result.step, REFLINK_STEP_ARGUMENTS);
    }
    only("src");
}

/* Longer than the 260 units that Win32 calls take without further ado. */
static void long_names(void)
{
    struct copy copy = plain_copy();
    char path[PATH_ROOM] = ".", name[PATH_ROOM], full[2 * PATH_ROOM], *here = absolute("."), *at;
    size_t d, i;
    make_file("src", 70001, 1);
    for (i = 0; i < 10; i++) {
        strcat(path, "/a-directory-with-a-name-of-fifty-two-characters-in-it");
        CHECK(make_directory(path));
    }
    join(name, path, "dst");
    for (d = 0; d < EACH; d++) {
        copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, durabilities[d]);
        EQUAL(copy_file(&copy, "src", name), 0);
        CHECK(holds(name, 70001, 1));
        EQUAL(copy_file(&copy, name, "back"), 0);
        CHECK(holds("back", 70001, 1));
    }
    /* The same in full, with slashes, and in full as it is. */
    snprintf(full, sizeof full, "%s/%s/again", here, path + 2);
    EQUAL(copy_file(&copy, "src", full), 0);
    snprintf(full, sizeof full, "\\\\?\\%s/%s/literal", here, path + 2);
    for (at = full; *at; at++)
        if (*at == '/')
            *at = '\\';
    EQUAL(copy_file(&copy, "src", full), 0);
    EQUAL(copy_file(&copy, full, "back-again"), 0);
    CHECK(holds(join(name, path, "again"), 70001, 1));
    EQUAL(count_names(".", "", NULL), 4);
    free(here);
}

static void names_longer_than_any(void)
{
    struct copy copy = plain_copy();
    char *name = allocate(100000);
    make_text("src", "text");
    memset(name, 'x', 100000);
    EQUAL(copy_file(&copy, "src", name), -ENAMETOOLONG);
    name[40000] = 0;
    CHECK(copy_file(&copy, "src", name) < 0);
    EQUAL(copy_file(&copy, name, "dst"), -ENAMETOOLONG);
    name[300] = 0; /* one component of more than 255 */
    CHECK(copy_file(&copy, "src", name) < 0);
    only("src");
    free(name);
}

static void separators_and_dots(void)
{
    static const char *const names[] = {"sub\\a",          "sub/b",    ".\\sub\\c",   "./sub//d",
                                        "sub\\..\\sub\\e", "sub/.\\f", ".\\\\sub\\/g"};
    struct copy copy = plain_copy();
    char name[] = "sub/a";
    handle sub;
    size_t i;
    make_text("src", "text");
    CHECK(make_directory("sub"));
    for (i = 0; i < COUNT(names); i++, name[4]++) {
        EQUAL(copy_file(&copy, "sub\\../src", names[i]), 0);
        CHECK(holds_text(name, "text"));
    }
    EQUAL(copy_file(&copy, "src", "sub\\"), -EISDIR);
    EQUAL(copy_file(&copy, "src", "sub\\."), -EISDIR);
    EQUAL(copy_file(&copy, "src", "C:"), -EISDIR);
    EQUAL(copy_file(&copy, "sub\\", "dst"), -EISDIR);
    sub = open_directory("sub");
    EQUAL(copy_at(&copy, sub, "..\\src", sub, "missing\\..\\h"), 0);
    CHECK(holds_text("sub/h", "text"));
    CloseHandle(sub);
    only("src sub");
}

static void drives_and_roots(void)
{
    struct copy copy = plain_copy();
    char *here = absolute("."), name[PATH_ROOM];
    make_text("src", "text");
    snprintf(name, sizeof name, "%c:relative", here[0]);
    EQUAL(copy_file(&copy, "src", name), 0);
    CHECK(holds_text("relative", "text"));
    EQUAL(copy_file(&copy, "src", join(name, here + 2, "rooted")), 0);
    CHECK(holds_text("rooted", "text"));
    snprintf(name, sizeof name, "%c:src", here[0]);
    EQUAL(copy_file(&copy, name, "dst"), 0);
    only("src relative rooted dst");
    free(here);
}

static void devices(void)
{
    static const char *const names[] = {"NUL",
                                        "nul",
                                        "CON",
                                        "CONIN$",
                                        "CONOUT$",
                                        "COM1",
                                        "LPT1",
                                        "AUX",
                                        "PRN",
                                        "\\\\.\\pipe\\reflink",
                                        "\\\\.\\NUL",
                                        "//./NUL",
                                        "\\\\?\\pipe\\reflink",
                                        "\\\\.\\C:",
                                        "\\\\?\\C:"};
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_ATOMIC);
    HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\reflink", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1,
                                   512, 512, 0, NULL);
    size_t i;
    CHECK(pipe != INVALID_HANDLE_VALUE);
    make_text("src", "text");
    for (i = 0; i < COUNT(names); i++) {
        /* Not by copy_file(), which looks at the source itself. */
        copy_at(&copy, NULL, names[i], NULL, "dst");
        check(copy.code == REFLINK_ERR_NOT_REGULAR && copy.result.step == REFLINK_STEP_OPEN_SOURCE,
              names[i], "as a source: %s", reflink_err_name(copy.code));
        copy_file(&copy, "src", names[i]);
        check(copy.code == REFLINK_ERR_NOT_REGULAR && copy.result.step == REFLINK_STEP_ARGUMENTS,
              names[i], "as a destination: %s", reflink_err_name(copy.code));
    }
    EQUAL(reflink_probe("NUL", ".", &found), REFLINK_ERR_NOT_REGULAR);
    CloseHandle(pipe);
    only("src");
}

/* A stream of a file, or another name than the one that was said, is no new file. */
static void names_of_other_files(void)
{
    static const char *const streams[] = {"file:stream", "file::$DATA", "sub\\file:s", ".\\f:s"};
    static const char *const trimmed[] = {"file.", "file ", "file. .", "...", "sub\\file."};
    struct copy copy = plain_copy();
    char *here = absolute("."), literal[PATH_ROOM], *at;
    handle directory = open_directory(".");
    size_t i;
    make_text("src", "text");
    make_text("file", "old");
    CHECK(make_directory("sub"));
    for (i = 0; i < COUNT(streams); i++) {
        EQUAL(copy_file(&copy, "src", streams[i]), -EINVAL);
        EQUAL(copy.result.step, REFLINK_STEP_ARGUMENTS);
        EQUAL(copy_file(&copy, streams[i], "dst"), -EINVAL);
        EQUAL(copy_at(&copy, directory, streams[i], NULL, "dst"), -EINVAL);
        EQUAL(copy.result.step, REFLINK_STEP_OPEN_SOURCE);
    }
    for (i = 0; i < COUNT(trimmed); i++)
        EQUAL(copy_file(&copy, "src", trimmed[i]), -EINVAL);
    CHECK(holds_text("file", "old"));
    CloseHandle(directory);
    only("src file sub");
    /* As it is, a name may end as it likes. */
    snprintf(literal, sizeof literal, "\\\\?\\%s\\dotted.", here);
    for (at = literal; *at; at++)
        if (*at == '/')
            *at = '\\';
    EQUAL(copy_file(&copy, "src", literal), 0);
    EQUAL(copy_file(&copy, literal, "back"), 0);
    CHECK(holds_text("back", "text"));
    CHECK(remove_name(literal));
    free(here);
}

static void names_that_cannot_be(void)
{
    static const char *const names[] = {"a*b", "a?b", "a<b", "a>b", "a|b", "a\"b", "a\x01z"};
    size_t i, d;
    make_text("src", "text");
    for (i = 0; i < COUNT(names); i++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, durabilities[d]);
            CHECK(copy_file(&copy, "src", names[i]) < 0);
            CHECK(copy_file(&copy, names[i], "dst") < 0);
            only("src");
        }
}

static void case_does_not_count(void)
{
    struct copy copy = plain_copy();
    make_text("Src", "text");
    EQUAL(copy_file(&copy, "sRC", "dst"), 0);
    CHECK(holds_text("DST", "text"));
    EQUAL(copy_file(&copy, "Src", "DST"), -EEXIST);
    copy.options.if_exists = REFLINK_REPLACE;
    EQUAL(copy_file(&copy, "Src", "SRC"), REFLINK_ERR_SAME_FILE);
    only("Src dst");
}

/* ---- What the system keeps of a file ---- */

static bool is_read_only(const char *name)
{
    return (GetFileAttributesW(wide(name)) & FILE_ATTRIBUTE_READONLY) != 0;
}

static void the_read_only_attribute_is_the_mode(void)
{
    size_t d;
    make_file("src", 300001, 1);
    CHECK(SetFileAttributesW(wide("src"), FILE_ATTRIBUTE_READONLY));
    for (d = 0; d < EACH; d++) {
        struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, durabilities[d]);
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        CHECK(holds("dst", 300001, 1) && is_read_only("dst"));
        /* Once more, over the read-only copy. */
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        CHECK(is_read_only("dst"));
        only("src dst");
        remove_name("dst");
    }
    if (!clones()) { /* a read-only file that was made under its own name is removed again too */
        struct copy copy = copy_like(REFLINK_ALWAYS, REFLINK_FAIL, REFLINK_UNSTAGED);
        EQUAL(copy_file(&copy, "src", "dst"), -EOPNOTSUPP);
        only("src");
    }
}

static void replacing_a_read_only_file(void)
{
    size_t d;
    make_file("src", 300001, 1);
    for (d = 0; d < EACH; d++) {
        struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, durabilities[d]);
        make_text("dst", "old");
        CHECK(SetFileAttributesW(wide("dst"), FILE_ATTRIBUTE_READONLY));
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        CHECK(holds("dst", 300001, 1) && !is_read_only("dst"));
        only("src dst");
        remove_name("dst");
    }
}

static void metadata_that_windows_keeps_otherwise(void)
{
    static const uint32_t bits[] = {REFLINK_PRESERVE_OWNER, REFLINK_PRESERVE_XATTRS,
                                    REFLINK_PRESERVE_ACL};
    size_t i;
    make_file("src", 5000, 1);
    for (i = 0; i < COUNT(bits); i++) {
        struct copy copy = plain_copy();
        copy.options.preserve = bits[i];
        EQUAL(copy_file(&copy, "src", "dst"), -EOPNOTSUPP);
        EQUAL(copy.result.step, REFLINK_STEP_METADATA);
        EQUAL(copy.result.os_error, 0); /* the library's own word */
        only("src");
        copy.options.flags = REFLINK_BEST_EFFORT_METADATA;
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        EQUAL(copy.result.flags, REFLINK_METADATA_INCOMPLETE | REFLINK_PUBLISHED);
        CHECK(holds("dst", 5000, 1));
        remove_name("dst");
    }
}

static void the_probe_knows_what_windows_lacks(void)
{
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    handle here = open_directory(".");
    EQUAL(reflink_probe_fd(INVALID_HANDLE_VALUE, here, &found), 0); /* no source either */
    CHECK(memcmp(&found, &place.capability, sizeof found) == 0);
    CloseHandle(here);
    EQUAL(place.capability.kernel_copy, 0);
    EQUAL(place.capability.dedupe, 0);
    if (!clones()) {
        EQUAL(place.capability.reason, REFLINK_REASON_UNSUPPORTED);
        EQUAL(place.capability.clone_error, -EOPNOTSUPP);
    }
}

/* ---- Win32's codes behind the errnos ---- */

static void refused_because(struct copy *copy, const char *src, const char *dst, int code,
                            DWORD one, DWORD other)
{
    copy_file(copy, src, dst);
    check(copy->code == code &&
              ((DWORD)copy->result.os_error == one || (DWORD)copy->result.os_error == other),
          "os_error", "%s to %s: %" PRId32 " behind %s", src, dst, copy->result.os_error,
          reflink_err_name(copy->code));
}

static void what_the_system_said(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_UNSTAGED);
    handle file;
    make_text("src", "text");
    make_text("dst", "old");
    refused_because(&copy, "missing", "new", -ENOENT, ERROR_FILE_NOT_FOUND, ERROR_FILE_NOT_FOUND);
    refused_because(&copy, "missing\\file", "new", -ENOENT, ERROR_PATH_NOT_FOUND,
                    ERROR_PATH_NOT_FOUND);
    refused_because(&copy, "src", "missing\\new", -ENOENT, ERROR_PATH_NOT_FOUND,
                    ERROR_PATH_NOT_FOUND);
    refused_because(&copy, "src", "dst", -EEXIST, ERROR_ALREADY_EXISTS, ERROR_FILE_EXISTS);
    CHECK(copy_file(&copy, "src\\", "new") < 0);
    CHECK(copy.result.os_error == ERROR_DIRECTORY || copy.result.os_error == ERROR_INVALID_NAME);
    copy.options.mode = REFLINK_ALWAYS;
    if (!clones())
        refused_because(&copy, "src", "new", -EOPNOTSUPP, ERROR_NOT_SUPPORTED, ERROR_NOT_SUPPORTED);
    file = open_file("src", USE_READ);
    CloseHandle(file);
    EQUAL(copy_at(&copy, file, "src", NULL, "new"), -EBADF);
    EQUAL(copy.result.os_error, ERROR_INVALID_HANDLE);
    copy = plain_copy();
    EQUAL(copy_whole(&copy, file, file), -EBADF);
    EQUAL(copy.result.os_error, ERROR_INVALID_HANDLE);
    only("src dst");
}

/* ---- What others hold ---- */

static void a_source_that_others_hold(void)
{
    struct copy copy = plain_copy();
    HANDLE held;
    make_text("src", "text");
    held = open_with("src", FILE_READ_DATA, 0, OPEN_EXISTING, 0);
    EQUAL(copy_file(&copy, "src", "dst"), -EBUSY);
    EQUAL(copy.result.step, REFLINK_STEP_OPEN_SOURCE);
    EQUAL(copy.result.os_error, ERROR_SHARING_VIOLATION);
    CloseHandle(held);
    only("src");
    /* One that is open for writing, and shared, is copied. */
    held = open_file("src", USE_WRITE);
    EQUAL(copy_file(&copy, "src", "dst"), 0);
    CloseHandle(held);
    CHECK(holds_text("dst", "text"));
}

/* Whoever does not share its deletion, keeps the name. */
static void a_destination_that_others_hold(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_ATOMIC);
    HANDLE held;
    make_file("src", 300001, 1);
    make_text("dst", "old");
    held = open_with("dst", FILE_READ_DATA, FILE_SHARE_READ, OPEN_EXISTING, 0);
    CHECK(copy_file(&copy, "src", "dst") < 0);
    EQUAL(copy.result.step, REFLINK_STEP_PUBLISH);
    CHECK(copy.result.os_error == ERROR_SHARING_VIOLATION ||
          copy.result.os_error == ERROR_ACCESS_DENIED);
    CHECK(holds_text("dst", "old"));
    CloseHandle(held);
    only("src dst");
}

static void locked_bytes(void)
{
    struct copy copy = plain_copy();
    HANDLE holder, other;
    char byte;
    DWORD got;
    bool enforced;
    make_file("src", 70001, 1);
    holder = open_file("src", USE_READ_WRITE);
    CHECK(LockFile(holder, 1000, 0, 100, 0));
    other = open_file("src", USE_READ);
    set_position(other, 1000);
    enforced = !ReadFile(other, &byte, 1, &got, NULL);
    CloseHandle(other);
    if (enforced) {
        EQUAL(copy_file(&copy, "src", "dst"), -EBUSY);
        EQUAL(copy.result.os_error, ERROR_LOCK_VIOLATION);
        EQUAL(copy.result.step, REFLINK_STEP_COPY);
        only("src");
    } else {
        skip("locks do not bind readers here");
    }
    CloseHandle(holder);
}

/* ---- Handles ---- */

static void overlapped_handles(void)
{
    struct copy copy = plain_copy();
    HANDLE src, dst, port;
    OVERLAPPED *completed;
    ULONG_PTR key;
    DWORD moved;
    make_file("src", 3000001, 1);
    src = open_with("src", GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    dst = open_with("dst", READ_WRITE, SHARED, CREATE_NEW, FILE_FLAG_OVERLAPPED);
    port = CreateIoCompletionPort(dst, NULL, 5, 1);
    CHECK(port != NULL);
    EQUAL(copy_whole(&copy, src, dst), 0);
    EQUAL(copy_range(&copy, src, 17, dst, 3000001, 100000), 0);
    EQUAL(total(&copy), 100000);
    EQUAL(copy_range(&copy, src, 4000000, dst, 0, 100), 0);
    EQUAL(copy.result.method, REFLINK_METHOD_NONE);
    /* Nothing of it came to the caller's own completion port. */
    CHECK(!GetQueuedCompletionStatus(port, &moved, &key, &completed, 0) && completed == NULL);
    CloseHandle(port);
    CloseHandle(src);
    CloseHandle(dst);
    EQUAL(size_of("dst"), 3100001);
}

static void handles_that_are_no_files(void)
{
    struct copy copy = plain_copy();
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), src, dst, lacking;
    make_text("src", "text");
    make_text("dst", "old");
    src = open_file("src", USE_READ);
    dst = open_file("dst", USE_READ_WRITE);
    CHECK(copy_whole(&copy, event, dst) < 0);
    CHECK(copy_whole(&copy, src, event) < 0);
    lacking = open_with("src", DELETE, SHARED, OPEN_EXISTING, 0);
    EQUAL(copy_whole(&copy, lacking, dst), -EBADF);
    EQUAL(copy_range(&copy, lacking, 0, dst, 0, 3), -EBADF);
    CloseHandle(lacking);
    lacking = open_with("dst", FILE_WRITE_ATTRIBUTES, SHARED, OPEN_EXISTING, 0);
    EQUAL(copy_whole(&copy, src, lacking), -EBADF);
    EQUAL(copy_range(&copy, src, 0, lacking, 0, 3), -EBADF);
    CloseHandle(lacking);
    CloseHandle(event);
    CloseHandle(src);
    CloseHandle(dst);
    CHECK(holds_text("dst", "old"));
}

/* Nor an event for each request. Counted too, where the system counts (Wine 8 says 0). */
static void no_handle_of_windows_stays_open(void)
{
    enum { ROUNDS = 60 };
    struct copy copy = plain_copy();
    DWORD before = 0, after = 0;
    uint64_t first = 0;
    HANDLE src, dst;
    int round;
    make_file("src", 70001, 1);
    src = open_with("src", GENERIC_READ, SHARED, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    dst = open_with("dst", READ_WRITE, SHARED, CREATE_NEW, FILE_FLAG_OVERLAPPED);
    for (round = 0; round < ROUNDS; round++) {
        if (round == 10) {
            first = next_handle();
            GetProcessHandleCount(GetCurrentProcess(), &before);
        }
        EQUAL(copy_whole(&copy, src, dst), 0);
        copy.options.preserve = REFLINK_PRESERVE_OWNER;
        EQUAL(copy_file(&copy, "src", "other"), -EOPNOTSUPP);
        copy.options.preserve = 0;
    }
    GetProcessHandleCount(GetCurrentProcess(), &after);
    EQUAL(after, before);
    CHECK(next_handle() < first + (ROUNDS - 10) / 2 * handle_step);
    CloseHandle(src);
    CloseHandle(dst);
}

/* ---- Trees ---- */

/* One call, and the path of the entry that ended it. */
struct tree_call {
    struct reflink_tree_options options;
    struct reflink_tree_result result;
    char failed[64];
};

static struct tree_call tree_call(void)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    struct tree_call call;
    memset(&call, 0, sizeof call);
    call.options = options;
    call.result = result;
    return call;
}

static int tree_done(struct tree_call *call, const char *src, const char *dst)
{
    call->options.failed_path = call->failed;
    call->options.failed_path_size = sizeof call->failed;
    return dst ? reflink_copy_tree(src, dst, &call->options, &call->result)
               : reflink_remove_tree(src, &call->options, &call->result);
}

static int skipping(void *user, const struct reflink_tree_entry *entry)
{
    *(int32_t *)user = entry->code;
    return REFLINK_SKIP;
}

static void trees_that_are_read_only(void)
{
    struct tree_call call = tree_call();
    CHECK(make_directory("src") && make_directory("src/sub"));
    make_text("src/sub/file", "text");
    CHECK(SetFileAttributesW(wide("src/sub/file"), FILE_ATTRIBUTE_READONLY));
    CHECK(SetFileAttributesW(wide("src/sub"), FILE_ATTRIBUTE_READONLY));
    EQUAL(tree_done(&call, "src", "dst\\"), 0);
    EQUAL(is_read_only("dst/sub"), is_read_only("src/sub")); /* Wine's directories never are */
    CHECK(is_read_only("dst/sub/file"));
    CHECK(holds_text("dst/sub/file", "text"));
    EQUAL(tree_done(&call, "dst\\", NULL), 0);
    EQUAL(tree_done(&call, ".\\src", NULL), 0);
    only("");
}

/* What a path cannot name is copied by its name all the same. */
static void trees_of_names_that_no_path_has(void)
{
    static const char *const names[] = {"NUL", "aux.txt", "dotted.", "spaced "};
    char literal[PATH_ROOM], *here = absolute("."), *at;
    struct tree_call call = tree_call();
    size_t i;
    for (at = here; *at; at++)
        if (*at == '/')
            *at = '\\';
    CHECK(make_directory("src"));
    for (i = 0; i < COUNT(names); i++) {
        snprintf(literal, sizeof literal, "\\\\?\\%s\\src\\%s", here, names[i]);
        make_text(literal, names[i]);
    }
    EQUAL(tree_done(&call, "src", "dst"), 0);
    EQUAL(call.result.files, COUNT(names));
    for (i = 0; i < COUNT(names); i++) {
        snprintf(literal, sizeof literal, "\\\\?\\%s\\dst\\%s", here, names[i]);
        CHECK(holds_text(literal, names[i]));
    }
    EQUAL(tree_done(&call, "dst", NULL), 0);
    EQUAL(tree_done(&call, "src", NULL), 0);
    only("");
    free(here);
}

static void trees_of_names_that_are_no_text(void)
{
    struct tree_call call = tree_call();
    wchar_t name[MAX_PATH];
    int32_t code = 0;
    HANDLE file;
    CHECK(make_directory("src"));
    make_text("src/good", "text");
    swprintf(name, MAX_PATH, L"%ls\\\xd83d-half", wide("src"));
    file = CreateFileW(name, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        skip("half a surrogate pair is no name here");
        return;
    }
    CloseHandle(file);
    EQUAL(tree_done(&call, "src", "dst"), -EILSEQ);
    CHECK(strcmp(call.failed, "\xed\xa0\xbd-half") == 0);
    only("src");
    call.options.on_error = skipping;
    call.options.user = &code;
    EQUAL(tree_done(&call, "src", "dst"), 0);
    EQUAL(code, -EILSEQ);
    CHECK(holds_text("dst/good", "text"));
    EQUAL(count_names("dst", "", NULL), 1);
    CHECK(DeleteFileW(name));
}

static void trees_that_others_hold(void)
{
    struct tree_call call = tree_call();
    int32_t code = 0;
    HANDLE held;
    CHECK(make_directory("src") && make_directory("src/sub"));
    make_text("src/sub/held", "text");
    make_text("src/sub/free", "text");
    held = open_with("src/sub/held", GENERIC_READ, 0, OPEN_EXISTING, 0);
    EQUAL(tree_done(&call, "src", "dst"), -EBUSY);
    EQUAL(call.result.os_error, ERROR_SHARING_VIOLATION);
    CHECK(strcmp(call.failed, "sub/held") == 0);
    only("src");
    EQUAL(tree_done(&call, "src", NULL), -EBUSY);
    call.options.on_error = skipping;
    call.options.user = &code;
    make_text("src/sub/free", "text");
    EQUAL(tree_done(&call, "src", "dst"), 0);
    EQUAL(code, -EBUSY);
    CHECK(call.result.flags & REFLINK_TREE_INCOMPLETE);
    EQUAL(count_names("dst/sub", "", NULL), 1);
    EQUAL(tree_done(&call, "src", NULL), 0);
    EQUAL(call.result.entries_failed, 2); /* with its directory */
    EQUAL(count_names("src/sub", "", NULL), 1);
    CloseHandle(held);
    EQUAL(tree_done(&call, "src", NULL), 0);
    only("dst");
}

/* A junction to `target`, which needs no privilege. */
static bool make_junction(const char *target, const char *name)
{
    struct {
        DWORD tag;
        WORD length, reserved, offset, name_length, shown_offset, shown_length;
        wchar_t names[MAX_PATH];
    } data;
    HANDLE directory;
    DWORD moved;
    bool done;
    memset(&data, 0, sizeof data);
    swprintf(data.names, MAX_PATH, L"\\??\\%ls", wide(target) + 4);
    data.tag = 0xa0000003; /* IO_REPARSE_TAG_MOUNT_POINT */
    data.name_length = (WORD)(wcslen(data.names) * sizeof(wchar_t));
    data.shown_offset = (WORD)(data.name_length + sizeof(wchar_t));
    data.length = (WORD)(8 + data.name_length + 2 * sizeof(wchar_t));
    CHECK(make_directory(name));
    directory = open_with(name, GENERIC_WRITE, SHARED, OPEN_EXISTING,
                          FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    done = DeviceIoControl(directory, FSCTL_SET_REPARSE_POINT, &data, 8 + data.length, NULL, 0,
                           &moved, NULL) != 0;
    CloseHandle(directory);
    return done;
}

/* Never run: Wine 8 has no reparse points. */
static void trees_with_junctions(void)
{
    struct tree_call call = tree_call();
    CHECK(make_directory("canary") && make_directory("src"));
    make_text("canary/sings", "text");
    if (!make_junction("canary", "src/junction")) {
        skip("no junctions here");
        return;
    }
    EQUAL(tree_done(&call, "src", "dst"), 0);
    EQUAL(call.result.symlinks, 1);
    EQUAL(seen("dst/junction").kind, KIND_LINK);
    CHECK(holds_text("dst/junction/sings", "text"));
    EQUAL(tree_done(&call, "dst/junction", NULL), -ENOTDIR);
    EQUAL(tree_done(&call, "dst", NULL), 0);
    EQUAL(call.result.symlinks, 1);
    CHECK(holds_text("canary/sings", "text"));
    CHECK(remove_name("src/junction"));
}

/* Has a program of the system that Wine runs on make or remove a link. Wine does not say when that
 * program has ended. */
static bool change_link(const wchar_t *program, const wchar_t *words, bool made)
{
    wchar_t line[MAX_PATH];
    STARTUPINFOW start;
    PROCESS_INFORMATION process;
    int tries;
    memset(&start, 0, sizeof start);
    start.cb = sizeof start;
    swprintf(line, MAX_PATH, L"%ls", words);
    CreateProcessW(program, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process);
    for (tries = 0; tries < 100 && exists("src/sub/link/sings") != made; tries++)
        wait_milliseconds(100);
    return exists("src/sub/link/sings") == made;
}

/* Wine opens what a link of Unix leads to: a tree with one to a directory is refused. */
static void trees_with_links_of_unix(void)
{
    struct tree_call call = tree_call();
    if (!on_wine()) {
        skip("only Wine has links of Unix");
        return;
    }
    CHECK(make_directory("canary") && make_directory("src") && make_directory("src/sub"));
    make_text("canary/sings", "text");
    make_text("src/sub/file", "text");
    if (!change_link(L"Z:\\bin\\ln", L"ln -s ../../canary src/sub/link", true)) {
        skip("no link of Unix could be made");
        return;
    }
    EQUAL(tree_done(&call, "src", "dst"), -EOPNOTSUPP);
    CHECK(strcmp(call.failed, "sub") == 0);
    only("canary src");
    EQUAL(tree_done(&call, "src", NULL), -EOPNOTSUPP);
    CHECK(holds_text("canary/sings", "text") && exists("src/sub/file"));
    CHECK(change_link(L"Z:\\bin\\rm", L"rm src/sub/link", false));
    EQUAL(tree_done(&call, "src", NULL), 0);
    only("canary");
}

const struct test system_tests[] = {
    {"names_in_utf_16", names_in_utf_16},
    {"invalid_utf8", invalid_utf8},
    {"long_names", long_names},
    {"names_longer_than_any", names_longer_than_any},
    {"separators_and_dots", separators_and_dots},
    {"drives_and_roots", drives_and_roots},
    {"devices", devices},
    {"names_of_other_files", names_of_other_files},
    {"names_that_cannot_be", names_that_cannot_be},
    {"case_does_not_count", case_does_not_count},
    {"the_read_only_attribute_is_the_mode", the_read_only_attribute_is_the_mode},
    {"replacing_a_read_only_file", replacing_a_read_only_file},
    {"metadata_that_windows_keeps_otherwise", metadata_that_windows_keeps_otherwise},
    {"the_probe_knows_what_windows_lacks", the_probe_knows_what_windows_lacks},
    {"what_the_system_said", what_the_system_said},
    {"a_source_that_others_hold", a_source_that_others_hold},
    {"a_destination_that_others_hold", a_destination_that_others_hold},
    {"locked_bytes", locked_bytes},
    {"overlapped_handles", overlapped_handles},
    {"handles_that_are_no_files", handles_that_are_no_files},
    {"no_handle_of_windows_stays_open", no_handle_of_windows_stays_open},
    {"trees_that_are_read_only", trees_that_are_read_only},
    {"trees_of_names_that_no_path_has", trees_of_names_that_no_path_has},
    {"trees_of_names_that_are_no_text", trees_of_names_that_are_no_text},
    {"trees_that_others_hold", trees_that_others_hold},
    {"trees_with_junctions", trees_with_junctions},
    {"trees_with_links_of_unix", trees_with_links_of_unix},
    {NULL, NULL},
};
#endif
