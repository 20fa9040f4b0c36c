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
    const uint32_t size = sizeof options.known;
    const uint32_t first = offsetof(struct reflink_options, reserved); /* less than ever was */
    const struct {
        uint32_t size;
        int code;
    } all[] = {{0, -EINVAL},  {1, -EINVAL},   {first, -EINVAL},    {size, 0},
               {size + 1, 0}, {size + 64, 0}, {UINT32_MAX, -E2BIG}};
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
    const uint32_t size = sizeof result.known;
    const uint32_t first = offsetof(struct reflink_result, litter);
    const struct {
        uint32_t size;
        int code;
    } all[] = {{0, -EINVAL},  {first, -EINVAL}, {size, 0},
               {size + 1, 0}, {size + 64, 0},   {UINT32_MAX, -E2BIG}};
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
    const uint32_t size = sizeof found.known;
    const uint32_t first = offsetof(struct reflink_capability, fs_name);
    const struct {
        uint32_t size;
        int code;
    } all[] = {{0, -EINVAL}, {first, -EINVAL}, {size, 0}, {size + 64, 0}, {UINT32_MAX, -E2BIG}};
    size_t i;
    for (i = 0; i < COUNT(all); i++) {
        memset(&found, 0, sizeof found);
        found.known.size = all[i].size;
        EQUAL(reflink_probe(NULL, ".", &found.known), all[i].code);
        EQUAL(found.known.size, all[i].size);
        CHECK(found.later[0] == 0 && memcmp(found.later, found.later + 1, 63) == 0);
    }
}

/* ---- Which value belongs where ---- */

enum member { MODE, IF_EXISTS, DURABILITY, PERMISSIONS, PRESERVE, FLAGS, MEMBERS };
static const char *const member_names[MEMBERS] = {"mode",        "if_exists", "durability",
                                                  "permissions", "preserve",  "flags"};
enum { BY_NAME = 1, WHOLE = 2, RANGE = 4, EVERY = 7 };
static const struct {
    uint64_t value;
    enum member member;
    int taken_by;
} values[] = {
    {REFLINK_ALWAYS, MODE, EVERY},
    {REFLINK_NEVER, MODE, EVERY},
    {REFLINK_REPLACE, IF_EXISTS, BY_NAME},
    {REFLINK_OVERWRITE, IF_EXISTS, BY_NAME},
    {REFLINK_DURABLE, DURABILITY, EVERY},
    {REFLINK_UNSTAGED, DURABILITY, BY_NAME},
    {REFLINK_PERMISSIONS_UMASK, PERMISSIONS, BY_NAME},
    {REFLINK_PERMISSIONS_NEW, PERMISSIONS, BY_NAME},
    {REFLINK_PRESERVE_TIMES, PRESERVE, BY_NAME | WHOLE},
    {REFLINK_PRESERVE_OWNER, PRESERVE, BY_NAME | WHOLE},
    {REFLINK_PRESERVE_XATTRS, PRESERVE, BY_NAME | WHOLE},
    {REFLINK_PRESERVE_ACL, PRESERVE, BY_NAME | WHOLE},
    {REFLINK_NOFOLLOW, FLAGS, BY_NAME},
    {REFLINK_BEST_EFFORT_METADATA, FLAGS, BY_NAME | WHOLE},
    {REFLINK_SHARE_ONLY, FLAGS, RANGE},
    {REFLINK_FOLLOW_DESTINATION, FLAGS, 0}, /* beside REFLINK_OVERWRITE alone */
};

static int taken_by(enum member member, uint64_t value)
{
    size_t i;
    for (i = 0; i < COUNT(values); i++)
        if (values[i].value == value)
            return values[i].member == member ? values[i].taken_by : 0;
    return 0;
}

static void put(struct reflink_options *options, enum member member, uint64_t value)
{
    uint32_t *const narrow[] = {&options->mode, &options->if_exists, &options->durability,
                                &options->permissions, &options->preserve};
    if (member == FLAGS)
        options->flags = value;
    else
        *narrow[member] = (uint32_t)value;
}

static struct reflink_options with(enum member member, uint64_t value)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    put(&options, member, value);
    return options;
}

