/* Whole directories: copied, merged, replaced, removed, and what the caller's functions are told.
 * What a file system lacks of a tree is left out of it. */
#include "contract.h"

/* One call and what came of it. */
struct tree {
    struct reflink_tree_options options;
    struct reflink_tree_result result;
    int code;
    char failed[PATH_ROOM];
};

static struct tree tree_like(uint32_t if_exists)
{
    struct reflink_tree_options plain = REFLINK_TREE_OPTIONS_INIT;
    struct tree tree;
    memset(&tree, 0, sizeof tree);
    tree.options = plain;
    tree.options.if_exists = if_exists;
    return tree;
}

static void prepare(struct tree *tree)
{
    memset(&tree->result, 0xa5, sizeof tree->result);
    tree->result.size = sizeof tree->result;
    memset(tree->failed, 'x', sizeof tree->failed);
    tree->options.failed_path = tree->failed;
    tree->options.failed_path_size = sizeof tree->failed;
    mark_errors();
}

static int judged(struct tree *tree, int code)
{
    const struct reflink_tree_result *result = &tree->result;
    tree->code = code;
    CHECK(errors_are_marked());
    CHECK((code == 0) == (result->step == REFLINK_STEP_NONE));
    EQUAL(result->failed_path_length, strlen(tree->failed));
    EQUAL((result->flags & REFLINK_LITTER) != 0, result->litter[0] != 0);
    return code;
}

static int copy_tree_at(struct tree *tree, handle src_dir, const char *src, handle dst_dir,
                        const char *dst)
{
    const struct reflink_tree_result *result = &tree->result;
    prepare(tree);
    judged(tree, reflink_copy_tree_at(src_dir, src, dst_dir, dst, &tree->options, &tree->result));
    if (tree->code == 0)
        CHECK(result->flags & REFLINK_PUBLISHED);
    EQUAL(result->files_cloned + result->files_kernel_copied + result->files_copied +
              result->files_mixed + result->files_empty,
          result->files);
    return tree->code;
}

static int copy_tree(struct tree *tree, const char *src, const char *dst)
{
    return copy_tree_at(tree, current_directory, src, current_directory, dst);
}

static int remove_tree(struct tree *tree, const char *name)
{
    prepare(tree);
    return judged(tree, reflink_remove_tree(name, &tree->options, &tree->result));
}

/* ---- A tree with one of everything ---- */

enum { DIRECTORIES = 3, FILES = 5 };

static bool links_here(void)
{
    struct seen found;
    return place.symlinks && look_at("src/link", &found) && found.kind == KIND_LINK;
}

static void make_tree(void)
{
    fresh_directory("src");
    fresh_directory("src/sub");
    fresh_directory("src/sub/deep");
    fresh_directory("src/hollow");
    make_file("src/file", ODD, 1);
    make_file("src/empty", 0, 0);
    make_text("src/small", "text");
    make_file("src/sub/deep/leaf", 5000, 2);
    make_text("src/sub/other", "other");
    if (place.hard_links)
        make_hard_link("src/file", "src/sub/hard");
    if (place.symlinks)
        make_symlink("small", "src/link");
    settle(); /* until then a file's names show different times, and are not known as one file */
}

static uint64_t entries(void)
{
    return DIRECTORIES + FILES + place.hard_links + links_here();
}

static const char *in(const char *tree, const char *name)
{
    static char paths[4][PATH_ROOM];
    static unsigned next;
    return join(paths[next++ % 4], tree, name);
}

/* The client of SMB (Linux 6.12) makes an empty file of a symbolic link that is renamed, as a merge
 * does: rename(2) alone shows that. */
static void check_link(const char *name)
{
    struct seen found;
    if (!links_here())
        return;
    found = seen(name);
    if (on_smb() && found.kind == KIND_FILE && found.size == 0)
        accepted("the SMB client loses a symbolic link that is renamed");
    else
        EQUAL(found.kind, KIND_LINK);
}

