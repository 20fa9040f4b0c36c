/* Runs the tests of the Windows contract, each in a directory of its own, and counts: "N passed, N
 * failed, N skipped". A private name that is left behind fails the test that left it. */
#include "harness.h"

static int failed_checks;
static const char *skipped_because;

int check(int holds, const char *file, int line, const char *what)
{
    if (!holds) {
        failed_checks++;
        printf("    %s:%d: not true: %s (last error %lu)\n", file, line, what, GetLastError());
    }
    return holds;
}

int check_equal(long long found, long long wanted, const char *file, int line, const char *what)
{
    if (found != wanted) {
        failed_checks++;
        printf("    %s:%d: %s is %lld, not %lld\n", file, line, what, found, wanted);
    }
    return found == wanted;
}

void skip(const char *why)
{
    skipped_because = why;
}

/* ---- Files ---- */

const wchar_t *wide(const char *name)
{
    static wchar_t *kept[16];
    static unsigned next;
    wchar_t *text, *full;
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, NULL, 0);
    DWORD room;
    if (length == 0) {
        printf("harness: a name is not UTF-8\n");
        exit(2);
    }
    text = calloc((size_t)length, sizeof *text);
    MultiByteToWideChar(CP_UTF8, 0, name, -1, text, length);
    if (wcsncmp(text, L"\\\\", 2) != 0) {
        room = GetFullPathNameW(text, 0, NULL, NULL);
        full = calloc(room + 4, sizeof *full);
        memcpy(full, L"\\\\?\\", 4 * sizeof *full);
        GetFullPathNameW(text, room, full + 4, NULL);
        free(text);
        text = full;
    }
    next = (next + 1) % 16;
    free(kept[next]);
    return kept[next] = text;
}

unsigned char byte_at(unsigned long long offset)
{
    unsigned long long mixed = (offset / 8 + 1) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 29;
    return (unsigned char)(mixed >> (offset % 8 * 8));
}

HANDLE open_with(const char *name, DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    return CreateFileW(wide(name), access, share, NULL, disposition, flags, NULL);
}

HANDLE open_for(const char *name, DWORD access)
{
    return open_with(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                     OPEN_EXISTING, 0);
}

HANDLE open_directory(const char *name)
{
    return open_with(name, FILE_TRAVERSE | FILE_READ_ATTRIBUTES,
                     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, OPEN_EXISTING,
                     FILE_FLAG_BACKUP_SEMANTICS);
}

static void write_new(const char *name, const void *bytes, DWORD size, DWORD disposition)
{
    DWORD written = 0;
    HANDLE file = open_with(name, FILE_APPEND_DATA, 0, disposition, 0);
    if (!CHECK(file != INVALID_HANDLE_VALUE))
        return;
    CHECK(WriteFile(file, bytes, size, &written, NULL) && written == size);
    CloseHandle(file);
}

void make(const char *name, unsigned long long size)
{
    static unsigned char buffer[1 << 16];
    unsigned long long at = 0;
    size_t i;
    write_new(name, buffer, 0, CREATE_NEW);
    while (at < size) {
        DWORD step = size - at < sizeof buffer ? (DWORD)(size - at) : (DWORD)sizeof buffer;
        for (i = 0; i < step; i++)
            buffer[i] = byte_at(at + i);
        write_new(name, buffer, step, OPEN_EXISTING);
        at += step;
    }
}

void make_text(const char *name, const char *text)
{
    write_new(name, text, (DWORD)strlen(text), CREATE_NEW);
}

int holds(const char *name, unsigned long long size)
{
    static unsigned char buffer[1 << 16];
    unsigned long long at = 0;
    DWORD got = 0, i;
    HANDLE file = open_for(name, FILE_READ_DATA);
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    while (ReadFile(file, buffer, sizeof buffer, &got, NULL) && got > 0) {
        for (i = 0; i < got && buffer[i] == byte_at(at + i); i++)
            ;
        if (i < got)
            break;
        at += got;
        got = 0;
    }
    CloseHandle(file);
    return got == 0 && at == size;
}

int holds_text(const char *name, const char *text)
{
    char buffer[256];
    DWORD got = 0;
    HANDLE file = open_for(name, FILE_READ_DATA);
    int read = file != INVALID_HANDLE_VALUE && ReadFile(file, buffer, sizeof buffer, &got, NULL);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return read && got == strlen(text) && memcmp(buffer, text, got) == 0;
}

DWORD attributes_of(const char *name)
{
    return GetFileAttributesW(wide(name));
}

int exists(const char *name)
{
    return attributes_of(name) != INVALID_FILE_ATTRIBUTES;
}

void set_read_only(const char *name, int on)
{
    CHECK(SetFileAttributesW(wide(name), on ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_NORMAL));
}

static BY_HANDLE_FILE_INFORMATION information_of(const char *name)
{
    BY_HANDLE_FILE_INFORMATION found;
    HANDLE file = open_with(name, FILE_READ_ATTRIBUTES,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, OPEN_EXISTING,
                            FILE_FLAG_BACKUP_SEMANTICS);
    memset(&found, 0, sizeof found);
    CHECK(file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, &found));
    CloseHandle(file);
    return found;
}

unsigned long long size_of(const char *name)
{
    BY_HANDLE_FILE_INFORMATION found = information_of(name);
    return (unsigned long long)found.nFileSizeHigh << 32 | found.nFileSizeLow;
}

unsigned long long number_of(const char *name)
{
    BY_HANDLE_FILE_INFORMATION found = information_of(name);
    return (unsigned long long)found.nFileIndexHigh << 32 | found.nFileIndexLow;
}