static void expect_call(const struct copy *copy, int function, int takers, const char *what)
{
    bool refused = copy->code == -EINVAL && copy->result.step == REFLINK_STEP_ARGUMENTS;
    check(refused == !(takers & function), what, "function %d: %s at step %" PRIu32, function,
          reflink_err_name(copy->code), copy->result.step);
    CHECK(refused ? total(copy) == 0 : copy->code == (function == BY_NAME ? -ENOENT : -EBADF));
}

/* Nothing that could be copied is there, so that what is taken fails later. */
static void expect_takers(struct reflink_options options, int takers, const char *what)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
    copy.options = options;
    copy_file(&copy, "missing", "dst");
    expect_call(&copy, BY_NAME, takers, what);
    copy_at(&copy, current_directory, "missing", current_directory, "dst");
    expect_call(&copy, BY_NAME, takers, what);
    copy_whole(&copy, no_handle, no_handle);
    expect_call(&copy, WHOLE, takers, what);
    copy_range(&copy, no_handle, 0, no_handle, 0, 1);
    expect_call(&copy, RANGE, takers, what);
}

static void each_value_belongs_to_one_member(void)
{
    char what[64];
    int m, bit;
    for (m = MODE; m < MEMBERS; m++) {
        enum member member = (enum member)m;
        expect_takers(with(member, 0), EVERY, member_names[m]);
        for (bit = 0; bit < (member == FLAGS ? 64 : 32); bit++) {
            uint64_t value = UINT64_C(1) << bit;
            snprintf(what, sizeof what, "%s = %#" PRIx64, member_names[m], value);
            expect_takers(with(member, value), taken_by(member, value), what);
        }
    }
}

static void of_two_choices_none_is_taken(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    expect_takers(with(MODE, REFLINK_ALWAYS | REFLINK_NEVER), 0, "two modes");
    expect_takers(with(IF_EXISTS, REFLINK_REPLACE | REFLINK_OVERWRITE), 0, "replace, overwrite");
    expect_takers(with(DURABILITY, REFLINK_DURABLE | REFLINK_UNSTAGED), 0, "two durabilities");
    expect_takers(with(PERMISSIONS, REFLINK_PERMISSIONS_UMASK | REFLINK_PERMISSIONS_NEW), 0,
                  "two permissions");
    options.reserved = &options;
    expect_takers(options, 0, "reserved");
}

/* Values of two members that ask for what cannot both be, or of which one means nothing beside the
 * other; and some that go together. */
