/* Permission bits and times: what the file system can hold comes over whatever the umask, and what
 * it cannot is said. The copy is never open to more than the result, not while it is made either.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "contract.h"

static const mode_t tried[] = {0644, 0640, 0600, 0444, 0755};

static uint32_t new_file(const struct place *place)
{
    return place->publishes ? REFLINK_ATOMIC : REFLINK_DIRECT;
}

static unsigned bits(const char *path)
{
    return stat_of(path).st_mode & 07777;
}

/* Within the file system the source has only bits that can be held. */
static void within(const struct place *place, mode_t mask, uint32_t durability)
{
    char src[PATH_ROOM], dst[PATH_ROOM], name[64];
    join(src, place->dir, "src");
    join(dst, place->dir, "dst");
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        fresh_directory(place->dir);
        make_file(src, 5000, 20);
        if (chmod(src, tried[i]) && place->modes == MODES_HELD)
            die("chmod", src);
        unsigned wanted = bits(src) & 0777;
        struct watch watch = {
            .place = place, .dst = dst, .allowed = wanted, .direct = durability == REFLINK_DIRECT};
        struct copy copy = {.mode = REFLINK_NEVER, .durability = durability, .watch = &watch};
        umask(mask);
        run_copy(&copy, src, dst);
        umask(022);
        const char *wrong = flaw(&copy, src, dst);
        snprintf(name, sizeof name, "%03o under umask %03o%s", tried[i], (unsigned)mask,
                 durability == REFLINK_DIRECT ? ", direct" : "");
        check(!wrong && bits(dst) == wanted, name, "%s, %03o instead of %03o",
              wrong ? wrong : "complete", wrong ? 0 : bits(dst), wanted);
        chmod(src, 0644);
        chmod(dst, 0644);
    }
}

/* From elsewhere come bits that this file system may not hold: it holds them, or the caller is
 * told. */
static void from_elsewhere(const struct place *place, uint64_t flags)
{
    char src[PATH_ROOM], dst[PATH_ROOM], name[64], why[128] = "";
    static const char *const nothing[] = {NULL};
    join(dst, place->dir, "dst");
    make_file(join(src, place->other, "src"), 5000, 21);
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        fresh_directory(place->dir);
        chmod(src, tried[i]);
        struct copy copy = {.durability = new_file(place), .flags = flags};
        run_copy(&copy, src, dst);
        bool told = copy.result.flags & REFLINK_METADATA_INCOMPLETE;
        snprintf(name, sizeof name, "%03o from elsewhere%s", tried[i],
                 flags ? ", best effort" : "");
        if (copy.code) {
            bool designed =
                !flags && place->modes != MODES_HELD && copy.result.step == REFLINK_STEP_METADATA;
            check(designed && holds_names(place->dir, nothing, why), name, "%s at step %u %s",
                  reflink_err_name(copy.code), copy.result.step, why);
            continue;
        }
        const char *wrong = flaw(&copy, src, dst);
        check(!wrong && (bits(dst) == tried[i] || (flags && told)), name,
              "%s, but it has %03o and nothing is said", wrong ? wrong : "complete", bits(dst));
        chmod(dst, 0644);
    }
    unlink(src);
}

static bool same_change(const char *path, const struct stat *wanted)
{
    struct stat found = stat_of(path);
    return found.st_mtim.tv_sec == wanted->st_mtim.tv_sec &&
           found.st_mtim.tv_nsec == wanted->st_mtim.tv_nsec;
}

/* Times to the file system's own precision, which the source on the same file system has too. SMB
 * clients show the time of the last close for a second or two, and then the time that was set. */
static void times(const struct place *place)
{
    char src[PATH_ROOM], dst[PATH_ROOM];
    const struct timespec old[2] = {{.tv_sec = 1000000000, .tv_nsec = 123456789},
                                    {.tv_sec = 1100000000, .tv_nsec = 987654321}};
    fresh_directory(place->dir);
    make_file(join(src, place->dir, "src"), 5000, 22);
    if (utimensat(AT_FDCWD, src, old, 0))
        die("utimensat", src);
    struct stat wanted = stat_of(src);
    struct copy copy = {
        .mode = REFLINK_NEVER, .durability = new_file(place), .preserve = REFLINK_PRESERVE_TIMES};
    run_copy(&copy, src, join(dst, place->dir, "dst"));
    const char *wrong = flaw(&copy, src, dst);
    bool same = !wrong && same_change(dst, &wanted);
    for (int tries = 0; !wrong && !same && tries < 5; tries++) {
        sleep(1);
        same = same_change(dst, &wanted);
    }
    check(same, "the time of the last change", "%s, not the source's", wrong ? wrong : "complete");
}

void check_permissions(struct place *place)
{
    section("permissions");
    static const mode_t masks[] = {022, 077, 0};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        within(place, masks[i], new_file(place));
        within(place, masks[i], REFLINK_DIRECT);
    }
    from_elsewhere(place, 0);
    from_elsewhere(place, REFLINK_BEST_EFFORT_METADATA);
    times(place);
}
