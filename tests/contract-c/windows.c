/* The thin layer for Windows: see system.h. */
#ifdef _WIN32
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#define _CRT_SECURE_NO_WARNINGS
#endif
#include "system.h"

#ifdef _WIN32
#include <windows.h>
#include <winioctl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "win32.h"

#define EVERYTHING (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

const handle current_directory = NULL, no_handle = NULL;
const handle never_open[] = {NULL, (HANDLE)(LONG_PTR)-1};
const size_t never_open_count = sizeof never_open / sizeof *never_open;
const uint64_t handle_step = 4;

/* Good for the next sixteen calls. Absolute, and with the prefix that takes names of any length. */
const wchar_t *wide(const char *name)
{
    static wchar_t *kept[16];
    static unsigned next;
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, NULL, 0);
    wchar_t *text = calloc((size_t)length + 1, sizeof *text), *full;
    DWORD room;
    if (length == 0 || !text)
        die("not UTF-8:", name);
    MultiByteToWideChar(CP_UTF8, 0, name, -1, text, length);
    if (wcsncmp(text, L"\\\\", 2) != 0) {
        room = GetFullPathNameW(text, 0, NULL, NULL);
        full = calloc(room + 4, sizeof *full);
        if (!full)
            die("no memory for", name);
        memcpy(full, L"\\\\?\\", 4 * sizeof *full);
        GetFullPathNameW(text, room, full + 4, NULL);
        free(text);
        text = full;
    }
    next = (next + 1) % 16;
    free(kept[next]);
    return kept[next] = text;
}

/* In UTF-8, with slashes, without the prefix; allocated. */
static char *narrow(const wchar_t *name)
{
    int room = WideCharToMultiByte(CP_UTF8, 0, name, -1, NULL, 0, NULL, NULL);
    char *text = calloc((size_t)room + 1, 1), *at;
    if (!text)
        die("no memory for", "a name");
    WideCharToMultiByte(CP_UTF8, 0, name, -1, text, room, NULL, NULL);
    for (at = text; *at; at++)
        if (*at == '\\')
            *at = '/';
    return text;
}

static void must(BOOL done, const char *what, const char *name)
{
    if (!done) {
        printf("    last error %lu\n", GetLastError());
        die(what, name);
    }
}

HANDLE open_with(const char *name, DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    HANDLE file = CreateFileW(wide(name), access, share, NULL, disposition, flags, NULL);
    must(file != INVALID_HANDLE_VALUE, "open", name);
    return file;
}

handle open_file(const char *name, enum use use)
{
    static const DWORD access[] = {GENERIC_READ, GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE,
                                   FILE_APPEND_DATA | SYNCHRONIZE, FILE_READ_ATTRIBUTES};
    return open_with(name, access[use], EVERYTHING, OPEN_EXISTING, 0);
}

handle create_file(const char *name)
{
    return open_with(name, GENERIC_READ | GENERIC_WRITE, EVERYTHING, CREATE_ALWAYS, 0);
}

handle open_directory(const char *name)
{
    return open_with(name, FILE_TRAVERSE | FILE_READ_ATTRIBUTES, EVERYTHING, OPEN_EXISTING,
                     FILE_FLAG_BACKUP_SEMANTICS);
}

void close_handle(handle file)
{
    must(CloseHandle(file), "close", "a file");
}

void open_pipe(handle *reader, handle *writer)
{
    must(CreatePipe(reader, writer, NULL, 0), "pipe", "");
}

static OVERLAPPED place_of(uint64_t at)
{
    OVERLAPPED place;
    memset(&place, 0, sizeof place);
    place.Offset = (DWORD)at;
    place.OffsetHigh = (DWORD)(at >> 32);
    return place;
}

size_t read_at(handle file, void *bytes, size_t length, uint64_t at)
{
    size_t got = 0;
    while (got < length) {
        OVERLAPPED place = place_of(at + got);
        DWORD more = 0;
        if (!ReadFile(file, (char *)bytes + got, (DWORD)(length - got), &more, &place))
            must(GetLastError() == ERROR_HANDLE_EOF, "read", "a file");
        if (more == 0)
            break;
        got += more;
    }
    return got;
}