/* Whether the tree `name` is the one that make_tree() makes. */
static void check_tree(const char *name)
{
    struct seen file, hard;
    CHECK(holds(in(name, "file"), ODD, 1));
    EQUAL(size_of(in(name, "empty")), 0);
    CHECK(holds_text(in(name, "small"), "text"));
    CHECK(holds(in(name, "sub/deep/leaf"), 5000, 2));
    CHECK(holds_text(in(name, "sub/other"), "other"));
    EQUAL(seen(in(name, "hollow")).kind, KIND_DIRECTORY);
    EQUAL(count_names(in(name, "hollow"), "", NULL), 0);
    EQUAL(count_names(in(name, "sub"), "", NULL), 2 + place.hard_links);
    EQUAL(count_names(name, "", NULL), 5 + links_here());
    if (place.hard_links) {
        file = seen(in(name, "file"));
        hard = seen(in(name, "sub/hard"));
        CHECK(same_file(&file, &hard));
    }
    check_link(in(name, "link"));
}

static void whole(void)
{
    static const uint32_t durability[] = {REFLINK_ATOMIC, REFLINK_UNSTAGED};
    size_t i;
    make_tree();
    for (i = 0; i < COUNT(durability); i++) {
        struct tree tree = tree_like(REFLINK_FAIL);
        tree.options.durability = durability[i];
        EQUAL(copy_tree(&tree, "src", "dst"), 0);
        EQUAL(tree.result.files, FILES);
        EQUAL(tree.result.files_empty, 1);
        EQUAL(tree.result.directories, DIRECTORIES);
        EQUAL(tree.result.hard_links, place.hard_links);
        EQUAL(tree.result.symlinks, links_here());
        fact_number("tree_clones", tree.result.files_cloned != 0);
        fact_number("tree_symlinks", links_here());
        EQUAL(tree.result.bytes_cloned + tree.result.bytes_copied + tree.result.bytes_hole,
              ODD + 5000 + 9);
        check_tree("dst");
        only("src dst");
        tree = tree_like(0);
        EQUAL(remove_tree(&tree, "dst/"), 0);
        EQUAL(tree.result.files, FILES + place.hard_links);
        EQUAL(tree.result.directories, DIRECTORIES);
        EQUAL(tree.result.symlinks, links_here());
        only("src");
    }
}

static void split_links(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    struct seen file, hard;
    if (!place.hard_links) {
        skip("no hard links here");
        return;
    }
    make_tree();
    tree.options.flags = REFLINK_TREE_SPLIT_LINKS;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.files, FILES + 1);
    file = seen("dst/file");
    hard = seen("dst/sub/hard");
    CHECK(!same_file(&file, &hard));
    CHECK(holds("dst/sub/hard", ODD, 1));
}

/* More than one buffer of names, and more levels than stay open. */
static void large(void)
{
    enum { NAMES = 400, LEVELS = 60 };
    struct tree tree = tree_like(REFLINK_FAIL);
    char name[256], path[PATH_ROOM] = "src/d", *end = path + strlen(path);
    int i;
    fresh_directory("src");
    for (i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "src/%0100d", i);
        make_text(name, "text");
    }
    for (i = 0; i < LEVELS; i++, end += sprintf(end, "/d"))
        fresh_directory(path);
    strcpy(end - 1, "leaf");
    make_text(path, "leaf");
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.files, NAMES + 1);
    EQUAL(tree.result.directories, LEVELS);
    memcpy(path, "dst", 3);
    CHECK(holds_text(path, "leaf"));
    EQUAL(count_names("dst", "0", NULL), NAMES);
    EQUAL(remove_tree(&tree, "dst"), 0);
    EQUAL(tree.result.files, NAMES + 1);
    EQUAL(tree.result.directories, LEVELS);
    only("src");
    EQUAL(remove_tree(&tree, "src"), 0);
    only("");
}

