// A program of somebody else that uses libreflink.hpp, built against what is installed, as C++17
// and later: both forms of each function, codes and conditions, and exceptions of the progress
// function.
#include <libreflink.hpp>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

namespace fs = std::filesystem;

static std::string content(const fs::path &name)
{
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

static void copies(const fs::path &source, const fs::path &copy)
{
    const std::string text = content(source);
    const libreflink::result result = libreflink::copy_file(source, copy);
    CHECK(content(copy) == text);
    CHECK(result.bytes_cloned + result.bytes_copied + result.bytes_hole == text.size());
    CHECK(result.method != libreflink::method::none && result.step == libreflink::step::none);

    libreflink::options options;
    options.if_exists = libreflink::if_exists::replace;
    options.mode = libreflink::mode::never;
    options.preserve = libreflink::preserve::times | libreflink::preserve::xattrs;
    options.flags = libreflink::flags::nofollow | libreflink::flags::best_effort_metadata;
    std::error_code error = std::make_error_code(std::errc::io_error);
    const libreflink::result second = libreflink::copy_file(source, copy, options, error);
    CHECK(!error && second.method == libreflink::method::copy);
    CHECK(second.reason == libreflink::reason::not_asked);
    CHECK(fs::last_write_time(source) == fs::last_write_time(copy));
    libreflink::copy_file_at(AT_FDCWD, source, AT_FDCWD, copy, options);
}

static void looks(const fs::path &source)
{
    const int file = open(source.c_str(), O_RDONLY);
    std::uint64_t seen = 0;
    const auto each = [&seen](const libreflink::extent &extent) {
        seen += extent.beyond_eof ? 0 : extent.length;
        return true;
    };
    const libreflink::extents_result sums =
        libreflink::extents(file, 0, libreflink::to_eof, libreflink::map_flags::no_flush, each);
    CHECK(sums.length == seen); // both 0 where the file system says nothing
    CHECK(libreflink::shared(file, 0, file, 0).verdict == libreflink::verdict::all);
    std::error_code error;
    CHECK(libreflink::extents(-1, 0, 1, libreflink::map_flags::none, {}, error).length == 0);
    CHECK(error == std::errc::bad_file_descriptor);
    bool thrown = false;
    try {
        libreflink::extents(
            file, 0, libreflink::to_eof, libreflink::map_flags::none,
            [](const libreflink::extent &) -> bool { throw std::runtime_error("mine"); });
    } catch (const std::runtime_error &) {
        thrown = true;
    }
    CHECK(thrown == (sums.reported != libreflink::sharing::unknown));
    close(file);
}

static void failures(const fs::path &source, const fs::path &copy)
{
    std::error_code error;
    libreflink::copy_file(source, copy, error);
    CHECK(error == std::errc::file_exists && error.category() == std::generic_category());
    CHECK(std::string(libreflink::name(error)) == "EEXIST");
    const fs::path missing = source.parent_path() / "missing";
    const libreflink::result failed = libreflink::copy_file(missing, copy, error);
    CHECK(failed.os_error == ENOENT && failed.at_source && !failed.at_destination);
    CHECK(libreflink::describe(error, failed, missing, copy) ==
          missing.string() + ": opening the source: No such file or directory");
    CHECK(!libreflink::clone_refused(error, failed));
    CHECK(libreflink::text(failed.step) == std::string("opening the source"));

    libreflink::options replace;
    replace.if_exists = libreflink::if_exists::replace;
    libreflink::copy_file(source, source, replace, error);
    CHECK(error == libreflink::errc::same_file && error == std::errc::invalid_argument);
    CHECK(std::string(error.category().name()) == "reflink" && !error.message().empty());
    CHECK(std::string(libreflink::name(error)) == "REFLINK_ERR_SAME_FILE");
    CHECK(error != libreflink::errc::overlap && error != std::errc::io_error);

    // Not a copy of "source" under a name cut short.
    libreflink::copy_file(source, fs::path(std::string("cut\0short", 9)), error);
    CHECK(error == std::errc::invalid_argument && !fs::exists("cut"));

    bool thrown = false;
    try {
        libreflink::copy_file("nowhere", copy);
    } catch (const libreflink::error &failure) {
        thrown = true;
        CHECK(failure.code() == std::errc::no_such_file_or_directory &&
              failure.path1() == "nowhere");
        CHECK(failure.path2() == copy && failure.details().step == libreflink::step::open_source);
        CHECK(std::string(failure.what()).find("nowhere") != std::string::npos);
        CHECK(libreflink::describe(failure).rfind("nowhere: opening the source: ", 0) == 0);
    }
    CHECK(thrown);
    try {
        libreflink::copy_file("nowhere", copy);
    } catch (const fs::filesystem_error &) {
        thrown = false;
    }
    CHECK(!thrown);
}

static void progress(const fs::path &source)
{
    libreflink::options options;
    std::uint64_t last = 0;
    options.progress = [&last](const libreflink::progress &at) {
        last = at.bytes_done;
        return at.bytes_done <= at.bytes_total;
    };
    libreflink::copy_file(source, "watched", options);
    CHECK(last == fs::file_size(source));

    options.progress = [](const libreflink::progress &) { return false; };
    std::error_code error;
    libreflink::copy_file(source, "cancelled", options, error);
    CHECK(error == std::errc::operation_canceled && !fs::exists("cancelled"));

    const volatile int stop = 1;
    options.progress = {};
    options.cancel = &stop;
    libreflink::copy_file(source, "stopped", options, error);
    CHECK(error == std::errc::operation_canceled && !fs::exists("stopped"));

    options.cancel = nullptr;
    options.progress = [](const libreflink::progress &) -> bool {
        throw std::runtime_error("mine");
    };
    bool thrown = false;
    try {
        libreflink::copy_file(source, "thrown", options, error);
    } catch (const std::runtime_error &mine) {
        thrown = std::string(mine.what()) == "mine";
    }
    CHECK(thrown && !fs::exists("thrown"));
}

static void descriptors(const fs::path &source)
{
    const int from = open(source.c_str(), O_RDONLY);
    const int to = open("range", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(from >= 0 && to >= 0);
    libreflink::copy_range(from, 0, to, 0, 100);
    libreflink::copy_range(from, 100, to, 100, libreflink::to_eof);
    CHECK(content("range") == content(source));
    libreflink::copy_fd(from, to);
    std::error_code error;
    libreflink::copy_range(to, 0, to, 1, 10, {}, error);
    CHECK(error == libreflink::errc::overlap);
    libreflink::copy_fd(-1, to, {}, error);
    CHECK(error == std::errc::bad_file_descriptor);
    const volatile int stop = 1;
    libreflink::dedupe_options cancelled;
    cancelled.cancel = &stop;
    libreflink::dedupe_fd(from, to, cancelled, error);
    CHECK(error == std::errc::operation_canceled);
    CHECK(close(from) == 0 && close(to) == 0);
}

static void trees(const fs::path &source)
{
    fs::create_directory("tree");
    fs::copy_file(source, "tree/file");
    fs::permissions("tree/file", fs::perms(0755));
    libreflink::tree_options options;
    options.permissions = libreflink::permissions::umask;
    const mode_t mask = umask(077);
    CHECK(libreflink::copy_tree("tree", "masked", options).files == 1);
    umask(mask);
    CHECK(fs::status("masked/file").permissions() == fs::perms(0700));

    // A directory against a file.
    fs::create_directories("merged/file");
    options = {};
    options.if_exists = libreflink::tree_if_exists::merge;
    std::string line, whole;
    options.on_error = [&line, &whole](const libreflink::tree_entry &entry) {
        CHECK(entry.at_destination && !entry.at_source);
        line = libreflink::describe(entry);
        whole = libreflink::describe(entry, "tree", "merged");
        return true;
    };
    const libreflink::tree_result merged = libreflink::copy_tree("tree", "merged", options);
    CHECK(merged.incomplete && merged.entries_failed == 1);
    CHECK(line.rfind("file: ", 0) == 0 && line.find("File exists") != std::string::npos);
    CHECK(whole == "merged/" + line);

    std::error_code error;
    const libreflink::tree_result missing = libreflink::copy_tree("nothing", "x", options, error);
    CHECK(libreflink::describe(error, missing, "nothing", "x") ==
          "nothing: opening the source: No such file or directory");
    const volatile int stop = 1;
    options = {};
    options.cancel = &stop;
    libreflink::copy_tree("tree", "cancelled-tree", options, error);
    CHECK(error == std::errc::operation_canceled && !fs::exists("cancelled-tree"));
}

// What a function of the caller's stopped is removed as a whole, and the exception names the entry.
static void stopped_trees()
{
    const fs::path many = "many/deep";
    fs::create_directories(many);
    for (int number = 0; number < 200; number++)
        std::ofstream(many / std::to_string(number)) << "x";
    libreflink::tree_options options;
    std::error_code error;
    int asked = 0;
    options.progress = [&asked](const libreflink::tree_progress &) { return ++asked < 3; };
    const libreflink::tree_result stopped = libreflink::copy_tree("many", "stop", options, error);
    CHECK(error == std::errc::operation_canceled && asked == 3 && stopped.litter.empty());
    // What the flag stopped, too, where progress answers by the same flag.
    volatile int stop = 0;
    options.cancel = &stop;
    options.progress = [&stop](const libreflink::tree_progress &) { return stop == 0; };
    options.filter = [&stop, &asked](const libreflink::tree_entry &) {
        stop = ++asked > 100 ? 1 : 0;
        return libreflink::take::whole;
    };
    libreflink::copy_tree("many", "stop", options, error);
    CHECK(error == std::errc::operation_canceled);
    for (const fs::directory_entry &entry : fs::directory_iterator("."))
        CHECK(entry.path().filename().string().rfind(".reflink-", 0) != 0);

    fs::create_directories("there/deep/7"); // a directory against a file
    options = {};
    options.if_exists = libreflink::tree_if_exists::merge;
    try {
        libreflink::copy_tree_at(AT_FDCWD, "many", AT_FDCWD, "there", options);
        CHECK(false);
    } catch (const libreflink::error &caught) {
        CHECK(caught.path1() == "many/deep/7" && caught.path2() == "there/deep/7");
        CHECK(caught.tree() != nullptr && caught.tree()->failed_path == "deep/7");
        CHECK(!libreflink::clone_refused(caught.code(), *caught.tree()));
        CHECK(libreflink::describe(caught).rfind("there/deep/7: ", 0) == 0);
    }
    try {
        libreflink::remove_tree("there/deep/8");
        CHECK(false);
    } catch (const libreflink::error &caught) { // a file
        CHECK(libreflink::describe(caught) == "there/deep/8: reading a directory: Not a directory");
    }
    libreflink::remove_tree("there", error);
    CHECK(!error && !fs::exists("there"));
    CHECK(libreflink::remove_tree_at(AT_FDCWD, "many").directories == 1);
}

// Makes 25 directories in each other, at a path longer than PATH_MAX, and returns it.
static std::string go_down(const fs::path &root)
{
    const std::string name(200, 'd');
    std::string path;
    fs::create_directory(root);
    fs::current_path(root);
    for (int level = 0; level < 25; level++) {
        fs::create_directory(name);
        CHECK(chdir(name.c_str()) == 0);
        path += name + "/";
    }
    return path;
}

// An entry that no system call could reach by its path is named whole.
static void deep_trees()
{
    const int here = open(".", O_RDONLY);
    const std::string path = go_down("deep") + "entry";
    std::ofstream("entry") << "x";
    CHECK(fchdir(here) == 0);
    go_down("shallow");
    fs::create_directory("entry"); // a directory against a file
    CHECK(fchdir(here) == 0 && close(here) == 0);
    libreflink::tree_options options;
    options.if_exists = libreflink::tree_if_exists::merge;
    try {
        libreflink::copy_tree("deep", "shallow", options);
        CHECK(false);
    } catch (const libreflink::error &caught) {
        CHECK(caught.tree()->failed_path == path && caught.path2() == "shallow/" + path);
    }
    libreflink::remove_tree("deep");
    libreflink::remove_tree("shallow");
}

static void probes(const fs::path &source)
{
    const libreflink::capability here = libreflink::probe(".");
    const libreflink::capability pair = libreflink::probe(source, ".");
    CHECK(here.clone == pair.clone && !here.fs_name.empty());
    CHECK((here.clone == libreflink::answer::yes) == !here.error);
    CHECK(here.exchange != libreflink::answer::unknown);
    std::error_code error;
    static_cast<void>(libreflink::probe("", "nowhere", error));
    CHECK(error == std::errc::no_such_file_or_directory);
    const int directory = open(".", O_RDONLY);
    CHECK(libreflink::probe_fd(-1, directory).clone == here.clone && close(directory) == 0);
    CHECK(libreflink::version_number() == REFLINK_VERSION_NUMBER);
}

// argv[1]: an empty directory
int main(int argc, char **argv)
{
    CHECK(argc == 2);
    fs::current_path(argv[1]);
    std::ofstream("source") << std::string(200000, 'x') << "end";
    copies("source", "copy");
    failures("source", "copy");
    progress("source");
    descriptors("source");
    trees("source");
    stopped_trees();
    deep_trees();
    probes("source");
    looks("source");
    std::printf("libreflink %s\n", libreflink::version_string());
    return 0;
}
