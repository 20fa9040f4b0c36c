/* The contract: what the library promises, checked on one directory of one file system.
 * What is expected follows from what the probe answered there, so that one program serves every
 * file system. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <reflink.h>
#include <stdbool.h>
#include <stddef.h>

#include "files.h"

/* What chmod does on this file system: it is obeyed, refused, or answered with success and
 * forgotten. */
enum modes { MODES_HELD, MODES_REFUSED, MODES_IGNORED };

/* Where the checks work, and what is known of the place. */
struct place {
    const char *dir;     /* a directory of our own on the file system */
    const char *other;   /* one on another mount */
    const char *backing; /* `dir` as the server sees it, or NULL */
    struct reflink_capability capability;
    enum modes modes;
    bool hard_links, symlinks;
    bool publishes; /* a new name can be given without the danger of replacing one */
};

/* One call of reflink_copy_file and what came of it. */
struct copy {
    uint32_t mode, if_exists, durability, preserve;
    uint64_t flags;
    struct watch *watch;
    bool times_moved; /* the file system gave the source other times meanwhile: servers do, when
                         they write it out */
    int code;
    struct reflink_result result;
};

/* What a progress function looks at while the copy is under way. */
struct watch {
    const struct place *place;
    const char *dst;
    bool direct;   /* the name may be there already */
    bool replaces; /* `old` stands under it */
    struct stat old;
    unsigned allowed; /* permission bits that the result will have */
    int cancel_at;    /* the call that returns non-zero; 0: none */
    int calls;
    bool private_name; /* one was seen */
    char problem[128];
};

void run_copy(struct copy *copy, const char *src, const char *dst);
int watching(void *user, const struct reflink_progress *progress);

/* Why a copy that should have succeeded is not right, or NULL. */
const char *flaw(const struct copy *copy, const char *src, const char *dst);

void check_probe(struct place *place);
void check_files(struct place *place);
void check_permissions(struct place *place);
void check_descriptors(struct place *place);

#endif