static void names_that_end_in_a_slash(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    handle sub;
    make_tree();
    EQUAL(copy_tree(&tree, "src/", "dst//"), 0);
    check_tree("dst");
    fresh_directory("dst");
    sub = open_directory("dst");
    EQUAL(copy_tree_at(&tree, current_directory, "src/sub", sub, "again/"), 0);
    CHECK(holds("dst/again/deep/leaf", 5000, 2));
    EQUAL(copy_tree_at(&tree, sub, "again", current_directory, "back"), 0);
    CHECK(holds("back/deep/leaf", 5000, 2));
    prepare(&tree);
    EQUAL(judged(&tree, reflink_remove_tree_at(sub, "again/", &tree.options, &tree.result)), 0);
    close_handle(sub);
    EQUAL(count_names("dst", "", NULL), 0);
    EQUAL(remove_tree(&tree, "."), -EINVAL);
    EQUAL(remove_tree(&tree, "dst/.."), -EINVAL);
    only("src dst back");
}

static void refused(struct tree *tree, const char *src, const char *dst, int code, uint32_t step)
{
    copy_tree(tree, src, dst);
    check(tree->code == code && tree->result.step == step, "refused", "%s to %s: %s at step %u",
          src, dst, reflink_err_name(tree->code), tree->result.step);
    CHECK(!(tree->result.flags & (REFLINK_PUBLISHED | REFLINK_DESTINATION_CHANGED)));
}

/* Where links have no times of their own, the tree is copied without them only if that is allowed.
 */
static void copy_with_times(struct tree *tree)
{
    tree->options.preserve = REFLINK_PRESERVE_TIMES;
    if (!links_here() || sets_times_of_links("src/link")) {
        EQUAL(copy_tree(tree, "src", "dst"), 0);
        return;
    }
    accepted("a symbolic link's times cannot be set here");
    refused(tree, "src", "dst", -EOPNOTSUPP, REFLINK_STEP_METADATA);
    EQUAL(strcmp(tree->failed, "link"), 0);
    tree->options.flags = REFLINK_BEST_EFFORT_METADATA;
    EQUAL(copy_tree(tree, "src", "dst"), 0);
    CHECK(tree->result.flags & REFLINK_METADATA_INCOMPLETE);
}

static void times_of_all(void)
{
    /* All of them: 9p keeps whole seconds, and its server gives new files finer times. */
    static const char *const names[] = {".",     "sub",   "sub/deep",      "hollow",   "file",
                                        "empty", "small", "sub/deep/leaf", "sub/other"};
    const int64_t accessed = INT64_C(1500000000) * SECOND, written = INT64_C(1400000000) * SECOND;
    struct tree tree = tree_like(REFLINK_FAIL);
    size_t i;
    make_tree();
    for (i = COUNT(names); i-- > 0;)
        set_times(in("src", names[i]), accessed, written);
    copy_with_times(&tree);
    settle(); /* the client of SMB shows guessed times at first */
    for (i = 0; i < COUNT(names); i++)
        check(seen(in("dst", names[i])).written == written, names[i], "its time is %" PRId64,
              seen(in("dst", names[i])).written);
}

/* ---- What is there ---- */

static void what_is_there_stays(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    make_tree();
    fresh_directory("dst");
    make_text("file", "old");
    refused(&tree, "src", "dst", -EEXIST, REFLINK_STEP_PUBLISH);
    refused(&tree, "src", "file", -EEXIST, REFLINK_STEP_PUBLISH);
    EQUAL(count_names("dst", "", NULL), 0);
    tree.options.if_exists = REFLINK_MERGE;
    refused(&tree, "src", "file", -EEXIST, REFLINK_STEP_PUBLISH);
    tree.options.if_exists = REFLINK_REPLACE;
    refused(&tree, "src", "file", -ENOTDIR, REFLINK_STEP_PUBLISH);
    CHECK(holds_text("file", "old"));
    only("src dst file");
}

static void what_is_no_tree(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    make_tree();
    refused(&tree, "src/small", "dst", -ENOTDIR, REFLINK_STEP_OPEN_SOURCE);
    refused(&tree, "missing", "dst", -ENOENT, REFLINK_STEP_OPEN_SOURCE);
    refused(&tree, "src", "missing/dst", -ENOENT, REFLINK_STEP_CREATE);
    EQUAL(copy_tree(&tree, NULL, "dst"), -EINVAL);
    EQUAL(copy_tree(&tree, "src", NULL), -EINVAL);
    EQUAL(copy_tree(&tree, "src", ""), -ENOENT);
    EQUAL(copy_tree(&tree, "src", "."), -EEXIST);
    EQUAL(remove_tree(&tree, "src/small"), -ENOTDIR);
    EQUAL(remove_tree(&tree, "missing"), -ENOENT);
    if (links_here())
        EQUAL(remove_tree(&tree, "src/link"), -ENOTDIR);
    tree.options.if_exists = REFLINK_MERGE;
    EQUAL(remove_tree(&tree, "src"), -EINVAL);
    check_tree("src");
    only("src");
}

