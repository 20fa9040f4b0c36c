/* contract DIR OTHER [BACKING]: checks the library's promises on the file system of DIR; the exit
 * status counts failures. OTHER is on another mount; BACKING is DIR as the server of a network or
 * FUSE file system sees it. "contract verify DIR OTHER" compares again, after a remount, what the
 * first run left there; "contract clean DIR OTHER" removes it. */
#define _GNU_SOURCE
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { SECONDS = 120, MOST_FAILURES = 100 };

/* A hang becomes a failure. The runner knows how slow its machine is. */
static unsigned time_limit(void)
{
    const char *given = getenv("REFLINK_FS_LIMIT");
    long seconds = given ? strtol(given, NULL, 10) : 0;
    return seconds > 0 ? (unsigned)seconds : SECONDS;
}

/* What chmod does here, asked of the file system itself. */
static enum modes modes_of(const char *dir)
{
    static const mode_t tried[] = {0640, 0444, 0755, 0600};
    char path[PATH_ROOM];
    make_file(join(path, dir, "mode"), 1, 1);
    enum modes found = MODES_HELD;
    for (size_t i = 0; i < sizeof tried / sizeof *tried && found == MODES_HELD; i++) {
        if (chmod(path, tried[i]))
            found = MODES_REFUSED;
        else if ((stat_of(path).st_mode & 0777) != tried[i])
            found = MODES_IGNORED;
    }
    chmod(path, 0644);
    unlink(path);
    return found;
}

static bool links_work(const char *dir, int (*make)(const char *, const char *))
{
    char one[PATH_ROOM], two[PATH_ROOM];
    make_file(join(one, dir, "one"), 1, 1);
    bool works = make(one, join(two, dir, "two")) == 0;
    unlink(two);
    unlink(one);
    return works;
}

/* Whether the kernel's own RENAME_NOREPLACE works: it decides how a private name becomes the final
 * one. */
static bool renames_without_replacing(const char *dir)
{
    char one[PATH_ROOM], two[PATH_ROOM];
    make_file(join(one, dir, "one"), 1, 1);
    bool works = syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, join(two, dir, "two"),
                         1 /* RENAME_NOREPLACE */) == 0;
    unlink(works ? two : one);
    return works;
}

/* A first copy, watched: does it get a name at all, and by which way? */
static void learn_publishing(struct place *place)
{
    char src[PATH_ROOM], dst[PATH_ROOM];
    make_file(join(src, place->dir, "src"), 5000, 3);
    struct watch watch = {.place = place, .dst = join(dst, place->dir, "dst"), .allowed = 0777};
    struct copy copy = {.mode = REFLINK_AUTO, .watch = &watch};
    run_copy(&copy, src, dst);
    place->publishes = copy.code == 0;
    if (copy.code)
        fact("publish", copy.result.step == REFLINK_STEP_PUBLISH ? "none" : "failed");
    else if (!watch.private_name)
        fact("publish", "unnamed,linked");
    else
        fact("publish", renames_without_replacing(place->dir) ? "renamed" : "linked,unlinked");
    bool designed = copy.code == -EPERM || copy.code == -EOPNOTSUPP || copy.code == -EINVAL;
    check(place->publishes || (copy.result.step == REFLINK_STEP_PUBLISH && designed),
          "the first copy", "%s at step %u", reflink_err_name(copy.code), copy.result.step);
    fresh_directory(place->dir);
}

static void learn(struct place *place)
{
    static const char *const words[] = {"held", "refused", "ignored"};
    section("place");
    place->modes = modes_of(place->dir);
    place->hard_links = links_work(place->dir, link);
    place->symlinks = links_work(place->dir, symlink);
    fact("permissions", words[place->modes]);
    fact("hard_links", place->hard_links ? "1" : "0");
    learn_publishing(place);
}

/* What must still be there after the file system was unmounted and mounted again. */
static const char *const kept[] = {"auto", "never", "sparse", NULL};

static void keep(const struct place *place)
{
    static const uint64_t at[] = {1 << 20, 5 << 20};
    char src[PATH_ROOM], dst[PATH_ROOM], name[64];
    section("kept");
    for (size_t i = 0; kept[i]; i++) {
        snprintf(name, sizeof name, "%s.src", kept[i]);
        join(src, place->dir, name);
        if (strcmp(kept[i], "sparse") == 0)
            make_sparse(src, 8 << 20, at, 2, 100000);
        else
            make_file(src, 3000000 + i, 70 + i);
        struct copy copy = {.mode = i == 0 ? REFLINK_AUTO : REFLINK_NEVER,
                            .durability = place->publishes ? REFLINK_DURABLE : REFLINK_DIRECT};
        run_copy(&copy, src, join(dst, place->dir, kept[i]));
        const char *wrong = flaw(&copy, src, dst);
        check(!wrong, kept[i], "%s", wrong ? wrong : "");
    }
}

static void verify(const struct place *place)
{
    char src[PATH_ROOM], dst[PATH_ROOM], name[64], why[128] = "";
    section("after a remount");
    for (size_t i = 0; kept[i]; i++) {
        snprintf(name, sizeof name, "%s.src", kept[i]);
        join(src, place->dir, name);
        check(same_bytes(src, join(dst, place->dir, kept[i]), why), kept[i], "%s", why);
    }
}

static char *working_directory(const char *parent)
{
    char *path = malloc(PATH_ROOM);
    if (!path)
        die("malloc", parent);
    return join(path, parent, "contract");
}

static void run(struct place *place)
{
    fresh_directory(place->dir);
    fresh_directory(place->other);
    check_probe(place);
    learn(place);
    check_files(place);
    check_permissions(place);
    check_descriptors(place);
    fresh_directory(place->dir);
    fresh_directory(place->other);
    keep(place);
}

int main(int count, char **words)
{
    const char *verb = count > 1 ? words[1] : "";
    bool again = strcmp(verb, "verify") == 0, clean = strcmp(verb, "clean") == 0;
    char **arguments = words + (again || clean ? 2 : 1);
    int given = count - (again || clean ? 2 : 1);
    if (given < 2) {
        fprintf(stderr, "usage: contract [verify|clean] DIR OTHER [BACKING]\n");
        return 102;
    }
    alarm(time_limit());
    umask(022);
    struct place place = {.dir = working_directory(arguments[0]),
                          .other = working_directory(arguments[1])};
    if (given > 2)
        place.backing = working_directory(arguments[2]);
    if (again) {
        verify(&place);
    } else if (clean) {
        fresh_directory(place.dir);
        fresh_directory(place.other);
        rmdir(place.dir);
        rmdir(place.other);
    } else {
        run(&place);
    }
    return failures() < MOST_FAILURES ? failures() : MOST_FAILURES;
}
