/* Files for the tests: see files.h.
 * Reads come from the file system itself where it lets its cache be dropped: a copy that is right
 * in memory only is not. */
#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { CHUNK = 1 << 16 };

void *allocate(size_t size)
{
    void *memory = calloc(1, size + 1);
    if (!memory)
        die("no memory for", "a test");
    return memory;
}

char *join(char *path, const char *directory, const char *name)
{
    if (snprintf(path, PATH_ROOM, "%s/%s", directory, name) >= PATH_ROOM) {
        errno = ENAMETOOLONG;
        die("join", name);
    }
    return path;
}

void fill_bytes(uint8_t *bytes, size_t length, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t i;
    for (i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32);
    }
}

static void make(const char *name, const void *bytes, size_t length)
{
    handle file = create_file(name);
    write_at(file, bytes, length, 0);
    flush(file);
    close_handle(file);
}

void make_file(const char *name, size_t length, uint64_t seed)
{
    uint8_t *bytes = allocate(length);
    fill_bytes(bytes, length, seed);
    make(name, bytes, length);
    free(bytes);
}

void make_text(const char *name, const char *text)
{
    make(name, text, strlen(text));
}

void make_sparse(const char *name, uint64_t size, const uint64_t *at, size_t stretches,
                 size_t length)
{
    handle file = create_file(name);
    uint8_t *bytes = allocate(length);
    size_t i;
    /* The size first: that is how a file becomes sparse on a server that must be told (SMB). */
    mark_sparse(file);
    set_size(file, size);
    for (i = 0; i < stretches; i++) {
        fill_bytes(bytes, length, size + at[i]);
        write_at(file, bytes, length, at[i]);
    }
    free(bytes);
    flush(file);
    close_handle(file);
}

static bool equal(const uint8_t *one, size_t one_length, const uint8_t *other, size_t other_length,
                  uint64_t at, char *why)
{
    size_t common = one_length < other_length ? one_length : other_length, i;
    for (i = 0; i < common; i++) {
        if (one[i] != other[i]) {
            snprintf(why, WHY, "byte %" PRIu64 " is %02x, not %02x", at + i, other[i], one[i]);
            return false;
        }
    }
    if (one_length != other_length) {
        snprintf(why, WHY, "it ends at %" PRIu64 ", not at %" PRIu64, at + other_length,
                 at + one_length);
        return false;
    }
    return true;
}

static handle open_cold(const char *name)
{
    handle file = open_file(name, USE_READ);
    forget_cached(file);
    return file;
}

bool same_bytes(const char *one, const char *other, char *why)
{
    uint8_t *left = allocate(CHUNK), *right = allocate(CHUNK);
    handle one_file = open_cold(one), other_file = open_cold(other);
    uint64_t at = 0;
    size_t got, other_got;
    bool same = true;
    do {
        got = read_at(one_file, left, CHUNK, at);
        other_got = read_at(other_file, right, CHUNK, at);
        same = equal(left, got, right, other_got, at, why);
        at += got;
    } while (same && got == CHUNK);
    close_handle(one_file);
    close_handle(other_file);
    free(left);
    free(right);
    return same;
}

bool holds_bytes(const char *name, const uint8_t *bytes, size_t length, char *why)
{
    handle file = open_cold(name);
    uint8_t *found = allocate(length + 1);
    size_t got = read_at(file, found, length + 1, 0);
    bool same = equal(bytes, length, found, got, 0, why);
    free(found);
    close_handle(file);
    return same;
}

bool holds(const char *name, size_t length, uint64_t seed)
{
    char why[WHY];
    uint8_t *bytes = allocate(length);
    bool same;
    fill_bytes(bytes, length, seed);
    same = holds_bytes(name, bytes, length, why);
    free(bytes);
    return check(same, name, "%s", why);
}

bool holds_text(const char *name, const char *text)
{
    char why[WHY];
    return check(holds_bytes(name, (const uint8_t *)text, strlen(text), why), name, "%s", why);
}

bool exists(const char *name)
{
    struct seen found;
    return look_at(name, &found);
}

struct seen seen(const char *name)
{
    struct seen found;
    if (!look_at(name, &found))
        die("look at", name);
    return found;
}

uint64_t size_of(const char *name)
{
    return seen(name).size;
}

bool same_file(const struct seen *one, const struct seen *other)
{
    return one->volume == other->volume && one->number == other->number;
}

struct search {
    const char *directory, *words;
    char *found;
    int count;
};

static void count_prefix(const char *name, void *user)
{
    struct search *search = user;
    if (strncmp(name, search->words, strlen(search->words)) == 0) {
        search->count++;
        if (search->found)
            snprintf(search->found, PATH_ROOM, "%s", name);
    }
}

int count_names(const char *directory, const char *prefix, char *found)
{
    struct search search = {0};
    search.words = prefix;
    search.found = found;
    each_name(directory, count_prefix, &search);
    return search.count;
}

static void count_private(const char *name, void *user)
{
    struct search *search = user;
    char path[PATH_ROOM];
    struct seen found;
    search->count += strncmp(name, ".reflink-", 9) == 0;
    if (look_at(join(path, search->directory, name), &found) && found.kind == KIND_DIRECTORY)
        search->count += private_names(path);
}

int private_names(const char *directory)
{
    struct search search = {0};
    search.directory = directory;
    each_name(directory, count_private, &search);
    return search.count;
}

/* Whether `name` is one of the words. */
static bool listed(const char *words, const char *name)
{
    size_t length = strlen(name);
    const char *at = words;
    while ((at = strstr(at, name)) != NULL) {
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
        at += length;
    }
    return false;
}

static void find_surplus(const char *name, void *user)
{
    struct search *search = user;
    if (listed(search->words, name))
        search->count++;
    else
        check(false, "nothing else in the directory", "\"%s\" is left", name);
}

bool only(const char *names)
{
    struct search search = {0};
    int wanted = names[0] != 0;
    const char *at;
    int tries;
    for (at = names; *at; at++)
        wanted += *at == ' ';
    /* An open file that is removed becomes ".nfs..." on NFS, which its client removes a moment
     * after the last close. */
    for (tries = 0; tries < 20 && count_names(".", ".nfs", NULL) > 0; tries++)
        wait_milliseconds(100);
    search.words = names;
    each_name(".", find_surplus, &search);
    return check(search.count == wanted, "all names are there", "%d of \"%s\"", search.count,
                 names);
}

static void remove_below(const char *name, void *user)
{
    char path[PATH_ROOM];
    if (seen(join(path, user, name)).kind == KIND_DIRECTORY)
        each_name(path, remove_below, path);
    if (!remove_name(path))
        die("remove", path);
}

void fresh_directory(const char *name)
{
    struct seen found;
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s", name);
    if (look_at(path, &found))
        each_name(path, remove_below, path);
    else if (!make_directory(path))
        die("mkdir", path);
}
