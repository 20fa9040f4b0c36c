/* Copies that are judged as they are made: the call, a look on while it runs, and what came out. */
#include "contract.h"

const uint32_t modes[EACH] = {REFLINK_AUTO, REFLINK_ALWAYS, REFLINK_NEVER};
const char *const mode_names[EACH] = {"auto", "always", "never"};
const uint32_t durabilities[EACH] = {REFLINK_ATOMIC, REFLINK_DURABLE, REFLINK_UNSTAGED};
const char *const durability_names[EACH] = {"atomic", "durable", "unstaged"};

bool clones(void)
{
    return place.capability.clone == 1;
}

bool on_smb(void)
{
    return strcmp(place.capability.fs_name, "smb") == 0;
}

void settle(void)
{
    if (on_smb())
        wait_milliseconds(2500);
}

uint32_t new_file(void)
{
    return place.publishes ? REFLINK_ATOMIC : REFLINK_UNSTAGED;
}

bool possible(uint32_t mode, uint32_t durability)
{
    return (mode != REFLINK_ALWAYS || clones()) &&
           (durability == REFLINK_UNSTAGED || place.publishes);
}

const char *elsewhere(const char *name)
{
    static char path[PATH_ROOM];
    if (!place.other) {
        skip("no directory on another volume was given");
        return NULL;
    }
    return join(path, place.other, name);
}

struct copy copy_like(uint32_t mode, uint32_t if_exists, uint32_t durability)
{
    struct reflink_options plain = REFLINK_OPTIONS_INIT;
    struct copy copy;
    memset(&copy, 0, sizeof copy);
    copy.options = plain;
    copy.options.mode = mode;
    copy.options.if_exists = if_exists;
    copy.options.durability = durability;
    return copy;
}

uint64_t total(const struct copy *copy)
{
    return copy->result.bytes_cloned + copy->result.bytes_copied + copy->result.bytes_hole;
}

static void prepare(struct copy *copy)
{
    memset(&copy->result, 0xa5, sizeof copy->result);
    copy->result.size = sizeof copy->result;
    mark_errors();
}

static void judge_side(const struct reflink_result *result)
{
    uint32_t side = result->flags & (REFLINK_AT_SOURCE | REFLINK_AT_DESTINATION);
    switch (result->step) {
    case REFLINK_STEP_NONE:
    case REFLINK_STEP_PROGRESS:
        EQUAL(side, 0);
        break;
    case REFLINK_STEP_OPEN_SOURCE:
        EQUAL(side, REFLINK_AT_SOURCE);
        break;
    case REFLINK_STEP_CREATE:
    case REFLINK_STEP_SYNC:
    case REFLINK_STEP_PUBLISH:
    case REFLINK_STEP_CLOSE:
        EQUAL(side, REFLINK_AT_DESTINATION);
        break;
    default:
        CHECK(side != (REFLINK_AT_SOURCE | REFLINK_AT_DESTINATION));
    }
}

static void judge_flags(const struct copy *copy, bool by_name)
{
    bool published = copy->result.flags & REFLINK_PUBLISHED;
    bool changed = copy->result.flags & REFLINK_DESTINATION_CHANGED;
    bool in_place = !by_name || copy->options.if_exists == REFLINK_OVERWRITE;
    CHECK((in_place || !changed) && (by_name || !published));
    CHECK(!(copy->result.flags & REFLINK_LITTER) && !copy->result.litter[0]);
    if (copy->code == 0)
        CHECK(published == by_name && !changed);
    else
        CHECK(by_name || total(copy) == 0 || changed);
}

