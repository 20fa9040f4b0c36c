/* The probe: its answers agree with each other, with the system's own, and with what copies then
 * do; it leaves nothing. Each answer becomes a fact of the tables. */
#include "contract.h"

static void tell_facts(const struct reflink_capability *found)
{
    fact("fs_name", found->fs_name);
    fact_number("clone", found->clone);
    fact("clone_error", found->clone_error ? reflink_err_name(found->clone_error) : "-");
    fact_number("range", found->clone_range);
    fact_number("granularity", (int64_t)found->granularity);
    fact_number("kernel_copy", found->kernel_copy);
    fact_number("dedupe", found->dedupe);
    fact_number("unnamed", found->unnamed_files);
    fact_number("sparse", found->sparse);
}

static bool system_finds_holes(void)
{
    static const uint64_t at[] = {4 * MIB};
    handle file;
    bool found;
    make_sparse("sparse", 4 * MIB + 1, at, 1, 1);
    file = open_file("sparse", USE_READ);
    found = holes_are_found(file);
    close_handle(file);
    remove_name("sparse");
    return found;
}

static void agrees_with_itself(void)
{
    const struct reflink_capability *found = &place.capability;
    bool yes = found->clone == 1;
    tell_facts(found);
    check(found->clone == 0 || yes, "clone is known", "unknown: %s",
          reflink_err_name(found->clone_error));
    check(yes == (found->reason == REFLINK_REASON_NONE && found->clone_error == 0),
          "reason and error", "clone %d, reason %u, %s", (int)found->clone, found->reason,
          reflink_err_name(found->clone_error));
    CHECK(!found->clone_range == !found->granularity);
    CHECK(yes || !found->clone_range);
    CHECK((found->granularity & (found->granularity - 1)) == 0);
    CHECK(memchr(found->fs_name, 0, sizeof found->fs_name) && found->fs_name[0]);
}

static void agrees_with_the_system(void)
{
    if (place.stand_in) {
        skip("the stand-in for other Unixes knows no calls of Linux's own");
        return;
    }
    EQUAL(place.capability.unnamed_files, unnamed_files_work());
    EQUAL(place.capability.sparse, system_finds_holes());
}

static bool same_answer(const struct reflink_capability *one,
                        const struct reflink_capability *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}

/* The same question, asked with files, directories and handles. */
static void every_way_to_ask(void)
{
    static const char *const sources[] = {"src", "tiny", "dir"};
    struct reflink_capability by_name = REFLINK_CAPABILITY_INIT, by_handle = by_name;
    handle dir, src;
    size_t i;
    make_file("src", 2500000, 11);
    make_text("tiny", "tiny");
    CHECK(make_directory("dir"));
    dir = open_directory("dir");
    EQUAL(reflink_probe(NULL, "dir", &by_name), 0);
    CHECK(same_answer(&by_name, &place.capability));
    EQUAL(reflink_probe_fd(no_handle, dir, &by_handle), 0);
    CHECK(same_answer(&by_handle, &place.capability));
    for (i = 0; i < COUNT(sources); i++) {
        EQUAL(reflink_probe(sources[i], "dir", &by_name), 0);
        check(by_name.clone == place.capability.clone, "clones of this source",
              "%s: %d, reason %u, %s", sources[i], by_name.clone, by_name.reason,
              reflink_err_name(by_name.clone_error));
        src = i == 2 ? open_directory(sources[i]) : open_file(sources[i], USE_READ);
        EQUAL(reflink_probe_fd(src, dir, &by_handle), 0);
        CHECK(same_answer(&by_handle, &by_name));
        CHECK(i == 2 || position_of(src) == 0);
        close_handle(src);
    }
    close_handle(dir);
    CHECK(holds("src", 2500000, 11));
    only("src tiny dir");
    enter("dir");
    only("");
    enter("..");
}

static void an_empty_file_proves_nothing(void)
{
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    make_text("src", "");
    EQUAL(reflink_probe("src", ".", &found), 0);
    /* A server of SMB may clone nothing but empty files. */
    if (clones() || (strcmp(place.capability.fs_name, "smb") == 0 && found.clone == -1)) {
        EQUAL(found.clone, -1);
        EQUAL(found.reason, REFLINK_REASON_FILE);
    } else {
        EQUAL(found.clone, 0);
        EQUAL(found.reason, place.capability.reason);
    }
}

static void from_another_volume(void)
{
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    const char *there = elsewhere(".");
    if (!there)
        return;
    EQUAL(reflink_probe(there, ".", &found), 0);
    EQUAL(found.clone, 0);
    only("");
}

/* A failure leaves the answer as it was. */
static void refused_questions(void)
{
    static const struct {
        const char *src, *dir;
        int code;
    } all[] = {{"src", NULL, -EINVAL},
               {NULL, "missing", -ENOENT},
               {"missing", ".", -ENOENT},
               {"", ".", -ENOENT},
               {NULL, "src", -ENOTDIR}};
    struct reflink_capability found = REFLINK_CAPABILITY_INIT, before;
    handle file;
    size_t i;
    make_text("src", "text");
    found.clone = 9;
    before = found;
    for (i = 0; i < COUNT(all); i++) {
        EQUAL(reflink_probe(all[i].src, all[i].dir, &found), all[i].code);
        CHECK(same_answer(&found, &before));
    }
    EQUAL(reflink_probe(NULL, ".", NULL), -EINVAL);
    file = open_file("src", USE_READ);
    EQUAL(reflink_probe_fd(no_handle, file, &found), -ENOTDIR);
    close_handle(file);
    EQUAL(reflink_probe_fd(no_handle, file, &found), -EBADF);
    EQUAL(reflink_probe_fd(no_handle, no_handle, &found), -EBADF);
    EQUAL(reflink_probe_fd(no_handle, no_handle, NULL), -EINVAL);
    CHECK(same_answer(&found, &before));
    only("src");
}

const struct test probe_tests[] = {
    {"probe_agrees_with_itself", agrees_with_itself},
    {"probe_agrees_with_the_system", agrees_with_the_system},
    {"probe_every_way_to_ask", every_way_to_ask},
    {"probe_an_empty_file_proves_nothing", an_empty_file_proves_nothing},
    {"probe_from_another_volume", from_another_volume},
    {"probe_refused_questions", refused_questions},
    {NULL, NULL},
};