static void into_itself(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    make_tree();
    EQUAL(copy_tree(&tree, "src", "src/copy"), REFLINK_ERR_INTO_ITSELF);
    EQUAL(copy_tree(&tree, "src", "src/sub/deep/copy"), REFLINK_ERR_INTO_ITSELF);
    tree.options.if_exists = REFLINK_REPLACE;
    EQUAL(copy_tree(&tree, "src/sub", "src"), REFLINK_ERR_INTO_ITSELF);
    EQUAL(copy_tree(&tree, "src", "src"), REFLINK_ERR_SAME_FILE);
    tree.options.if_exists = REFLINK_MERGE;
    EQUAL(copy_tree(&tree, "src", "src"), REFLINK_ERR_SAME_FILE);
    check_tree("src");
}

static void make_old(void)
{
    fresh_directory("dst");
    fresh_directory("dst/sub");
    make_text("dst/small", "old");
    make_text("dst/sub/mine", "mine");
}

static void merged(void)
{
    struct tree tree = tree_like(REFLINK_MERGE);
    make_tree();
    make_old();
    tree.options.durability = new_file();
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.files, FILES);
    CHECK(holds_text("dst/sub/mine", "mine"));
    CHECK(remove_name("dst/sub/mine"));
    check_tree("dst");
    /* Once more, over what is there. */
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    check_tree("dst");
    tree.options.flags = REFLINK_TREE_KEEP_EXISTING;
    make_text("dst/small", "old");
    CHECK(remove_name("dst/sub/other"));
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.files, 1);
    EQUAL(tree.result.entries_kept, entries() - DIRECTORIES - 1);
    CHECK(holds_text("dst/small", "old"));
    CHECK(holds_text("dst/sub/other", "other"));
    only("src dst");
}

static int skips(void *user, const struct reflink_tree_entry *entry)
{
    int *count = user;
    CHECK(entry->code < 0 && entry->step != REFLINK_STEP_NONE);
    (*count)++;
    return REFLINK_SKIP;
}

/* A file against a directory, either way, and what the caller may do about it. */
static void clashes(void)
{
    struct tree tree = tree_like(REFLINK_MERGE);
    int count = 0;
    make_tree();
    fresh_directory("dst");
    fresh_directory("dst/small");
    make_text("dst/hollow", "a file");
    if (on_smb() && links_here()) {
        accepted("the SMB client makes no link to a directory, which \"small\" is here: EACCES");
        remove_name("src/link");
    }
    tree.options.durability = new_file();
    EQUAL(copy_tree(&tree, "src", "dst"), -EEXIST);
    check(strcmp(tree.failed, "small") == 0 || strcmp(tree.failed, "hollow") == 0, "failed_path",
          "it is %s", tree.failed);
    tree.options.on_error = skips;
    tree.options.user = &count;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    CHECK(tree.result.flags & REFLINK_TREE_INCOMPLETE);
    EQUAL(tree.result.entries_failed, 2);
    EQUAL(count, 2);
    CHECK(holds_text("dst/hollow", "a file"));
    EQUAL(seen("dst/small").kind, KIND_DIRECTORY);
    CHECK(holds("dst/sub/deep/leaf", 5000, 2));
}

