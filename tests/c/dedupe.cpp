// libreflink.hpp's dedupe, on each file system. argv: "shares" where equal files there can share,
// a file, an equal one, one that differs at byte 700000.
#include <libreflink.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

static libreflink::verdict look(int one, int other)
{
    return libreflink::shared(one, 0, other, 0).verdict;
}

int main(int argc, char **argv)
{
    CHECK(argc == 5);
    const bool shares = std::strcmp(argv[1], "shares") == 0;
    const int one = open(argv[2], O_RDONLY), equal = open(argv[3], O_RDONLY),
              other = open(argv[4], O_RDWR);
    CHECK(one >= 0 && equal >= 0 && other >= 0);

    libreflink::dedupe_options options;
    std::uint64_t seen = 0;
    options.progress = [&seen](const libreflink::progress &now) {
        seen = now.bytes_done;
        return true;
    };
    std::error_code error;
    const libreflink::dedupe_result done = libreflink::dedupe_fd(one, equal, options, error);
    if (!shares) {
        CHECK(error == std::errc::operation_not_supported && done.dedupe_error == error);
        CHECK(done.step == libreflink::step::dedupe && done.bytes_deduped == 0);
        return 0;
    }
    CHECK(!error && done.length == 1 << 20 && seen == done.length);
    CHECK(done.bytes_deduped + done.bytes_already + done.bytes_different + done.bytes_skipped +
              done.bytes_not_reached ==
          done.length);
    CHECK(done.first_difference == done.length && done.step == libreflink::step::none);
    CHECK(done.bytes_deduped == done.length && !done.dedupe_error);
    CHECK(look(one, equal) == libreflink::verdict::all);
    CHECK(libreflink::dedupe_fd(one, equal).bytes_already == done.length);

    // It ends at the difference, unless it is told to go on.
    const libreflink::dedupe_result part =
        libreflink::dedupe_range(one, 0, other, 0, libreflink::to_eof);
    options.past_differences = true;
    const libreflink::dedupe_result all =
        libreflink::dedupe_range(one, 0, other, 0, libreflink::to_eof, options);
    CHECK(part.first_difference == 700000 && part.bytes_not_reached > 0);
    CHECK(all.first_difference == 700000 && all.bytes_not_reached == 0);
    CHECK(all.bytes_different > 0 && all.bytes_already == part.bytes_deduped);
    CHECK(look(one, other) == libreflink::verdict::part);

    // Both forms report a failure; a progress function cancels, and what it throws comes through.
    libreflink::dedupe_fd(-1, equal, {}, error);
    CHECK(error == std::errc::bad_file_descriptor);
    options.no_look = true;
    options.progress = [](const libreflink::progress &) { return false; };
    libreflink::dedupe_fd(one, equal, options, error);
    CHECK(error == std::errc::operation_canceled);
    options.progress = [](const libreflink::progress &) -> bool { throw 7; };
    try {
        libreflink::dedupe_fd(one, equal, options, error);
        CHECK(!"nothing was thrown");
    } catch (int thrown) {
        CHECK(thrown == 7);
    }
    return 0;
}
