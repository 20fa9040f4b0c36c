/* What only Unixes have: permission bits and the umask, symbolic links, FIFOs and devices, and
 * names of any bytes. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "contract.h"

#ifndef _WIN32
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const mode_t tried[] = {0644, 0640, 0600, 0444, 0755};

static unsigned bits(const char *name)
{
    return seen(name).mode & 0777;
}

enum modes learn_modes(void)
{
    enum modes found = MODES_HELD;
    size_t i;
    umask(022);
    make_text("mode", "1");
    for (i = 0; i < COUNT(tried) && found == MODES_HELD; i++) {
        if (chmod("mode", tried[i]))
            found = MODES_REFUSED;
        else if (bits("mode") != tried[i])
            found = MODES_IGNORED;
    }
    chmod("mode", 0644);
    remove_name("mode");
    return found;
}

/* Within the file system the source has only bits that can be held. */
static void permission_bits_follow(mode_t mask, uint32_t mode, uint32_t durability)
{
    struct copy copy = copy_like(mode, REFLINK_FAIL, durability);
    struct watch watch = {0};
    size_t i;
    for (i = 0; i < COUNT(tried); i++) {
        make_file("src", 5000, 20);
        if (chmod("src", tried[i]) && place.modes == MODES_HELD)
            die("chmod", "src");
        watch.dst = "dst";
        watch.allowed = bits("src");
        watch.unstaged = durability == REFLINK_UNSTAGED;
        watch.calls = 0;
        watch_copy(&copy, &watch);
        umask(mask);
        copy_file(&copy, "src", "dst");
        umask(022);
        if (check_copied(&copy, "src", "dst", "permission bits"))
            check(bits("dst") == watch.allowed, "permission bits",
                  "%03o under umask %03o became %03o", watch.allowed, (unsigned)mask, bits("dst"));
        chmod("src", 0644);
        chmod("dst", 0644);
        remove_name("src");
        remove_name("dst");
    }
}

static void permissions(void)
{
    static const mode_t masks[] = {022, 077, 0};
    size_t i, m, d;
    for (i = 0; i < COUNT(masks); i++)
        for (m = 0; m < EACH; m++)
            for (d = 0; d < EACH; d++)
                if (possible(modes[m], durabilities[d]))
                    permission_bits_follow(masks[i], modes[m], durabilities[d]);
}

/* What the umask leaves, by every way of making the file; and never more while it is made. */
static void permissions_under_the_umask(void)
{
    static const mode_t masks[] = {022, 027, 077, 0};
    static const uint32_t choices[] = {REFLINK_PERMISSIONS_UMASK, REFLINK_PERMISSIONS_NEW};
    size_t i, k, c, d;
    if (place.modes != MODES_HELD) {
        skip("permission bits are not held here");
        return;
    }
    for (i = 0; i < COUNT(tried); i++) {
        make_file("src", 5000, 20);
        if (chmod("src", tried[i]))
            die("chmod", "src");
        for (k = 0; k < COUNT(masks); k++)
            for (c = 0; c < COUNT(choices); c++)
                for (d = 0; d < EACH; d++) {
                    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, durabilities[d]);
                    struct watch watch = {0};
                    mode_t asked = choices[c] == REFLINK_PERMISSIONS_NEW ? 0666 : tried[i];
                    if (!possible(REFLINK_AUTO, durabilities[d]))
                        continue;
                    copy.options.permissions = choices[c];
                    watch.dst = "dst";
                    watch.allowed = asked & ~masks[k];
                    watch.unstaged = durabilities[d] == REFLINK_UNSTAGED;
                    watch_copy(&copy, &watch);
                    umask(masks[k]);
                    copy_file(&copy, "src", "dst");
                    EQUAL(umask(022), masks[k]);
                    if (check_copied(&copy, "src", "dst", "permissions"))
                        check(bits("dst") == watch.allowed, "permissions",
                              "%03o under umask %03o became %03o", (unsigned)tried[i],
                              (unsigned)masks[k], bits("dst"));
                    chmod("dst", 0644);
                    remove_name("dst");
                }
        chmod("src", 0644);
        remove_name("src");
    }
}

/* From elsewhere come bits that this file system may not hold: it holds them, or the caller is
 * told. */
