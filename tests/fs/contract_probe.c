/* The probe: its answers agree with each other, with the kernel's own, and with what copies then
 * do; it leaves nothing. Each answer becomes a fact of the table. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "contract.h"

static const char *const nothing[] = {NULL};

static void tell_facts(const struct reflink_capability *found)
{
    fact("fs_name", found->fs_name);
    fact_number("clone", found->clone);
    fact("clone_error", found->error ? reflink_err_name(found->error) : "-");
    fact_number("range", found->range);
    fact_number("granularity", (int64_t)found->granularity);
    fact_number("kernel_copy", found->kernel_copy);
    fact_number("dedupe", found->dedupe);
    fact_number("unnamed", found->unnamed_files);
    fact_number("sparse", found->sparse);
}

static bool unnamed_files_work(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Whether a hole is told from data here, asked of the kernel. */
static bool holes_are_found(const char *dir)
{
    static const uint64_t at[] = {4 << 20};
    char path[PATH_ROOM];
    make_sparse(join(path, dir, "sparse"), (4 << 20) + 1, at, 1, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool found = fd >= 0 && lseek(fd, 0, SEEK_DATA) > 0;
    close(fd);
    unlink(path);
    return found;
}

static void check_consistency(const struct reflink_capability *found)
{
    bool yes = found->clone == 1;
    check(found->clone != -1, "clone is known", "unknown: %s", reflink_err_name(found->error));
    check(yes == (found->reason == REFLINK_REASON_NONE && found->error == 0), "reason and error",
          "clone %d, reason %u, %s", found->clone, found->reason, reflink_err_name(found->error));
    check(!found->range == !found->granularity, "granularity", "range %u, granularity %llu",
          found->range, (unsigned long long)found->granularity);
    check(found->granularity == 0 || (found->granularity & (found->granularity - 1)) == 0,
          "a power of two", "%llu", (unsigned long long)found->granularity);
    check(memchr(found->fs_name, 0, sizeof found->fs_name) && found->fs_name[0], "a name", "none");
}

static void check_nothing_left(const struct place *place, const char *name)
{
    char why[128] = "";
    check(holds_names(place->dir, nothing, why), name, "%s", why);
}

/* The same question, asked with a file and with descriptors. */
static void check_other_ways(const struct place *place)
{
    char src[PATH_ROOM], why[128] = "";
    struct reflink_capability by_file = REFLINK_CAPABILITY_INIT, by_fd = REFLINK_CAPABILITY_INIT;
    make_file(join(src, place->dir, "src"), 2500000, 11);
    int code = reflink_probe(src, place->dir, &by_file);
    check(code == 0 && by_file.clone == place->capability.clone, "from a file", "%s, clone %d",
          reflink_err_name(code), by_file.clone);
    int dir = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        file = open(src, O_RDONLY | O_CLOEXEC);
    if (dir < 0 || file < 0)
        die("open", src);
    code = reflink_probe_fd(file, dir, &by_fd);
    check(code == 0 && by_fd.clone == place->capability.clone, "by descriptors", "%s, clone %d",
          reflink_err_name(code), by_fd.clone);
    check(lseek(file, 0, SEEK_CUR) == 0, "the offset stays", "moved");
    close(file);
    close(dir);
    static const char *const only_src[] = {"src", NULL};
    check(holds_names(place->dir, only_src, why), "nothing else is left", "%s", why);
    unlink(src);
}

static void check_pair(const struct place *place)
{
    struct reflink_capability pair = REFLINK_CAPABILITY_INIT;
    int code = reflink_probe(place->other, place->dir, &pair);
    check(code == 0 && pair.clone == 0, "another mount", "%s, clone %d", reflink_err_name(code),
          pair.clone);
    check_nothing_left(place, "nothing left by the pair");
}

void check_probe(struct place *place)
{
    struct reflink_capability *found = &place->capability;
    section("probe");
    *found = (struct reflink_capability)REFLINK_CAPABILITY_INIT;
    int code = reflink_probe(NULL, place->dir, found);
    if (!check(code == 0, "answers", "%s", reflink_err_name(code)))
        return;
    check_nothing_left(place, "leaves nothing");
    tell_facts(found);
    check_consistency(found);
    check(found->unnamed_files == unnamed_files_work(place->dir),
          "unnamed files, as O_TMPFILE says", "it says %u", found->unnamed_files);
    check(found->sparse == holes_are_found(place->dir), "holes, as SEEK_DATA says", "it says %u",
          found->sparse);
    check_other_ways(place);
    check_pair(place);
}
