/* Names: UTF-8, long ones, both separators, drives, devices, streams, and names relative to
 * directory HANDLEs. */
#include "harness.h"

static void utf8_names(void)
{
    static const char *const names[] = {
        "\xc3\xa4.bin",             /* a with diaeresis */
        "a\xcc\x88.bin",            /* the same, decomposed: another file */
        "\xe6\xbc\xa2\xe5\xad\x97", /* two Chinese characters */
        "\xf0\x9f\x90\xa6 bird",    /* beyond 16 bits */
        "with space",
        "'quoted'",
        "-dash",
        ".hidden",
        "semi;colon,&%$#@!",
    };
    static const wchar_t *const wide_names[] = {L"\x00e4.bin", L"a\x0308.bin", L"\x6f22\x5b57",
                                                L"\xd83d\xdc26 bird"};
    char back[64];
    size_t i, count = sizeof names / sizeof *names;
    make("source", 70001);
    for (i = 0; i < count; i++) {
        EQUAL(reflink_copy_file("source", names[i], NULL, NULL), 0);
        CHECK(holds(names[i], 70001));
        if (i < 4)
            CHECK(GetFileAttributesW(wide_names[i]) != INVALID_FILE_ATTRIBUTES);
        snprintf(back, sizeof back, "back-%d", (int)i);
        EQUAL(reflink_copy_file(names[i], back, NULL, NULL), 0);
        CHECK(holds(back, 70001));
    }
    EQUAL(entries(), 1 + 2 * (int)count);
}

static void invalid_utf8(void)
{
    static const char *const names[] = {
        "\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80x", "\xf4\x90\x80\x80", "\xe4.bin"};
    struct reflink_result result = REFLINK_RESULT_INIT;
    size_t i;
    make_text("source", "text");
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        EQUAL(reflink_copy_file(names[i], "copy", NULL, &result), -EILSEQ);
        EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
        EQUAL(reflink_copy_file("source", names[i], NULL, &result), -EILSEQ);
        EQUAL(result.step, REFLINK_STEP_ARGUMENTS);
        EQUAL(entries(), 1);
    }
}

/* A directory deep down, longer than the 260 units that Win32 calls take without further ado. */
static void deep(char *path, size_t room, const char *start)
{
    int i;
    snprintf(path, room, "%s", start);
    for (i = 0; i < 10; i++) {
        strcat(path, "\\a-directory-with-a-name-of-fifty-two-characters-in-it");
        CHECK(CreateDirectoryW(wide(path), NULL));
    }
}

static void long_names(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    char path[4096], copy[4096], full[4096], *too_long;
    uint32_t durability;
    wchar_t here[MAX_PATH];
    make("source", 70001);
    deep(path, sizeof path, ".");
    CHECK(strlen(path) > 500);
    snprintf(copy, sizeof copy, "%s\\copy", path);
    options.if_exists = REFLINK_REPLACE;
    for (durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT; durability++) {
        options.durability = durability;
        EQUAL(reflink_copy_file("source", copy, &options, NULL), 0);
        CHECK(holds(copy, 70001));
        EQUAL(reflink_copy_file(copy, "back", &options, NULL), 0);
        CHECK(holds("back", 70001));
    }
    /* The same in full, with slashes, and in full as it is. */
    CHECK(GetCurrentDirectoryW(MAX_PATH, here) > 0);
    snprintf(full, sizeof full, "%ls/%s/again", here, path);
    for (too_long = full; *too_long != 0; too_long++)
        if (*too_long == '\\')
            *too_long = '/';
    EQUAL(reflink_copy_file("source", full, NULL, NULL), 0);
    snprintf(full, sizeof full, "\\\\?\\%ls\\%s\\literal", here, path + 2);
    EQUAL(reflink_copy_file("source", full, NULL, NULL), 0);
    EQUAL(reflink_copy_file(full, "back-again", NULL, NULL), 0);
    snprintf(copy, sizeof copy, "%s\\again", path);
    CHECK(holds(copy, 70001));
    EQUAL(private_names(path), 0);
    /* Longer than any name can be. */
    too_long = malloc(100001);
    memset(too_long, 'x', 100000);
    too_long[100000] = 0;
    EQUAL(reflink_copy_file("source", too_long, NULL, NULL), -ENAMETOOLONG);
    too_long[40000] = 0;
    CHECK(reflink_copy_file("source", too_long, NULL, NULL) < 0);
    EQUAL(reflink_copy_file(too_long, "copy", NULL, NULL), -ENAMETOOLONG);
    too_long[300] = 0; /* one component of more than 255 */
    CHECK(reflink_copy_file("source", too_long, NULL, NULL) < 0);
    free(too_long);
    EQUAL(entries(), 4);
}