void write_at(handle file, const void *bytes, size_t length, uint64_t at)
{
    OVERLAPPED place = place_of(at);
    DWORD done = 0;
    must(WriteFile(file, bytes, (DWORD)length, &done, &place) && done == length, "write", "a file");
}

void set_size(handle file, uint64_t size)
{
    FILE_END_OF_FILE_INFO end;
    end.EndOfFile.QuadPart = (LONGLONG)size;
    must(SetFileInformationByHandle(file, FileEndOfFileInfo, &end, sizeof end), "size", "a file");
}

void mark_sparse(handle file)
{
    DWORD moved;
    DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &moved, NULL);
}

void flush(handle file)
{
    must(FlushFileBuffers(file), "flush", "a file");
}

void forget_cached(handle file)
{
    (void)file;
}

int64_t position_of(handle file)
{
    LARGE_INTEGER zero, now;
    zero.QuadPart = now.QuadPart = 0;
    must(SetFilePointerEx(file, zero, &now, FILE_CURRENT), "seek", "a file");
    return now.QuadPart;
}

void set_position(handle file, int64_t position)
{
    LARGE_INTEGER to;
    to.QuadPart = position;
    must(SetFilePointerEx(file, to, NULL, FILE_BEGIN), "seek", "a file");
}

uint64_t next_handle(void)
{
    HANDLE events[HANDLES];
    int i;
    for (i = 0; i < HANDLES; i++)
        events[i] = CreateEventA(NULL, TRUE, FALSE, NULL);
    for (i = 0; i < HANDLES; i++)
        CloseHandle(events[i]);
    return (uint64_t)(ULONG_PTR)events[HANDLES - 1];
}

static int64_t nanoseconds(FILETIME time)
{
    int64_t ticks = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
    return (ticks - INT64_C(116444736000000000)) * 100;
}

static FILETIME file_time(int64_t time)
{
    int64_t ticks = time / 100 + INT64_C(116444736000000000);
    FILETIME set;
    set.dwLowDateTime = (DWORD)ticks;
    set.dwHighDateTime = (DWORD)(ticks >> 32);
    return set;
}