/* What must hold of every result. */
static int judge(struct copy *copy, int code, bool by_name)
{
    const struct reflink_result *result = &copy->result;
    bool untouched = errors_are_marked();
    copy->code = code;
    check(untouched, "errno stays", "it was changed by a call that returned %s",
          reflink_err_name(code));
    EQUAL(result->size, sizeof *result);
    judge_flags(copy, by_name);
    judge_side(result);
    CHECK(result->clone_error <= 0 && result->os_error >= 0);
    if (code == 0) {
        EQUAL(result->step, REFLINK_STEP_NONE);
        EQUAL(result->os_error, 0);
        if (result->method == REFLINK_METHOD_CLONE)
            EQUAL(result->bytes_copied + result->bytes_hole, 0);
        if (result->method == REFLINK_METHOD_COPY)
            EQUAL(result->bytes_cloned, 0);
        if (result->method == REFLINK_METHOD_MIXED)
            CHECK(result->bytes_cloned > 0 && ((copy->options.flags & REFLINK_SHARE_ONLY) ||
                                               result->bytes_copied + result->bytes_hole > 0));
    } else {
        CHECK(code < 0 && result->step != REFLINK_STEP_NONE);
        /* Nothing was asked of the system then. */
        CHECK(result->step != REFLINK_STEP_ARGUMENTS || result->os_error == 0);
        check(result->os_error == 0 || is_os_error(result->os_error, code), "os_error",
              "%" PRId32 " behind %s", result->os_error, reflink_err_name(code));
    }
    return code;
}

int copy_file(struct copy *copy, const char *src, const char *dst)
{
    struct seen before = {0}, after = {0};
    bool known = src && look_at(src, &before);
    int code;
    prepare(copy);
    code = judge(copy, reflink_copy_file(src, dst, &copy->options, &copy->result), true);
    copy->times_moved = known && look_at(src, &after) &&
                        (before.written != after.written || before.changed != after.changed);
    return code;
}

int copy_at(struct copy *copy, handle src_dir, const char *src, handle dst_dir, const char *dst)
{
    prepare(copy);
    return judge(copy,
                 reflink_copy_file_at(src_dir, src, dst_dir, dst, &copy->options, &copy->result),
                 true);
}

int copy_whole(struct copy *copy, handle src, handle dst)
{
    prepare(copy);
    return judge(copy, reflink_copy_fd(src, dst, &copy->options, &copy->result), false);
}

int copy_range(struct copy *copy, handle src, uint64_t src_offset, handle dst, uint64_t dst_offset,
               uint64_t length)
{
    prepare(copy);
    return judge(
        copy,
        reflink_copy_range(src, src_offset, dst, dst_offset, length, &copy->options, &copy->result),
        false);
}

/* ---- Looking on ---- */

/* Never open to more people than the result will be. */
static void look_at_mode(const struct watch *watch, unsigned mode)
{
    check(place.modes != MODES_HELD || (mode & 077 & ~watch->allowed) == 0,
          "while it is made it is not open to others", "%o", mode);
}

static int watching(void *user, const struct reflink_progress *progress)
{
    struct watch *watch = user;
    struct seen now;
    char name[PATH_ROOM];
    EQUAL(progress->size, sizeof *progress);
    if (watch->calls++ == 0)
        watch->first = progress->bytes_done;
    else
        CHECK(progress->bytes_done > watch->done);
    CHECK(progress->bytes_done <= progress->bytes_total);
    watch->done = progress->bytes_done;
    watch->total = progress->bytes_total;
    if (count_names(".", ".reflink-", name) > 0) {
        watch->private_name = true;
        look_at_mode(watch, seen(name).mode);
    }
    look_at_mode(watch, unnamed_modes());
    if (look_at(watch->dst, &now)) {
        if (watch->unstaged)
            look_at_mode(watch, now.mode);
        else if (watch->replaces)
            check(same_file(&now, &watch->old) && now.size == watch->old.size,
                  "the old file stays to the end", "it was touched");
        else
            check(false, "the name is given at the end", "it was there before");
    } else {
        check(!watch->replaces, "the old file stays to the end", "it is gone");
    }
    return watch->cancel_at && watch->calls >= watch->cancel_at;
}

void watch_copy(struct copy *copy, struct watch *watch)
{
    copy->options.progress = watching;
    copy->options.user = watch;
}

/* ---- Judging ---- */

