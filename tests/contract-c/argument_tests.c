/* What the functions say of their arguments and of themselves. Nothing is done before the arguments
 * are known to be right. */
#include "contract.h"

static void null_arguments(void)
{
    struct reflink_capability found = REFLINK_CAPABILITY_INIT;
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, new_file());
    make_text("src", "text");
    EQUAL(copy_file(&copy, NULL, "dst"), -EINVAL);
    EQUAL(copy.result.step, REFLINK_STEP_ARGUMENTS);
    EQUAL(copy_file(&copy, "src", NULL), -EINVAL);
    EQUAL(reflink_copy_file(NULL, NULL, NULL, NULL), -EINVAL);
    EQUAL(copy_at(&copy, current_directory, "src", current_directory, NULL), -EINVAL);
    EQUAL(reflink_copy_fd(no_handle, no_handle, NULL, NULL), -EBADF);
    EQUAL(reflink_copy_range(no_handle, 0, no_handle, 0, 0, NULL, NULL), -EBADF);
    EQUAL(reflink_probe(NULL, NULL, &found), -EINVAL);
    EQUAL(reflink_probe(NULL, NULL, NULL), -EINVAL);
    only("src");
    EQUAL(reflink_copy_file("src", "dst", place.publishes ? NULL : &copy.options, NULL), 0);
    CHECK(holds_text("dst", "text"));
}

/* As a program with a newer or an older header would pass it. */
static void sizes_of_options(void)
{
    struct {
        struct reflink_options known;
        uint8_t later[64];
    } options = {REFLINK_OPTIONS_INIT, {0}};
    const size_t size = sizeof options.known;
    const size_t first = offsetof(struct reflink_options, progress_user); /* less than ever was */
    const struct {
        size_t size;
        int code;
    } all[] = {{0, -EINVAL},  {1, -EINVAL},   {first, -EINVAL},  {size, 0},
               {size + 1, 0}, {size + 64, 0}, {SIZE_MAX, -E2BIG}};
    size_t i;
    make_text("src", "text");
    options.known.durability = new_file();
    for (i = 0; i < COUNT(all); i++) {
        options.known.size = all[i].size;
        EQUAL(reflink_copy_file("src", "dst", &options.known, NULL), all[i].code);
        EQUAL(exists("dst"), all[i].code == 0);
        remove_name("dst");
    }
    options.later[63] = 1;
    options.known.size = size + 64;
    EQUAL(reflink_copy_file("src", "dst", &options.known, NULL), -E2BIG);
    options.known.size--; /* beyond its size nothing is read */
    EQUAL(reflink_copy_file("src", "dst", &options.known, NULL), 0);
}

static void sizes_of_results(void)
{
    struct {
        struct reflink_result known;
        uint8_t later[64];
    } result, before;
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    const size_t size = sizeof result.known;
    const size_t first = offsetof(struct reflink_result, bytes_hole);
    const struct {
        size_t size;
        int code;
    } all[] = {{0, -EINVAL},  {first, -EINVAL}, {size, 0},
               {size + 1, 0}, {size + 64, 0},   {SIZE_MAX, -E2BIG}};
    size_t i;
    make_text("src", "text");
    options.durability = new_file();
    for (i = 0; i < COUNT(all); i++) {
        memset(&result, 0, sizeof result);
        result.known.size = all[i].size;
        before = result;
        EQUAL(reflink_copy_file("src", "dst", &options, &result.known), all[i].code);
        EQUAL(result.known.size, all[i].size);
        CHECK(memcmp(result.later, before.later, sizeof result.later) == 0);
        EQUAL(exists("dst"), all[i].code == 0);
        remove_name("dst");
        if (all[i].code == 0)
            EQUAL(result.known.bytes_cloned + result.known.bytes_copied + result.known.bytes_hole,
                  4);
    }
}