bool look_at(const char *name, struct seen *found)
{
    BY_HANDLE_FILE_INFORMATION raw;
    HANDLE file = CreateFileW(wide(name), FILE_READ_ATTRIBUTES, EVERYTHING, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    must(GetFileInformationByHandle(file, &raw), "look at", name);
    CloseHandle(file);
    found->kind = raw.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? KIND_LINK
                  : raw.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY   ? KIND_DIRECTORY
                                                                      : KIND_FILE;
    found->size = (uint64_t)raw.nFileSizeHigh << 32 | raw.nFileSizeLow;
    found->volume = raw.dwVolumeSerialNumber;
    found->number = (uint64_t)raw.nFileIndexHigh << 32 | raw.nFileIndexLow;
    found->accessed = nanoseconds(raw.ftLastAccessTime);
    found->written = found->changed = nanoseconds(raw.ftLastWriteTime);
    found->mode = 0;
    return true;
}

uint64_t allocated(const char *name)
{
    DWORD high = 0, low = GetCompressedFileSizeW(wide(name), &high);
    return (uint64_t)high << 32 | low;
}

bool remove_name(const char *name)
{
    SetFileAttributesW(wide(name), FILE_ATTRIBUTE_NORMAL);
    return DeleteFileW(wide(name)) || RemoveDirectoryW(wide(name));
}

bool make_directory(const char *name)
{
    return CreateDirectoryW(wide(name), NULL) != 0;
}

bool make_hard_link(const char *old, const char *name)
{
    return CreateHardLinkW(wide(name), wide(old), NULL) != 0;
}

bool make_symlink(const char *target, const char *name)
{
    /* Allowed to administrators, and in developer mode. Wine 8 says success and makes nothing. */
    wchar_t text[MAX_PATH];
    struct seen made;
    return MultiByteToWideChar(CP_UTF8, 0, target, -1, text, MAX_PATH) > 0 &&
           CreateSymbolicLinkW(wide(name), text, 2 /* ALLOW_UNPRIVILEGED_CREATE */) != 0 &&
           look_at(name, &made) && made.kind == KIND_LINK;
}

void set_times(const char *name, int64_t accessed, int64_t written)
{
    FILETIME first = file_time(accessed), second = file_time(written);
    HANDLE file = open_with(name, FILE_WRITE_ATTRIBUTES, EVERYTHING, OPEN_EXISTING,
                            FILE_FLAG_BACKUP_SEMANTICS);
    must(SetFileTime(file, NULL, &first, &second), "set times", name);
    CloseHandle(file);
}

bool sets_times_of_links(const char *link)
{
    (void)link;
    return true;
}

void each_name(const char *directory, void (*each)(const char *name, void *user), void *user)
{
    char pattern[PATH_ROOM], *name;
    WIN32_FIND_DATAW found;
    HANDLE search;
    snprintf(pattern, sizeof pattern, "%s/*", directory);
    search = FindFirstFileW(wide(pattern), &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        name = narrow(found.cFileName);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            each(name, user);
        free(name);
    } while (FindNextFileW(search, &found));
    FindClose(search);
}

void enter(const char *directory)
{
    /* The current directory cannot have the prefix. */
    must(SetCurrentDirectoryW(wide(directory) + 4), "enter", directory);
}

char *absolute(const char *name)
{
    return narrow(wide(name) + 4);
}

enum sharing sharing(const char *name, uint64_t offset, uint64_t length)
{
    (void)name;
    (void)offset;
    (void)length;
    return SHARED_UNKNOWN;
}

bool unnamed_files_work(void)
{
    return false;
}

bool holes_are_found(handle file)
{
    FILE_ALLOCATED_RANGE_BUFFER asked, found[2];
    LARGE_INTEGER size;
    DWORD got = 0;
    must(GetFileSizeEx(file, &size), "size", "a file");
    asked.FileOffset.QuadPart = 0;
    asked.Length = size;
    return DeviceIoControl(file, FSCTL_QUERY_ALLOCATED_RANGES, &asked, sizeof asked, found,
                           sizeof found, &got, NULL) &&
           (got == 0 || found[0].FileOffset.QuadPart > 0);
}

bool renames_without_replacing(const char *old, const char *name)
{
    return MoveFileExW(wide(old), wide(name), 0) != 0;
}

/* NTFS from Windows 10 1709 on: FileRenameInfoEx with "replace, as POSIX does". */
bool replaces_open_files(void)
{
    struct {
        DWORD flags;
        HANDLE root;
        DWORD length;
        wchar_t name[MAX_PATH];
    } rename;
    HANDLE to = create_file("to");
    HANDLE from = open_with("from", DELETE, EVERYTHING, CREATE_ALWAYS, 0);
    bool renamed;
    memset(&rename, 0, sizeof rename);
    rename.flags = 1 | 2;
    wcscpy(rename.name, wide("to"));
    rename.length = (DWORD)(wcslen(rename.name) * sizeof *rename.name);
    renamed = SetFileInformationByHandle(from, (FILE_INFO_BY_HANDLE_CLASS)22, &rename,
                                         sizeof rename) != 0;
    CloseHandle(to);
    CloseHandle(from);
    DeleteFileW(wide("from"));
    DeleteFileW(wide("to"));
    return renamed;
}

/* Wine forgets where a directory is that was renamed while it is open. */
bool open_directories_move(void)
{
    return !on_wine();
}

/* Wine reads from a file to tell its kind. */
bool access_times_stay(void)
{
    return !on_wine();
}

/* "a:b" is a name on the drive a. Wine says of a name of 256 letters that nothing has it. */
bool is_one_name(const char *name)
{
    return name[strcspn(name, ":")] == '\0' && (!on_wine() || strlen(name) < 256);
}

unsigned unnamed_modes(void)
{
    return 0;
}

bool is_os_error(int32_t os_error, int code)
{
    switch (code) {
    case -ENOENT:
        return os_error == ERROR_FILE_NOT_FOUND || os_error == ERROR_PATH_NOT_FOUND;
    case -EEXIST:
        return os_error == ERROR_ALREADY_EXISTS || os_error == ERROR_FILE_EXISTS;
    case -EOPNOTSUPP:
        return os_error == ERROR_NOT_SUPPORTED;
    case -EBADF:
        return os_error == ERROR_INVALID_HANDLE;
    case -EACCES:
        return os_error == ERROR_ACCESS_DENIED;
    case -EBUSY:
        return os_error == ERROR_SHARING_VIOLATION || os_error == ERROR_LOCK_VIOLATION;
    default:
        return os_error > 0;
    }
}

void mark_errors(void)
{
    SetLastError(4711);
    errno = 4242;
}

bool errors_are_marked(void)
{
    return GetLastError() == 4711 && errno == 4242;
}

int in_child(char **words, int (*body)(char **words))
{
    wchar_t self[MAX_PATH], line[2048];
    STARTUPINFOW start;
    PROCESS_INFORMATION process;
    DWORD code = 0;
    size_t at;
    (void)body; /* main() finds it by the word "child" */
    GetModuleFileNameW(NULL, self, MAX_PATH);
    swprintf(line, 2048, L"\"%ls\" child", self);
    for (; *words; words++) {
        at = wcslen(line);
        swprintf(line + at, 2048 - at, L" %hs", *words);
    }
    memset(&start, 0, sizeof start);
    start.cb = sizeof start;
    must(CreateProcessW(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process), "start",
         "a child");
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    return (int)code;
}

void kill_self(void)
{
    TerminateProcess(GetCurrentProcess(), KILLED);
}

struct started {
    void (*body)(unsigned number);
    unsigned number;
};

static DWORD WINAPI run_thread(void *user)
{
    struct started *started = user;
    started->body(started->number);
    return 0;
}

void in_threads(unsigned count, void (*body)(unsigned number))
{
    struct started *all = calloc(count, sizeof *all);
    HANDLE *threads = calloc(count, sizeof *threads);
    unsigned i;
    for (i = 0; all && threads && i < count; i++) {
        all[i].body = body;
        all[i].number = i;
        threads[i] = CreateThread(NULL, 0, run_thread, &all[i], 0, NULL);
        must(threads[i] != NULL, "start", "a thread");
    }
    for (i = 0; all && threads && i < count; i++) {
        WaitForSingleObject(threads[i], INFINITE);
        CloseHandle(threads[i]);
    }
    free(all);
    free(threads);
}

static DWORD WINAPI run_out(void *seconds)
{
    Sleep((DWORD)(ULONG_PTR)seconds * 1000);
    ExitProcess(142);
}

void limit_time(unsigned seconds)
{
    HANDLE thread = CreateThread(NULL, 0, run_out, (void *)(ULONG_PTR)seconds, 0, NULL);
    if (thread)
        CloseHandle(thread);
}

void wait_milliseconds(unsigned time)
{
    Sleep(time);
}

bool on_wine(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    return ntdll && GetProcAddress(ntdll, "wine_get_version") != NULL;
}

void system_name(char *text, size_t room)
{
    typedef LONG(WINAPI * get_version)(OSVERSIONINFOW *);
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    get_version get = (get_version)(void (*)(void))GetProcAddress(ntdll, "RtlGetVersion");
    OSVERSIONINFOW version;
    memset(&version, 0, sizeof version);
    version.dwOSVersionInfoSize = sizeof version;
    if (get)
        get(&version);
    snprintf(text, room, "%s %lu.%lu.%lu", on_wine() ? "Wine" : "Windows", version.dwMajorVersion,
             version.dwMinorVersion, version.dwBuildNumber);
}
#endif