static void permissions_from_elsewhere(void)
{
    static const uint64_t flags[] = {0, REFLINK_BEST_EFFORT_METADATA};
    const char *there = elsewhere("src");
    size_t f, i;
    if (!there)
        return;
    make_file(there, 5000, 21);
    for (f = 0; f < COUNT(flags); f++) {
        for (i = 0; i < COUNT(tried); i++) {
            struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
            bool told;
            copy.options.flags = flags[f];
            chmod(there, tried[i]);
            copy_file(&copy, there, "dst");
            told = copy.result.flags & REFLINK_METADATA_INCOMPLETE;
            if (copy.code) {
                check(!flags[f] && place.modes != MODES_HELD &&
                          copy.result.step == REFLINK_STEP_METADATA,
                      "from elsewhere", "%03o: %s at step %u", (unsigned)tried[i],
                      reflink_err_name(copy.code), copy.result.step);
                only("");
                continue;
            }
            check_copied(&copy, there, "dst", "from elsewhere");
            check(bits("dst") == tried[i] || (flags[f] && told), "from elsewhere",
                  "%03o became %03o, and nothing is said", (unsigned)tried[i], bits("dst"));
            chmod("dst", 0644);
            remove_name("dst");
        }
    }
}

/* ---- Symbolic links ---- */

/* One at the destination is never followed. */
static void links_as_destinations(void)
{
    static const char *const names[] = {"dangling", "link"};
    size_t m, d, n;
    if (!place.symlinks) {
        skip("no symbolic links here");
        return;
    }
    make_file("src", 5000, 16);
    make_text("target", "old");
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++)
            for (n = 0; n < COUNT(names); n++) {
                struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
                if (!possible(modes[m], durabilities[d]))
                    continue;
                CHECK(make_symlink(n == 0 ? "nowhere" : "target", names[n]));
                EQUAL(copy_file(&copy, "src", names[n]), -EEXIST);
                EQUAL(seen(names[n]).kind, KIND_LINK);
                copy.options.if_exists = REFLINK_REPLACE;
                EQUAL(copy_file(&copy, "src", names[n]), 0);
                EQUAL(seen(names[n]).kind, KIND_FILE);
                CHECK(holds(names[n], 5000, 16));
                CHECK(holds_text("target", "old"));
                remove_name(names[n]);
                only("src target");
            }
    /* One to the source is not the source. */
    if (place.publishes) {
        struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_ATOMIC);
        CHECK(make_symlink("src", "soft"));
        EQUAL(copy_file(&copy, "src", "soft"), 0);
        EQUAL(seen("soft").kind, KIND_FILE);
        CHECK(holds("src", 5000, 16));
    }
}

static void links_as_sources(void)
{
    static const struct {
        const char *src;
        uint64_t flags;
        int code;
    } all[] = {{"link", 0, 0},           {"link", REFLINK_NOFOLLOW, -ELOOP},
               {"dangling", 0, -ENOENT}, {"dangling", REFLINK_NOFOLLOW, -ELOOP},
               {"loop", 0, -ELOOP},      {"src", REFLINK_NOFOLLOW, 0}};
    size_t i;
    if (!place.symlinks) {
        skip("no symbolic links here");
        return;
    }
    make_file("src", 5000, 32);
    CHECK(make_symlink("src", "link") && make_symlink("nowhere", "dangling") &&
          make_symlink("loop", "loop"));
    for (i = 0; i < COUNT(all); i++) {
        struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
        copy.options.flags = all[i].flags;
        EQUAL(copy_file(&copy, all[i].src, "dst"), all[i].code);
        if (all[i].code == 0)
            CHECK(holds("dst", 5000, 32));
        remove_name("dst");
    }
    only("src link dangling loop");
}

/* ---- FIFOs, sockets and devices ---- */

static bool make_socket(const char *name)
{
    struct sockaddr_un address;
    int made = socket(AF_UNIX, SOCK_STREAM, 0);
    bool bound;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, name);
    bound = bind(made, (const struct sockaddr *)&address, sizeof address) == 0;
    close_handle(made);
    return bound;
}

static void refuse_as_source(const char *name)
{
    size_t m, d;
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            EQUAL(copy_file(&copy, name, "dst"), REFLINK_ERR_NOT_REGULAR);
            EQUAL(copy.result.step, REFLINK_STEP_OPEN_SOURCE);
            CHECK(!exists("dst"));
        }
}

static void refuse_as_destination(const char *name)
{
    size_t m, d;
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            if (!possible(modes[m], durabilities[d]))
                continue;
            EQUAL(copy_file(&copy, "src", name), -EEXIST);
            copy.options.if_exists = REFLINK_REPLACE;
            EQUAL(copy_file(&copy, "src", name), REFLINK_ERR_NOT_REGULAR);
            EQUAL(copy.result.step, REFLINK_STEP_CHECK);
            EQUAL(seen(name).kind, KIND_OTHER);
        }
}