static void separators_and_dots(void)
{
    static const char *const names[] = {"sub\\a",          "sub/b",    ".\\sub\\c",   "./sub//d",
                                        "sub\\..\\sub\\e", "sub/.\\f", ".\\\\sub\\/g"};
    size_t i;
    char name[8];
    make("source", 70001);
    CHECK(CreateDirectoryW(wide("sub"), NULL));
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        EQUAL(reflink_copy_file("sub\\../source", names[i], NULL, NULL), 0);
        snprintf(name, sizeof name, "sub\\%c", (char)('a' + i));
        CHECK(holds(name, 70001));
    }
    EQUAL(entries(), 2);
}

static void drives_and_roots(void)
{
    wchar_t here[MAX_PATH];
    char name[2 * MAX_PATH];
    make("source", 70001);
    CHECK(GetCurrentDirectoryW(MAX_PATH, here) > 0);
    snprintf(name, sizeof name, "%lc:relative", here[0]);
    EQUAL(reflink_copy_file("source", name, NULL, NULL), 0);
    CHECK(holds("relative", 70001));
    snprintf(name, sizeof name, "%ls\\rooted", here + 2);
    EQUAL(reflink_copy_file("source", name, NULL, NULL), 0);
    CHECK(holds("rooted", 70001));
    snprintf(name, sizeof name, "%lc:source", here[0]);
    EQUAL(reflink_copy_file(name, "copy", NULL, NULL), 0);
    EQUAL(entries(), 4);
}

static void names_below_handles(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE from, to, file;
    wchar_t here[MAX_PATH];
    char full[2 * MAX_PATH];
    CHECK(CreateDirectoryW(wide("from"), NULL) && CreateDirectoryW(wide("to"), NULL));
    CHECK(CreateDirectoryW(wide("to\\sub"), NULL));
    make("from\\source", 70001);
    from = open_directory("from");
    to = open_directory("to");
    EQUAL(reflink_copy_file_at(from, "source", to, "copy", NULL, &result), 0);
    CHECK(holds("to\\copy", 70001));
    EQUAL(reflink_copy_file_at(from, ".\\source", to, "sub/copy", NULL, &result), 0);
    CHECK(holds("to\\sub\\copy", 70001));
    EQUAL(reflink_copy_file_at(from, "x\\..\\source", to, "sub\\..\\other", NULL, &result), 0);
    CHECK(holds("to\\other", 70001));
    /* Out of the directory. */
    EQUAL(reflink_copy_file_at(to, "..\\from\\source", from, "../to/out", NULL, &result), 0);
    CHECK(holds("to\\out", 70001));
    /* No directory is the current one; a name that says where it is needs none. */
    EQUAL(reflink_copy_file_at(NULL, "from\\source", to, "from-here", NULL, &result), 0);
    CHECK(GetCurrentDirectoryW(MAX_PATH, here) > 0);
    snprintf(full, sizeof full, "%ls\\from\\source", here);
    EQUAL(reflink_copy_file_at(to, full, NULL, "here", NULL, &result), 0);
    CHECK(holds("here", 70001));
    /* What is no directory. */
    file = open_for("from\\source", FILE_READ_DATA);
    CHECK(reflink_copy_file_at(file, "source", NULL, "no", NULL, &result) < 0);
    EQUAL(reflink_copy_file_at(INVALID_HANDLE_VALUE, "source", NULL, "no", NULL, &result), -EBADF);
    EQUAL(reflink_copy_file_at(NULL, "here", INVALID_HANDLE_VALUE, "no", NULL, &result), -EBADF);
    CloseHandle(file);
    CloseHandle(from);
    EQUAL(reflink_copy_file_at(from, "source", NULL, "no", NULL, &result), -EBADF);
    EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
    EQUAL(result.os_error, ERROR_INVALID_HANDLE);
    CloseHandle(to);
    CHECK(!exists("no"));
}

