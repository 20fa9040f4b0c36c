// libreflink.hpp on Windows: names of wide characters, HANDLEs, errors as std::error_code,
// exceptions. What it does everywhere, tests/c/consumer_wrapper.cpp sees.
#include "libreflink.hpp"

#include <windows.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace fs = std::filesystem;

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                  \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static HANDLE open(const wchar_t *name, DWORD access, DWORD disposition)
{
    return CreateFileW(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       nullptr, disposition, FILE_FLAG_BACKUP_SEMANTICS, nullptr);
}

static void names(const fs::path &source)
{
    const fs::path copy = L"\x6f22\x5b57 \xd83d\xdc26";
    const libreflink::result done = libreflink::copy_file(source, copy);
    CHECK(done.bytes_cloned + done.bytes_copied + done.bytes_hole == 200003);
    CHECK(fs::file_size(copy) == 200003);
    std::error_code error;
    libreflink::copy_file(source, copy, error);
    CHECK(error == std::errc::file_exists);
    libreflink::copy_file(source, L"source:stream", error);
    CHECK(error == std::errc::invalid_argument);
    libreflink::copy_file(L"NUL", "null", error);
    CHECK(error == libreflink::errc::not_regular && !fs::exists("null"));
    try {
        libreflink::copy_file(L"\x00e4", "none");
        CHECK(!"thrown");
    } catch (const libreflink::error &failure) {
        CHECK(failure.code() == std::errc::no_such_file_or_directory);
        CHECK(failure.path1() == fs::path(L"\x00e4"));
        CHECK(failure.details().os_error == ERROR_FILE_NOT_FOUND);
    }
}

static void handles()
{
    HANDLE from = open(L"source", GENERIC_READ, OPEN_EXISTING);
    HANDLE to = open(L"target", GENERIC_READ | GENERIC_WRITE, CREATE_NEW);
    HANDLE directory = open(L".", FILE_TRAVERSE, OPEN_EXISTING);
    libreflink::copy_range(from, 0, to, 0, 100);
    libreflink::copy_range(from, 100, to, 100, libreflink::to_eof);
    CHECK(fs::file_size("target") == 200003);
    libreflink::copy_fd(from, to);
    libreflink::copy_file_at(directory, "source", directory, "below");
    CHECK(fs::file_size("below") == 200003);
    std::error_code error;
    libreflink::copy_fd(nullptr, to, {}, error);
    CHECK(error == std::errc::bad_file_descriptor);
    CHECK(libreflink::probe_fd(nullptr, directory).clone == libreflink::probe(".").clone);
    CloseHandle(from);
    CloseHandle(to);
    CloseHandle(directory);
}

static void progress(const fs::path &source)
{
    libreflink::options options;
    options.progress = [](const libreflink::progress &) -> bool {
        throw std::runtime_error("mine");
    };
    bool thrown = false;
    try {
        libreflink::copy_file(source, "thrown", options);
    } catch (const std::runtime_error &mine) {
        thrown = std::string(mine.what()) == "mine";
    }
    CHECK(thrown && !fs::exists("thrown"));
}

// argv[1]: an empty directory
int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    fs::current_path(argv[1]);
    std::ofstream("source") << std::string(200000, 'x') << "end";
    names("source");
    handles();
    progress("source");
    return failures != 0;
}