static void sizes_of_capabilities(void)
{
    struct {
        struct reflink_capability known;
        uint8_t later[64];
    } found;
    const size_t size = sizeof found.known;
    const size_t first = offsetof(struct reflink_capability, fs_name);
    const struct {
        size_t size;
        int code;
    } all[] = {{0, -EINVAL}, {first, -EINVAL}, {size, 0}, {size + 64, 0}, {SIZE_MAX, -E2BIG}};
    size_t i;
    for (i = 0; i < COUNT(all); i++) {
        memset(&found, 0, sizeof found);
        found.known.size = all[i].size;
        EQUAL(reflink_probe(NULL, ".", &found.known), all[i].code);
        EQUAL(found.known.size, all[i].size);
        CHECK(found.later[0] == 0 && memcmp(found.later, found.later + 1, 63) == 0);
    }
}

static void unknown_values(void)
{
    const struct reflink_options plain = REFLINK_OPTIONS_INIT;
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
    make_text("src", "text");
    /* The first value that is nobody's yet, and the highest bit. */
#define REFUSED(member, value)                                                                     \
    (copy.options = plain, copy.options.member = (value),                                          \
     EQUAL(copy_file(&copy, "src", "dst"), -EINVAL),                                               \
     EQUAL(copy.result.step, REFLINK_STEP_ARGUMENTS), EQUAL(total(&copy), 0))
    REFUSED(mode, REFLINK_NEVER + 1);
    REFUSED(if_exists, REFLINK_REPLACE + 1);
    REFUSED(durability, REFLINK_DIRECT + 1);
    REFUSED(preserve, REFLINK_PRESERVE_ACL << 1);
    REFUSED(flags, (uint64_t)REFLINK_BEST_EFFORT_METADATA << 1);
    REFUSED(mode, UINT32_MAX);
    REFUSED(if_exists, UINT32_MAX);
    REFUSED(durability, UINT32_MAX);
    REFUSED(preserve, UINT32_C(1) << 31);
    REFUSED(flags, UINT64_C(1) << 63);
    only("src");
}

static void texts(void)
{
    static const struct {
        int code;
        const char *name;
    } all[] = {{0, "OK"},
               {-EXDEV, "EXDEV"},
               {-ENOSPC, "ENOSPC"},
               {-EILSEQ, "EILSEQ"},
               {-EOPNOTSUPP, "EOPNOTSUPP"},
               {-ECANCELED, "ECANCELED"},
               {REFLINK_ERR_PANIC, "REFLINK_ERR_PANIC"},
               {REFLINK_ERR_NOT_REGULAR, "REFLINK_ERR_NOT_REGULAR"},
               {REFLINK_ERR_SAME_FILE, "REFLINK_ERR_SAME_FILE"},
               {REFLINK_ERR_OVERLAP, "REFLINK_ERR_OVERLAP"},
               {REFLINK_ERR_APPEND, "REFLINK_ERR_APPEND"},
               {REFLINK_ERR_INCONSISTENT, "REFLINK_ERR_INCONSISTENT"},
               {INT32_MIN, "UNKNOWN"},
               {INT32_MAX, "UNKNOWN"},
               {-4095, "UNKNOWN"},
               {-4096, "UNKNOWN"}};
    size_t i;
    for (i = 0; i < COUNT(all); i++) {
        check(strcmp(reflink_err_name(all[i].code), all[i].name) == 0, all[i].name, "it is %s",
              reflink_err_name(all[i].code));
        CHECK(strlen(reflink_strerror(all[i].code)) > 0);
    }
    CHECK(strcmp(reflink_strerror(INT32_MIN), "Unknown error") == 0);
}

static void versions(void)
{
    char text[64];
    uint32_t number = reflink_version_number();
    snprintf(text, sizeof text, "%u.%u.%u", (unsigned)(number >> 16),
             (unsigned)(number >> 8 & 0xff), (unsigned)(number & 0xff));
    EQUAL(number, REFLINK_VERSION_NUMBER);
    check(strcmp(reflink_version_string(), text) == 0, "as a number and as text", "%s",
          reflink_version_string());
}

const struct test argument_tests[] = {
    {"null_arguments", null_arguments},
    {"sizes_of_options", sizes_of_options},
    {"sizes_of_results", sizes_of_results},
    {"sizes_of_capabilities", sizes_of_capabilities},
    {"unknown_values", unknown_values},
    {"texts", texts},
    {"versions", versions},
    {NULL, NULL},
};