/* Two names of the source that are one at the destination: no file is lost without a word. */
static void names_that_fold(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    const char *there = elsewhere("fold");
    char from[PATH_ROOM];
    int count = 0;
    bool folds;
    if (!there)
        return;
    strcpy(from, there);
    fresh_directory(from);
    make_text(in(from, "a"), "lower");
    make_text(in(from, "A"), "UP");
    make_text("x", "1");
    folds = exists("X");
    fact_number("folds", folds);
    if (count_names(from, "", NULL) != 2) {
        skip("the other volume folds names itself");
        return;
    }
    tree.options.flags = REFLINK_BEST_EFFORT_METADATA;
    EQUAL(copy_tree(&tree, from, "dst"), folds ? REFLINK_ERR_NAME_CLASH : 0);
    if (!folds) {
        EQUAL(count_names("dst", "", NULL), 2);
        return;
    }
    CHECK(strcmp(tree.failed, "a") == 0 || strcmp(tree.failed, "A") == 0);
    only("x");
    tree.options.on_error = skips;
    tree.options.user = &count;
    EQUAL(copy_tree(&tree, from, "dst"), 0);
    EQUAL(tree.result.entries_failed, 1);
    EQUAL(count, 1);
    EQUAL(count_names("dst", "", NULL), 1);
    CHECK(holds_text("dst/a", size_of("dst/a") == 5 ? "lower" : "UP"));
    tree.options.on_error = NULL;
    tree.options.if_exists = REFLINK_MERGE;
    fresh_directory("merged");
    EQUAL(copy_tree(&tree, from, "merged"), REFLINK_ERR_NAME_CLASH);
    EQUAL(count_names("merged", "", NULL), 1);
    settle(); /* a name that is removed before stays on the server (SMB, Linux 6.12) */
}

static void replaced(void)
{
    struct tree tree = tree_like(REFLINK_REPLACE);
    char old[sizeof tree.result.litter];
    make_tree();
    make_old();
    copy_tree(&tree, "src", "dst");
    fact_number("tree_exchange", tree.code == 0);
    if (tree.code == 0) {
        check_tree("dst");
    } else {
        EQUAL(tree.code, -EOPNOTSUPP);
        EQUAL(tree.result.step, REFLINK_STEP_PUBLISH);
        CHECK(holds_text("dst/sub/mine", "mine"));
    }
    only("src dst");
    make_old();
    tree.options.flags = REFLINK_TREE_TWO_RENAMES;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    check_tree("dst");
    only("src dst");
    make_old();
    tree.options.flags |= REFLINK_TREE_KEEP_REPLACED;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    check_tree("dst");
    memcpy(old, tree.result.litter, sizeof old);
    EQUAL(strncmp(old, ".reflink-old-", 13), 0);
    CHECK(holds_text(in(old, "sub/mine"), "mine"));
    tree = tree_like(0);
    EQUAL(remove_tree(&tree, old), 0);
    only("src dst");
}

static void durable(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    make_tree();
    tree.options.durability = REFLINK_DURABLE;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    fact_number("tree_durable", tree.code == 0);
    check_tree("dst");
    tree.options.if_exists = REFLINK_MERGE;
    if (place.publishes) {
        EQUAL(copy_tree(&tree, "src", "dst"), 0);
        check_tree("dst");
    }
}

static void in_several_threads(void)
{
    enum { EACH_ONE = 150 };
    struct tree tree = tree_like(REFLINK_FAIL);
    char name[64];
    int i;
    make_tree();
    for (i = 0; i < EACH_ONE; i++) {
        snprintf(name, sizeof name, "src/sub/n%d", i);
        make_file(name, 100 + (size_t)i, (uint64_t)i + 1);
    }
    tree.options.threads = 4;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.files, FILES + EACH_ONE);
    for (i = 0; i < EACH_ONE; i++) {
        snprintf(name, sizeof name, "dst/sub/n%d", i);
        CHECK(holds(name, 100 + (size_t)i, (uint64_t)i + 1));
        CHECK(remove_name(name));
    }
    check_tree("dst");
}

/* ---- The caller's functions ---- */

struct told {
    int filtered, done, steps;
    bool cancels;
    uint64_t bytes;
};

static int leaves_out(void *user, const struct reflink_tree_entry *entry)
{
    struct told *told = user;
    told->filtered++;
    CHECK(strlen(entry->path) == entry->path_length && entry->depth >= 1);
    if (strcmp(entry->path, "sub/deep") == 0) {
        EQUAL(entry->kind, REFLINK_ENTRY_DIRECTORY);
        EQUAL(entry->depth, 2);
        CHECK(strcmp(entry->name, "deep") == 0);
        return REFLINK_TAKE_EMPTY;
    }
    return strcmp(entry->path, "small") == 0 ? REFLINK_LEAVE_OUT : REFLINK_TAKE;
}