static void some_values_contradict(void)
{
    static const struct {
        enum member members[2];
        uint64_t values[2];
        int taken_by;
    } all[] = {
        {{IF_EXISTS, DURABILITY}, {REFLINK_OVERWRITE, REFLINK_DURABLE}, 0},
        {{IF_EXISTS, DURABILITY}, {REFLINK_OVERWRITE, REFLINK_UNSTAGED}, 0},
        {{IF_EXISTS, PERMISSIONS}, {REFLINK_OVERWRITE, REFLINK_PERMISSIONS_UMASK}, 0},
        {{IF_EXISTS, PERMISSIONS}, {REFLINK_OVERWRITE, REFLINK_PERMISSIONS_NEW}, 0},
        {{IF_EXISTS, FLAGS}, {REFLINK_REPLACE, REFLINK_FOLLOW_DESTINATION}, 0},
        {{PERMISSIONS, PRESERVE}, {REFLINK_PERMISSIONS_UMASK, REFLINK_PRESERVE_ACL}, 0},
        {{PERMISSIONS, PRESERVE}, {REFLINK_PERMISSIONS_NEW, REFLINK_PRESERVE_ACL}, 0},
        {{MODE, FLAGS}, {REFLINK_NEVER, REFLINK_SHARE_ONLY}, 0},
        {{MODE, FLAGS}, {REFLINK_ALWAYS, REFLINK_SHARE_ONLY}, RANGE},
        {{IF_EXISTS, FLAGS}, {REFLINK_OVERWRITE, REFLINK_FOLLOW_DESTINATION}, BY_NAME},
        {{IF_EXISTS, PRESERVE}, {REFLINK_OVERWRITE, REFLINK_PRESERVE_ACL}, BY_NAME},
        {{PERMISSIONS, PRESERVE}, {REFLINK_PERMISSIONS_UMASK, REFLINK_PRESERVE_OWNER}, BY_NAME},
    };
    char what[64];
    size_t i;
    for (i = 0; i < COUNT(all); i++) {
        struct reflink_options options = with(all[i].members[0], all[i].values[0]);
        put(&options, all[i].members[1], all[i].values[1]);
        snprintf(what, sizeof what, "%#" PRIx64 " and %#" PRIx64, all[i].values[0],
                 all[i].values[1]);
        expect_takers(options, all[i].taken_by, what);
    }
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

/* reflink_describe() cuts and measures as snprintf() does. */
static void a_line_is_cut(const char *whole, uint32_t flags, const char *src, const char *dst)
{
    char line[128];
    int length = (int)strlen(whole);
    size_t size;

    for (size = 0; size <= strlen(whole) + 2; size++) {
        memset(line, '?', sizeof line);
        EQUAL(reflink_describe(-ENOSPC, REFLINK_STEP_CREATE, flags, src, dst, line, size), length);
        CHECK(line[size] == '?');
        if (size > 0) {
            CHECK(strlen(line) < size && strncmp(line, whole, strlen(line)) == 0);
            CHECK(size <= strlen(whole) || strcmp(line, whole) == 0);
        }
    }
    EQUAL(reflink_describe(-ENOSPC, REFLINK_STEP_CREATE, flags, src, dst, NULL, 0), length);
}

static void words(void)
{
    a_line_is_cut("b\\012: making the file: No space left on device", REFLINK_AT_DESTINATION, "a",
                  "b\n");
    a_line_is_cut("\xc3\xbc: making the file: No space left on device", REFLINK_AT_SOURCE,
                  "\xc3\xbc", NULL);
    a_line_is_cut("a -> b: making the file: No space left on device", 0, "a", "b");
    a_line_is_cut("making the file: No space left on device", 0, NULL, NULL);

    EQUAL(reflink_errno(-ENOSPC), ENOSPC);
    EQUAL(reflink_errno(ENOSPC), ENOSPC);
    EQUAL(reflink_errno(0), 0);
    EQUAL(reflink_errno(REFLINK_ERR_SAME_FILE), EINVAL);
    EQUAL(reflink_errno(INT32_MIN), EIO);
    EQUAL(reflink_clone_refused(-EXDEV, REFLINK_STEP_CLONE, REFLINK_REASON_CROSS_DEVICE), 1);
    EQUAL(reflink_clone_refused(-EXDEV, REFLINK_STEP_PUBLISH, REFLINK_REASON_CROSS_DEVICE), 0);
    EQUAL(reflink_clone_refused(-ENOSPC, REFLINK_STEP_CLONE, REFLINK_REASON_FAILURE), 0);
    EQUAL(reflink_clone_refused(0, REFLINK_STEP_NONE, REFLINK_REASON_NONE), 0);
    EQUAL(reflink_clone_refused(-EEXIST, REFLINK_STEP_CLONE, REFLINK_REASON_UNSUPPORTED), 0);
    EQUAL(reflink_clone_refused(-ECANCELED, REFLINK_STEP_CLONE, REFLINK_REASON_UNSUPPORTED), 0);
    CHECK(strcmp(reflink_method_text(REFLINK_METHOD_CLONE), "cloned") == 0);
    CHECK(strcmp(reflink_method_text(99), "unknown method") == 0);
    CHECK(strcmp(reflink_reason_text(REFLINK_REASON_NOT_ASKED), "a true copy was asked for") == 0);
    CHECK(strcmp(reflink_reason_text(99), "unknown reason") == 0);
    CHECK(strcmp(reflink_step_text(REFLINK_STEP_CREATE), "making the file") == 0);
    CHECK(strcmp(reflink_step_text(99), "unknown step") == 0);
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
    {"each_value_belongs_to_one_member", each_value_belongs_to_one_member},
    {"some_values_contradict", some_values_contradict},
    {"of_two_choices_none_is_taken", of_two_choices_none_is_taken},
    {"texts", texts},
    {"words", words},
    {"versions", versions},
    {NULL, NULL},
};