long long position_of(HANDLE file)
{
    LARGE_INTEGER zero, now;
    zero.QuadPart = now.QuadPart = 0;
    CHECK(SetFilePointerEx(file, zero, &now, FILE_CURRENT));
    return now.QuadPart;
}

void set_position(HANDLE file, long long position)
{
    LARGE_INTEGER to;
    to.QuadPart = position;
    CHECK(SetFilePointerEx(file, to, NULL, FILE_BEGIN));
}

/* Calls `each` for every entry but "." and "..", with the path in front. */
static void walk(const wchar_t *directory,
                 void (*each)(const wchar_t *, const WIN32_FIND_DATAW *, int *), int *sum)
{
    size_t room = wcslen(directory) + MAX_PATH + 4;
    wchar_t *path = calloc(room, sizeof *path);
    WIN32_FIND_DATAW found;
    HANDLE search;
    wcscpy(path, directory);
    wcscat(path, L"\\*");
    search = FindFirstFileW(path, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0)
                continue;
            wcscpy(path, directory);
            wcscat(path, L"\\");
            wcscat(path, found.cFileName);
            each(path, &found, sum);
        } while (FindNextFileW(search, &found));
        FindClose(search);
    }
    free(path);
}

static void count(const wchar_t *path, const WIN32_FIND_DATAW *found, int *sum)
{
    (void)path;
    (void)found;
    ++*sum;
}

int entries(void)
{
    int sum = 0;
    walk(wide("."), count, &sum);
    return sum;
}

static void count_private(const wchar_t *path, const WIN32_FIND_DATAW *found, int *sum)
{
    if (wcsncmp(found->cFileName, L".reflink-", 9) == 0)
        ++*sum;
    if (found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        walk(path, count_private, sum);
}

int private_names(const char *directory)
{
    int sum = 0;
    walk(wide(directory), count_private, &sum);
    return sum;
}

static void delete_entry(const wchar_t *path, const WIN32_FIND_DATAW *found, int *sum)
{
    SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
    if (found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) {
        walk(path, delete_entry, sum);
        *sum += RemoveDirectoryW(path) == 0;
    } else {
        *sum += DeleteFileW(path) == 0;
    }
}

int clones_here(void)
{
    struct reflink_capability here = REFLINK_CAPABILITY_INIT;
    CHECK(reflink_probe(NULL, ".", &here) == 0);
    return here.clone == 1;
}

int on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

/* ---- A copy that is killed ---- */

static unsigned calls_until_death;

static int die(void *user, const struct reflink_progress *progress)
{
    (void)user;
    (void)progress;
    if (--calls_until_death == 0)
        TerminateProcess(GetCurrentProcess(), 99);
    return 0;
}

static int child(char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    calls_until_death = (unsigned)atoi(argv[2]);
    options.if_exists = (uint32_t)atoi(argv[3]);
    options.progress = die;
    return reflink_copy_file(argv[4], argv[5], &options, NULL) == 0 ? 0 : 1;
}

int killed_copy(const char *source, const char *target, unsigned call, uint32_t if_exists)
{
    wchar_t self[MAX_PATH], line[4 * MAX_PATH];
    STARTUPINFOW start;
    PROCESS_INFORMATION process;
    DWORD code = 0;
    GetModuleFileNameW(NULL, self, MAX_PATH);
    swprintf(line, sizeof line / sizeof *line, L"\"%ls\" --killed %u %u %hs %hs", self, call,
             (unsigned)if_exists, source, target);
    memset(&start, 0, sizeof start);
    start.cb = sizeof start;
    if (!CHECK(CreateProcessW(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process)))
        return -1;
    CHECK(WaitForSingleObject(process.hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process.hProcess, &code));
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    return (int)code;
}

/* ---- The tests ---- */

static int passed, failed, skipped;

static void run(const struct test *test, const char *directory, const char *only)
{
    char place[MAX_PATH];
    int left = 0;
    if (only != NULL && strcmp(only, test->name) != 0)
        return;
    failed_checks = 0;
    skipped_because = NULL;
    snprintf(place, sizeof place, "%s\\%s", directory, test->name);
    if (!CreateDirectoryW(wide(place), NULL) || !SetCurrentDirectoryA(place)) {
        printf("harness: %s cannot be made (%lu)\n", place, GetLastError());
        exit(2);
    }
    test->run();
    EQUAL(private_names("."), 0);
    SetCurrentDirectoryA(directory);
    walk(wide(place), delete_entry, &left);
    /* A handle that stays open, to a file or to the directory itself, shows here too. */
    EQUAL(left, 0);
    CHECK(RemoveDirectoryW(wide(place)));
    if (failed_checks > 0) {
        failed++;
        printf("FAILED: %s\n", test->name);
    } else if (skipped_because != NULL) {
        skipped++;
        printf("SKIPPED: %s: %s\n", test->name, skipped_because);
    } else {
        passed++;
        printf("ok: %s\n", test->name);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct test *lists[] = {copies_tests, names_tests, handles_tests, arguments_tests};
    size_t i, j;
    if (argc == 6 && strcmp(argv[1], "--killed") == 0)
        return child(argv);
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s DIRECTORY [TEST]\n", argv[0]);
        return 2;
    }
    for (i = 0; i < sizeof lists / sizeof *lists; i++)
        for (j = 0; lists[i][j].name != NULL; j++)
            run(&lists[i][j], argv[1], argc == 3 ? argv[2] : NULL);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0;
}