static int counts(void *user, const struct reflink_tree_entry *entry)
{
    struct told *told = user;
    told->done++;
    told->bytes += entry->bytes;
    return told->cancels;
}

static int steps(void *user, const struct reflink_tree_progress *progress)
{
    struct told *told = user;
    told->steps++;
    CHECK(progress->entries_done <= progress->entries_seen);
    return 0;
}

static void what_the_caller_is_told(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    struct told told = {0};
    make_tree();
    tree.options.filter = leaves_out;
    tree.options.on_done = counts;
    tree.options.progress = steps;
    tree.options.user = &told;
    EQUAL(copy_tree(&tree, "src", "dst"), 0);
    EQUAL(tree.result.entries_left_out, 1);
    EQUAL(told.filtered, entries() - 1); /* the leaf is never seen */
    EQUAL(told.done, entries() - 2);
    EQUAL(told.bytes, ODD + 5 + place.hard_links * ODD); /* each name with its file's length */
    CHECK(told.steps > 0);
    CHECK(!exists("dst/small") && !exists("dst/sub/deep/leaf"));
    EQUAL(seen("dst/sub/deep").kind, KIND_DIRECTORY);
    /* The same of a removal. */
    memset(&told, 0, sizeof told);
    tree = tree_like(0);
    tree.options.on_done = counts;
    tree.options.user = &told;
    EQUAL(remove_tree(&tree, "dst"), 0);
    EQUAL(told.done, entries() - 2);
    only("src");
}

static void cancelled(void)
{
    struct tree tree = tree_like(REFLINK_FAIL);
    struct told told = {0};
    int flag = 1;
    make_tree();
    tree.options.on_done = counts;
    tree.options.user = &told;
    told.cancels = true;
    EQUAL(copy_tree(&tree, "src", "dst"), -ECANCELED);
    EQUAL(told.done, 1);
    only("src");
    tree = tree_like(REFLINK_FAIL);
    tree.options.cancel = &flag;
    EQUAL(copy_tree(&tree, "src", "dst"), -ECANCELED);
    only("src");
    tree = tree_like(0);
    tree.options.cancel = &flag;
    EQUAL(remove_tree(&tree, "src"), -ECANCELED);
    check_tree("src");
}

/* What is open on the way is closed at the end. */
static void handles_are_closed(void)
{
    enum { ROUNDS = 20, WARM = 5 };
    struct tree tree = tree_like(REFLINK_FAIL);
    uint64_t first = 0;
    int round;
    make_tree();
    fresh_directory("there");
    for (round = 0; round < ROUNDS; round++) {
        if (round == WARM)
            first = next_handle();
        EQUAL(copy_tree(&tree, "src", "dst"), 0);
        EQUAL(copy_tree(&tree, "src", "there"), -EEXIST);
        EQUAL(remove_tree(&tree, "dst"), 0);
    }
    CHECK(next_handle() < first + (ROUNDS - WARM) / 2 * handle_step);
}

const struct test tree_tests[] = {
    {"trees_whole", whole},
    {"trees_with_links_split", split_links},
    {"trees_of_many_names_and_levels", large},
    {"trees_by_names_that_end_in_a_slash", names_that_end_in_a_slash},
    {"trees_with_their_times", times_of_all},
    {"trees_where_something_is", what_is_there_stays},
    {"trees_that_are_none", what_is_no_tree},
    {"trees_into_themselves", into_itself},
    {"trees_merged", merged},
    {"trees_that_clash", clashes},
    {"trees_whose_names_fold", names_that_fold},
    {"trees_replaced", replaced},
    {"trees_durable", durable},
    {"trees_in_several_threads", in_several_threads},
    {"trees_watched", what_the_caller_is_told},
    {"trees_cancelled", cancelled},
    {"trees_and_handles", handles_are_closed},
    {NULL, NULL},
};
