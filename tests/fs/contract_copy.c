/* One watched copy: makes the call, looks on while it runs, and judges what came out.
 * Used by every check that copies from name to name. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

/* Never open to more people than the result will be. */
static void look_at_mode(struct watch *watch, unsigned mode)
{
    if (watch->place->modes == MODES_HELD && (mode & 077 & ~watch->allowed))
        snprintf(watch->problem, sizeof watch->problem, "while it is made it is open to others: %o",
                 mode & 0777);
}

/* The file being made may have no name: then it is one of this program's descriptors. */
static void look_at_descriptors(struct watch *watch)
{
    enum { MOST = 64 };
    struct stat dir = stat_of(watch->place->dir), found;
    for (int fd = 3; fd < MOST; fd++)
        if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink == 0 &&
            found.st_dev == dir.st_dev)
            look_at_mode(watch, found.st_mode);
}

int watching(void *user, const struct reflink_progress *progress)
{
    struct watch *watch = user;
    char name[256], path[PATH_ROOM];
    watch->calls++;
    if (progress->bytes_done > progress->bytes_total)
        snprintf(watch->problem, sizeof watch->problem, "progress: more done than there is");
    if (count_names(watch->place->dir, ".reflink-", name) > 0) {
        watch->private_name = true;
        look_at_mode(watch, stat_of(join(path, watch->place->dir, name)).st_mode);
    }
    look_at_descriptors(watch);
    if (watch->direct && exists(watch->dst))
        look_at_mode(watch, stat_of(watch->dst).st_mode);
    if (watch->replaces) {
        struct stat now = stat_of(watch->dst);
        if (now.st_ino != watch->old.st_ino || now.st_size != watch->old.st_size)
            snprintf(watch->problem, sizeof watch->problem,
                     "the old file was touched before the end");
    } else if (!watch->direct && exists(watch->dst)) {
        snprintf(watch->problem, sizeof watch->problem, "the name was there before the end");
    }
    return watch->cancel_at && watch->calls >= watch->cancel_at;
}

static bool same_time(struct timespec one, struct timespec other)
{
    return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

static bool times_moved(const struct stat *before, const char *src)
{
    struct stat now;
    return lstat(src, &now) == 0 &&
           !(same_time(before->st_mtim, now.st_mtim) && same_time(before->st_ctim, now.st_ctim));
}

void run_copy(struct copy *copy, const char *src, const char *dst)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    options.mode = copy->mode;
    options.if_exists = copy->if_exists;
    options.durability = copy->durability;
    options.preserve = copy->preserve;
    options.flags = copy->flags;
    if (copy->watch) {
        options.progress = watching;
        options.progress_user = copy->watch;
    }
    copy->result = (struct reflink_result)REFLINK_RESULT_INIT;
    struct stat before;
    bool known = lstat(src, &before) == 0;
    errno = 4242;
    copy->code = reflink_copy_file(src, dst, &options, &copy->result);
    if (errno != 4242)
        copy->code = REFLINK_ERR_PANIC; /* promised to be left as it was */
    copy->times_moved = known && times_moved(&before, src);
}

static bool adds_up(const struct reflink_result *result, uint64_t size)
{
    return result->bytes_cloned + result->bytes_copied + result->bytes_hole == size;
}

const char *flaw(const struct copy *copy, const char *src, const char *dst)
{
    static char text[256];
    char why[128] = "";
    const struct reflink_result *result = &copy->result;
    if (copy->code) {
        snprintf(text, sizeof text, "%s at step %u", reflink_err_name(copy->code), result->step);
        return text;
    }
    if (copy->watch && copy->watch->problem[0])
        return copy->watch->problem;
    if (!same_bytes(src, dst, why)) {
        snprintf(text, sizeof text, "the content differs: %s", why);
        return text;
    }
    if (!adds_up(result, (uint64_t)stat_of(src).st_size)) {
        snprintf(text, sizeof text,
                 "cloned %" PRIu64 " + copied %" PRIu64 " + holes %" PRIu64 " is not the size",
                 result->bytes_cloned, result->bytes_copied, result->bytes_hole);
        return text;
    }
    if ((result->flags & REFLINK_SOURCE_CHANGED) && !copy->times_moved)
        return "the source is said to have changed, and did not";
    if ((result->method == REFLINK_METHOD_CLONE) != (result->reason == REFLINK_REASON_NONE) &&
        stat_of(src).st_size > 0) {
        snprintf(text, sizeof text, "method %u with reason %u", result->method, result->reason);
        return text;
    }
    return NULL;
}