/* A directory that is renamed while its handle is open takes names below it along. */
static void a_directory_that_moves(void)
{
    struct reflink_options replace = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE directory;
    if (on_wine()) {
        skip("Wine forgets where a directory is that was renamed while it is open");
        return;
    }
    make("source", 70001);
    CHECK(CreateDirectoryW(wide("before"), NULL));
    directory = open_directory("before");
    if (!MoveFileW(L"before", L"after")) {
        CloseHandle(directory);
        skip("an open directory cannot be renamed here");
        return;
    }
    CHECK(CreateDirectoryW(wide("before"), NULL));
    EQUAL(reflink_copy_file_at(NULL, "source", directory, "copy", NULL, &result), 0);
    EQUAL(result.step, 0);
    CHECK(holds("after\\copy", 70001));
    CHECK(!exists("before\\copy"));
    replace.if_exists = REFLINK_REPLACE;
    EQUAL(reflink_copy_file_at(NULL, "source", directory, "copy", &replace, NULL), 0);
    CHECK(!exists("before\\copy"));
    CloseHandle(directory);
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
    struct reflink_options replace = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\reflink", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1,
                                   512, 512, 0, NULL);
    size_t i;
    CHECK(pipe != INVALID_HANDLE_VALUE);
    make_text("source", "text");
    replace.if_exists = REFLINK_REPLACE;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (!EQUAL(reflink_copy_file(names[i], "copy", NULL, &result), REFLINK_ERR_NOT_REGULAR))
            printf("    of %s\n", names[i]);
        EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
        if (!EQUAL(reflink_copy_file("source", names[i], &replace, &result),
                   REFLINK_ERR_NOT_REGULAR))
            printf("    of %s\n", names[i]);
        EQUAL(result.step, REFLINK_STEP_ARGUMENTS);
    }
    CloseHandle(pipe);
    EQUAL(entries(), 1);
}

static void names_of_other_files(void)
{
    static const char *const streams[] = {"file:stream", "file::$DATA", "sub\\file:s", ".\\f:s"};
    static const char *const trimmed[] = {"file.", "file ", "file. .", "...", "sub\\file."};
    struct reflink_result result = REFLINK_RESULT_INIT;
    wchar_t here[MAX_PATH];
    char literal[2 * MAX_PATH];
    HANDLE directory = open_directory(".");
    size_t i;
    make_text("source", "text");
    make_text("file", "old");
    CHECK(CreateDirectoryW(wide("sub"), NULL));
    for (i = 0; i < sizeof streams / sizeof *streams; i++) {
        EQUAL(reflink_copy_file("source", streams[i], NULL, &result), -EINVAL);
        EQUAL(result.step, REFLINK_STEP_ARGUMENTS);
        EQUAL(reflink_copy_file(streams[i], "copy", NULL, &result), -EINVAL);
        EQUAL(reflink_copy_file_at(directory, streams[i], NULL, "copy", NULL, &result), -EINVAL);
        EQUAL(result.step, REFLINK_STEP_OPEN_SOURCE);
    }
    for (i = 0; i < sizeof trimmed / sizeof *trimmed; i++)
        EQUAL(reflink_copy_file("source", trimmed[i], NULL, &result), -EINVAL);
    CHECK(holds_text("file", "old"));
    CloseHandle(directory);
    EQUAL(entries(), 3);
    /* As it is, a name may end as it likes. */
    CHECK(GetCurrentDirectoryW(MAX_PATH, here) > 0);
    snprintf(literal, sizeof literal, "\\\\?\\%ls\\dotted.", here);
    EQUAL(reflink_copy_file("source", literal, NULL, &result), 0);
    EQUAL(reflink_copy_file(literal, "back", NULL, &result), 0);
    CHECK(holds_text("back", "text"));
    CHECK(DeleteFileW(wide(literal)));
}

static void names_that_cannot_be(void)
{
    static const char *const names[] = {"a*b",
                                        "a?b",
                                        "a<b",
                                        "a>b",
                                        "a|b",
                                        "a\"b",
                                        "a\x01"
                                        "b"};
    struct reflink_options direct = REFLINK_OPTIONS_INIT;
    size_t i;
    make_text("source", "text");
    direct.durability = REFLINK_DIRECT;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(reflink_copy_file("source", names[i], NULL, NULL) < 0);
        CHECK(reflink_copy_file("source", names[i], &direct, NULL) < 0);
        CHECK(reflink_copy_file(names[i], "copy", NULL, NULL) < 0);
        EQUAL(entries(), 1);
    }
}

static void case_does_not_count(void)
{
    make_text("Source", "text");
    EQUAL(reflink_copy_file("sOURCE", "copy", NULL, NULL), 0);
    CHECK(holds_text("COPY", "text"));
}

const struct test names_tests[] = {
    {"utf8_names", utf8_names},
    {"invalid_utf8", invalid_utf8},
    {"long_names", long_names},
    {"separators_and_dots", separators_and_dots},
    {"drives_and_roots", drives_and_roots},
    {"names_below_handles", names_below_handles},
    {"a_directory_that_moves", a_directory_that_moves},
    {"devices", devices},
    {"names_of_other_files", names_of_other_files},
    {"names_that_cannot_be", names_that_cannot_be},
    {"case_does_not_count", case_does_not_count},
    {NULL, NULL},
};