bool may_seem_changed(const struct copy *copy)
{
    if (copy->times_moved)
        return true;
    if (on_smb() && (copy->result.flags & REFLINK_SOURCE_CHANGED))
        accepted("the SMB client shows guessed times until it has closed what was written");
    return on_smb();
}

bool check_copied(const struct copy *copy, const char *src, const char *dst, const char *what)
{
    const struct reflink_result *result = &copy->result;
    char why[WHY] = "";
    uint64_t size = 0;
    if (!check(copy->code == 0, what, "%s at step %u", reflink_err_name(copy->code), result->step))
        return false;
    size = size_of(dst);
    check(!(result->flags & REFLINK_SOURCE_CHANGED) || may_seem_changed(copy),
          "the source did not change", "%s: it is said to have changed", what);
    check(size == 0 ||
              (result->method == REFLINK_METHOD_CLONE) == (result->reason == REFLINK_REASON_NONE),
          "the reason belongs to the method", "%s: method %u with reason %u", what, result->method,
          result->reason);
    CHECK(result->method != REFLINK_METHOD_CLONE || result->clone_error == 0);
    check(total(copy) == size, "the bytes add up",
          "%s: cloned %" PRIu64 " + copied %" PRIu64 " + holes %" PRIu64 " of %" PRIu64, what,
          result->bytes_cloned, result->bytes_copied, result->bytes_hole, size);
    return check(same_bytes(src, dst, why), what, "%s", why);
}

void good_copy(struct copy *copy, const char *what)
{
    const struct reflink_result *result = &copy->result;
    bool expected = clones() && copy->options.mode != REFLINK_NEVER;
    enum sharing told;
    copy_file(copy, "src", "dst");
    if (check_copied(copy, "src", "dst", what) && size_of("src") > 0) {
        check((result->method == REFLINK_METHOD_CLONE) == expected, "the method the probe promised",
              "%s: method %u, reason %u, %s", what, result->method, result->reason,
              reflink_err_name(result->clone_error));
        told =
            place.backing ? sharing_behind(0, UINT64_MAX >> 1) : sharing_here(0, UINT64_MAX >> 1);
        if (expected)
            check(told == SHARED_ALL || told == SHARED_UNKNOWN, "a clone shares its blocks",
                  "%s: %s", what, sharing_name(told));
    }
    only("src dst");
}

void refused_copy(struct copy *copy, int code, uint32_t step, const char *what)
{
    bool there = exists("dst");
    struct seen before = {0}, after = {0};
    look_at("dst", &before);
    copy_file(copy, "src", "dst");
    check(copy->code == code && copy->result.step == step, what, "%s at step %u, not %s at step %u",
          reflink_err_name(copy->code), copy->result.step, reflink_err_name(code), step);
    if (look_at("dst", &after))
        CHECK(same_file(&before, &after) && before.size == after.size);
    only(there ? "src dst" : "src");
}

enum sharing sharing_here(uint64_t offset, uint64_t length)
{
    return sharing("dst", offset, length);
}

enum sharing sharing_behind(uint64_t offset, uint64_t length)
{
    char path[PATH_ROOM];
    return place.backing ? sharing(join(path, place.backing, "dst"), offset, length)
                         : SHARED_UNKNOWN;
}

const char *sharing_name(enum sharing value)
{
    static const char *const names[] = {"all", "none", "some", "unknown"};
    return names[value];
}

void check_alone(const char *name)
{
    char path[PATH_ROOM];
    enum sharing here = sharing(name, 0, UINT64_MAX >> 1), there = SHARED_UNKNOWN;
    if (place.backing)
        there = sharing(join(path, place.backing, name), 0, UINT64_MAX >> 1);
    check((here == SHARED_NONE || here == SHARED_UNKNOWN) &&
              (there == SHARED_NONE || there == SHARED_UNKNOWN),
          "nothing is shared", "%s: here %s, behind %s", name, sharing_name(here),
          sharing_name(there));
}