static void no_regular_files(void)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/tty"};
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    bool fifo = mkfifo("fifo", 0600) == 0, bound = make_socket("socket");
    size_t i;
    make_text("src", "text");
    for (i = 0; i < COUNT(devices); i++) {
        if (!exists(devices[i]))
            continue; /* guests have no terminal */
        refuse_as_source(devices[i]);
        EQUAL(reflink_probe(devices[i], ".", &found), REFLINK_ERR_NOT_REGULAR);
    }
    if (fifo) {
        refuse_as_source("fifo");
        refuse_as_destination("fifo");
        EQUAL(reflink_probe("fifo", ".", &found), REFLINK_ERR_NOT_REGULAR);
        EQUAL(reflink_probe(NULL, "fifo", &found), -ENOTDIR);
    }
    if (bound) {
        refuse_as_source("socket");
        refuse_as_destination("socket");
    }
    if (!fifo || !bound)
        skip("FIFOs or sockets cannot be made here: the rest was tried");
    only(fifo && bound ? "src fifo socket" : fifo ? "src fifo" : bound ? "src socket" : "src");
}

/* ---- Names ---- */

/* Whether the file system takes a name and lists it as it was given. UDF lists question marks, and
 * finds what it made by these alone. */
static bool takes(const char *name)
{
    char path[PATH_ROOM];
    bool kept;
    fresh_directory("try");
    kept = make_directory(join(path, "try", name)) && count_names("try", name, NULL) == 1;
    fresh_directory("try");
    return remove_name("try") && kept;
}

static void names_of_any_bytes(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    char longest[256];
    const char *names[] = {"\xff\xfe not UTF-8", "new\nline", " ", "-f", "...", "\x01", longest};
    size_t i;
    memset(longest, 'x', 255);
    longest[255] = 0;
    make_file("src", 5000, 33);
    for (i = 0; i < COUNT(names); i++) {
        if (!takes(names[i])) {
            skip("this file system does not take all of the names");
            continue;
        }
        EQUAL(copy_file(&copy, "src", names[i]), 0);
        CHECK(holds(names[i], 5000, 33));
        EQUAL(copy_file(&copy, names[i], "back"), 0);
        remove_name(names[i]);
        remove_name("back");
    }
    only("src");
}

static void names_that_are_too_long(void)
{
    char leaf[601], path[2 * 4096 + 2] = "";
    struct stat found;
    size_t i, m, d;
    int missing;
    memset(leaf, 'x', 600); /* bcachefs takes names of 512 bytes */
    leaf[600] = 0;
    for (i = 0; i < 4096; i++)
        memcpy(path + 2 * i, "./", 3);
    strcat(path, "x");
    make_text("src", "text");
    missing = stat(leaf, &found) ? -errno : 0; /* vfat looks for it, and says ENOENT */
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            EQUAL(copy_file(&copy, leaf, "dst"), missing);
            EQUAL(copy_file(&copy, path, "dst"), -ENAMETOOLONG);
            if (!possible(modes[m], REFLINK_UNSTAGED))
                continue;
            EQUAL(copy_file(&copy, "src", leaf), -ENAMETOOLONG);
            EQUAL(copy_file(&copy, "src", path), -ENAMETOOLONG);
            EQUAL(copy_file(&copy, "src", "/"), -EISDIR);
            EQUAL(copy_file(&copy, "src", "src/dst"), -ENOTDIR);
            EQUAL(copy_file(&copy, "src/", "dst"), -ENOTDIR);
            EQUAL(copy_file(&copy, "src/x", "dst"), -ENOTDIR);
        }
    only("src");
}

/* Made anew, and not opened. */
static void special_files_in_trees(void)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    struct seen found;
    CHECK(make_directory("tree"));
    if (mkfifo("tree/fifo", 0600)) {
        fact_number("tree_fifos", 0);
        skip("no FIFO can be made here");
        return;
    }
    options.flags = REFLINK_BEST_EFFORT_METADATA;
    EQUAL(reflink_copy_tree("tree", "copy", &options, &result), 0);
    EQUAL(result.specials, 1);
    CHECK(look_at("copy/fifo", &found) && found.kind == KIND_OTHER);
    fact_number("tree_fifos", result.specials);
    only("tree copy");
}

const struct test system_tests[] = {
    {"special_files_in_trees", special_files_in_trees},
    {"permissions", permissions},
    {"permissions_under_the_umask", permissions_under_the_umask},
    {"permissions_from_elsewhere", permissions_from_elsewhere},
    {"links_as_destinations", links_as_destinations},
    {"links_as_sources", links_as_sources},
    {"no_regular_files", no_regular_files},
    {"names_of_any_bytes", names_of_any_bytes},
    {"names_that_are_too_long", names_that_are_too_long},
    {NULL, NULL},
};
#endif
